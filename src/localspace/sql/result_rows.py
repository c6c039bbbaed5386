"""Rows of a result: cells come as text and become Python values by the type of their column."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from localspace.sql.calendar_days import out_of_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column of a result."""

    name: str
    type_text: str
    type_name: str


class Row(tuple[Any, ...]):
    """A row that can be read by position, by name and as an attribute."""

    __fields__: tuple[str, ...]

    def __new__(cls, names: Sequence[str], values: Sequence[Any]) -> Row:
        """Make a row of values under names."""
        made = super().__new__(cls, values)
        made.__fields__ = tuple(names)
        return made

    def __getitem__(self, key: Any) -> Any:
        """Return a value by position, slice or name."""
        if isinstance(key, str):
            return tuple.__getitem__(self, self._index(key))
        return tuple.__getitem__(self, key)

    def __getattr__(self, name: str) -> Any:
        """Return a value by name."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __repr__(self) -> str:
        """Return the row as Spark prints it."""
        return "Row(" + ", ".join(f"{name}={value!r}" for name, value in zip(self.__fields__, self, strict=True)) + ")"

    def asDict(self, recursive: bool = False) -> dict[str, Any]:  # noqa: N802  (Spark's name)
        """Return the row as a dict."""
        del recursive
        return dict(zip(self.__fields__, self, strict=True))

    def _index(self, name: str) -> int:
        try:
            return self.__fields__.index(name)
        except ValueError:
            raise KeyError(name) from None


def value_of(cell: str | None, field: Field) -> Any:
    """Return the Python value of a cell."""
    if cell is None:
        return None
    match field.type_name:
        case "BYTE" | "SHORT" | "INT" | "LONG":
            return int(cell)
        case "FLOAT" | "DOUBLE":
            return float(cell)
        case "DECIMAL":
            return Decimal(cell)
        case "BOOLEAN":
            return cell.lower() == "true"
        case "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" if not _in_python(cell):
            raise out_of_range(cell)
        case "DATE":
            return dt.date.fromisoformat(cell)
        case "TIMESTAMP" | "TIMESTAMP_NTZ":
            moment = dt.datetime.fromisoformat(cell.replace("Z", "+00:00"))
            return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
        case "BINARY":
            return base64.b64decode(cell)
        case "ARRAY" | "MAP" | "STRUCT":
            return json.loads(cell)
    return cell


def _in_python(cell: str) -> bool:
    """Return whether Python's dates have the year of a cell: 1 to 9999."""
    return cell[4:5] == "-" and cell[:1] not in "+-" and not cell.startswith("0000")


def shown(fields: Sequence[Field], rows: Sequence[Sequence[str | None]], truncate: int) -> str:
    """Return a table of text cells as Spark's show() prints it; `truncate` 0 cuts nothing."""

    def cut(cell: str | None) -> str:
        text = "NULL" if cell is None else cell
        return text if not truncate or len(text) <= truncate else text[: max(truncate - 3, 0)] + "..."

    names = [cut(one.name) for one in fields]
    body = [[cut(cell) for cell in row] for row in rows]
    widths = [max([3, len(name), *(len(row[at]) for row in body)]) for at, name in enumerate(names)]
    line = "+" + "+".join("-" * width for width in widths) + "+"
    lines = [line, _line(names, widths), line, *(_line(row, widths) for row in body), line]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "|" + "|".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + "|"
