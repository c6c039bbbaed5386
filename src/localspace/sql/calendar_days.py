"""Dates and timestamps beyond Python's years 1 to 9999, as numbers: the engine's calendar has years 0 and 10000 too.

Text is ISO 8601 as the engine prints it: `0000-01-01`, `+10000-01-01`, `-0044-03-15T12:00:00.000Z`.
"""

from __future__ import annotations

import re

_MOMENT = re.compile(
    r"(?P<year>[+-]?\d{4,7})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d{1,6}))?Z?)?"
)
_DAY_MICROS = 86_400_000_000


def days_of(text: str) -> int:
    """Return the days from 1970-01-01 to a date; raises ValueError for another text."""
    return _civil_days(_parts(text))


def micros_of(text: str) -> int:
    """Return the microseconds from 1970-01-01T00:00:00Z to a timestamp; raises ValueError for another text."""
    found = _parts(text)
    clock = (int(found["hour"] or 0) * 60 + int(found["minute"] or 0)) * 60 + int(found["second"] or 0)
    return _civil_days(found) * _DAY_MICROS + clock * 1_000_000 + int((found["fraction"] or "").ljust(6, "0"))


def moment_text(text: str) -> str:
    """Return a timestamp that the engine cast to a string as the platform prints it: milliseconds and Z."""
    day, _, clock = text.partition(" ")
    whole, _, fraction = clock.partition(".")
    return f"{day}T{whole}.{fraction[:3].ljust(3, '0')}Z"


def out_of_range(text: str) -> ValueError:
    """Return Python's error for a year that its dates do not have."""
    return ValueError(f"year {int(_parts(text)['year'])} is out of range")


def _parts(text: str) -> re.Match[str]:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a date or timestamp")
    return found


def _civil_days(found: re.Match[str]) -> int:
    """Return the day number of a date in the proleptic Gregorian calendar: 400 years have 146097 days."""
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    # Years start in March here, so that the day of a leap year comes last.
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
