"""Renames of tag keys and values in a desired state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lampkeeper.model.conditions import And, Condition, HasTag, HasTagValue, Not, Or, tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.policies import Policy


def named_values(desired: Desired) -> set[tuple[str, str]]:
    """Return the (key, value) of every tag that a condition names with its value."""
    references = (r for p in desired.policies for c in p.conditions for r in tag_references(c))
    return {(key, value) for key, value in references if value is not None}


def _rewritten(condition: Condition, change: Callable[[HasTag | HasTagValue], Condition]) -> Condition:
    match condition:
        case Not(part):
            return Not(_rewritten(part, change))
        case And(parts):
            return And(tuple(_rewritten(p, change) for p in parts))
        case Or(parts):
            return Or(tuple(_rewritten(p, change) for p in parts))
        case leaf:
            return change(leaf)


def _with_conditions(desired: Desired, change: Callable[[HasTag | HasTagValue], Condition]) -> tuple[Policy, ...]:
    return tuple(
        replace(
            p,
            when=_rewritten(p.when, change) if p.when is not None else None,
            match_columns=tuple(replace(m, condition=_rewritten(m.condition, change)) for m in p.match_columns),
        )
        for p in desired.policies
    )


def renamed_key(desired: Desired, key: str, to: str) -> Desired:
    """Return a state with another tag key, in assignments and conditions."""

    def change(leaf: HasTag | HasTagValue) -> Condition:
        if leaf.key != key:
            return leaf
        return HasTag(to) if isinstance(leaf, HasTag) else HasTagValue(to, leaf.value)

    assignments = dict.fromkeys(replace(t, key=to) if t.key == key else t for t in desired.tag_assignments)
    return replace(desired, tag_assignments=tuple(assignments), policies=_with_conditions(desired, change))


def renamed_value(desired: Desired, key: str, value: str, to: str) -> Desired:
    """Return a state whose conditions name another value of a tag key."""

    def change(leaf: HasTag | HasTagValue) -> Condition:
        return HasTagValue(key, to) if leaf == HasTagValue(key, value) else leaf

    return replace(desired, policies=_with_conditions(desired, change))
