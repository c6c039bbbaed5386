"""Terminal output: results on stdout (text or one JSON document), progress and messages on stderr."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.text.escaping import clean

Step = Callable[[str, int, int], None]
"""Reports progress: the current item, how many are done, how many there are."""

_EVERY = 10.0
"""Seconds between progress lines on outputs without a progress bar."""
_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Console:
    """The terminal of one command."""

    def __init__(self, *, as_json: bool = False, named: Callable[[str], str] = str) -> None:
        """Take whether stdout carries exactly one JSON document; `named` rewrites paths in messages and findings."""
        self.as_json = as_json
        self._named = named
        # A pipe has no width: use one that keeps names whole, so that other programs can parse the lines.
        width = None if sys.stdout.isatty() else 200
        self._out = RichConsole(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)
        self._err = RichConsole(file=sys.stderr, markup=False, highlight=False, emoji=False, stderr=True)

    @property
    def width(self) -> int:
        """Return how many characters fit on a line."""
        return self._out.width

    def line(self, text: object = "", style: str = "") -> None:
        """Print a line of the result, unless stdout carries JSON."""
        if not self.as_json:
            self._out.print(Text(clean(self._named(str(text))), style=style), soft_wrap=True)

    def table(self, table: Table) -> None:
        """Print a table of the result, unless stdout carries JSON. Cells must be made with `cell`."""
        if not self.as_json:
            self._out.print(table)

    def note(self, text: object, style: str = "") -> None:
        """Print a message on stderr."""
        self._err.print(Text(clean(self._named(str(text))), style=style), soft_wrap=True)

    def findings(self, findings: tuple[Finding, ...], most: int = 60) -> None:
        """Print findings on stderr, errors first; beyond `most` they are counted, not listed."""
        for finding in findings[:most]:
            self.note(finding, _COLOURS[finding.severity])
        if len(findings) > most:
            self.note(f"and {len(findings) - most} more findings (all with --json)", "yellow")

    def document(self, document: object) -> None:
        """Print the one JSON document, when stdout carries JSON."""
        if self.as_json:
            sys.stdout.write(self._named(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")
            sys.stdout.flush()

    @contextmanager
    def progress(self, title: str, *, announced: bool = False) -> Iterator[Step]:
        """Show progress on stderr while the block runs: a bar on a terminal, a line every ten seconds elsewhere.

        `announced` is true if the title has been printed on stdout already.
        """
        if self._err.is_terminal:
            yield from self._bar(title)
        else:
            if not announced or self.as_json:
                self.note(f"{title} …")
            yield from self._lines(title)

    def _bar(self, title: str) -> Iterator[Step]:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._err, transient=True) as bar:
            task = bar.add_task(title, total=None)

            def step(what: str, done: int, total: int) -> None:
                bar.update(task, description=clean(f"{title}: {what}")[:80], completed=done, total=total)

            yield step

    def _lines(self, title: str) -> Iterator[Step]:
        began = time.monotonic()
        over, reported = threading.Event(), [""]

        def step(what: str, done: int, total: int) -> None:
            reported[0] = f" {done}/{total} {what}"

        def report() -> None:
            while not over.wait(_EVERY):
                self.note(f"{title}:{reported[0]} ({time.monotonic() - began:.0f} s)")

        reporter = threading.Thread(target=report, daemon=True)
        reporter.start()
        try:
            yield step
        finally:
            over.set()
            reporter.join()


def fitted(rows: Sequence[Sequence[str]], width: int = 100) -> list[str]:
    """Return rows as lines with aligned columns; a value that does not fit is truncated, never wrapped."""
    shown = [[clean(value).replace("\n", " ") for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    cut = [[v if len(v) <= w else f"{v[: w - 1]}…" for v, w in zip(row, widths, strict=True)] for row in shown]
    return ["  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip() for row in cut]


def cell(text: object, style: str = "") -> Text:
    """Return a table cell that shows the text as it is."""
    return Text(clean(text), style=style)


def new_table(*headers: str, title: str = "") -> Table:
    """Return an empty table with these headers."""
    table = Table(title=Text(clean(title), style="bold") if title else None, title_justify="left", header_style="bold")
    for header in headers:
        table.add_column(Text(clean(header)), overflow="fold")
    return table


def require_yes(question: str, how: str) -> None:
    """Ask a question; raise UsageError unless the answer is yes. End of input counts as no."""
    try:
        if click.confirm(question, err=True):
            return
        why = "the answer was no"
    except click.Abort:
        why = "the input ended before an answer"
    raise UsageError(f"nothing was done: {why}", fix=f"to continue without the question, {how}")
