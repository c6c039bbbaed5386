"""The effective matrix, principal by column, and the comparison of two matrices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lampkeeper.model.access import Access, Cell, CellState, Principal
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName, TableName, show_part
from lampkeeper.model.unreviewed import Reach, is_fallback

OUTSIDER = Principal(name="(outsider)")
"""A principal of the account without any groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Cells by principal name and column, and the row filters by principal name and table.

    `filters` are strings `f(args)`, `filter_digests` the digests of their functions. `unreviewed`: by principal name and catalog
    or schema, whether unreviewed tables there show no rows.
    """

    principals: tuple[str, ...]
    cells: Mapping[tuple[str, ColumnName], Cell]
    filters: Mapping[tuple[str, TableName], str]
    filter_digests: Mapping[tuple[str, TableName], str] = field(default_factory=dict)
    unreviewed: Mapping[tuple[str, Reach], bool] = field(default_factory=dict)

    def closes(self, principal: str, reach: Reach) -> bool | None:
        """Return whether unreviewed tables of a catalog or schema show no rows; None if the catalog is not in the matrix."""
        return self.unreviewed.get((principal, reach), self.unreviewed.get((principal, reach[:1])))

    def rows(self, principal: str, table: TableName) -> tuple[str, str]:
        """Return the row filter of a principal and its digest; empty strings for all rows."""
        read = (principal, table)
        return self.filters.get(read, ""), self.filter_digests.get(read, "")


class Direction(StrEnum):
    """The effect of a change on access."""

    WIDER = "wider"
    NARROWER = "narrower"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class MatrixChange:
    """One principal's access changes: to a column (before, after), or to rows of a table (`column` is None)."""

    principal: str
    table: TableName
    column: str | None
    before: str
    after: str
    direction: Direction

    @property
    def of_unreviewed(self) -> bool:
        """Return whether the change is about all unreviewed tables of a catalog or schema."""
        return self.table.table == "*"

    @property
    def reach(self) -> str:
        """Return the catalog or schema of the unreviewed tables."""
        return ".".join(show_part(p) for p in self.table.parts if p != "*")

    @property
    def place(self) -> str:
        """Return the column, or the table whose rows it is about."""
        if self.of_unreviewed:
            return f"rows of unreviewed tables of {self.reach}"
        return f"{self.table}.{self.column}" if self.column is not None else f"rows of {self.table}"

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.principal}: {self.place}: {self.before} -> {self.after} ({self.direction})"


def unreviewed_table(reach: Reach) -> TableName:
    """Return the name that represents all unreviewed tables of a catalog or schema; a real table cannot have it."""
    return TableName(reach[0], reach[1] if len(reach) > 1 else "*", "*")


def compute_matrix(access: Access, principals: Iterable[Principal]) -> Matrix:
    """Return the matrix of these principals and all tables of the model."""
    cells: dict[tuple[str, ColumnName], Cell] = {}
    filters: dict[tuple[str, TableName], str] = {}
    digests: dict[tuple[str, TableName], str] = {}
    unreviewed: dict[tuple[str, Reach], bool] = {}
    reaches = fallback_reaches(access)
    names = []
    for principal in sorted(set(principals)):
        names.append(principal.name)
        unreviewed |= {(principal.name, p): access.closes_unreviewed(principal, p) for p in reaches}
        for table in access.model.tables:
            seen = access.table(principal, table.name)
            for column, cell in seen.cells.items():
                cells[(principal.name, column)] = cell
            if seen.readable and seen.filters:
                filters[(principal.name, table.name)] = ", ".join(
                    sorted({f"{u.function.plain}({', '.join(str(a) for a in u.arguments)})" for u in seen.filters})
                )
                digests[(principal.name, table.name)] = ", ".join(sorted({access.digest(u, ()) for u in seen.filters}))
    return Matrix(principals=tuple(names), cells=cells, filters=filters, filter_digests=digests, unreviewed=unreviewed)


def fallback_reaches(access: Access) -> tuple[Reach, ...]:
    """Return the catalogs of the model's tables, and those of their schemas that have a separate fallback policy."""
    catalogs = {t.name.catalog.casefold(): t.name.catalog for t in access.model.tables}
    schemas = {
        p.securable for p in access.model.policies
        if is_fallback(p) and len(p.securable) == 2 and p.securable[0].casefold() in catalogs
    }  # fmt: skip
    return tuple(sorted({(c,) for c in catalogs.values()} | schemas))


