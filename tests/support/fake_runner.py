"""A statement runner without an engine: a tiny language that shows what the statement API does."""

from __future__ import annotations

import re
import time
from pathlib import Path

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.governance.repositories import Repositories


class FakeRunner:
    """Understands `SELECT <n> ROWS`, `SLEEP <seconds>`, `FAIL`, `WRITE`, `BREAK`, `ECHO`."""

    def __init__(self) -> None:
        """Start with nothing run."""
        self.ran: list[StatementRequest] = []
        self.closed = False

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        """Run one of the words above."""
        self.ran.append(request)
        text = request.statement
        if rows := re.match(r"SELECT (\d+) ROWS", text):
            cells = [[str(number), None] for number in range(int(rows.group(1)))]
            return StatementResult(columns=(("n", "INT", "INT"), ("nothing", "STRING", "STRING")), rows=cells)
        if sleep := re.match(r"SLEEP ([\d.]+)", text):
            end = time.monotonic() + float(sleep.group(1))
            while time.monotonic() < end and not cancel.cancelled:
                time.sleep(0.005)
            return StatementResult()
        if text == "FAIL":
            raise SqlError("TABLE_OR_VIEW_NOT_FOUND", "The table `x` cannot be found.", "42P01")
        if text == "BREAK":
            raise ZeroDivisionError("the engine broke")
        if text == "ECHO":
            cells = [[name, kind, value] for name, kind, value in request.parameters]
            return StatementResult(columns=tuple((one, "STRING", "STRING") for one in ("name", "type", "value")), rows=cells)
        return StatementResult()

    def warm(self) -> None:
        """Have nothing to start."""

    def close(self) -> None:
        """Note the end."""
        self.closed = True


def fake_runner(repositories: Repositories, files: Path) -> FakeRunner:
    """Return a runner for `running_localspace(build_runner=fake_runner)`."""
    return FakeRunner()
