"""Console blocks of a Markdown page as commands with the output that the page promises.

`…` stands for anything: alone on a line for any lines, within a line for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```console(?P<tags>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)


@dataclass
class Step:
    """One command, and the lines that should come out of it."""

    command: str
    expected: list[str] = field(default_factory=list)

    def agrees(self, output: str) -> bool:
        """Say whether an output is what the page promises; blanks at the end of a line do not count."""
        return self.first_missing(output) == ""

    def first_missing(self, output: str) -> str:
        """Return the first promised line that does not come where it should, or nothing when all come."""
        lines = [line.rstrip() for line in output.splitlines()]
        runs = _runs(self.expected)
        at = 0
        for number, run in enumerate(runs):
            last = number == len(runs) - 1
            begin = len(lines) - len(run) if last and number else at
            # Between two wildcards the earliest place is the best one: it leaves most to what follows.
            places = range(begin, begin + 1) if number == 0 or last else range(at, len(lines) + 1)
            found = next((p for p in places if p >= at and _fits(run, lines[p : p + len(run)])), None)
            if found is None:
                return next((w for w in run if not any(_line(w).fullmatch(x) for x in lines[at:])), "\n".join(run))
            at = found + len(run)
        return "" if at == len(lines) else f"nothing more, but there is {lines[at]!r}"


def _runs(expected: list[str]) -> list[list[str]]:
    """Return the promised lines between wildcards; the first run stands at the start, the last at the end."""
    runs: list[list[str]] = [[]]
    for line in expected:
        if line.strip() == "…":
            runs.append([])
        else:
            runs[-1].append(line)
    return runs


def _line(promised: str) -> re.Pattern[str]:
    texts = re.split(r" *… *", promised.rstrip())
    return re.compile(r"[^\n]*".join(map(re.escape, texts)))


def _fits(promised: list[str], lines: list[str]) -> bool:
    return len(promised) == len(lines) and all(_line(p).fullmatch(x) for p, x in zip(promised, lines, strict=True))


@dataclass(frozen=True)
class Block:
    """One fenced block: its line in the page, its tags, its steps."""

    page: str
    line: int
    tags: frozenset[str]
    steps: tuple[Step, ...]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the console blocks of a page; a line before the first command is an error."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        steps: list[Step] = []
        for line in found["body"].splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif line.startswith("> ") or line == ">":
                steps[-1].command += f"\n{line[2:]}"
            else:
                steps[-1].expected.append(line)
        number = text.count("\n", 0, found.start()) + 1
        yield Block(page.name, number, frozenset(found["tags"].split()), tuple(steps))
