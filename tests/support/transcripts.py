"""Console blocks of a Markdown page as commands with the output that they printed.

A page has no wildcards: `alike` replaces what differs from one run to the next (folders, ports, ids, times) on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```console(?P<tags>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
CLONE = "/home/ana/lampkeeper"
"""Where the pages say that the repository was cloned to."""
TOKEN = "dapi-the-token-of-this-workspace"
"""What stands in a page for a token."""

_PROGRESS = re.compile(r"(?m)^[a-z ]+(?: …|:(?: \d+/\d+ [^\n]*)? \(\d+ s\))(?:\n|\Z)")
_NO_SUCH_FILE = re.compile(
    r"Warning: Pattern envs/\S+ does not match any files\n  at sync\.include\[\d+\]\n  in databricks\.yml:\d+:\d+\n\n"
)
"""What the Databricks CLI says of a kind of file that no environment has, in an order that changes."""
_VARYING: tuple[tuple[str, str], ...] = (
    (r"(?m)^seconds: (?:[a-z ]+\s\d+\.\d,\s)+all\s\d+\.\d$", "seconds: N"),
    (r"(row counts in \d+ statements?), \d+\.\d s:", r"\1, N s:"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:N"),
    (r"Databricks CLI v\S+", "Databricks CLI VERSION"),
    (r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "TIME "),
    (r"(?m)^Files: \d+ uploaded", "Files: N uploaded"),
    (r"\b\d+\.\d s\b", "N s"),
    (r"dapi[\w-]+", "TOKEN"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b", "HEX"),
    (r"\b\d{15,16}\b", "ID"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", "TIME"),
    (r"\b\d+ MB free", "N MB free"),
    (r"(?m)^(ok    \S+:) \d+\.\d+(?:\.\d+)*$", r"\1 VERSION"),
    (r"(?m)^(ok    java:) .*$", r"\1 FOUND"),
)


def on_a_terminal(text: str) -> str:
    """Return what a command leaves on a terminal: progress is a bar there, which is gone at the end, not lines.

    Warnings of the Databricks CLI about files that no environment has are left out as well.
    """
    return _PROGRESS.sub("", _NO_SUCH_FILE.sub("", text))


def alike(text: str) -> str:
    """Return a text with what differs from run to run replaced by its kind, and without blanks at the ends of lines."""
    text = on_a_terminal(text)
    for pattern, replacement in _VARYING:
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


@dataclass
class Step:
    """One command, and the lines that it printed when the page was written."""

    command: str
    printed: list[str] = field(default_factory=list)

    def agrees(self, output: str) -> bool:
        """Say whether an output is the page's, but for what differs from run to run."""
        return alike(output) == alike("\n".join(self.printed))

    @property
    def in_background(self) -> bool:
        """Return whether the shell does not wait for the command."""
        return self.command.endswith("&")


@dataclass(frozen=True)
class Block:
    """One fenced block: its page and line, its tags, its steps."""

    page: str
    line: int
    tags: frozenset[str]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """Return the block as it stands in the page."""
        lines = []
        for step in self.steps:
            first, *more = step.command.split("\n")
            lines += [f"$ {first}", *(f"> {line}".rstrip() for line in more), *step.printed]
        return "\n".join([f"```console {' '.join(sorted(self.tags))}".rstrip(), *lines, "```"])


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
                steps[-1].printed.append(line)
        number = text.count("\n", 0, found.start()) + 1
        yield Block(page.name, number, frozenset(found["tags"].split()), tuple(steps))


_NUMBERED = re.compile(r"^## §(?P<number>\d+) ", re.M)


@dataclass(frozen=True)
class Walk:
    """Blocks that a reader runs one after another in a clean folder: `section` is a numbered section, or 0 for a whole page."""

    page: str
    section: int
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        """Return the page's name, with the section."""
        return f"{self.page} §{self.section}" if self.section else self.page


def walks(page: Path) -> tuple[Walk, ...]:
    """Return the walks of a page: each section with the heading `## §<number> …`, else the whole page.

    The blocks above the first numbered section prepare each of them, so every section starts with these blocks. A numbered
    section without a block is not a walk.
    """
    text, found = page.read_text(encoding="utf-8"), tuple(blocks(page))
    headings = [(text.count("\n", 0, h.start()) + 1, int(h["number"])) for h in _NUMBERED.finditer(text)]
    if not headings:
        return (Walk(page.name, 0, found),)
    first = tuple(b for b in found if b.line < headings[0][0])
    ends = [line for line, _ in headings[1:]] + [text.count("\n") + 2]
    sections = ((n, tuple(b for b in found if line < b.line < end)) for (line, n), end in zip(headings, ends, strict=True))
    return tuple(Walk(page.name, number, (*first, *own)) for number, own in sections if own)


def rewritten(page: Path, printed: Mapping[int, list[str]]) -> str:
    """Return a page whose blocks show these outputs, one list per line of a block.

    An output that agrees, and a block without outputs, stay as they stand.
    """
    texts = []
    for block in blocks(page):
        for step, output in zip(block.steps, printed.get(block.line, ()), strict=block.line in printed):
            if not step.agrees(output):
                shown = re.sub(r"dapi[0-9a-f]{32}", TOKEN, on_a_terminal(output))
                step.printed = [line.rstrip() for line in shown.splitlines()]
        texts.append(str(block))
    rest = iter(texts)
    return _FENCE.sub(lambda _: next(rest), page.read_text(encoding="utf-8"))
