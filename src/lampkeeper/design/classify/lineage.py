"""Protection follows lineage: a column that was written from a protected one inherits its label, independent of its name.

A figure over many rows (`Derivation.aggregated`) inherits nothing. Lineage is transitive, also through tables outside the scope.
A steward's decision on a column is final for the column and for what is derived from it alone: a released column passes nothing
on, and a column that a steward protects passes that on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lampkeeper.design.classify.strictness import RANK
from lampkeeper.model.labels import Label, LabelSource, Protect
from lampkeeper.model.lineage import Derivation, LineageOrigin
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot

_MOST_CONFIDENT = 0.95


_SHOWN = {LineageOrigin.PLATFORM: "", LineageOrigin.DBT: " (dbt)"}
"""What the evidence says after the column, by where the lineage was read."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class _Path:
    """How a column is reached from a protected one: the number of steps, the protected column, the one before, itself."""

    steps: int
    root: ColumnName
    before: ColumnName
    target: ColumnName
    origin: LineageOrigin


def inherited_labels(snapshot: Snapshot, labels: Iterable[Label], derivations: Iterable[Derivation]) -> tuple[Label, ...]:
    """Return the labels that lineage adds to columns of the snapshot, sorted.

    `labels` are the merged labels of the other sources, one per column. A column that they protect already gets none; an
    undecided one gets a label if it comes from a column whose class is certain.
    """
    columns = {_key(c): c for c, _ in snapshot.columns()}
    known = {_key(x.column): x for x in labels}
    children: dict[str, list[Derivation]] = defaultdict(list)
    for each in sorted(set(derivations)):
        if not each.aggregated:
            children[_key(each.source)].append(each)
    found: dict[str, Label] = {}
    for protect in (Protect.YES, Protect.UNDECIDED):
        for key, path in _reached(known, children, protect).items():
            if key in columns and key not in found and RANK[_protect(known.get(key))] < RANK[protect]:
                found[key] = _label(columns[key], known[_key(path.root)], path)
    return tuple(sorted(found.values(), key=lambda x: x.column))


def _reached(known: Mapping[str, Label], children: Mapping[str, Sequence[Derivation]], protect: Protect) -> dict[str, _Path]:
    """Return the shortest path to each column that derives from one with this protection; a cycle ends where it began."""
    found: dict[str, _Path] = {}
    front = sorted((x.column, x.column) for x in known.values() if x.protect is protect)
    begun = {_key(root) for root, _ in front}
    steps = 0
    while front:
        steps += 1
        reached: dict[str, _Path] = {}
        for root, before in front:
            for each in children.get(_key(before), ()):
                key = _key(each.target)
                if key in begun or key in found or _is_final(known.get(key)):
                    continue
                path = _Path(steps=steps, root=root, before=before, target=each.target, origin=each.origin)
                reached[key] = min(path, reached.get(key, path))
        front = sorted((p.root, p.target) for p in reached.values())
        found |= reached
    return found


def _is_final(label: Label | None) -> bool:
    return label is not None and label.source is LabelSource.STEWARD


def _label(column: ColumnName, root: Label, path: _Path) -> Label:
    through = f" through {path.before}" if path.before != path.root else ""
    evidence = f"derived from {path.root}{through}{_SHOWN[path.origin]}"
    return replace(
        root, column=column, source=LabelSource.LINEAGE, confidence=min(_MOST_CONFIDENT, root.confidence), evidence=(evidence,)
    )


def _protect(label: Label | None) -> Protect:
    return label.protect if label is not None else Protect.NO


def _key(column: ColumnName) -> str:
    return column.plain.casefold()
