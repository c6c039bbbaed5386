"""Compares the strictness of two labels of a column, by the masks that they lead to, not by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lampkeeper.design.knowledge.knowledge import Knowledge, default_knowledge
from lampkeeper.design.knowledge.vocabulary import filter_protection, find_function, mask_protection
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.schema import Column, Snapshot

RANK: Mapping[Protect, int] = {Protect.NO: 0, Protect.UNDECIDED: 1, Protect.YES: 2}
"""The rank of a label: an undecided column is protected, and needs a decision."""

Looser = Callable[[Label, Label], bool]
"""Whether the first label would show more of its column than the second."""


def looser_in(snapshot: Snapshot, knowledge: Knowledge | None = None, *, settle: bool = False) -> Looser:
    """Return the comparison for the columns of a snapshot; a column that is not in it is compared by rank alone.

    `settle` lets a definite class replace undecided, even if its mask shows more; it is set only on request.
    """
    columns = dict(snapshot.columns())
    known = knowledge or default_knowledge()

    def looser(new: Label, old: Label) -> bool:
        if settle and old.protect is Protect.UNDECIDED:
            return not new.protected
        return shows_more(new, old, columns.get(new.column), known)

    return looser


def shows_more(new: Label, old: Label, column: Column | None, knowledge: Knowledge) -> bool:
    """Return whether a column with label `new` may show more to some principal than with label `old`.

    Another family of tags has another clearance. Two different masks cannot be compared by their text, so the new one counts as
    looser unless it shows nothing at all.
    """
    if not old.protected:
        return False
    if not new.protected:
        return True
    if column is None:
        return RANK[new.protect] < RANK[old.protect]
    words = knowledge.vocabulary
    filters = filter_protection(old, column, words), filter_protection(new, column, words)
    if filters != (None, None):
        return filters[0] != filters[1]
    before, after = mask_protection(old, column, words), mask_protection(new, column, words)
    if before is None or after is None:
        return after is not None
    if before.family != after.family:
        return True
    return after.function != before.function and find_function(after, column, knowledge.library).reveals != "nothing"
