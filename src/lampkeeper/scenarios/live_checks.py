"""What must hold in the workspace: spaces, access lists, tags, and what people really read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lampkeeper.demo.people import ANALYST, OFFICER, OUTSIDER
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.names import split_name
from lampkeeper.remote.clients import Workspace, encode
from lampkeeper.remote.spaces import list_spaces, read_space
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.scenarios.checks import id_of
from lampkeeper.scenarios.expected_data import ExpectedTable, tables_in
from lampkeeper.scenarios.world import World

_DENIED = "INSUFFICIENT_PERMISSIONS"
_MAY_RUN = frozenset({"CAN_RUN", "CAN_EDIT", "CAN_MANAGE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spaces:
    """The Genie spaces of the workspace have exactly these titles, apart from those of others; `ids` say which env made one."""

    live_spaces: tuple[str, ...]

    def failures(self, world: World) -> list[str]:
        """List them."""
        found = sorted(str(s["title"]) for s in list_spaces(world.workspace) if str(s["space_id"]) not in world.foreign_spaces)
        wanted = sorted(world.fill(t) for t in self.live_spaces)
        return [] if found == wanted else [f"the workspace has the spaces {found}, not {wanted}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceReads:
    """The space with this id can be read, as the administrator or as a noted principal, and has this title and these tables.

    `lacks` are texts that its content does not hold.
    """

    space: str
    title: str
    tables: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    principal: str = ""

    def failures(self, world: World) -> list[str]:
        """Read it."""
        workspace = world.as_user(world.fill(self.principal)) if self.principal else world.workspace
        env, _, title = world.fill(self.space).partition(":")
        space_id = id_of(world, env, title) if title else env
        found = read_space(workspace, space_id) if space_id else None
        if found is None:
            return [f"the space {self.space} cannot be read"]
        wrong = [] if found["title"] == self.title else [f"its title is {found['title']!r}, not {self.title!r}"]
        content = str(found.get("serialized_space"))
        wrong += [f"the space does not have the table {t}" for t in self.tables if t not in content]
        return wrong + [f"the space contains {t!r}" for t in self.lacks if t in content]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRuns:
    """Exactly these groups may use the space of an environment, `env:title` or an id; `keeps` also have a right of their own."""

    acl: str
    may_run: tuple[str, ...]
    keeps: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Read its access list; the administrators and the owner are not groups of the environment."""
        env, _, title = world.fill(self.acl).partition(":")
        space_id = id_of(world, env, title) if title else env
        if not space_id:
            return [f"no file gives the id of {self.acl}"]
        listed = world.workspace.get("genie_space", f"/api/2.0/permissions/genie/{encode(space_id)}")["access_control_list"]
        found = {
            str(row.get("group_name") or row.get("user_name")): {str(p["permission_level"]) for p in row["all_permissions"]}
            for row in listed
        }
        runs = {name for name, levels in found.items() if levels & _MAY_RUN and name != "admins" and "@" not in name}
        wrong = [] if runs == set(self.may_run) else [f"{sorted(runs)} may use the space, not {sorted(self.may_run)}"]
        return wrong + [f"{name} lost its right on the space" for name in self.keeps if name not in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """These columns carry a tag in `information_schema.column_tags`, and `untagged` none."""

    tagged: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Ask the catalogs."""
        catalogs = sorted({split_name(c)[0] for c in (*self.tagged, *self.untagged)})
        found: set[str] = set()
        for catalog in catalogs:
            columns = "concat_ws('.', catalog_name, schema_name, table_name, column_name)"
            rows = run_sql(world.workspace, f"SELECT {columns} FROM {catalog}.information_schema.column_tags").rows  # noqa: S608
            found |= {str(row[0]) for row in rows}
        return [f"{c} has no tag" for c in self.tagged if c not in found] + [
            f"{c} has a tag" for c in self.untagged if c in found
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """A statement as a person gives exactly these rows, or is `refused`."""

    reads: str
    person: str
    rows: tuple[tuple[str | None, ...], ...] = ()
    refused: bool = False
    as_people: ClassVar[bool] = True

    def failures(self, world: World) -> list[str]:
        """Ask as that person."""
        try:
            found = run_sql(world.as_user(world.fill(self.person)), world.fill(self.reads)).rows
        except RemoteError as error:
            if not error.code.startswith(_DENIED):
                raise
            return [] if self.refused else [f"{self.person} is refused: {error.message}"]
        if self.refused:
            return [f"{self.person} is not refused"]
        wanted = [tuple(None if v is None else str(v) for v in row) for row in self.rows]
        return [] if list(found) == wanted else [f"{self.person} reads {list(found)}, not {wanted}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """What three people read of the test data in these catalogs: the officer every row and value, the outsider nothing.

    The analyst reads no value of a sensitive column that the officer reads, and no row that is flagged.
    """

    masked: tuple[str, ...]
    analyst: str = ANALYST
    officer: str = OFFICER
    outsider: str = OUTSIDER
    as_people: ClassVar[bool] = True

    def failures(self, world: World) -> list[str]:
        """Ask each of the three about each table."""
        people = [world.as_user(world.fill(name)) for name in (self.analyst, self.officer, self.outsider)]
        found = []
        for table in (t for catalog in self.masked for t in tables_in(catalog)):
            analyst, officer, outsider = (_rows(who, table) for who in people)
            if officer is None or len(officer) != table.rows:
                found.append(
                    f"{self.officer} reads {None if officer is None else len(officer)} rows of {table.name}, not {table.rows}"
                )
            if outsider is not None:
                found.append(f"{self.outsider} reads {table.name}")
            if not analyst:
                found.append(f"{self.analyst} reads no row of {table.name}")
            found += [f"{self.analyst} reads {table.name}{what}" for what in _raw(table, analyst or (), officer or ())]
        return found


def _raw(table: ExpectedTable, analyst: Table, officer: Table) -> list[str]:
    """Return what the analyst reads of a table that only the officer may read, as the end of a sentence."""
    found = []
    for number, column in enumerate(table.masked):
        values = {row[number] for row in officer} - {None}
        raw = sum(row[number] in values for row in analyst)
        if raw or not values:
            found.append(f".{column} raw in {raw} rows" if values else f".{column}: the officer reads no value of it")
    for number, column in enumerate(table.flags, len(table.masked)):
        flagged = sum(row[number] not in table.unflagged for row in analyst)
        hidden = sum(row[number] not in table.unflagged for row in officer)
        if flagged or not hidden:
            found.append(f": {flagged} rows are flagged by {column}, of {hidden} that the officer reads")
    return found


Table = tuple[tuple[str | None, ...], ...]


def _rows(person: Workspace, table: ExpectedTable) -> Table | None:
    """Return the sensitive columns of a table as a person reads them, None if the person may not."""
    columns = ", ".join([*table.masked, *table.flags]) or "1"
    try:
        return run_sql(person, f"SELECT {columns} FROM {table.name}").rows  # noqa: S608 (names of the test data)
    except RemoteError as error:
        if not error.code.startswith(_DENIED):
            raise
        return None
