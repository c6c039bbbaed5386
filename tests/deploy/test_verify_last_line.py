"""The last line of a verification agrees with its exit code, whatever it came to."""

from __future__ import annotations

import itertools
import re

import pytest

from lampkeeper.cli.console import Console
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.verification_table import print_verification
from lampkeeper.deploy.verify.report import Asked, CellVerdict, RowsVerdict, Seen, Status, VerifyReport, findings_of
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.names import ColumnName, TableName

pytestmark = pytest.mark.unit

TABLE = TableName("c", "s", "people")
SEVERITIES = (None, Severity.INFO, Severity.WARNING, Severity.ERROR)


def report(cell: Status | None, rows: Status, severity: Severity | None, *, undeclared: bool = False) -> VerifyReport:
    column = ColumnName(TABLE, "email")
    verdict = CellVerdict(principal="ana", column=column, expected="masked by f", seen=Seen.MASKED, status=cell or Status.OK)
    cells = () if cell is None else (verdict,)
    counted = RowsVerdict(principal="ana", table=TABLE, expected=1, seen=1, status=rows)
    more = () if severity is None else (Finding(code="verify/other", severity=severity, location="x", message="y"),)
    return VerifyReport(
        principals=(Asked(name="ana", groups=(), probe=True),), cells=cells, rows=(counted,),
        findings=(*more, *findings_of(cells, (counted,))), undeclared=frozenset({column} if undeclared else ()),
    )  # fmt: skip


@pytest.mark.parametrize(("cell", "rows", "severity"), list(itertools.product((None, *Status), Status, SEVERITIES)))
def test_the_last_line_says_failed_exactly_where_the_exit_code_is_not_0(
    cell: Status | None, rows: Status, severity: Severity | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(cell, rows, severity)
    print_verification(Console(), found)
    last = capsys.readouterr().out.splitlines()[-1]
    code = Outcome(document=None, findings=found.findings, failed=not found.ok).code
    assert last == found.verdict
    assert last.startswith("verify: FAILED: ") == (code == 1)
    numbers = [int(n) for n in re.findall(r"\d+", last)]
    assert found.mismatches in numbers
    if code == 1 and cell is not None:
        assert re.fullmatch(r"verify: FAILED: \d+ errors?, \d+ mismatch(es)?", last)
        assert sum(numbers) >= 1


def test_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(Status.OK, Status.OK, None).verdict == "verify: 0 mismatches in 1 cell"
    assert report(Status.OK, Status.OK, Severity.ERROR).verdict == "verify: FAILED: 1 error, 0 mismatches"
    assert report(Status.MISMATCH, Status.OK, None).verdict == "verify: FAILED: 0 errors, 1 mismatch"
    assert report(None, Status.OK, None).verdict == "verify: FAILED: 0 errors, 0 mismatches (nothing was compared)"


def test_a_column_that_nobody_declared_is_marked_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    for undeclared in (True, False):
        print_verification(Console(), report(Status.OK, Status.OK, None, undeclared=undeclared))
        assert ("UNDECLARED" in capsys.readouterr().out) == undeclared
    assert report(Status.OK, Status.OK, None, undeclared=True).as_dict()["undeclared"] == ["c.s.people.email"]
