"""Merges policies without changing their effect: policies with the same function and principals share one condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace

from lampkeeper.model.conditions import Condition, Or, any_of
from lampkeeper.model.policies import MatchColumn, Policy


def merge_policies(policies: Iterable[Policy], principals_per_policy: int) -> tuple[Policy, ...]:
    """Return the fewest policies of one securable with the same effect for the same principals.

    Two are merged when they differ in one thing only: the condition of their single MATCH COLUMNS entry, or WHEN, or (within
    the quota of principals) TO. The name of the first, by name, stays.
    """
    found = sorted(policies, key=lambda p: p.key)
    found = _same(found)
    found = _by_condition(found)
    found = _by_when(found)
    return tuple(_by_people(found, principals_per_policy))


def _groups(policies: list[Policy], key: object) -> list[list[Policy]]:
    grouped: dict[Hashable, list[Policy]] = defaultdict(list)
    for policy in policies:
        grouped[key(policy)].append(policy)  # type: ignore[operator]
    return list(grouped.values())


def _same(policies: list[Policy]) -> list[Policy]:
    """Keep one of policies that differ in name and comment alone."""
    return [g[0] for g in _groups(policies, lambda p: replace(p, name="", comment=""))]


def _by_condition(policies: list[Policy]) -> list[Policy]:
    def key(policy: Policy) -> Hashable:
        if len(policy.match_columns) != 1:
            return policy.key
        # The alias is local to a policy, so it must not prevent a merge.
        return _plain(policy)

    merged = []
    for group in _groups(policies, key):
        first = group[0]
        if len(group) > 1:
            entry = first.match_columns[0]
            joined = _or([p.match_columns[0].condition for p in group])
            first = replace(first, match_columns=(MatchColumn(alias=entry.alias, condition=joined),))
        merged.append(first)
    return merged


def _plain(policy: Policy) -> Policy:
    """Return the policy without name, comment and condition, its one alias called the same everywhere."""
    alias = policy.match_columns[0].alias
    using = tuple(replace(a, alias="") if a.alias == alias else a for a in policy.using)
    on_column = "" if policy.on_column == alias else policy.on_column
    return replace(policy, name="", comment="", match_columns=(), on_column=on_column, using=using)


def _by_when(policies: list[Policy]) -> list[Policy]:
    merged = []
    for group in _groups(policies, lambda p: replace(p, name="", comment="", when=None)):
        first = group[0]
        if len(group) > 1:
            conditions = [p.when for p in group]
            whole = [c for c in conditions if c is not None]
            first = replace(first, when=_or(whole) if len(whole) == len(conditions) else None)
        merged.append(first)
    return merged


def _by_people(policies: list[Policy], quota: int) -> list[Policy]:
    merged: list[Policy] = []
    for group in _groups(policies, lambda p: replace(p, name="", comment="", to_principals=())):
        current = group[0]
        for policy in group[1:]:
            people = {*current.to_principals, *policy.to_principals}
            if len(people) + len(current.except_principals) <= quota:
                current = replace(current, to_principals=tuple(people))
            else:
                merged.append(current)
                current = policy
        merged.append(current)
    return merged


def _or(conditions: Iterable[Condition]) -> Condition:
    """Return the disjunction, each part once, nested ones flat."""
    parts: dict[Condition, None] = {}
    for condition in conditions:
        for part in condition.parts if isinstance(condition, Or) else (condition,):
            parts[part] = None
    return any_of(tuple(parts))
