"""The effect of a plan on access: what it widens and narrows, and transient exposures during its apply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GRANT, kind_named
from lampkeeper.deploy.order import barriers
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage, key_of
from lampkeeper.deploy.state import States
from lampkeeper.model.access import Access, Cell, CellState
from lampkeeper.model.effective import Direction, Matrix, MatrixChange, compare, compute_matrix, standard_principals
from lampkeeper.model.names import ColumnName, TableName

_UNREVIEWED = (CellState.HIDDEN, CellState.FAILING, CellState.NO_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEffect:
    """The changes of the matrix that a plan causes, by their direction."""

    widening: tuple[MatrixChange, ...]
    first_access: tuple[MatrixChange, ...]
    narrowing: tuple[MatrixChange, ...]
    restoring: tuple[MatrixChange, ...]


def effect_on_access(
    before: SimulatedAccess,
    recorded: SimulatedAccess,
    after: SimulatedAccess,
    governed: set[TableName],
    kept: Collection[str] = (),
) -> AccessEffect:
    """Compare the matrix before and after the plan.

    A change widens access if a principal sees more of a table that was already governed, compared both with the live state
    (`before`) and with the state files (`recorded`). A gain compared with the live state alone repairs drift: it is *restoring*.
    First access is a gain from hidden on a table that was not governed, a table or column that was unreviewed, and unreviewed
    tables of a catalog that is no longer governed (not among `kept`).
    """
    accesses = [Access(p.model()) for p in (before, recorded, after)]
    principals = standard_principals(*accesses)
    old, left, new = (compute_matrix(a, principals) for a in accesses)
    against_recorded = {_cell(c) for c in compare(left, new) if c.direction is Direction.WIDER}
    widening, first_access, narrowing, restoring = [], [], [], []
    for change in compare(old, new):
        if change.direction is Direction.NARROWER:
            narrowing.append(change)
        elif _opens(change, (old, left), governed, kept):
            first_access.append(change)
        elif (change.table not in governed and not change.of_unreviewed) or _cell(change) in against_recorded:
            widening.append(change)
        else:
            restoring.append(change)
    return AccessEffect(
        widening=tuple(widening), first_access=tuple(first_access), narrowing=tuple(narrowing), restoring=tuple(restoring)
    )


def _opens(change: MatrixChange, before: Iterable[Matrix], governed: set[TableName], kept: Collection[str]) -> bool:
    if change.of_unreviewed:
        return change.table.catalog not in kept
    if change.column is not None:
        cell = (change.principal, ColumnName(change.table, change.column))
        if any(matrix.cells[cell].unreviewed for matrix in before if cell in matrix.cells):
            return True
    return change.table not in governed and change.before == str(CellState.HIDDEN)


def _cell(change: MatrixChange) -> tuple[str, TableName, str | None]:
    return (change.principal, change.table, change.column)


def recorded_simulated_access(live: SimulatedAccess, states: States) -> SimulatedAccess:
    """Return the simulated access after undoing all changes to objects in the state files."""
    simulated_access = live.copy()
    for state in states.layers.values():
        for (name, _), owned in state.objects.items():
            kind_named(name).simulate(simulated_access, None, owned.spec)
    return simulated_access


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Exposure:
    """A transient exposure: the cell, the visible value, and the change after which it shows, counted from 1."""

    step: int
    principal: str
    column: ColumnName
    seen: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"after step {self.step}, {self.principal} sees {self.column} {self.seen}"


class PlanSimulation:
    """Simulates the access after each change of a plan, with and without the effects that may be delayed."""

    def __init__(self, before: SimulatedAccess, changes: Sequence[Change[Any]]) -> None:
        """Compute the access before and after the plan."""
        self._before = before
        self._changes = changes
        after = before.copy()
        for change in changes:
            change.simulate(after)
        accesses = [Access(before.model()), Access(after.model())]
        self._principals = standard_principals(*accesses)
        self._ends = [compute_matrix(a, self._principals) for a in accesses]

    def exposures(self) -> tuple[Exposure, ...]:
        """Return every transient exposure, at the first step after which it shows."""
        now = self._before.copy()
        settled = self._before.copy()
        waits = barriers(self._changes)
        found: dict[tuple[str, ColumnName], Exposure] = {}
        pending: set[TableName] = set()
        for position, change in enumerate(self._changes):
            if position in waits:
                settled, pending = now.copy(), set()
            change.simulate(now)
            touched = change.touched(now)
            if not touched:
                continue
            if change.kind.propagating:
                pending |= touched
            tables = self._readable(now, touched)
            for variant in _variants(now, settled, lagging=bool(pending & tables)):
                for exposure in self._look(variant, tables, position + 1):
                    found.setdefault((exposure.principal, exposure.column), exposure)
        return tuple(sorted(found.values()))

    def _readable(self, simulated_access: SimulatedAccess, tables: set[TableName]) -> set[TableName]:
        """Return the tables on which some principal has SELECT; the cells of all others are hidden."""
        selectable = [g for g in simulated_access.grants.values() if {"SELECT", "ALL_PRIVILEGES"} & set(g.privileges)]
        granted = {tuple(p.casefold() for p in g.securable) for g in selectable}
        names = {p.name for p in self._principals} | set(simulated_access.members)
        owned = {name.casefold() for (_, name), owner in simulated_access.owners.items() if owner in names}
        return {
            t for t in tables
            if any(tuple(p.casefold() for p in t.parts)[:n] in granted for n in (1, 2, 3)) or t.plain.casefold() in owned
        }  # fmt: skip

    def _look(self, simulated_access: SimulatedAccess, tables: set[TableName], step: int) -> Iterable[Exposure]:
        if not tables:
            return
        matrix = compute_matrix(Access(simulated_access.model(tables)), self._principals)
        for (principal, column), cell in matrix.cells.items():
            if (
                cell.state in _UNREVIEWED
                or cell.blank
                or any(self._seen_at(end, matrix, principal, column, cell) for end in self._ends)
            ):
                continue
            yield Exposure(step=step, principal=principal, column=column, seen=str(cell))

    @staticmethod
    def _seen_at(end: Matrix, here: Matrix, principal: str, column: ColumnName, cell: Cell) -> bool:
        """Return whether the access before (or after) shows the same or the raw value of the cell, for at least the same rows."""
        other = end.cells.get((principal, column))
        if other is None:
            return False
        same = (other.state, other.digest or other.by) == (cell.state, cell.digest or cell.by)
        rows = end.rows(principal, column.table)
        return (same or other.state is CellState.RAW) and (not rows[0] or rows == here.rows(principal, column.table))


def _variants(now: SimulatedAccess, settled: SimulatedAccess, *, lagging: bool) -> list[SimulatedAccess]:
    """Return the possible accesses at this moment: with new or with old tags, with new or with old memberships."""
    if not lagging:
        return [now]
    variants = [now]
    for tags, members in ((True, False), (False, True), (True, True)):
        if (tags and now.tags == settled.tags) or (members and now.members == settled.members):
            continue
        variant = now.copy()
        if tags:
            variant.tags = settled.tags
        if members:
            variant.members = settled.members
        variants.append(variant)
    return variants


def with_temporary_revokes(
    changes: Sequence[Change[Any]], live: SimulatedAccess, exposures: Iterable[Exposure], owned: Collection[str]
) -> list[Change[Any]]:
    """Return the changes with the owned grants on the exposed tables revoked first and granted again last.

    `owned` are the keys of lampkeeper's grants. A grant that the plan changes anyway is not revoked.
    """
    tables = {e.column.table for e in exposures}
    changed = {c.key for c in changes if c.kind is GRANT}
    extra: list[Change[Any]] = []
    for (kind, full_name, principal), grant in sorted(live.grants.items()):
        key = key_of(kind, full_name, principal)
        covers = any(f"{t.plain.casefold()}.".startswith(f"{full_name}.") for t in tables)
        if key not in owned or key in changed or not covers or not {"SELECT", "ALL_PRIVILEGES"} & set(grant.privileges):
            continue
        away = Change(
            kind=GRANT, key=key, action=Action.DELETE, stage=Stage.CLOSE, before=grant,
            reasons=("revoked while the protection changes",), temporary=True,
        )  # fmt: skip
        back = replace(away, action=Action.CREATE, stage=Stage.OPEN, before=None, after=grant, reasons=("granted again",))
        extra += [away, back]
    return [*changes, *extra]
