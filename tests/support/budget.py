"""The seconds of each step of `.ci/run`, which the test runner prints before its closing line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STEPS = "LAMPKEEPER_CI_STEPS"
"""The variable that names the file in which `.ci/run` notes when each step begins: seconds since 1970, then the command."""
WHOLE = ".ci/run"
BUDGET = {"make test": 480, WHOLE: 2100}
"""Seconds on two free cores."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of `.ci/run`: its command, and how many seconds it has taken."""

    command: str
    seconds: int

    def __str__(self) -> str:
        """Return the line of the step, with its budget if it has one."""
        limit = BUDGET.get(self.command)
        told = f"{self.command:<16}{self.seconds:>6} s"
        return told if limit is None else f"{told} of {limit}" + (" (over the budget)" if self.seconds > limit else "")


def steps_in(notes: str, now: float) -> Iterator[Step]:
    """Yield the steps that have begun, each up to the beginning of the next, then all of them together."""
    lines = [line.split(" ", 1) for line in notes.splitlines()]
    began = [(float(at), command) for at, command in lines]
    ends = [*(at for at, _ in began[1:]), now]
    for (at, command), end in zip(began, ends, strict=True):
        yield Step(command, round(end - at))
    if began:
        yield Step(WHOLE, round(now - began[0][0]))


def budget_lines(notes: str | None, now: float) -> list[str]:
    """Return the lines of the file that `STEPS` names; none outside `.ci/run`."""
    return [str(step) for step in steps_in(Path(notes).read_text(encoding="utf-8"), now)] if notes else []
