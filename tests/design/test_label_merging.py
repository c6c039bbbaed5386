"""Labels of several sources: stewards decide, others only raise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.classify.merge import merge_labels
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName, TableName

COLUMN = ColumnName(TableName("c", "s", "t"), "x")
STRICT = {Protect.NO: 0, Protect.UNDECIDED: 1, Protect.YES: 2}


def label(source: LabelSource, label_class: LabelClass, protect: Protect, confidence: float = 0.9) -> Label:
    """Return a label of the one column."""
    return Label(column=COLUMN, label=label_class, protect=protect, confidence=confidence, source=source)


labels = st.builds(label, st.sampled_from(list(LabelSource)), st.sampled_from(list(LabelClass)), st.sampled_from(list(Protect)))


@given(st.lists(labels, min_size=1, max_size=5))
def test_without_a_steward_nothing_is_lowered(given_labels: list[Label]) -> None:
    merged = merge_labels(given_labels)[0]
    if not any(x.source is LabelSource.STEWARD for x in given_labels):
        assert STRICT[merged.protect] == max(STRICT[x.protect] for x in given_labels)


@given(st.lists(labels, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_order_does_not_matter(given_labels: list[Label], random: object) -> None:
    shuffled = list(given_labels)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = merge_labels(given_labels)[0], merge_labels(shuffled)[0]
    assert (first.label, first.protect, first.source) == (second.label, second.protect, second.source)


def test_a_steward_overrides_in_both_directions_and_the_others_are_reported() -> None:
    offline = label(LabelSource.OFFLINE, LabelClass.EMAIL, Protect.YES)
    opened = merge_labels([offline], [label(LabelSource.STEWARD, LabelClass.NONE, Protect.NO)])[0]
    assert opened.protect is Protect.NO
    assert any("offline said email" in e for e in opened.evidence)


def test_a_model_raises_and_never_lowers() -> None:
    offline = label(LabelSource.OFFLINE, LabelClass.UNDECIDED, Protect.UNDECIDED)
    assert merge_labels([offline], [label(LabelSource.MODEL, LabelClass.HEALTH, Protect.YES)])[0].label is LabelClass.HEALTH
    assert merge_labels([offline], [label(LabelSource.MODEL, LabelClass.NONE, Protect.NO)])[0].protect is Protect.UNDECIDED


def test_two_stewards_who_disagree_leave_the_stricter_and_a_note() -> None:
    merged = merge_labels(
        [label(LabelSource.STEWARD, LabelClass.NONE, Protect.NO)], [label(LabelSource.STEWARD, LabelClass.NAME, Protect.YES)]
    )[0]
    assert merged.protect is Protect.YES
    assert any("disagree" in e for e in merged.evidence)
