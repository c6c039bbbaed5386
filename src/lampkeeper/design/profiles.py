"""What the values of a column look like: formats and check digits, over enough distinct values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lampkeeper.design.kinds import Kind
from lampkeeper.model.labels import LabelClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One class that the values point to."""

    label: LabelClass
    sub: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Signs of a column's values, with how many distinct values were looked at."""

    distinct: int
    signs: tuple[Sign, ...]


def profile_values(values: Sequence[str], kind: Kind) -> Profile | None:
    """Return the profile, or None when there are no values."""
    return None
