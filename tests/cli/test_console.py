"""What the terminal shows: rows that fit, and word from work that takes long."""

from __future__ import annotations

import time

import pytest

from lampkeeper.cli import console as console_module
from lampkeeper.cli.console import Console, fitted

pytestmark = pytest.mark.unit


def test_rows_fit_and_no_value_is_wrapped() -> None:
    rows = [("name", "value", "why"), ("a" * 80, "short", "b" * 70), ("x\ny\x1b[2J", "", "")]
    lines = fitted(rows)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert [line.split("  ")[1].strip() for line in lines[1:2]] == ["short"]
    assert "…" in lines[1]
    assert fitted([("a", "b")]) == ["a  b"]


def test_without_a_terminal_long_work_is_reported_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console_module, "_EVERY", 0.05)
    with Console().progress("planning") as step:
        step("tables", 3, 9)
        time.sleep(0.2)
    reported = capsys.readouterr().err.splitlines()
    assert reported[0] == "planning …"
    assert "planning: 3/9 tables (0 s)" in reported
