"""Resolves names given on the command line: principals, tables, columns, catalogs. An unknown name is an error."""

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
    """Return the principal of this name; raise UsageError if it is unknown.

    `also` holds names that are missing in the access model, such as groups without members; other names are looked up in the
    workspace, if one is given.
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
        fix = "use one of these names; `outsider` is a principal without groups"
    else:
        fix = "use one of these names; `outsider` is a principal in no group of the environment; --live looks in the workspace"
    if wanted not in groups:
        raise unknown_name("principal", name, people | groups | {"outsider"}, fix=fix)
    return Principal(name=f"{MEMBER_OF}{wanted}", groups=(wanted,))


def column_named(access: Access, text: str) -> ColumnName:
    """Return the named column: four parts, or fewer if that is unambiguous."""
    wanted = [p.casefold() for p in split_name(text)]
    columns = [c for t in access.model.tables for c in t.column_names()]
    found = [c for c in columns if [p.casefold() for p in (*c.table.parts, c.column)][-len(wanted) :] == wanted]
    if len(found) > 1:
        several = ", ".join(map(str, found[:5]))
        raise UsageError(f"column {text!r} is ambiguous: {several}", fix="write catalog.schema.table.column")
    if not found:
        fix = "write catalog.schema.table.column, of a table in scope"
        raise unknown_name("column", text, map(str, columns), where="in scope", fix=fix)
    return found[0]


def require_no_slip(column: ColumnName, known: Iterable[TableName]) -> None:
    """Raise UsageError if a table outside the environment is spelt almost like one inside: likely a typing error."""
    tables = {t.plain.casefold(): str(t) for t in known}
    near = near_word(column.table.plain.casefold(), tables)
    if near is not None:
        raise unknown_name(
            "table", str(column.table), (tables[near],), where="in scope", fix="correct the name, or ask with --live"
        )


def tables_named(matrix: Matrix, text: str) -> Matrix:
    """Return the matrix of the tables whose name contains this text; raise UsageError if there is none."""
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
    """Raise UsageError for a catalog in the map that its side of the comparison does not have."""
    for given, access in ((names.keys(), before), (names.values(), after)):
        for name in given:
            require_known("catalog", name, (t.name.catalog for t in access.model.tables), where="to map")


def table_of_workspace(read: Callable[[], Access], column: ColumnName | None, known: Iterable[TableName]) -> Access:
    """Return the access read from a workspace; raise UsageError if the named table does not exist there."""
    try:
        return read()
    except RemoteError as error:
        if column is None or error.code != "TABLE_OR_VIEW_NOT_FOUND" or column.table.plain not in error.message.replace("`", ""):
            raise
        raise unknown_name("table", str(column.table), map(str, known), where="in the workspace") from None
