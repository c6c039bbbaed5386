"""What goes to the terminal: results on stdout (a page or one JSON document), progress and messages on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lampkeeper.cli.outcome import clean
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity

Step = Callable[[str, int, int], None]
"""Told as work goes on: what, how many done, how many in all."""

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Console:
    """The terminal of one command."""

    def __init__(self, *, as_json: bool = False, named: Callable[[str], str] = str) -> None:
        """Take whether stdout carries one JSON document and nothing else; `named` is how places are called in what is told."""
        self.as_json = as_json
        self._named = named
        # A pipe has no width: wide enough that names stay whole, so that other programs can read the lines.
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
        """Tell something on stderr."""
        self._err.print(Text(clean(self._named(str(text))), style=style), soft_wrap=True)

    def findings(self, findings: tuple[Finding, ...], most: int = 60) -> None:
        """Tell findings on stderr, errors first; past `most` they are counted, not listed."""
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
    def progress(self, title: str) -> Iterator[Step]:
        """Show progress on stderr while the block runs: a bar on a terminal, now and then a line elsewhere."""
        if self._err.is_terminal:
            yield from self._bar(title)
        else:
            yield from self._lines(title)

    def _bar(self, title: str) -> Iterator[Step]:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._err, transient=True) as bar:
            task = bar.add_task(title, total=None)

            def step(what: str, done: int, total: int) -> None:
                bar.update(task, description=clean(f"{title}: {what}")[:80], completed=done, total=total)

            yield step

    def _lines(self, title: str) -> Iterator[Step]:
        began = last = time.monotonic()
        self.note(f"{title} …")

        def step(what: str, done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= 5.0:
                last = now
                self.note(f"{title}: {done}/{total} {what} ({now - began:.0f} s)")

        yield step


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
    """Ask, and raise UsageError unless the answer is yes; nobody who answers is no yes."""
    try:
        if click.confirm(question, err=True):
            return
        why = "the answer was no"
    except click.Abort:
        why = "the input ended before an answer"
    raise UsageError(f"nothing was done: {why}", fix=f"to go on without being asked, {how}")
