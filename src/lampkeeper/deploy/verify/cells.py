"""Queries every table as every test principal and compares the results with the expected access."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from lampkeeper.deploy.verify.queries import (
    SALT,
    Question,
    Reading,
    Reference,
    Variant,
    changes_daily,
    days,
    probe_questions,
    read_probe,
    read_reference,
    reference_questions,
    why_not_comparable,
)
from lampkeeper.deploy.verify.report import NOBODY_RAW, Asked, CellVerdict, RowsVerdict, Seen, Status
from lampkeeper.model.access import Access, Cell, CellState, FunctionUse, Principal, TableAccess
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, FunctionName
from lampkeeper.model.schema import Table

Rows = Sequence[Sequence[str | None]]
Progress = Callable[[str, int, int], None]

DENIALS = frozenset({"INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED", "UNAUTHORIZED_ACCESS"})
"""Error codes and classes of a missing privilege (SQLSTATE 42501); any other error is a failure, not a denial."""

_UNREACHABLE = frozenset({"NO_ANSWER", "NO_CONNECTION"})


class QueryRunner(Protocol):
    """Runs one query as one principal."""

    def ask(self, sql: str, parameters: Mapping[str, str]) -> Rows:
        """Return the rows, every cell a text or None; raise RemoteError with the platform's code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPrincipal:
    """A test principal: shown as `name`, on the platform `principal`, and whether the run created it."""

    name: str
    principal: Principal
    query_runner: QueryRunner
    probe: bool = False

    def asked(self, *, reference: bool) -> Asked:
        """Return the entry for the report."""
        return Asked(name=self.name, groups=tuple(sorted(self.principal.groups)), probe=self.probe, reference=reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A query without a result: denied by privileges, or failed; `code` is the platform's error class."""

    denied: bool
    code: str


@dataclass(slots=True)
class Comparison:
    """The cells and row counts of all tables, and the number of queries."""

    cells: list[CellVerdict] = field(default_factory=list)
    rows: list[RowsVerdict] = field(default_factory=list)
    queries: int = 0
    references: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)


class CellCheck:
    """Compares the results of test principals with an access model, table by table."""

    def __init__(self, expected: Access, test_principals: Sequence[TestPrincipal], salt: str, threads: int = 4) -> None:
        """Take the expected access and the test principals; the one that sees most of a table raw is its reference."""
        self._expected = expected
        self._test_principals = tuple(test_principals)
        self._parameters = {SALT: salt}
        self._threads = threads
        # The comparison does not depend on the environment's key, so the run uses a random one: see verify.queries.
        made_up = HashKey.parse(secrets.token_hex(32), "a key for one run")
        self._functions: dict[FunctionName, Function] = {
            f.name: replace(f, body=made_up.insert(f.body)) if f.keyed else f for f in expected.model.functions
        }
        self._keyed = frozenset(f.name for f in expected.model.functions if f.keyed)

    def run(self, progress: Progress | None = None) -> Comparison:
        """Query every table of the model, a few tables at a time."""
        tables = self._expected.model.tables
        total = Comparison()
        with ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="verify") as pool:
            for done, part in enumerate(pool.map(self._table, tables), start=1):
                total.cells += part.cells
                total.rows += part.rows
                total.queries += part.queries
                total.references |= part.references
                if progress is not None:
                    progress(str(tables[done - 1].name), done, len(tables))
        total.cells.sort()
        total.rows.sort(key=lambda r: (r.principal, r.table))
        return total

    def _table(self, table: Table) -> Comparison:
        found = self._once(table)
        if len(found.days) > 1:
            # Midnight passed between two queries, and a mask depends on the date.
            again = self._once(table)
            again.queries += found.queries
            return again
        return found

    def _once(self, table: Table) -> Comparison:
        found = Comparison()
        expectations = {w.name: self._expected.table(w.principal, table.name) for w in self._test_principals}
        facts = TableFacts(table=table, expectations=expectations, functions=self._functions, reference=None, keyed=self._keyed)
        questions = facts.reference_questions()
        refusals: dict[str, Refusal] = {}
        reference: Reference | None = None
        chosen = ""
        for test_principal in by_rawness(self._test_principals, expectations):
            facts = replace(facts, reference=expectations[test_principal.name])
            answer = self._ask(test_principal, questions, found)
            if not isinstance(answer, Refusal):
                reference, chosen = read_reference(questions, answer), test_principal.name
                found.references.add(chosen)
                break
            # A denied reference gets its own mismatch; the next best principal becomes the reference.
            refusals[test_principal.name] = answer
        probing = probe_questions(table, facts.keyed_columns(), dated=facts.dated())
        readings: dict[str, Reading] = {}
        for test_principal in self._test_principals:
            seen: Reading | Refusal
            if test_principal.name == chosen and reference is not None:
                seen = facts.raw_reading(reference)
            elif test_principal.name in refusals:
                seen = refusals[test_principal.name]
            else:
                answer = self._ask(test_principal, probing, found)
                seen = answer if isinstance(answer, Refusal) else read_probe(table, probing, answer)
            if isinstance(seen, Reading):
                readings[test_principal.name] = seen
            cells, rows = facts.judge(test_principal.name, seen, reference)
            found.cells += cells
            found.rows.append(rows)
        found.cells = facts.agreed(found.cells, readings)
        return found

    def _ask(
        self, test_principal: TestPrincipal, questions: Sequence[Question], found: Comparison
    ) -> list[Sequence[str | None]] | Refusal:
        rows: list[Sequence[str | None]] = []
        for question in questions:
            found.queries += 1
            try:
                rows.append(test_principal.query_runner.ask(question.sql, self._parameters)[0])
            except RemoteError as error:
                return refusal(error)
        found.days |= days(questions, rows)
        return rows


def refusal(error: RemoteError) -> Refusal:
    """Classify a failed query as denied or failing. An error that is not about the table (no response, bad token) is raised."""
    if error.code in _UNREACHABLE or error.status in (401, 429) or error.status >= 500:
        raise error
    denied = error.code.split(".")[0] in DENIALS or "42501" in error.message
    return Refusal(denied=denied, code=error.code or "no error class")


def rawness(access: TableAccess) -> int:
    """Return the number of columns of a table that a principal should see raw, doubled if no row is filtered."""
    return sum(c.state is CellState.RAW for c in access.cells.values()) * (1 if access.filters else 2)


def by_rawness(test_principals: Sequence[TestPrincipal], expectations: Mapping[str, TableAccess]) -> list[TestPrincipal]:
    """Return the principals that should see a column of the table raw, those that see most first."""
    able = [w for w in test_principals if rawness(expectations[w.name])]
    return sorted(able, key=lambda w: -rawness(expectations[w.name]))


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
