"""Hooks of the whole suite: what the tests have to say at the end is gathered here, also when workers run them."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.budget import STEPS, budget_lines
from support.closing_lines import ClosingLines, note_methods
from support.driven_methods import take_driven
from support.marks_by_text import MarksByText, UnreadModule
from support.missing_tools import MISSING
from support.nightly import use_profile

_CLOSING = ClosingLines()
_MARKS = pytest.StashKey[MarksByText]()
# As in the Makefile: what Python compiles is kept, the rewritten tests too, wherever a run starts.
sys.dont_write_bytecode = False
use_profile()


def pytest_configure(config: pytest.Config) -> None:
    """Read which tests the run is about."""
    config.stash[_MARKS] = MarksByText(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector leave modules and collected tests alone: they live as long as the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test of a module with servers: close the sockets and files that only cycles still hold."""
    if (nextitem is None or nextitem.path != item.path) and item.get_closest_marker("unit") is None:
        gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """Leave out a module of which `-m` can choose no test: it is not imported."""
    if parent.config.stash[_MARKS].could_be_chosen(module_path):
        return None
    return UnreadModule.from_parent(parent, path=module_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every law of hypothesis as sampled: a run tries some examples, the nightly run all of them."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.sampled)
    config.stash[_MARKS].check(items)


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
    """Print the tables, which real programs were not found, so that their tests did not run, and how long CI took so far."""
    lines = list(_CLOSING.lines())
    if lines:
        terminalreporter.section("tables")
        for line in lines:
            terminalreporter.write_line(line)
    if MISSING:
        terminalreporter.section("did not run")
    for name, remedy in sorted(MISSING.items()):
        terminalreporter.write_line(f"{name}: not found, its tests did not run" + (f" ({remedy})" if remedy else ""))
    if taken := budget_lines(os.environ.get(STEPS), time.time()):
        terminalreporter.section("budget")
    for line in taken:
        terminalreporter.write_line(line)
