"""Ways to break what a scenario has made, as a person, another tool or a bug of lampkeeper would."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from lampkeeper.remote.clients import encode
from lampkeeper.remote.spaces import create_space, read_space, trash_space, update_space
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.scenarios.checks import id_of
from lampkeeper.scenarios.world import World

Break = Callable[[World], None]
EXIT = "the command ends with the exit code 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """One sabotage: after what step it happens, and the step and the check that must catch it."""

    scenario: str
    after: str
    breaks: Break
    caught_at: str
    caught_by: str
    what: str

    def __str__(self) -> str:
        """Return scenario and sabotage."""
        return f"{self.scenario}: {self.what}"


def statement(sql: str) -> Break:
    return lambda world: void(run_sql(world.workspace, world.fill(sql), kind="sabotage", writes=True))


def drop_policies(catalog: str) -> Break:
    """Drop every policy of a catalog."""

    def breaks(world: World) -> None:
        dropped = 0
        schemas = world.workspace.pages("schema", "/api/2.1/unity-catalog/schemas", "schemas", {"catalog_name": catalog})
        places = [("catalog", catalog), *(("schema", str(s["full_name"])) for s in schemas if s["name"] != "information_schema")]
        for kind, name in places:
            path = f"/api/2.1/unity-catalog/policies/{kind}/{encode(name)}"
            for policy in list(world.workspace.pages("policy", path, "policies")):
                if policy["on_securable_fullname"].casefold() == name.casefold():
                    world.workspace.write("sabotage", "DELETE", f"{path}/{encode(policy['name'])}")
                    dropped += 1
        assert dropped, f"{catalog} has no policy"

    return breaks


def untag(column: str) -> Break:
    def breaks(world: World) -> None:
        catalog, schema, table, name = column.split(".")
        where = f"schema_name = '{schema}' AND table_name = '{table}' AND column_name = '{name}'"
        rows = run_sql(world.workspace, f"SELECT tag_name FROM {catalog}.information_schema.column_tags WHERE {where}").rows
        assert rows
        for (tag,) in rows:
            statement(f"ALTER TABLE {catalog}.{schema}.{table} ALTER COLUMN {name} UNSET TAGS ('{tag}')")(world)

    return breaks


def leak(space: str, group: str = "Sales_Team") -> Break:
    """Let a foreign group use a space, `env:title` or a noted id."""

    def breaks(world: World) -> None:
        body = {"access_control_list": [{"group_name": group, "permission_level": "CAN_RUN"}]}
        world.workspace.write("sabotage", "PATCH", f"/api/2.0/permissions/genie/{encode(space_id(world, space))}", body)

    return breaks


def make_space(title: str, table: str = "dev_fin.finance.customers") -> Break:
    def breaks(world: World) -> None:
        void(another_space(world, title, table))

    return breaks


def replace_space(env: str, title: str) -> Break:
    """Make a new space in the place of the one that the environment made."""

    def breaks(world: World) -> None:
        old = id_of(world, env, title)
        trash_space(world.workspace, old)
        (path,) = [p for p in world.path(f"envs/{env}").glob(".genie_space_id_*") if p.read_text().strip() == old]
        path.write_text(another_space(world, title, "dev_fin.finance.customers"))

    return breaks


def edit_space(space: str) -> Break:
    """Rewrite the first text instruction of a space."""

    def breaks(world: World) -> None:
        found = read_space(world.workspace, space_id(world, space))
        assert found is not None
        content = json.loads(found["serialized_space"])
        content["instructions"]["text_instructions"][0]["content"] = ["Amounts are in pounds."]
        update_space(world.workspace, found["space_id"], {"serialized_space": json.dumps(content)})

    return breaks


def trash(space: str) -> Break:
    return lambda world: trash_space(world.workspace, space_id(world, space))


def write(path: str, text: str, *, add: bool = False) -> Break:
    def breaks(world: World) -> None:
        target = world.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((target.read_text() if add else "") + text)

    return breaks


def add(path: str, text: str) -> Break:
    return write(path, text, add=True)


def edit(path: str, old: str, new: str) -> Break:
    def breaks(world: World) -> None:
        text = world.path(path).read_text()
        assert old in text
        world.path(path).write_text(text.replace(old, new))

    return breaks


def remove(path: str) -> Break:
    return lambda world: world.path(path).unlink()


def copy(source: str, destination: str) -> Break:
    return lambda world: void(world.path(destination).write_bytes(world.path(source).read_bytes()))


def remove_group(name: str) -> Break:
    def breaks(world: World) -> None:
        path, level = world.workspace.scim("Groups")
        (group,) = [g for g in world.workspace.scim_pages("group", path, None, level) if g["displayName"] == name]
        world.workspace.write("sabotage", "DELETE", f"{path}/{encode(group['id'])}", api_level=level)

    return breaks


def another_space(world: World, title: str, table: str) -> str:
    content = {"version": 2, "data_sources": {"tables": [{"identifier": table}]}}
    body = {"title": title, "warehouse_id": world.address.warehouse_id, "serialized_space": json.dumps(content)}
    return create_space(world.workspace, body)


def space_id(world: World, space: str) -> str:
    env, _, title = space.partition(":")
    return id_of(world, env, title) if title else world.noted[env]


def void(_: object) -> None:
    """Return nothing."""
