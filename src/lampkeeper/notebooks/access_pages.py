"""Who sees what: two principals side by side, the reason for one cell, the query that a principal's query becomes."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.app.access import access_of
from lampkeeper.model.access import Access, CellState, FunctionUse, Principal, TableAccess
from lampkeeper.model.effective import OUTSIDER, standard_principals
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.explain import explain, show_control
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.notebooks.opened import Opened
from lampkeeper.notebooks.shown import Row, Shown, plain
from lampkeeper.remote.directory import read_directory
from lampkeeper.remote.volumes import VolumeFolder
from lampkeeper.text.sql_quoting import quote_identifier, quote_string


def access_beside_workspace(found: Opened) -> Access:
    """Return the access of the files; members of groups that the files do not manage are those of the workspace.

    They are unknown with files in a local folder, and for a principal that may not list groups.
    """
    access = access_of(found.inputs)
    managed = access.model.members
    groups = {g.name for g in found.inputs.desired.groups if not managed.get(g.name)}
    if not groups or not isinstance(found.files, VolumeFolder):
        return access
    try:
        there = read_directory(found.files.workspace, sorted(groups)).members
    except RemoteError as error:
        if error.status != 403:
            raise
        return access
    return Access(replace(access.model, members={**there, **{g: m for g, m in managed.items() if m}}))


def principals(found: Opened) -> tuple[str, ...]:
    """Return the principals of the environment: users, then a member of each group, then the outsider."""
    names = [p.name for p in standard_principals(access_beside_workspace(found))]
    return tuple(sorted(names, key=lambda name: (name == OUTSIDER.name, name.startswith("member of "), name)))


def tables(found: Opened) -> tuple[str, ...]:
    """Return the governed tables."""
    return tuple(sorted(str(t.name) for t in access_beside_workspace(found).model.tables))


def columns(found: Opened, table: str) -> tuple[str, ...]:
    """Return the columns of a table, in its order."""
    access = access_beside_workspace(found)
    name = _table(access, table)
    return next(tuple(c.name for c in t.columns) for t in access.model.tables if t.name == name)


def side_by_side(found: Opened, one: str, other: str, table: str) -> Shown:
    """Return the columns of a table, how two principals see each, and whether there is a difference."""
    access = access_beside_workspace(found)
    name = _table(access, table)
    left, right = (access.table(_principal(access, who), name) for who in (one, other))
    first, second = (one, other) if one != other else (one, f"{other} (again)")
    rows: list[Row] = [
        {
            "column": c.column,
            first: str(left.cells[c]),
            second: str(right.cells[c]),
            "differs": _yes(left.cells[c], right.cells[c]),
        }
        for c, cell in left.cells.items()
    ]
    rows.append({"column": "(rows)", first: _rows(left), second: _rows(right), "differs": _yes(_rows(left), _rows(right))})
    number = sum(row["differs"] == "yes" for row in rows[:-1])
    of_rows = "different rows" if rows[-1]["differs"] == "yes" else "the same rows"
    return Shown(
        title=f"{table}: {one} and {other}", columns=("column", first, second, "differs"), rows=tuple(rows),
        summary=f"{one} and {other} see {number} of {len(rows) - 1} columns of {table} differently, and {of_rows}",
    )  # fmt: skip


def why(found: Opened, principal: str, table: str, column: str) -> Shown:
    """Return the steps that decide a principal's access to a column."""
    access = access_beside_workspace(found)
    name = ColumnName(_table(access, table), column)
    known = columns(found, table)
    if column not in known:
        raise unknown_name("column", column, known, where=f"of {table}", fix="choose one of them")
    reason = explain(access, _principal(access, principal), name)
    steps = [
        *(("group", str(g)) for g in reason.groups),
        *(("privilege", str(p)) for p in reason.privileges),
        *(("tag of the column", str(t)) for t in reason.column_tags),
        *(("tag of the table", str(t)) for t in reason.table_tags),
        *(("set on the table", show_control(c, u)) for c, u in reason.on_table),
        *(("policy", str(p)) for p in reason.policies),
        ("result", str(reason.cell)),
    ]
    return Shown(
        title=f"Why: {principal}, {name}", columns=("step", "reason"), rows=tuple({"step": s, "reason": r} for s, r in steps),
        summary=f"{principal} sees {name}: {reason.cell}",
    )  # fmt: skip


def query_as_it_stands(found: Opened, principal: str, table: str, limit: int = 10) -> str:
    """Return the query that `SELECT * FROM table` becomes for a principal: masks and row filters are written out.

    If the platform refuses the principal, the text is a comment with the reason. The principal that runs the query sees no more
    than without it: the masks and filters of that principal apply below the ones written here.
    """
    access = access_beside_workspace(found)
    name = _table(access, table)
    seen = access.table(_principal(access, principal), name)
    broken = next((c.by for c in seen.cells.values() if c.state is CellState.FAILING), "")
    if not seen.readable or broken:
        return f"-- {plain(principal)} is refused: {plain(broken or ', '.join(seen.missing))}"
    listed = ",\n  ".join(_selected(seen, c) for c in seen.cells)
    filters = {_call(use) for use in seen.filters}
    where = f"\nWHERE {' AND '.join(sorted(filters))}" if filters else ""
    return f"SELECT\n  {listed}\nFROM {name.sql}{where}\nLIMIT {limit}"


def by_label(found: Opened) -> Shown:
    """Return the sensitive columns: label, evidence, and whether a mask protects them."""
    inputs = found.inputs
    labels = [x for x in inputs.labels if str(x.protect) != "no"]
    if not inputs.labels:
        raise UsageError(f"nothing is labelled in {found.env!r} yet", fix="run the job governance")
    rows = tuple(
        {
            "table": str(x.column.table), "column": x.column.column, "label": x.kind,
            "protect": str(x.protect), "why": "; ".join(x.evidence),
        }
        for x in labels
    )  # fmt: skip
    return Shown(
        title="Sensitive columns", columns=("table", "column", "label", "protect", "why"), rows=rows,
        summary=f"{len(rows)} of {len(inputs.labels)} columns are sensitive or undecided",
    )  # fmt: skip


def _selected(seen: TableAccess, column: ColumnName) -> str:
    name = quote_identifier(column.column)
    uses = seen.masks.get(column, ())
    return f"{_call(uses[0])} AS {name}" if uses and seen.cells[column].state is CellState.MASKED else name


def _call(use: FunctionUse) -> str:
    words = (quote_identifier(a.column) if isinstance(a, ColumnName) else quote_string(a) for a in use.arguments)
    return f"{'.'.join(quote_identifier(p) for p in use.function.parts)}({', '.join(words)})"


def _rows(seen: TableAccess) -> str:
    return "hidden" if not seen.readable else ", ".join(sorted({_call(u) for u in seen.filters})) or "all rows"


def _yes(one: object, other: object) -> str:
    return "no" if one == other else "yes"


def _principal(access: Access, name: str) -> Principal:
    known = {p.name: p for p in standard_principals(access)} | {"outsider": OUTSIDER}
    if name not in known:
        raise unknown_name("principal", name, known, where="of the environment", fix="choose one of them")
    return known[name]


def _table(access: Access, text: str) -> TableName:
    known = {str(t.name): t.name for t in access.model.tables}
    if text not in known:
        raise unknown_name("table", text, known, where="of the environment", fix="choose one of them")
    return known[text]
