"""Exceptions with an end date: each has a reason, an owner and a last day, and becomes an error on the next day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from lampkeeper.model.findings import Finding, Severity

SOON_DAYS = 30
"""The number of days before the last day of an exception on which warnings start."""


class Dated(Protocol):
    """An exception in an environment's files: its subject, its owner, its last day, its location."""

    @property
    def subject(self) -> str:
        """Return the subject, such as `the exemption of 'etl'`."""

    @property
    def owner(self) -> str:
        """Return the person responsible for it."""

    @property
    def expires(self) -> date:
        """Return its last day."""

    @property
    def location(self) -> str:
        """Return its location in the files."""


def ended(entry: Dated, today: date) -> bool:
    """Return whether the last day has passed."""
    return today > entry.expires


def end_findings(entries: Iterable[Dated], today: date, code: str) -> tuple[Finding, ...]:
    """Return an error `<code>_EXPIRED` for each entry that has ended, a warning `<code>_ENDS_SOON` for each that ends soon."""
    found = []
    for entry in entries:
        location, end = entry.location or entry.subject.removeprefix("the "), entry.expires.isoformat()
        left = (entry.expires - today).days
        if ended(entry, today):
            fix = "remove the entry and generate again; or let its owner set a new date and a reason"
            message = f"{entry.subject} ended on {end}"
            found.append(Finding(code=f"{code}_EXPIRED", severity=Severity.ERROR, location=location, message=message, fix=fix))
        elif left <= SOON_DAYS:
            message, fix = (
                f"{entry.subject} ends on {end}, in {left} day(s)",
                f"ask its owner, {entry.owner}, whether it is still needed",
            )
            found.append(
                Finding(code=f"{code}_ENDS_SOON", severity=Severity.WARNING, location=location, message=message, fix=fix)
            )
    return tuple(found)
