"""Merges labels from several sources: a steward decides, the others may only add protection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from lampkeeper.design.classify.strictness import RANK, Looser
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelSource, Protect
from lampkeeper.model.names import ColumnName

_TRUST = {
    LabelSource.STEWARD: 0, LabelSource.TAG: 1, LabelSource.MODEL: 2, LabelSource.LINEAGE: 3, LabelSource.PLATFORM: 4,
    LabelSource.OFFLINE: 5,
}  # fmt: skip
_SETTLING = frozenset({LabelSource.TAG, LabelSource.LINEAGE})
"""Sources that know: people assigned the tag, and a statement wrote the column from another one."""


def merge_labels(*sources: Iterable[Label], looser: Looser | None = None) -> tuple[Label, ...]:
    """Return one label per column, sorted by column, with the reasons of every source that has a label for it.

    A steward's label is final. Otherwise the most trusted source (tag, model, lineage, platform, offline) among the strictest
    labels wins: a source can make the result of a less trusted one stricter, never looser. With `looser`, another class is used
    only if its mask shows no more than the previous one. Of two stewards' labels the stricter wins, and is disputed.
    """
    return tuple(_merge_one(labels, looser) for _, labels in sorted(by_column(*sources).items()))


def by_column(*sources: Iterable[Label]) -> dict[ColumnName, list[Label]]:
    """Return the labels of each column, the most trusted source first."""
    found: dict[ColumnName, list[Label]] = defaultdict(list)
    for labels in sources:
        for label in labels:
            found[label.column].append(label)
    return {
        column: sorted(said, key=lambda x: (_TRUST[x.source], -RANK[x.protect], -x.confidence, x.label, x.subtype))
        for column, said in found.items()
    }


def stewards_disagree(labels: Iterable[Label]) -> bool:
    """Return whether stewards have given one column different labels."""
    return len({(x.label, x.subtype, x.protect) for x in labels if x.source is LabelSource.STEWARD}) > 1


def disagreements(decisions: Iterable[Label]) -> tuple[Finding, ...]:
    """Return a finding for each column that stewards have labelled differently."""
    return tuple(
        Finding(
            code="labels/stewards_disagree", severity=Severity.WARNING, location=str(column),
            message="; ".join(_said(x) for x in said) + ": the stricter decision applies",
            fix="agree, then let one of them decide again with `labels set … --overrule`",
        )
        for column, said in sorted(by_column(decisions).items())
        if stewards_disagree(said)
    )  # fmt: skip


def _said(label: Label) -> str:
    name = f"{label.label}/{label.subtype}" if label.subtype else str(label.label)
    return f"{name}, protect {label.protect} ({label.evidence[0] if label.evidence else 'no reason given'})"


def _merge_one(ordered: list[Label], looser: Looser | None) -> Label:
    stewards = [x for x in ordered if x.source is LabelSource.STEWARD]
    if stewards:
        chosen = _stricter(stewards, looser)
        extra = ("stewards disagree: the stricter decision applies",) if stewards_disagree(stewards) else ()
        return replace(chosen, evidence=(*chosen.evidence, *extra, *_others(ordered, chosen)))
    # From the least trusted source up: each replaces the result if its label is at least as strict and shows no more.
    chosen = ordered[-1]
    for label in reversed(ordered[:-1]):
        # A tag or lineage decides undecided columns; otherwise it can only be stricter, like the other sources.
        settles = label.source in _SETTLING and chosen.protect is Protect.UNDECIDED and label.protected
        if settles or (RANK[label.protect] >= RANK[chosen.protect] and not (looser is not None and looser(label, chosen))):
            chosen = label
    return replace(chosen, evidence=(*chosen.evidence, *_others(ordered, chosen)))


def _stricter(stewards: list[Label], looser: Looser | None) -> Label:
    chosen = stewards[0]
    for other in stewards[1:]:
        if looser is not None and RANK[other.protect] == RANK[chosen.protect] and looser(chosen, other):
            chosen = chosen if looser(other, chosen) else other
    return chosen


def _others(ordered: list[Label], chosen: Label) -> tuple[str, ...]:
    """Return a line for each source with another label."""
    return tuple(
        f"{x.source} said {x.label} ({x.protect}, {x.confidence:.2f})"
        for x in ordered
        if x is not chosen and (x.label, x.protect) != (chosen.label, chosen.protect)
    )
