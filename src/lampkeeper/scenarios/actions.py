"""What a step of a scenario does: a command, a file, a call that stands for the UI, a statement of somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from lampkeeper.files.text import write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import split_name
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.scenarios.least_principal import create_least_principal, delete_principal
from lampkeeper.scenarios.personas import MakePeople, RemovePeople
from lampkeeper.scenarios.world import Ran, World
from lampkeeper.text.sql_quoting import quote_string


class Action(Protocol):
    """What a step does."""

    def perform(self, world: World) -> Ran:
        """Do it, and return what it printed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command line: `make …`, `lampkeeper …` or `python scripts/…`."""

    run: str

    def perform(self, world: World) -> Ran:
        """Run it."""
        return world.run(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A file that the user writes, or `add`s to, by an editor."""

    write: str
    text: str
    add: bool = False

    def perform(self, world: World) -> Ran:
        """Write it."""
        path = world.path(self.write)
        before = path.read_text() if self.add else ""
        write_text(path, before + world.fill(self.text))
        return Ran(output=path.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """An edit of a file: `old` must be there, and becomes `new`."""

    edit: str
    old: str
    new: str

    def perform(self, world: World) -> Ran:
        """Edit it; raise UsageError if the old text is not there."""
        path = world.path(self.edit)
        text, old = path.read_text(), world.fill(self.old)
        if old not in text:
            raise UsageError(f"{self.edit} does not contain {old!r}")
        write_text(path, text.replace(old, world.fill(self.new)))
        return Ran(output=path.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The sign-ins of environments, which a user writes into `auth.auto.tfvars`: the administrator's, or a noted principal's."""

    sign_in: tuple[str, ...]
    as_principal: str = ""

    def perform(self, world: World) -> Ran:
        """Write them."""
        auth = world.signs[self.as_principal] if self.as_principal else None
        for env in self.sign_in:
            world.sign_in(env, auth)
        return Ran(output=f"auth.auto.tfvars of {', '.join(self.sign_in)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the REST API as the administrator, `METHOD path`; `note` maps names to fields of the reply."""

    call: str
    body: Mapping[str, Any] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)

    def perform(self, world: World) -> Ran:
        """Send it."""
        method, path = world.fill(self.call).split(" ", 1)
        if method == "GET":
            reply = world.workspace.get("scenario", path)
        else:
            reply = world.workspace.write("scenario", method, path, _filled(self.body, world) or None)
        world.noted |= {name: str(reply[key]) for name, key in self.note.items()}
        return Ran(output=str(reply))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Statements that somebody runs as the administrator, one after another."""

    sql: tuple[str, ...]

    def perform(self, world: World) -> Ran:
        """Run them."""
        for statement in self.sql:
            run_sql(world.workspace, world.fill(statement), kind="scenario", writes=True)
        return Ran(output="\n".join(self.sql))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetTags:
    """Takes every tag off a column, as a person must before the column can be dropped or renamed."""

    unset_tags: str

    def perform(self, world: World) -> Ran:
        """Read the live tags of the column and unset them; raise UsageError if there are none."""
        catalog, schema, table, column = split_name(self.unset_tags)
        named = " AND ".join(
            f"{name} = {quote_string(value)}"
            for name, value in (("schema_name", schema), ("table_name", table), ("column_name", column))
        )
        statement = f"SELECT tag_name FROM {catalog}.information_schema.column_tags WHERE {named}"  # noqa: S608 (quoted)
        found = run_sql(world.workspace, statement, kind="scenario")
        names = [str(row[0]) for row in found.rows]
        if not names:
            raise UsageError(f"{self.unset_tags} has no tag")
        keys = ", ".join(quote_string(name) for name in names)
        statement = f"ALTER TABLE {catalog}.{schema}.{table} ALTER COLUMN {column} UNSET TAGS ({keys})"
        run_sql(world.workspace, statement, kind="scenario", writes=True)
        return Ran(output=", ".join(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keeps the bytes of a file, of the state files of a layer's folder, or of a space's title and content, under a name."""

    remember: str
    file: str = ""
    state: str = ""
    space: str = ""

    def perform(self, world: World) -> Ran:
        """Keep them; raise UsageError if there is nothing to keep."""
        found = world.bytes_of(file=self.file, state=self.state, space=self.space)
        if not found:
            raise UsageError(f"there is nothing to remember as {self.remember}")
        world.kept[self.remember] = found
        return Ran(output=", ".join(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePrincipal:
    """A service principal with the least rights for Genie spaces: USER, Databricks SQL access, CAN USE, and SELECT on schemas."""

    principal: str
    display_name: str
    reads: tuple[str, ...]

    def perform(self, world: World) -> Ran:
        """Create it, and note its application id under its name and its id as `<name>_id`."""
        made = create_least_principal(world.workspace, self.display_name, self.reads)
        world.noted |= {self.principal: made.client_id, f"{self.principal}_id": made.scim_id}
        world.signs[self.principal] = replace(
            world.address.signed(), token="", client_id=made.client_id, client_secret=made.secret
        )
        return Ran(output=made.client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePrincipal:
    """Removes a service principal that an earlier step made, and its right to use the warehouse."""

    remove_principal: str

    def perform(self, world: World) -> Ran:
        """Delete it."""
        delete_principal(world.workspace, world.noted[f"{self.remove_principal}_id"], world.noted[self.remove_principal])
        return Ran()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A step of checks alone."""

    def perform(self, world: World) -> Ran:
        """Do nothing; checks see what the step before printed."""
        return world.last


ACTIONS: Mapping[str, type] = {
    "run": Run, "write": Write, "edit": Replace, "sign_in": SignIn, "call": Call, "sql": Statement, "unset_tags": UnsetTags,
    "remember": Remember, "principal": MakePrincipal, "remove_principal": RemovePrincipal,
    "people": MakePeople, "remove_people": RemovePeople,
}  # fmt: skip
"""The kinds of actions, by the key that names them in a scenario file."""


def _filled(value: Any, world: World) -> Any:
    if isinstance(value, str):
        return world.fill(value)
    if isinstance(value, Mapping):
        return {key: _filled(one, world) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_filled(one, world) for one in value]
    return value