def relevant_groups(*accesses: Access) -> tuple[str, ...]:
    """Return the groups in policies, grants and memberships of these models, sorted."""
    found: set[str] = set()
    for access in accesses:
        model = access.model
        people = {m for members in model.members.values() for m in members} - set(model.members)
        named = {p for policy in model.policies for p in (*policy.to_principals, *policy.except_principals)}
        named |= {g.principal for g in model.grants}
        found |= set(model.members) | (named - people)
    return tuple(sorted(found - {EVERYBODY}))


def combinations(access: Access) -> tuple[frozenset[str], ...]:
    """Return every distinct set of groups, including nested ones, that some principal has, and the outsider's empty set."""
    groups = set(access.model.members)
    people = {m for members in access.model.members.values() for m in members} - groups
    held = {access.identities(Principal(name=p)) & groups for p in people}
    return tuple(sorted(held | {frozenset()}, key=sorted))


def standard_principals(*accesses: Access) -> tuple[Principal, ...]:
    """Return the principals of a matrix: the outsider, a member of each single group, and every user known by name."""
    groups = relevant_groups(*accesses)
    people = {m for a in accesses for members in a.model.members.values() for m in members} - set(groups)
    rows = {
        OUTSIDER,
        *(Principal(name=f"member of {g}", groups=(g,)) for g in groups),
        *(Principal(name=p) for p in people),
    }
    return tuple(sorted(rows))


_OPENNESS = {CellState.HIDDEN: 0, CellState.FAILING: 0, CellState.NO_ROWS: 0, CellState.MASKED: 1, CellState.RAW: 2}


def compare(before: Matrix, after: Matrix) -> tuple[MatrixChange, ...]:
    """Return every change between two matrices, sorted.

    A replaced mask (also one with a new body under the same name) counts as wider, because names do not show that it reveals
    no more. A removed or replaced row filter counts as wider, an added one as narrower.
    """
    changes = []
    nothing = Cell(state=CellState.HIDDEN, by="not there")
    for key in sorted(set(before.cells) | set(after.cells)):
        principal, column = key
        old, new = before.cells.get(key, nothing), after.cells.get(key, nothing)
        if (old.state, old.digest or old.by) == (new.state, new.digest or new.by) or _OPENNESS[old.state] + _OPENNESS[
            new.state
        ] == 0:
            continue
        wider = _OPENNESS[new.state] > _OPENNESS[old.state] or (old.state is new.state is CellState.MASKED and not new.blank)
        changes.append(
            MatrixChange(
                principal=principal, table=column.table, column=column.column, before=str(old), after=str(new),
                direction=Direction.WIDER if wider else Direction.NARROWER,
            )
        )  # fmt: skip
    changes += _filter_changes(before, after)
    changes += _unreviewed_changes(before, after)
    return tuple(sorted(changes, key=lambda c: (c.principal, c.table, c.column or "")))


def _filter_changes(before: Matrix, after: Matrix) -> list[MatrixChange]:
    def readable(matrix: Matrix) -> set[tuple[str, TableName]]:
        return {(p, c.table) for (p, c), cell in matrix.cells.items() if _OPENNESS[cell.state]}

    changes = []
    for principal, table in sorted(readable(before) & readable(after)):
        old, new = before.rows(principal, table), after.rows(principal, table)
        if old != new:
            after_text = new[0] + (" with another body" if old[0] == new[0] else "")
            changes.append(
                MatrixChange(
                    principal=principal, table=table, column=None, before=old[0] or "all rows", after=after_text or "all rows",
                    direction=Direction.WIDER if old[0] else Direction.NARROWER,
                )
            )  # fmt: skip
    return changes


def _unreviewed_changes(before: Matrix, after: Matrix) -> list[MatrixChange]:
    shown = {True: str(CellState.NO_ROWS), False: "all rows"}
    changes = []
    reported: dict[tuple[str, Reach], bool] = {}
    for principal, reach in sorted(set(before.unreviewed) | set(after.unreviewed)):
        old, new = before.closes(principal, reach), after.closes(principal, reach)
        # A schema that changes like its catalog is not listed separately.
        if old is None or new is None or old is new or reported.get((principal, reach[:1])) is old:
            continue
        reported[(principal, reach)] = old
        changes.append(
            MatrixChange(
                principal=principal, table=unreviewed_table(reach), column=None, before=shown[old], after=shown[new],
                direction=Direction.WIDER if old else Direction.NARROWER,
            )
        )  # fmt: skip
    return changes
