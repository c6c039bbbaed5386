"""Which of two labels of a column hides more: by the masks that they lead to, not by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lampkeeper.design.knowledge.overlay import Overlay, no_overlay
from lampkeeper.design.knowledge.vocabulary import filter_treatment, find_function, mask_treatment
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.schema import Column, Snapshot

RANK: Mapping[Protect, int] = {Protect.NO: 0, Protect.UNDECIDED: 1, Protect.YES: 2}
"""How much a label asks for: an undecided column is protected, and waits for a person."""

Looser = Callable[[Label, Label], bool]
"""Says whether the first label would show more of its column than the second."""


def looser_in(snapshot: Snapshot, overlay: Overlay | None = None, *, settle: bool = False) -> Looser:
    """Return the comparison for the columns of a snapshot; a column that is not in it is compared by rank alone.

    `settle` lets a definite class take over from undecided, whatever its mask shows: somebody must have asked for that.
    """
    columns = dict(snapshot.columns())
    known = overlay or no_overlay()

    def looser(new: Label, old: Label) -> bool:
        if settle and old.protect is Protect.UNDECIDED:
            return not new.protected
        return shows_more(new, old, columns.get(new.column), known)

    return looser


def shows_more(new: Label, old: Label, column: Column | None, overlay: Overlay) -> bool:
    """Say whether a column labelled `new` may show more to anybody than labelled `old`.

    Another family of tags is another set of people who see the values. Two masks that differ cannot be compared by their
    text: the new one is no looser only when it shows nothing at all.
    """
    if not old.protected:
        return False
    if not new.protected:
        return True
    if column is None:
        return RANK[new.protect] < RANK[old.protect]
    words = overlay.vocabulary
    filters = filter_treatment(old, column, words), filter_treatment(new, column, words)
    if filters != (None, None):
        return filters[0] != filters[1]
    before, after = mask_treatment(old, column, words), mask_treatment(new, column, words)
    if before is None or after is None:
        return after is not None
    if before.family != after.family:
        return True
    return after.function != before.function and find_function(after, column, overlay.library).reveals != "nothing"
