"""What the test data holds, as the checks of scenarios expect it: rows, sensitive columns, and columns that flag rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lampkeeper.model.known_names import unknown_name
from lampkeeper.testdata.banks import BANKS
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.choice import DataChoice

_FLAGS = frozenset({"aml_flag", "aml_risk_flag"})
_READ_WITH_FLAGS = frozenset({"risk_score"})
"""Columns that nobody masks, because the rows in which they tell anything are hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTable:
    """A table: its rows, the columns that are masked, and the columns that flag rows, whose other values are `unflagged`."""

    name: str
    rows: int
    masked: tuple[str, ...]
    flags: tuple[str, ...] = ()
    unflagged: tuple[str | None, ...] = ("false", "CLEAR", None)


def tables_in(catalog: str) -> tuple[ExpectedTable, ...]:
    """Return the tables of a catalog of the test data; raise UsageError for another catalog."""
    found = tuple(t for name, t in _tables() if name == catalog)
    if not found:
        raise unknown_name("catalog of test data", catalog, {name for name, _ in _tables()})
    return found


@cache
def _tables() -> tuple[tuple[str, ExpectedTable], ...]:
    found = []
    for choice in (DataChoice(variants=tuple(Variant)), DataChoice(variants=tuple(Variant), banks=BANKS)):
        for seeded in choice.tables:
            name = seeded.table.name
            columns = [c.column for c in choice.sensitive if c.table == name]
            expected = ExpectedTable(
                name=str(name), rows=len(seeded.rows), masked=tuple(c for c in columns if c not in _FLAGS | _READ_WITH_FLAGS),
                flags=tuple(c for c in columns if c in _FLAGS),
            )  # fmt: skip
            found.append((name.catalog, expected))
    return tuple(found)
