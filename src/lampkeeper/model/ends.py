"""Exceptions that end: each has a reason, an owner and a last day, and is an error from the day after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from lampkeeper.model.findings import Finding, Severity

SOON_DAYS = 30
"""How many days before its last day an exception is warned about."""


class Dated(Protocol):
    """An exception of an environment's files: what it is about, its owner, its last day, where it stands."""

    @property
    def subject(self) -> str:
        """Return what it is, such as `the exemption of 'etl'`."""

    @property
    def owner(self) -> str:
        """Return who answers for it."""

    @property
    def expires(self) -> date:
        """Return its last day."""

    @property
    def place(self) -> str:
        """Return where it stands in the files."""


def ended(entry: Dated, today: date) -> bool:
    """Return whether the last day is over."""
    return today > entry.expires


def end_findings(entries: Iterable[Dated], today: date, code: str) -> tuple[Finding, ...]:
    """Return an error `<code>_EXPIRED` for each entry that is over, a warning `<code>_ENDS_SOON` for each that soon will be."""
    found = []
    for entry in entries:
        place, end = entry.place or entry.subject.removeprefix("the "), entry.expires.isoformat()
        left = (entry.expires - today).days
        if ended(entry, today):
            fix = "take the entry away and generate again; or let its owner give it a new date and a reason"
            message = f"{entry.subject} ended on {end}"
            found.append(Finding(code=f"{code}_EXPIRED", severity=Severity.ERROR, place=place, message=message, fix=fix))
        elif left <= SOON_DAYS:
            message, fix = (
                f"{entry.subject} ends on {end}, in {left} day(s)",
                f"ask its owner, {entry.owner}, if it is still needed",
            )
            found.append(Finding(code=f"{code}_ENDS_SOON", severity=Severity.WARNING, place=place, message=message, fix=fix))
    return tuple(found)
