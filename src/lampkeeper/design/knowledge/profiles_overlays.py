"""Formats of overlays as SQL predicates over the same names as `profiles_predicates`, if SQL can express exactly the same.

A pattern of plain classes, counts and choices has one meaning in Python and in the engine; checks are by weights or Luhn.
A format with another check has no predicate: the built-in schemes cover most of those.
"""

from __future__ import annotations

import re

from lampkeeper.design.knowledge.formats import LONGEST, Format, Weights
from lampkeeper.design.knowledge.profiles_predicates import like, luhn, weighted, when
from lampkeeper.text.sql_quoting import quote_string

_ALIKE = re.compile(r"(?:[A-Za-z0-9 @_,-]|\[[A-Za-z0-9@._ -]+\]|\{\d{1,3}(?:,\d{0,3})?\}|[()?|]|(?<=[\])A-Za-z0-9])[*+])*\Z")
_USUAL = frozenset(" -./")


def format_predicate(given: Format) -> str:
    """Return the test that a value has the format, or nothing if SQL cannot express it."""
    if not _ALIKE.match(given.pattern) or "(?" in given.pattern:
        return ""
    bare = _bare(given.separators)
    shape = f"length(v) <= {LONGEST}" + (f" AND {like(bare, f'(?i){given.pattern}')}" if given.pattern else "")
    if isinstance(given.check, Weights):
        count = len(given.check.weights)
        digits = like(bare, f"[0-9]{{{count}}}")
        total = f"{weighted(bare, given.check.weights)} % {given.check.modulus} = {given.check.remainder}"
        return when(f"{shape} AND {digits}", total)
    if given.check == "luhn":
        return when(f"{shape} AND {like(bare, '[0-9]+')}", luhn(bare))
    return shape if not given.check and given.pattern else ""


def _bare(separators: str) -> str:
    """Return the value in upper case without its separators."""
    if not separators:
        return "u"
    if frozenset(separators) == _USUAL:
        return "upper(x)"
    marks = "".join(f"\\{c}" if c in r"\]^-[" else c for c in separators)
    return f"regexp_replace(u, {quote_string(f'[{marks}]')}, '')"
