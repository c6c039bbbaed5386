"""Runs a notebook as a program: its cells in order, widgets as arguments, tables as text, and one HTML page of all of it.

Magics are those of the notebooks here: `%pip` is passed over, because the program has its packages, and `%sql` runs its line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lampkeeper.html import join_fragments
from lampkeeper.model.errors import UsageError
from lampkeeper.notebooks.page import Page, PageError
from lampkeeper.notebooks.shown import Shown, plain

_PIP = re.compile(r"^(\s*)%pip\s.*$", re.MULTILINE)
_SQL = re.compile(r"%sql\s+(.+)\Z", re.DOTALL)
_WRONG_USE = 2


class Program:
    """One run of a notebook."""

    def __init__(self, given: dict[str, str], page: Path | None) -> None:
        """Take the values of widgets, and the file for the HTML page."""
        self._page = page
        self._parts: list[str] = []
        self._namespace: dict[str, Any] = {
            "__name__": "__main__", "GIVEN": given, "display": self.display, "displayHTML": self.display_html,
        }  # fmt: skip

    def run(self, cells: Sequence[str]) -> None:
        """Run the cells; raise what a cell raises."""
        for source in cells:
            statement = _SQL.match(source)
            if statement is not None:
                page: Page = self._namespace["page"]
                self.display(page.sql(statement.group(1)))
            else:
                exec(compile(_PIP.sub(r"\1pass", source), "notebook", "exec"), self._namespace)  # noqa: S102  (the notebook)

    def display(self, shown: Any = None, *_: Any, **__: Any) -> None:
        """Show a table: as text, and in the page."""
        if isinstance(shown, Shown):
            print(shown.text())  # noqa: T201
            self.display_html(shown.html())
        elif hasattr(shown, "to_html"):
            print(plain_lines(shown.to_string(index=False)))  # noqa: T201
            self.display_html(shown.to_html(index=False, escape=True))
        elif shown is not None:
            print(plain_lines(str(shown)))  # noqa: T201

    def display_html(self, html: str) -> None:
        """Add HTML to the page, which is complete after each cell."""
        self._parts.append(html)
        if self._page is not None:
            try:
                self._page.write_text(join_fragments("notebook.html", self._parts, title="Lampkeeper"), encoding="utf-8")
            except OSError as error:
                raise PageError(f"{self._page}: cannot be written: {error.strerror}\n  fix: give html=FILE") from None


def plain_lines(text: str) -> str:
    """Return text without control characters in its lines."""
    return "\n".join(map(plain, text.splitlines()))


def code_cells(path: Path) -> list[str]:
    """Return the sources of the code cells of an ipynb file; raise UsageError for any other file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        cells = [(c["cell_type"], "".join(c["source"])) for c in document["cells"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a notebook: {error}", fix="give the path of an .ipynb file") from None
    return [source for kind, source in cells if kind == "code" and source.strip()]


def main(words: Sequence[str]) -> int:
    """Run `NOTEBOOK.ipynb name=value … [html=FILE]` and return the exit code: 0, 1 for a failed cell, 2 for wrong use."""
    try:
        if not words:
            raise UsageError(
                "no notebook was given", fix="python -m lampkeeper.notebooks notebooks/tour.ipynb env=dev html=tour.html"
            )
        given = dict(_pair(word) for word in words[1:])
        page = given.pop("html", "")
        Program(given, Path(page) if page else None).run(code_cells(Path(words[0])))
    except (UsageError, PageError) as error:
        fix = f"\n  fix: {error.fix}" if isinstance(error, UsageError) and error.fix else ""
        print("error: " + plain_lines(str(error) + fix), file=sys.stderr)  # noqa: T201
        return _WRONG_USE if isinstance(error, UsageError) else 1
    return 0


def _pair(word: str) -> tuple[str, str]:
    name, found, value = word.partition("=")
    if not found:
        raise UsageError(f"{word}: not an input", fix="write name=value")
    return name, value
