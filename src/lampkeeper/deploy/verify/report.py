"""The result of a verification as values: cells, row counts, test principals, findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.text.counting import counted


class Status(StrEnum):
    """The result of a comparison. Unproven: the data cannot show a difference (an empty table, a mask without effect)."""

    OK = "ok"
    MISMATCH = "mismatch"
    UNPROVEN = "unproven"
    UNTESTED = "untested"


class Seen(StrEnum):
    """The kind of value that a principal got; never the value itself."""

    RAW = "raw"
    MASKED = "masked"
    HIDDEN = "hidden"
    OTHER = "other"
    FAILING = "failing"
    NOTHING = "not asked"


NOBODY_RAW = "no test principal may see this column raw, so its mask cannot be compared"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class CellVerdict:
    """One principal, one column: expected (`raw`, `masked by f`, `hidden`) and seen."""

    principal: str
    column: ColumnName
    expected: str
    seen: Seen
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class RowsVerdict:
    """One principal, one table: the expected number of rows, and the counted one (None: denied or not queried)."""

    principal: str
    table: TableName
    expected: int | None
    seen: int | None
    status: Status


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Asked:
    """A test principal: its groups, and whether the run created it."""

    name: str
    groups: tuple[str, ...]
    probe: bool
    reference: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """The whole result. Principals, cells, rows and findings are sorted.

    `queries`: the number of statements that compared cells and row counts, `seconds` the time of the whole verification.
    `unreviewed`: the queries of unreviewed tables, per hidden catalog. `exemptions`: the principals with raw values, reasons and
    last days. `keyed`: how keyed masks were compared. `undeclared`: columns that are newer than the last snapshot. `spaces`: what
    the runner may query of each Genie space, where an environment manages spaces alone.
    """

    principals: tuple[Asked, ...]
    cells: tuple[CellVerdict, ...]
    rows: tuple[RowsVerdict, ...]
    findings: tuple[Finding, ...]
    queries: int = 0
    seconds: float = 0.0
    checked: tuple[tuple[str, int], ...] = ()
    unreviewed: tuple[str, ...] = ()
    exemptions: tuple[str, ...] = ()
    keyed: str = ""
    undeclared: frozenset[ColumnName] = frozenset()
    spaces: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether at least one cell was compared, or one Genie space, without a finding of severity error."""
        return bool(self.cells or self.spaces) and not has_errors(self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of comparisons (cells and row counts) by result."""
        statuses = [c.status for c in self.cells] + [r.status for r in self.rows]
        found = Counter(map(str, statuses))
        return {str(s): found.get(str(s), 0) for s in Status}

    @property
    def mismatches(self) -> int:
        """Return the number of mismatches."""
        return self.counts[str(Status.MISMATCH)]

    @property
    def errors(self) -> int:
        """Return the number of findings of severity error besides mismatches."""
        return sum(f.severity is Severity.ERROR and f.code not in _OF_MISMATCHES for f in self.findings)

    @property
    def verdict(self) -> str:
        """Return the verification's last line, consistent with `ok`."""
        if self.spaces:
            done = counted(len(self.spaces), "space")
            return f"verify: {done} as asked for" if self.ok else f"verify: FAILED: {counted(self.errors, 'error')} in {done}"
        mismatches = counted(self.mismatches, "mismatch")
        if self.ok:
            return f"verify: {mismatches} in {counted(len(self.cells), 'cell')}"
        empty = "" if self.cells else " (nothing was compared)"
        return f"verify: FAILED: {counted(self.errors, 'error')}, {mismatches}{empty}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "counts": self.counts,
            "queries": self.queries,
            "seconds": round(self.seconds, 1),
            "checked": dict(self.checked),
            "unreviewed": list(self.unreviewed),
            "exemptions": list(self.exemptions),
            **({"spaces": list(self.spaces)} if self.spaces else {}),
            **({"keyed": self.keyed} if self.keyed else {}),
            **({"undeclared": [str(c) for c in sorted(self.undeclared)]} if self.undeclared else {}),
            "principals": [
                {"name": p.name, "groups": list(p.groups), "probe": p.probe, "reference": p.reference} for p in self.principals
            ],
            "cells": [
                {
                    "principal": c.principal,
                    "column": str(c.column),
                    "expected": c.expected,
                    "seen": str(c.seen),
                    "status": str(c.status),
                    "detail": c.detail,
                }
                for c in self.cells
            ],
            "rows": [
                {"principal": r.principal, "table": str(r.table), "expected": r.expected, "seen": r.seen, "status": str(r.status)}
                for r in self.rows
            ],
            "findings": [f.as_dict() for f in self.findings],
        }


_OF_MISMATCHES = frozenset({f"verify/{Status.MISMATCH}", "verify/rows"})


def findings_of(cells: tuple[CellVerdict, ...], rows: tuple[RowsVerdict, ...]) -> tuple[Finding, ...]:
    """Return a finding for every mismatch, every untested cell, and every unproven column."""
    found = [
        Finding(
            code=f"verify/{cell.status}",
            severity=Severity.ERROR,
            location=f"{cell.principal}: {cell.column}",
            message=f"expected {cell.expected}, saw {cell.seen}{f' ({cell.detail})' if cell.detail else ''}",
            fix="run `plan` to see what differs, then `apply`" if cell.status is Status.MISMATCH else "",
        )
        for cell in cells
        if cell.status is Status.MISMATCH or (cell.status is Status.UNTESTED and cell.detail != NOBODY_RAW)
    ]
    found += [
        Finding(code="verify/no_reference", severity=Severity.WARNING, location=str(column), message=NOBODY_RAW)
        for column in {c.column for c in cells if c.detail == NOBODY_RAW}
    ]
    for row in rows:
        if row.status is Status.MISMATCH:
            found.append(
                Finding(
                    code="verify/rows",
                    severity=Severity.ERROR,
                    location=f"{row.principal}: {row.table}",
                    message=_rows_message(row),
                    fix="run `plan` to see whether the row filter or its tag is missing",
                )
            )
        if row.status is Status.UNTESTED and row.seen is not None:
            message = "the rows that the filter keeps are the same as another principal's rows, so nothing was proved"
            location = f"{row.principal}: {row.table}"
            found.append(Finding(code="verify/untested", severity=Severity.ERROR, location=location, message=message))
        if row.status is Status.UNPROVEN:
            found.append(_unproven(str(row.table), "the row filter hides no row, so its effect is unproven"))
    message = "the mask changes no value here (all null, no rows, or the same text already)"
    found += [_unproven(str(c), message) for c in {c.column for c in cells if c.status is Status.UNPROVEN}]
    return sort_findings(found)


def _rows_message(row: RowsVerdict) -> str:
    if row.seen is None:
        return "expected rows, the query was refused or failed"
    return f"expected {'no access' if row.expected is None else f'{row.expected} row(s)'}, saw {row.seen}"


def _unproven(location: str, message: str) -> Finding:
    return Finding(code="verify/unproven", severity=Severity.WARNING, location=location, message=message)
