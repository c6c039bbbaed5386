"""A table of a notebook: rows for `display()`, as HTML and as text; and small charts."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.html import render

Value = str | int
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Rows of a table, the order of its columns, and a summary line."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    summary: str

    def frame(self) -> Any:
        """Return a pandas DataFrame, which `display()` can sort, filter, plot and export; this table where pandas is missing."""
        if importlib.util.find_spec("pandas") is None:
            return self
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame([[row.get(c, "") for c in self.columns] for row in self.rows], columns=list(self.columns))

    def html(self, most: int = 500) -> str:
        """Return the table as HTML; every name is escaped."""
        return render("table.html", title=self.title, summary=self.summary, columns=self.columns, rows=self.rows, most=most)

    def to_html(self, **_options: Any) -> str:
        """Return all rows as HTML, as the method of a DataFrame does."""
        return self.html(most=len(self.rows))

    def to_string(self) -> str:
        """Return all rows as text, as the method of a DataFrame does."""
        return self.text(most=len(self.rows))

    def _repr_html_(self) -> str:
        """Return what Jupyter shows."""
        return self.html()

    def text(self, most: int = 50) -> str:
        """Return the first rows as text for a terminal. No name is cut."""
        lines = []
        if self.rows:
            cells = [
                tuple(map(plain, self.columns)),
                *(tuple(plain(str(row.get(c, ""))) for c in self.columns) for row in self.rows[:most]),
            ]
            widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
            lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        if len(self.rows) > most:
            lines.append(f"and {len(self.rows) - most} more")
        return "\n".join(lines)


def plain(text: str) -> str:
    """Return one line of text without control characters: names from a catalog may be hostile."""
    return "".join(c if c.isprintable() else " " for c in text)


def bars(title: str, counts: Mapping[str, int]) -> str:
    """Return a bar chart as SVG."""
    return render("bars.html", title=title, counts=counts, top=max([*counts.values(), 1]))
