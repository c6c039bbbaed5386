"""Hooks of the whole suite."""

from __future__ import annotations

import pytest

from support.missing_tools import MISSING


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say by name, before the closing line, which real programs were not found, so that their tests did not run."""
    if not MISSING:
        return
    terminalreporter.section("did not run")
    for name, remedy in sorted(MISSING.items()):
        terminalreporter.write_line(f"{name}: not found, its tests did not run" + (f" ({remedy})" if remedy else ""))
