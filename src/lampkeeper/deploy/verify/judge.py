"""Judges the answers of one table: what each principal got of each column, beside what the access model expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lampkeeper.deploy.verify.asking import Refusal
from lampkeeper.deploy.verify.queries import Reading, Reference, changes_daily, reference_questions, why_not_comparable
from lampkeeper.deploy.verify.report import NOBODY_RAW, CellVerdict, RowsVerdict, Seen, Status
from lampkeeper.deploy.verify.statements import Question, Variant
from lampkeeper.model.access import Cell, CellState, FunctionUse, TableAccess
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, FunctionName
from lampkeeper.model.schema import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table with the expected access of every test principal, the reference included."""

    table: Table
    expectations: Mapping[str, TableAccess]
    functions: Mapping[FunctionName, Function]
    reference: TableAccess | None
    keyed: frozenset[FunctionName] = frozenset()

    def filters(self) -> tuple[FunctionUse | None, ...]:
        """Return the row filters of all principals, and no filter."""
        return (None, *sorted({_filter_of(a) for a in self.expectations.values()} - {None}, key=repr))

    def masks(self, column: ColumnName) -> tuple[FunctionUse, ...]:
        """Return the masks of all principals on the column whose results another principal can compute."""
        found = {_mask_of(a, column) for a in self.expectations.values() if a.cells[column].state is CellState.MASKED}
        return tuple(sorted((m for m in found if m is not None and not self.why_untestable(m)), key=repr))

    def why_untestable(self, use: FunctionUse) -> str:
        """Return why results of this function prove nothing; empty if they do."""
        function = self.functions.get(use.function)
        if function is None:
            return "the function is not in the desired state"
        return why_not_comparable(function, self.functions)

    def reference_questions(self) -> tuple[Question, ...]:
        """Return the queries for the reference principal, which compute the expected result of every principal."""
        filters = self.filters()
        variants = [
            Variant(column=c, mask=m, row_filter=f)
            for c in self.table.column_names()
            for m in (None, *self.masks(c))
            for f in filters
        ]
        return reference_questions(self.table, variants, filters, self.functions, self.keyed, dated=self.dated())

    def keyed_columns(self) -> frozenset[ColumnName]:
        """Return the columns that some principal should get through a keyed mask."""
        return frozenset(c for c in self.table.column_names() if any(m.function in self.keyed for m in self.masks(c)))

    def dated(self) -> bool:
        """Return whether a mask or filter of some principal depends on the date."""
        uses = {f for f in self.filters() if f is not None} | {m for c in self.table.column_names() for m in self.masks(c)}
        return any((f := self.functions.get(u.function)) is not None and changes_daily(f) for u in uses)

    def agreed(self, cells: list[CellVerdict], readings: Mapping[str, Reading]) -> list[CellVerdict]:
        """Return the cells; if principals with the same keyed mask and filter get different values, all are mismatches."""
        seen: dict[tuple[ColumnName, FunctionUse, FunctionUse | None], set[str]] = {}
        protections = {}
        for number, cell in enumerate(cells):
            access = self.expectations[cell.principal]
            mask = _mask_of(access, cell.column) if access.cells[cell.column].state is CellState.MASKED else None
            if mask is None or mask.function not in self.keyed or cell.status is not Status.OK:
                continue
            protections[number] = (cell.column, mask, _filter_of(access))
            seen.setdefault(protections[number], set()).add(readings[cell.principal].digests[cell.column])
        return [
            replace(c, status=Status.MISMATCH, detail="other principals with the same mask get other values")
            if n in protections and len(seen[protections[n]]) > 1 else c
            for n, c in enumerate(cells)
        ]  # fmt: skip

    def raw_reading(self, reference: Reference) -> Reading:
        """Return the result of the reference principal."""
        digests = {c: reference.digests[Variant(column=c)] for c in self.table.column_names()}
        return Reading(rows=reference.rows[None], digests=digests)

    def judge(self, name: str, seen: Reading | Refusal, reference: Reference | None) -> tuple[list[CellVerdict], RowsVerdict]:
        """Return the result of every column and of the row count."""
        access = self.expectations[name]
        if isinstance(seen, Refusal):
            return self._judge_refusal(name, access, seen)
        if reference is None:
            cells = [
                self._verdict(name, access, c, Seen.OTHER, Status.UNTESTED if access.readable else Status.MISMATCH,
                              "the reference principal could not read the table" if self.reference else NOBODY_RAW)
                for c in self.table.column_names()
            ]  # fmt: skip
            status = Status.UNTESTED if access.readable else Status.MISMATCH
            return cells, RowsVerdict(principal=name, table=self.table.name, expected=None, seen=seen.rows, status=status)
        judged = [self._judge_cell(name, access, c, seen, reference) for c in self.table.column_names()]
        return judged, self._judge_rows(name, access, seen, reference)

    def _judge_refusal(self, name: str, access: TableAccess, seen: Refusal) -> tuple[list[CellVerdict], RowsVerdict]:
        fine = seen.denied and not access.readable
        what = Seen.HIDDEN if seen.denied else Seen.FAILING
        status = Status.OK if fine else Status.MISMATCH
        cells = [self._verdict(name, access, c, what, status, "" if fine else seen.code) for c in self.table.column_names()]
        return cells, RowsVerdict(principal=name, table=self.table.name, expected=None, seen=None, status=status)

    def _judge_rows(self, name: str, access: TableAccess, seen: Reading, reference: Reference) -> RowsVerdict:
        if not access.readable:
            return RowsVerdict(principal=name, table=self.table.name, expected=None, seen=seen.rows, status=Status.MISMATCH)
        row_filter = _filter_of(access)
        expected = reference.rows[row_filter]
        if row_filter is not None and self.why_untestable(row_filter):
            # The reference's result proves nothing if the rows depend on the principal.
            status = Status.UNTESTED
        elif seen.rows != expected:
            status = Status.MISMATCH
        elif (self.reference is not None and self.reference.filters) or (
            len(reference.rows) > 1 and len(set(reference.rows.values())) == 1
        ):
            status = Status.UNPROVEN
        else:
            status = Status.OK
        return RowsVerdict(principal=name, table=self.table.name, expected=expected, seen=seen.rows, status=status)

    def _judge_cell(self, name: str, access: TableAccess, column: ColumnName, seen: Reading, reference: Reference) -> CellVerdict:
        if access.readable and self.reference is not None and self.reference.cells[column].state is not CellState.RAW:
            return self._verdict(name, access, column, Seen.OTHER, Status.UNTESTED, NOBODY_RAW)
        rows = self._rows_seen(access, seen, reference)
        digest = seen.digests[column]
        masks = self.masks(column)
        raw = {reference.digests[Variant(column=column, row_filter=f)] for f in rows}
        masked = {m: {reference.digests[Variant(column=column, mask=m, row_filter=f)] for f in rows} for m in masks}
        cell = access.cells[column]
        what = Seen.OTHER
        if digest in raw:
            what = Seen.RAW
        elif any(digest in found for found in masked.values()):
            what = Seen.MASKED
        if cell.state is CellState.NO_ROWS:
            return self._verdict(name, access, column, what, Status.MISMATCH if seen.rows else Status.OK)
        if cell.state is CellState.RAW and digest in raw:
            # A masked column proves something only if the mask changes a value in these rows.
            alike = any(digest in found for found in masked.values())
            return self._verdict(name, access, column, Seen.RAW, Status.UNPROVEN if alike else Status.OK)
        if cell.state is CellState.MASKED:
            mask = _mask_of(access, column)
            why = self.why_untestable(mask) if mask is not None else "two masks"
            if why:
                status = Status.MISMATCH if what is Seen.RAW and not digest.startswith("0:") else Status.UNTESTED
                return self._verdict(name, access, column, what, status, why)
            if mask is not None and mask.function in self.keyed:
                return self._judge_keyed(name, access, column, seen, reference, raw, what)
            if mask is not None and digest in masked[mask]:
                return self._verdict(name, access, column, Seen.MASKED, Status.UNPROVEN if digest in raw else Status.OK)
            detail = "by another mask of this column" if what is Seen.MASKED else ""
            return self._verdict(name, access, column, what, Status.MISMATCH, detail)
        return self._verdict(name, access, column, what, Status.MISMATCH)

    def _judge_keyed(
        self, name: str, access: TableAccess, column: ColumnName, seen: Reading, reference: Reference, raw: set[str], what: Seen
    ) -> CellVerdict:
        """Compare a keyed mask by properties without the key: equal counts of values and of distinct values, none of them raw."""
        mask = _mask_of(access, column)
        digest, spread = seen.digests[column], seen.spreads.get(column)
        count = digest.partition(":")[0]
        wanted = {
            (reference.digests[v].partition(":")[0], reference.spreads[v])
            for v in (Variant(column=column, mask=mask, row_filter=f) for f in self._rows_seen(access, seen, reference))
        }
        if (count, spread) not in wanted or (what is not Seen.OTHER and count != "0"):
            return self._verdict(name, access, column, what, Status.MISMATCH, "not the result of a keyed mask")
        return self._verdict(name, access, column, Seen.MASKED, Status.UNPROVEN if count == "0" else Status.OK)

    def _rows_seen(self, access: TableAccess, seen: Reading, reference: Reference) -> tuple[FunctionUse | None, ...]:
        """Return the filters with the row count that was seen: a wrong row filter must not affect the results of columns."""
        expected = _filter_of(access) if access.readable else None
        if seen.rows == reference.rows[expected]:
            return (expected,)
        return tuple(f for f, count in reference.rows.items() if count == seen.rows)

    def _verdict(
        self, name: str, access: TableAccess, column: ColumnName, seen: Seen, status: Status, detail: str = ""
    ) -> CellVerdict:
        cell: Cell = access.cells[column]
        return CellVerdict(principal=name, column=column, expected=str(cell), seen=seen, status=status, detail=detail)


def _filter_of(access: TableAccess) -> FunctionUse | None:
    # The policy's name is ignored: two policies with the same function and arguments are one filter.
    return _nameless(access.filters[0]) if access.filters and access.readable else None


def _mask_of(access: TableAccess, column: ColumnName) -> FunctionUse | None:
    uses = access.masks.get(column, ())
    return _nameless(uses[0]) if uses else None


def _nameless(use: FunctionUse) -> FunctionUse:
    return FunctionUse(policy="", function=use.function, arguments=use.arguments)
