"""What a step of a scenario does: a command, a file, a call that stands for the UI, a statement of somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lampkeeper.files.text import write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import split_name
from lampkeeper.remote.warehouse import run_sql
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
    principal: str = ""

    def perform(self, world: World) -> Ran:
        """Write them."""
        auth = world.signs[world.fill(self.principal)] if self.principal else None
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
        found = run_sql(
            world.workspace,
            f"SELECT tag_name FROM {catalog}.information_schema.column_tags"  # noqa: S608 (names of the scenario)
            f" WHERE schema_name = '{schema}' AND table_name = '{table}' AND column_name = '{column}'",
            kind="scenario",
        )
        names = [str(row[0]) for row in found.rows]
        if not names:
            raise UsageError(f"{self.unset_tags} has no tag")
        keys = ", ".join(quote_string(name) for name in names)
        statement = f"ALTER TABLE {catalog}.{schema}.{table} ALTER COLUMN {column} UNSET TAGS ({keys})"
        run_sql(world.workspace, statement, kind="scenario", writes=True)
        return Ran(output=", ".join(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keeps the bytes of a file, or of the state files of a layer's folder, under a name."""

    remember: str
    file: str = ""
    state: str = ""

    def perform(self, world: World) -> Ran:
        """Keep them; raise UsageError if there is nothing to keep."""
        found = world.state_files(self.state) if self.state else {self.file: world.path(self.file).read_bytes()}
        if not found:
            raise UsageError(f"envs/{self.state} has no state file", fix="remember a layer that was applied")
        world.kept[self.remember] = found
        return Ran(output=", ".join(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A step of checks alone."""

    def perform(self, world: World) -> Ran:
        """Do nothing; checks see what the step before printed."""
        return world.last


ACTIONS: Mapping[str, type] = {
    "run": Run, "write": Write, "edit": Replace, "sign_in": SignIn, "call": Call, "sql": Statement, "unset_tags": UnsetTags,
    "remember": Remember,
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
