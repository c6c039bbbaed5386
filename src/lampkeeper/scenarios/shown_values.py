"""What a person really reads of seeded rows, compared value by value with what a mask should leave of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import ClassVar

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.scenarios.world import World
from lampkeeper.testdata.banks import BANKS
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.choice import DataChoice
from lampkeeper.testdata.overlay_columns import OverlayColumns, customers, value
from lampkeeper.testdata.rows import Cell

RAW, HUNDRED, YEAR = "raw", "hundred", "year"
"""Words for what is left of a value: all of it, an amount within its hundred, the first day of its year."""

_SLICE = re.compile(r"\{(@|-?\d*:-?\d*)\}")
_DENIED = "INSUFFICIENT_PERMISSIONS"
_FLAGS = ("aml_flag", "aml_risk_flag")
_UNFLAGGED = (False, "CLEAR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """A person reads these columns of a seeded table as described, in exactly the rows that are meant.

    A description is `raw`, `hundred`, `year` or a text in which `{-3:}` stands for that part of the value's letters and digits,
    and `{@}` for the value from its @ on. `flagged`: the person also reads the rows that are flagged.
    """

    shows: str
    person: str
    columns: Mapping[str, str] = field(default_factory=dict)
    flagged: bool = False
    as_people: ClassVar[bool] = True

    def failures(self, world: World) -> list[str]:
        """Ask as that person."""
        seeded = seeded_rows(self.shows)
        unknown = sorted(set(self.columns) - set(next(iter(seeded.values()), self.columns)))
        if unknown or not seeded:
            raise UsageError(f"{self.shows} has no rows with a column {unknown}", fix="name columns of the test data")
        key = next(iter(next(iter(seeded.values()))))
        try:
            listed = ", ".join([key, *self.columns])
            found = run_sql(world.as_user(world.fill(self.person)), f"SELECT {listed} FROM {self.shows}").rows  # noqa: S608
        except RemoteError as error:
            if not error.code.startswith(_DENIED):
                raise
            return [f"{self.person} is refused: {error.message}"]
        wanted = {i for i, row in seeded.items() if self.flagged or all(row.get(f, False) in _UNFLAGGED for f in _FLAGS)}
        rows = {str(row[0]): row[1:] for row in found}
        others = f"{self.person} reads the rows {sorted(rows)} of {self.shows}, not {sorted(wanted)}"
        wrong = [] if set(rows) == wanted else [others]
        for number, row in sorted(rows.items()):
            for shown, (column, description) in zip(row, self.columns.items(), strict=True):
                raw = seeded.get(number, {}).get(column)
                if not fits(shown, raw, description):
                    wrong.append(f"{self.person} reads {column} of row {number} as {shown!r}, not as {description!r} of it")
        return wrong


@cache
def seeded_rows(table: str) -> Mapping[str, Mapping[str, Cell]]:
    """Return the rows of a seeded table, with the columns of the overlay scenarios, by the text of their first column."""
    choices = (DataChoice(variants=tuple(Variant)), DataChoice(variants=tuple(Variant), banks=BANKS))
    for seeded in (t for choice in choices for t in choice.tables):
        if str(seeded.table.name) == table:
            names = [c.name for c in seeded.table.columns]
            rows = {str(row[0]): dict(zip(names, row, strict=True)) for row in seeded.rows}
            if seeded.table.name == customers(Variant.DEV):
                for number, row in rows.items():
                    row |= {c: value(c, int(number)) for added in OverlayColumns for c in added.columns}
            return rows
    raise UsageError(f"{table} is not a table of the test data", fix="name one with catalog and schema")


def fits(shown: str | None, raw: Cell, description: str) -> bool:
    """Return whether a value as it is shown is what the description leaves of the raw one; NULL stays NULL."""
    if raw is None or shown is None:
        return raw is None and shown is None
    if description == RAW:
        return shown == _text(raw)
    if description == HUNDRED and isinstance(raw, Decimal):
        return Decimal(shown) % 100 == 50 and abs(Decimal(shown) - raw) <= 50
    if description == YEAR and isinstance(raw, date):
        return shown == f"{raw:%Y}-01-01"
    plain = re.sub(r"[^0-9A-Za-z]", "", str(raw))

    def part(found: re.Match[str]) -> str:
        if found[1] == "@":
            return str(raw)[str(raw).index("@") :]
        start, end = (int(n) if n else None for n in found[1].split(":"))
        return plain[start:end]

    return shown == _SLICE.sub(part, description)


def _text(raw: Cell) -> str:
    match raw:
        case bool():
            return "true" if raw else "false"
        case datetime():
            return raw.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        case Decimal():
            return f"{raw:f}"
    return str(raw)
