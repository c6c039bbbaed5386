"""Which of two labels of a column hides more: by the masks that they lead to, not by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lampkeeper.design.vocabulary import filter_treatment, find_function, mask_treatment
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.schema import Column, Snapshot

RANK: Mapping[Protect, int] = {Protect.NO: 0, Protect.UNDECIDED: 1, Protect.YES: 2}
"""How much a label asks for: an undecided column is protected, and waits for a person."""

Looser = Callable[[Label, Label], bool]
"""Says whether the first label would show more of its column than the second."""


def looser_in(snapshot: Snapshot) -> Looser:
    """Return the comparison for the columns of a snapshot; a column that is not in it is compared by rank alone."""
    columns = dict(snapshot.columns())

    def looser(new: Label, old: Label) -> bool:
        return shows_more(new, old, columns.get(new.column))

    return looser


def shows_more(new: Label, old: Label, column: Column | None) -> bool:
    """Say whether a column labelled `new` may show more than labelled `old`.

    Two masks that differ cannot be compared by their text: the new one is no looser only when it shows nothing at all.
    """
    if not old.protected:
        return False
    if not new.protected:
        return True
    if column is None:
        return RANK[new.protect] < RANK[old.protect]
    if filter_treatment(old, column) is not None or filter_treatment(new, column) is not None:
        return filter_treatment(old, column) != filter_treatment(new, column)
    before, after = mask_treatment(old, column), mask_treatment(new, column)
    if after is None:
        return False
    if before is None:
        return True
    return after.function != before.function and find_function(after, column).reveals != "nothing"
