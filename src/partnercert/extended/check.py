"""The definition of an extended check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partnercert.session import Session
from partnercert.verdicts import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check with an id; `gate` returns the reason why it does not apply, given the number of fuzz examples."""

    id: str
    title: str
    run: Callable[[Session, Judge, int], None]
    gate: Callable[[Session, int], str] = lambda session, examples: ""
