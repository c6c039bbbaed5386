"""Formats of an overlay's identifiers as predicates: a pattern over the bare value, then a check by name or by weights."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lampkeeper.design.knowledge import identifiers

Predicate = Callable[[str], bool]

LONGEST = 64
"""Longer values are not identifiers; this also limits the cost of a pattern."""

OWN_CHECKS: Mapping[str, Predicate] = {
    name: getattr(identifiers, name)
    for name in (
        "aadhaar", "abn", "au_medicare", "cccd", "gstin", "iban", "imei", "ird", "mykad", "nhi", "nik", "nino", "npwp", "nric",
        "pan_india", "payment_card", "tfn", "thai_id", "us_npi", "us_ssn",
    )
}  # fmt: skip
"""Built-in checks, by their name in overlays."""

_DIGITS_ONLY: Mapping[str, Predicate] = {"luhn": identifiers.luhn, "verhoeff": identifiers.verhoeff}
_STDNUM = re.compile(r"stdnum(\.[a-z][a-z0-9_]*){1,3}\Z")
_REPEATS = re.compile(r"\{(\d*),?(\d*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A check digit as data: the weighted sum of the digits leaves `remainder` when divided by `modulus`."""

    weights: tuple[int, ...]
    modulus: int
    remainder: int = 0

    def __call__(self, text: str) -> bool:
        """Return whether the digits fit; text of another length or with letters does not."""
        if len(text) != len(self.weights) or not (text.isascii() and text.isdigit()):
            return False
        return sum(int(c) * w for c, w in zip(text, self.weights, strict=True)) % self.modulus == self.remainder


Check = str | Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The format of an identifier: a pattern over the value without separators, in upper case, and an optional check."""

    pattern: str = ""
    check: Check = ""
    separators: str = " -./"

    def accepts(self, value: str) -> bool:
        """Return whether a value has the format; never raises."""
        text = value.strip()
        if not text or len(text) > LONGEST:
            return False
        bare = "".join(c for c in text if c not in self.separators).upper()
        if self.pattern and _compiled(self.pattern).fullmatch(bare) is None:
            return False
        return not self.check or find_check(self.check)(bare)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


def pattern_problem(pattern: str) -> str:
    """Return the error of a pattern, or nothing: it must compile, without nested unbounded repeats (slow on long values)."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression: {error}"
    open_ended, depth = [False], 0
    for index, char in enumerate(re.sub(r"\\.|\[[^\]]*\]", "x", pattern)):
        text = re.sub(r"\\.|\[[^\]]*\]", "x", pattern)
        if char == "(":
            depth += 1
            open_ended.append(False)
        elif char == ")" and depth:
            depth -= 1
            inner = open_ended.pop()
            if inner and _repeats(text, index + 1):
                return "has an unbounded repeat within a repeat: write the lengths out"
            open_ended[-1] = open_ended[-1] or inner
        elif _repeats(text, index):
            open_ended[-1] = True
    return ""


def _repeats(text: str, index: int) -> bool:
    """Return whether an unbounded repeat begins here."""
    if text[index : index + 1] in {"*", "+"}:
        return True
    found = _REPEATS.match(text, index)
    return found is not None and "," in found.group() and not found.group(2)


def check_problem(check: Check) -> str:
    """Return the error of a check's name, or nothing."""
    if isinstance(check, Weights):
        return "" if check.modulus > 1 and check.weights else "needs weights and a modulus above 1"
    try:
        find_check(check)
    except KeyError:
        known = ", ".join(sorted({*OWN_CHECKS, *_DIGITS_ONLY}))
        return f"no check {check!r}; there are {known}, stdnum.<country>.<scheme>, and {{weights, modulus}}"
    return ""


@cache
def find_check(check: Check) -> Predicate:
    """Return the predicate of a check; raise KeyError for an unknown name."""
    if isinstance(check, Weights):
        return check
    if check in OWN_CHECKS:
        return OWN_CHECKS[check]
    if check in _DIGITS_ONLY:
        digits = _DIGITS_ONLY[check]
        return lambda text: text.isascii() and text.isdigit() and digits(text)
    if not _STDNUM.match(check):
        raise KeyError(check)
    try:
        module: Any = importlib.import_module(check)
    except ImportError:
        raise KeyError(check) from None
    is_valid = getattr(module, "is_valid", None)
    if is_valid is None:
        raise KeyError(check)
    return lambda text: bool(is_valid(text))
