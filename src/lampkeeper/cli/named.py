"""What a person names on the command line: principals, tables, columns, catalogs. An unknown name is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.model.access import Access, Principal
from lampkeeper.model.effective import OUTSIDER, Matrix
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.known_names import require_known, unknown_name
from lampkeeper.model.names import ColumnName, TableName, split_name
from lampkeeper.model.unreviewed import within
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.directory import locate_principal

MEMBER_OF = "member of "
_OUTSIDERS = frozenset({"outsider", OUTSIDER.name})


def principal_named(access: Access, name: str, also: Iterable[str] = (), workspace: Workspace | None = None) -> Principal:
    """Return the principal that a person means by a name; raise UsageError for one that nothing here knows.

    `also` are names that the model does not hold, such as groups without members; a workspace is asked for any other name.
    """
    if name.casefold() in _OUTSIDERS:
        return OUTSIDER
    model = access.model
    people = {m for members in model.members.values() for m in members} - set(model.members)
    named = {g.principal for g in model.grants}
    named |= {p for policy in model.policies for p in (*policy.to_principals, *policy.except_principals)}
    groups = (set(model.members) | named | set(also)) - people
    wanted = name.removeprefix(MEMBER_OF)
    if wanted in people:
        return Principal(name=wanted)
    if workspace is not None:
        found = locate_principal(workspace, wanted)
        if found is not None:
            return Principal(name=wanted) if found[0] != "Groups" else Principal(name=f"{MEMBER_OF}{wanted}", groups=(wanted,))
        fix = "use one of these names; `outsider` is anybody in no group"
    else:
        fix = "use one of these names; `outsider` is anybody in no group of the environment, --live asks the workspace"
    if wanted not in groups:
        raise unknown_name("principal", name, people | groups | {"outsider"}, fix=fix)
    return Principal(name=f"{MEMBER_OF}{wanted}", groups=(wanted,))


def column_named(access: Access, text: str) -> ColumnName:
    """Return the column that a person means: four parts, or fewer where that is unambiguous."""
    wanted = [p.casefold() for p in split_name(text)]
    columns = [c for t in access.model.tables for c in t.column_names()]
    found = [c for c in columns if [p.casefold() for p in (*c.table.parts, c.column)][-len(wanted) :] == wanted]
    if len(found) > 1:
        several = ", ".join(map(str, found[:5]))
        raise UsageError(f"column {text!r} is one of {several}", fix="write catalog.schema.table.column")
    if not found:
        fix = "write catalog.schema.table.column, of a table in scope"
        raise unknown_name("column", text, map(str, columns), where="in scope", fix=fix)
    return found[0]


def require_no_slip(column: ColumnName, known: Iterable[TableName]) -> None:
    """Raise UsageError where a table outside the environment is spelt almost as one of it: a slip, not another table."""
    tables = {t.plain.casefold(): str(t) for t in known}
    near = near_word(column.table.plain.casefold(), tables)
    if near is not None:
        raise unknown_name(
            "table", str(column.table), (tables[near],), where="in scope", fix="correct the name, or ask with --live"
        )


def tables_named(matrix: Matrix, text: str) -> Matrix:
    """Return the matrix of the tables whose name holds this text; raise UsageError when there is none."""
    tables = {c.table for _, c in matrix.cells}
    chosen = {t for t in tables if text.casefold() in str(t).casefold() or text.casefold() in t.plain.casefold()}
    if not chosen:
        raise unknown_name("table", text, map(str, tables), where="in scope")
    return replace(
        matrix,
        cells={k: v for k, v in matrix.cells.items() if k[1].table in chosen},
        filters={k: v for k, v in matrix.filters.items() if k[1] in chosen},
        filter_digests={k: v for k, v in matrix.filter_digests.items() if k[1] in chosen},
        unreviewed={k: v for k, v in matrix.unreviewed.items() if any(within(k[1], t.parts) for t in chosen)},
    )


def require_catalogs(names: Mapping[str, str], before: Access, after: Access) -> None:
    """Raise UsageError for a pair of catalogs of which one side is not a catalog of that side."""
    for given, access in ((names.keys(), before), (names.values(), after)):
        for name in given:
            require_known("catalog", name, (t.name.catalog for t in access.model.tables), where="to map")


def table_of_workspace(read: Callable[[], Access], column: ColumnName | None, known: Iterable[TableName]) -> Access:
    """Return what was read of a workspace; raise UsageError when the table that a person named is not there."""
    try:
        return read()
    except RemoteError as error:
        if column is None or error.code != "TABLE_OR_VIEW_NOT_FOUND" or column.table.plain not in error.message.replace("`", ""):
            raise
        raise unknown_name("table", str(column.table), map(str, known), where="in the workspace") from None
