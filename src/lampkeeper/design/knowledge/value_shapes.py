"""Shapes of values that do not identify persons: small numbers, times, keys; the patterns work in Python and the engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

ENOUGH, ALL, FEW, HALF = 20, 0.95, 12, 0.5
"""Fewest values to judge by, share that must have a shape, most categories, share of full names that makes them people."""

SHAPES: Mapping[str, str] = {
    # Postal codes, PINs, salaries and coordinates are not small numbers.
    "small figure": r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{1,3})?|[01]?\.[0-9]+|(?:19|20)[0-9]{2})(?:[eE][+-]?[0-9]{1,3})?",
    "version": r"[0-9]{1,4}(?:\.[0-9]{1,4}){2,3}",
    "padded counter": r"(?:[A-Z]{1,5}[-_]?)?0{3,}[0-9]{1,12}",
    # Seconds or milliseconds since 1970, or year to second in one (a random number of 12 digits is that once in 300).
    "time stamp": (
        r"1[0-9]{9}(?:[0-9]{3})?(?:\.[0-9]+)?"
        r"|(?:20)?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{0,3}"
    ),
    "moment": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?!00:00:00)[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    ),
    "random key": r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
}
_COMPILED = {name: re.compile(pattern) for name, pattern in SHAPES.items()}

Share = Callable[[str], float]


def harmless_by(filled: int, distinct: int, share: Share, *, evidence: bool) -> str:
    """Return the reason why values are harmless, or nothing if they may not be.

    `share` is the share of distinct values with a shape, or like a `full name` or a `sentence`; `signs`: the values have
    evidence of a protected class.
    """
    if evidence or filled < ENOUGH or not distinct:
        return ""
    # A single value may be the result of a mask.
    if 1 < distinct <= FEW and distinct * 2 <= filled and share("full name") < HALF and not share("contact inside"):
        return f"only {distinct} different values in {filled}"
    if distinct >= ENOUGH:
        shape = max(SHAPES, key=share)
        if share(shape) >= ALL:
            return f"{share(shape):.0%} of {distinct} values are a {shape}"
    return ""


def shares_of(distinct: Sequence[str]) -> dict[str, float]:
    """Return the share of values that have each shape."""
    return {name: sum(1 for v in distinct if p.fullmatch(v)) / len(distinct) for name, p in _COMPILED.items()}
