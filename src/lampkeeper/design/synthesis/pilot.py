"""A pilot: policies bind one group first, and all principals later, in one step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.policies import Policy


def bound_to(policies: Iterable[Policy], group: str) -> tuple[Policy, ...]:
    """Return the policies with those for all principals bound to one group; the others stay. Without a group, all stay."""
    return tuple(replace(p, to_principals=(group,)) if group and p.to_principals == (EVERYBODY,) else p for p in policies)


def widened(policies: Iterable[Policy], group: str) -> tuple[Policy, ...]:
    """Return the policies with those that bind the group of a pilot alone bound to all principals."""
    return tuple(replace(p, to_principals=(EVERYBODY,)) if binds_pilot(p, group) else p for p in policies)


def binds_pilot(policy: Policy, group: str) -> bool:
    """Return whether a policy binds the group of a pilot and nobody else."""
    return bool(group) and policy.to_principals == (group,)
