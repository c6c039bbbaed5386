"""What a run says before its closing line: tables that tests filled. They travel as properties of reports, from any worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

_TABLE, _LAW, _METHODS = "closing table", "law tried", "SDK methods driven"
Record = Callable[[str, object], None]


class ClosingLines:
    """Hears the reports of a run and prints what they brought."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._tables: list[str] = []
        self._tried: Counter[tuple[str, str]] = Counter()
        self._methods: set[str] = set()

    def hear(self, report: pytest.TestReport) -> None:
        """Take what a test recorded; its last report holds all of it."""
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == _TABLE:
                self._tables.append(str(value))
            elif name == _LAW:
                law, config, points = value  # type: ignore[misc]
                self._tried[(law, config)] += points
            elif name == _METHODS:
                self._methods.update(str(value).split())

    def lines(self) -> Iterator[str]:
        """Yield the tables in the order in which tests ended, then which law was tried on which configuration, how often."""
        for table in self._tables:
            yield from table.splitlines()
        if self._methods:
            yield f"{len(self._methods)} distinct SDK methods driven against localspace, by tests that passed"
        if not self._tried:
            return
        laws, configs = (sorted({pair[at] for pair in self._tried}) for at in (0, 1))
        width = max(len(c) for c in configs)
        yield "laws x configurations: points tried"
        yield " " * width + "  " + "  ".join(laws)
        for config in configs:
            cells = [str(self._tried.get((law, config), "")).rjust(len(law)) for law in laws]
            yield config.ljust(width) + "  " + "  ".join(cells)


def note_table(record: Record, text: str) -> None:
    """Leave a table for the end of the run."""
    record(_TABLE, text)


def note_methods(record: Record, methods: Iterable[str]) -> None:
    """Leave the SDK methods that a test has driven."""
    record(_METHODS, " ".join(sorted(methods)))


def note_tried(record: Record, law: str, config: str, points: int) -> None:
    """Leave how many points of a law were tried on a configuration."""
    record(_LAW, (law, config, points))
