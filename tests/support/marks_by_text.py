"""Which marks the tests of a module can have, by its text alone.

A run with `-m unit` would otherwise import every module of the suite, and with them Spark, the SDK and the clients of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

_MARK = re.compile(r"\bmark\.(\w+)")
_OF_MODULE = re.compile(r"^pytestmark = (\[[^\]]*\]|.*)", re.MULTILINE)
_BY_HELPERS = {"hypothesis": {"sampled"}, "sampled": {"sampled", "nightly"}}
"""Words that stand in a module whose tests get marks elsewhere: laws in `conftest.py`, tables in `support/nightly.py`."""


class MarksDifferError(pytest.UsageError):
    """A test has a mark that the text of its module does not show, or lacks one that it shows for all tests."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that all tests of a module have, and those that some of them may have beside."""

    of_all: frozenset[str]
    of_some: frozenset[str]

    def may_fit(self, expression: str) -> bool:
        """Return whether a test with such marks could be chosen by `-m expression`."""
        asked = set(re.findall(r"\w+", expression))
        open_ones = sorted(self.of_some & asked)
        subsets = chain.from_iterable(combinations(open_ones, size) for size in range(len(open_ones) + 1))
        return any(chooses(expression, self.of_all.union(some)) for some in subsets)


def chooses(expression: str, marks: frozenset[str]) -> bool:
    """Return whether `-m expression` chooses a test with exactly these marks."""
    return Expression.compile(expression).evaluate(lambda name, **_: name in marks)


def marks_of(text: str, known: frozenset[str]) -> Marks:
    """Return which of the `known` marks tests in a module with this text have."""
    module = _OF_MODULE.search(text)
    of_all = frozenset(_MARK.findall(module.group(1)) if module else ()) & known
    named = set(_MARK.findall(text))
    for word, marks in _BY_HELPERS.items():
        if word in text:
            named |= marks
    return Marks(of_all, (frozenset(named) & known) - of_all)


class UnreadModule(pytest.File):
    """A test module of which no test could be chosen: it is not imported."""

    def collect(self) -> list[pytest.Item]:
        """Return no tests."""
        return []


class MarksByText:
    """Decides for a run which modules it imports, and holds what was decided against the tests that were found."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the run's `-m`; a run of tests by name imports what they are in."""
        self._known = frozenset(re.split(r"[:(]", line)[0].strip() for line in config.getini("markers"))
        self._expression = "" if any("::" in arg for arg in config.args) else str(config.option.markexpr)
        self._found: dict[Path, Marks] = {}

    def could_be_chosen(self, module: Path) -> bool:
        """Return whether the run could choose a test of this module."""
        return not self._expression or self._of(module).may_fit(self._expression)

    def check(self, items: list[pytest.Item]) -> None:
        """Raise MarksDifferError for a test whose marks are not those of its module's text."""
        for item in items:
            marks = self._of(item.path)
            held = {mark.name for mark in item.iter_markers()} & self._known
            if not marks.of_all <= held <= marks.of_all | marks.of_some:
                text = f"all {sorted(marks.of_all)}, some {sorted(marks.of_some)}"
                raise MarksDifferError(f"{item.nodeid} has the marks {sorted(held)}; by the text of its module: {text}")

    def _of(self, module: Path) -> Marks:
        if module not in self._found:
            self._found[module] = marks_of(module.read_text(encoding="utf-8"), self._known)
        return self._found[module]
