"""Labels of several sources made one: a steward decides, the others may only add protection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from lampkeeper.model.labels import Label, LabelSource, Protect
from lampkeeper.model.names import ColumnName

_TRUST = {LabelSource.STEWARD: 0, LabelSource.MODEL: 1, LabelSource.PLATFORM: 2, LabelSource.OFFLINE: 3}
_STRICTNESS = {Protect.NO: 0, Protect.UNDECIDED: 1, Protect.YES: 2}


def merge_labels(*sources: Iterable[Label]) -> tuple[Label, ...]:
    """Return one label a column, sorted by column, with the reasons of every source that had a say.

    A steward's label stands as it is. Else the most trusted source (model, platform, offline) among those that protect most
    wins: a source can raise what a less trusted one found, never lower it. Two stewards: the stricter wins, and is disputed.
    """
    by_column: dict[ColumnName, list[Label]] = defaultdict(list)
    for labels in sources:
        for label in labels:
            by_column[label.column].append(label)
    return tuple(_merge_one(by_column[column]) for column in sorted(by_column))


def _merge_one(labels: list[Label]) -> Label:
    ordered = sorted(labels, key=lambda x: (_TRUST[x.source], -_STRICTNESS[x.protect], -x.confidence, x.label, x.sub))
    stewards = [x for x in ordered if x.source is LabelSource.STEWARD]
    if stewards:
        chosen = stewards[0]
        disputed = len({(x.label, x.protect) for x in stewards}) > 1
        extra = ("stewards disagree: the stricter decision stands",) if disputed else ()
        return replace(chosen, evidence=(*chosen.evidence, *extra, *_others(ordered, chosen)))
    strictest = max(_STRICTNESS[x.protect] for x in ordered)
    chosen = next(x for x in ordered if _STRICTNESS[x.protect] == strictest)
    return replace(chosen, evidence=(*chosen.evidence, *_others(ordered, chosen)))


def _others(ordered: list[Label], chosen: Label) -> tuple[str, ...]:
    """Return a line for each source that said something else."""
    return tuple(
        f"{x.source} said {x.label} ({x.protect}, {x.confidence:.2f})"
        for x in ordered
        if x is not chosen and (x.label, x.protect) != (chosen.label, chosen.protect)
    )
