"""Hooks of the whole suite: what the tests have to say at the end is gathered here, also when workers run them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.closing_lines import ClosingLines, note_methods
from support.driven_methods import take_driven
from support.missing_tools import MISSING
from support.nightly import use_profile

_CLOSING = ClosingLines()
use_profile()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every law of hypothesis as sampled: a run tries some examples, the nightly run all of them."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.sampled)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note which methods of the SDK a test has driven, its fixtures included; a test that fails has driven none."""
    if call.when == "call":
        driven = take_driven()
        if driven and call.excinfo is None:
            note_methods(lambda name, value: item.user_properties.append((name, value)), driven)
    yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Hear what a test leaves for the end."""
    _CLOSING.hear(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker: hand over what it did not find."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["missing"] = dict(MISSING)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker did not find."""
    MISSING.update(getattr(node, "workeroutput", {}).get("missing", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables, and before the closing line which real programs were not found, so that their tests did not run."""
    lines = list(_CLOSING.lines())
    if lines:
        terminalreporter.section("tables")
        for line in lines:
            terminalreporter.write_line(line)
    if not MISSING:
        return
    terminalreporter.section("did not run")
    for name, remedy in sorted(MISSING.items()):
        terminalreporter.write_line(f"{name}: not found, its tests did not run" + (f" ({remedy})" if remedy else ""))
