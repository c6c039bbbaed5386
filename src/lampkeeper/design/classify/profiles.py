"""Profiles of a column's values: formats and check digits, over enough distinct values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lampkeeper.design.knowledge.identifiers import SCHEMES, Scheme
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.value_shapes import harmless_by, shares_of
from lampkeeper.model.labels import LabelClass

MOST, ENOUGH = 0.8, 20
"""A scheme must accept this share of at least this many distinct values: a random column then passes less than once in 1e12."""

FEWEST, FEW_SCORE = 5, 0.5
"""From this many distinct values on, all of them valid, a column needs a review, although they are too few to be sure."""

SURE = 0.6
"""Schemes of this score and more protect alone."""

PLACEHOLDERS = ("-", "--", "?", "n/a", "na", "nil", "none", "not available", "null", "unknown", "xxx")
"""Texts that people write for a missing value; they count as empty."""

_BIRTH_YEARS = 8
_SENTENCE_WORDS = 5
_FEW = 8
_SMALL_DOMAIN = frozenset({"blood group", "ICD-10 code"})
_PERSON = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:[ '’.-]+[^\W\d_][^\W\d_'’.]*){1,4}\.?")
_FIRM = re.compile(
    r"\b(ltd|pty|inc|llc|corp|corporation|gmbh|plc|co|company|bank|holdings|group|university|school|hospital|clinic|bhd|pte|pvt|limited"
    r"|street|st|road|rd|avenue|ave|service|department|office|tbk|pt|cv)\b",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"^\W*(?:(?:no|h\.? ?no|apt|unit|level|flat|suite|jl|jalan|lot|blk|block|door)\b\.?\s*)?\d+[\w/-]*[,\s]+\S.*[^\W\d_]{2,}",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"(\d{4})-\d{2}-\d{2}")
_CONTACT_INSIDE = re.compile(r"[^@\s]+@[\w-]+\.\w+|\+?\d[\d ().-]{8,}\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One class that the values suggest."""

    label: LabelClass
    subtype: str
    score: float
    reason: str
    overlay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Signs of a column's values. `codes`: few different short values, as lists of choices have.

    `harmless`: the reason why the values do not identify persons, empty if they may.
    """

    distinct: int
    evidence: tuple[Evidence, ...]
    codes: bool = False
    harmless: str = ""


def profile_values(values: Sequence[str], kind: Kind, schemes: Sequence[Scheme] = SCHEMES) -> Profile | None:
    """Return the profile with the `schemes` that match, or None without values. Empty values do not count."""
    filled = [v.strip() for v in values if v.strip() and v.strip().lower() not in PLACEHOLDERS]
    if not filled:
        return None
    distinct = sorted(set(filled))
    evidence: list[Evidence] = []
    if len(distinct) >= ENOUGH:
        evidence.extend(_scheme_evidence(distinct, schemes))
        if kind in (Kind.TEXT, Kind.ANY, Kind.DATE, Kind.TIME):
            evidence.extend(_birth_evidence(distinct))
        if kind in (Kind.TEXT, Kind.ANY, Kind.BINARY):
            evidence.extend(_text_evidence(distinct))
    elif len(filled) >= ENOUGH:
        evidence.extend(s for s in _scheme_evidence(distinct, schemes) if any(name in s.reason for name in _SMALL_DOMAIN))
    if not evidence and FEWEST <= len(distinct) < ENOUGH:
        evidence.extend(few(s) for s in _scheme_evidence(distinct, [s for s in schemes if is_sure(s)], least=1.0))
    # A single value may be the result of a mask.
    codes = len(filled) >= ENOUGH and 1 < len(distinct) <= _FEW and not any(" " in v for v in distinct)
    harmless = harmless_by(len(filled), len(distinct), _shares(distinct).__getitem__, evidence=bool(evidence))
    return Profile(distinct=len(distinct), evidence=tuple(evidence), codes=codes, harmless=harmless)


def _shares(distinct: Sequence[str]) -> dict[str, float]:
    people = sum(1 for v in distinct if _is_full_name(v))
    contacts = sum(1 for v in distinct if len(v.split()) >= 3 and _CONTACT_INSIDE.search(v))
    return {**shares_of(distinct), "full name": people / len(distinct), "contact inside": contacts / len(distinct)}


def _is_full_name(value: str) -> bool:
    return _PERSON.fullmatch(value) is not None and not _FIRM.search(value)


def is_sure(scheme: Scheme) -> bool:
    """Return whether the scheme protects alone and few values suffice: birth years of five people prove nothing."""
    return scheme.score >= SURE and scheme.year is None


def few(evidence: Evidence) -> Evidence:
    """Return the evidence with the low score of few values."""
    return replace(evidence, score=min(evidence.score, FEW_SCORE), reason=f"{evidence.reason}: too few to be sure")


def _scheme_evidence(distinct: Sequence[str], schemes: Sequence[Scheme], least: float = MOST) -> list[Evidence]:
    found = []
    for scheme in schemes:
        share = sum(1 for v in distinct if scheme.accepts(v)) / len(distinct)
        if share >= least and _as_births(scheme, distinct):
            reason = f"{share:.0%} of {len(distinct)} values are a valid {scheme.name}"
            found.append(
                Evidence(label=scheme.label, subtype=scheme.subtype, score=scheme.score, reason=reason, overlay=scheme.overlay)
            )
    return found


def _as_births(scheme: Scheme, distinct: Sequence[str]) -> bool:
    """Return whether the birth years in the numbers are distributed like births; time stamps lie within few years."""
    return scheme.year is None or len({scheme.year(v) for v in distinct if scheme.accepts(v)}) >= _BIRTH_YEARS


def _birth_evidence(distinct: Sequence[str]) -> list[Evidence]:
    """Return evidence if dates are distributed like births: over decades, most of them older than any system."""
    years = [int(m.group(1)) for v in distinct if (m := _ISO_DATE.match(v))]
    if len(years) < MOST * len(distinct):
        return []
    early = sum(1 for y in years if 1915 <= y <= 1990) / len(years)
    if early >= 0.4 and max(years) - min(years) >= 35:
        return [
            Evidence(
                label=LabelClass.DOB, subtype="", score=0.62, reason=f"{early:.0%} of {len(years)} dates lie from 1915 to 1990"
            )
        ]
    return []


def _text_evidence(distinct: Sequence[str]) -> list[Evidence]:
    size = len(distinct)
    words = [len(v.split()) for v in distinct]
    found: list[Evidence] = []
    contacts = sum(1 for v, n in zip(distinct, words, strict=True) if n >= 3 and _CONTACT_INSIDE.search(v)) / size
    sentences = sum(1 for n in words if n >= _SENTENCE_WORDS) / size
    streets = sum(1 for v, n in zip(distinct, words, strict=True) if 2 <= n <= 12 and _STREET.search(v)) / size
    if streets >= MOST:
        found.append(
            Evidence(label=LabelClass.ADDRESS, subtype="", score=0.7, reason=f"{streets:.0%} of {size} values look like streets")
        )
    elif sentences >= 0.5 and contacts >= 0.1:
        reason = f"free text; {contacts:.0%} of {size} values hold an email address or a phone number"
        found.append(Evidence(label=LabelClass.FREE_TEXT, subtype="", score=0.7, reason=reason))
    people = sum(1 for v in distinct if _is_full_name(v)) / size
    if people >= 0.9 and size >= ENOUGH * 2 and max(words) <= 6:
        found.append(
            Evidence(label=LabelClass.NAME, subtype="", score=0.45, reason=f"{people:.0%} of {size} values look like full names")
        )
    return found
