"""The effect of a draft's change: the matrix before and after, as if all principals could read all tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lampkeeper.model.access import Access, AccessModel, CellState, Principal
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER, Direction, Matrix, compare, compute_matrix, relevant_groups
from lampkeeper.model.errors import UsageError
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table
from lampkeeper.model.tags import EntityType

_UNTAGGED = Column(name="(untagged)", type="STRING")
_PAIRS = 8


def tables_of(states: Iterable[Desired], snapshot: Snapshot | None = None) -> tuple[Table, ...]:
    """Return the tables that the states name, with the columns that they tag and one that they do not; those of the snapshot
    as they are."""
    columns: dict[TableName, dict[str, Column]] = (
        {t.name: {c.name: c for c in t.columns} for t in snapshot.tables} if snapshot else {}
    )
    folded = {t.plain.casefold(): t for t in columns}
    for state in states:
        for table in state.tables:
            columns.setdefault(folded.setdefault(table.plain.casefold(), table), {})
        for tag in state.tag_assignments:
            parts = tag.entity_name.split(".")
            if tag.entity_type is EntityType.TABLES and len(parts) == 3 and all(parts):
                columns.setdefault(folded.setdefault(tag.entity_name.casefold(), TableName(*parts)), {})
            name = column_of(tag.entity_name) if tag.entity_type is EntityType.COLUMNS else None
            if name is not None:
                home = folded.setdefault(name.table.plain.casefold(), name.table)
                found = columns.setdefault(home, {})
                if name.column.casefold() not in {c.casefold() for c in found}:
                    found[name.column] = Column(name=name.column, type="STRING")
    return tuple(Table(name=n, columns=(*c.values(), _UNTAGGED)) for n, c in sorted(columns.items()))


def column_of(entity_name: str) -> ColumnName | None:
    """Return the column that a tag assignment names: four parts by plain dots, or quoted; None for other names."""
    parts = entity_name.split(".")
    if len(parts) == 4 and "`" not in entity_name and all(parts):
        return ColumnName(TableName(*parts[:3]), parts[3])
    try:
        return ColumnName.parse(entity_name)
    except UsageError:
        return None


def open_access(state: Desired, tables: Iterable[Table]) -> Access:
    """Return the access if all principals had all privileges on these tables, so that policies alone decide."""
    tables = tuple(tables)
    securables = {(SecurableType.CATALOG, (t.name.catalog,)) for t in tables}
    grants = tuple(
        Grant(securable_type=kind, securable=parts, principal=EVERYBODY, privileges=("ALL_PRIVILEGES",))
        for kind, parts in sorted(securables)
    )
    return Access(replace(AccessModel.of_desired(state, tables), grants=grants))


def widened(before: Desired, after: Desired, tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the cells that a change would widen or break, one line per cell; none if it only narrows access."""
    tables = tuple(tables)
    first, second = open_access(before, tables), open_access(after, tables)
    people = _people(first, second)
    old, new = compute_matrix(first, people), compute_matrix(second, people)
    looser = [str(c) for c in compare(old, new) if c.direction is Direction.WIDER]
    return tuple(looser + _broken(old, new))


def _broken(old: Matrix, new: Matrix) -> list[str]:
    return [
        f"{principal}: {column}: {old.cells[(principal, column)]} -> {cell} ({cell.by})"
        for (principal, column), cell in sorted(new.cells.items())
        if cell.state is CellState.FAILING and old.cells[(principal, column)].state is not CellState.FAILING
    ]


def _people(*accesses: Access) -> tuple[Principal, ...]:
    names = relevant_groups(*accesses)
    sets: list[tuple[str, ...]] = [(n,) for n in names]
    if len(names) <= _PAIRS:
        sets += [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    else:
        sets.append(tuple(names))
    return (OUTSIDER, *(Principal(name="+".join(("member of", *s)), groups=s) for s in sets))
