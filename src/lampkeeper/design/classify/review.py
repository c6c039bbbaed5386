"""The columns for review by a steward: undecided ones, and those on which the sources disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.design.classify.merge import by_column, stewards_disagree
from lampkeeper.model.labels import Label, LabelSource, Protect
from lampkeeper.model.names import ColumnName


class Doubt(StrEnum):
    """Why a column is up for review."""

    STEWARDS = "stewards disagree"
    UNDECIDED = "undecided"
    DISPUTED = "sources disagree"


_ORDER = tuple(Doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """A column for review: its current label, and the label of each source, the most trusted first."""

    column: ColumnName
    doubt: Doubt
    stands: Label
    said: tuple[Label, ...]


def list_doubts(merged: Iterable[Label], *sources: Iterable[Label]) -> tuple[ReviewItem, ...]:
    """Return the columns for review, disagreeing stewards first, then by column; without those that a steward has decided."""
    said = by_column(*sources)
    found = []
    for label in merged:
        doubt = _doubt(label, said.get(label.column, []))
        if doubt is not None:
            found.append(ReviewItem(column=label.column, doubt=doubt, stands=label, said=tuple(said.get(label.column, ()))))
    return tuple(sorted(found, key=lambda i: (_ORDER.index(i.doubt), i.column)))


def _doubt(stands: Label, said: list[Label]) -> Doubt | None:
    if stewards_disagree(said):
        return Doubt.STEWARDS
    if stands.protect is Protect.UNDECIDED:
        return Doubt.UNDECIDED
    if any(x.source is LabelSource.STEWARD for x in said):
        return None
    # Two classes that are both not sensitive need no decision.
    views = {(x.label, x.protect) if x.protected else None for x in said}
    return Doubt.DISPUTED if len(views) > 1 else None
