"""The order of an apply: revoke access, create protection, wait for propagation, remove old protection, give access."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lampkeeper.deploy.change import Change, changes_of, written
from lampkeeper.deploy.kinds import KINDS, MEMBER, POLICY, REMOVAL, TAG
from lampkeeper.deploy.stages import STAGES, Action, Stage
from lampkeeper.model.policies import Policy
from lampkeeper.model.tags import TagAssignment
from lampkeeper.model.unreviewed import is_fallback, negated_tags

_RANK = {kind: n for n, kind in enumerate(KINDS)}
_REMOVAL_RANK = {kind: n for n, kind in enumerate(REMOVAL)}


def ordered(changes: Iterable[Change[Any]], policies: Iterable[Policy]) -> tuple[Change[Any], ...]:
    """Return the changes in the order of the apply; `policies` are those that exist after it."""
    standing, steps = tuple(policies), tuple(changes)
    addressed = {p for policy in standing for p in policy.to_principals}
    exempt = {p for policy in standing for p in policy.except_principals}
    placer = _Placer.of(steps, standing)
    placed = [placer.place(_place_member(c, addressed, exempt)) for c in steps]
    return tuple(sorted(placed, key=lambda c: _sort_key(c, exempt)))


def _member_of(change: Change[Any]) -> str:
    """Return the group to which a change adds a member, empty for all other changes."""
    return next((m.after.group for m in changes_of([change], MEMBER) if m.after is not None), "")


def _place_member(change: Change[Any], addressed: set[str], exempt: set[str]) -> Change[Any]:
    """Move a membership to an earlier stage if it can only narrow access: policies name the group in TO and none in EXCEPT."""
    if change.action is Action.CREATE and _member_of(change) in addressed - exempt:
        return replace(change, stage=Stage.PROTECT)
    return change


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placer:
    """Finds the stage of changes of negated tags: those that a policy tests under NOT, such as the review tag.

    Such a tag is assigned once all protection is in effect, and removed before the protection. The policy that tests it (a
    fallback) is created after the tags are in effect, so that no reader loses rows meanwhile, and deleted before them.
    `first_access`: such keys in policies that remain. `closing`: in deleted policies. `coming`: keys that are assigned.
    """

    first_access: frozenset[str]
    closing: frozenset[str]
    coming: frozenset[str]

    @classmethod
    def of(cls, changes: Sequence[Change[Any]], standing: Sequence[Policy]) -> _Placer:
        first_access = _negated(standing)
        gone = [c.before for c in changes_of(changes, POLICY) if c.action.writes and isinstance(c.before, Policy)]
        closing = _negated(gone) - first_access
        coming = {tag.key for tag in written(changes, TAG)}
        return cls(first_access=first_access, closing=closing, coming=frozenset(coming) & (first_access | closing))

    def place(self, change: Change[Any]) -> Change[Any]:
        """Return the change with its stage."""
        if not change.action.writes:
            return change
        if isinstance(change.spec, TagAssignment):
            return self._tag(change, change.spec.key)
        return self._policy(change, change.spec) if isinstance(change.spec, Policy) else change

    def _tag(self, change: Change[Any], key: str) -> Change[Any]:
        if change.action is not Action.DELETE:
            # The review tag gives access, so it waits until the masks of `protect` are in effect.
            return replace(change, stage=Stage.SWITCH) if key in self.first_access | self.closing else change
        if key in self.first_access:
            # Its fallback stays, so removing the tag hides the table, and comes with the revokes.
            return replace(change, stage=Stage.CLOSE)
        return replace(change, stage=Stage.CLEAN) if key in self.closing else change

    def _policy(self, change: Change[Any], policy: Policy) -> Change[Any]:
        if change.action is Action.DELETE:
            return replace(change, stage=Stage.SWITCH) if is_fallback(policy) else change
        waits = bool(self.coming & policy.tag_keys)
        if change.action is Action.CREATE and is_fallback(policy):
            return replace(change, stage=Stage.CLEAN if waits else Stage.SWITCH)
        # A policy that tests a tag assigned in `switch` changes one stage later, once the tag is in effect.
        return replace(change, stage=Stage.CLEAN) if waits and change.stage is Stage.SWITCH else change


def _negated(policies: Iterable[Policy]) -> frozenset[str]:
    return frozenset(key for policy in policies for key in negated_tags(policy))


def _sort_key(change: Change[Any], exempt: set[str]) -> tuple[int, int, int, str]:
    stage = STAGES.index(change.stage)
    if change.action in (Action.DELETE, Action.FORGET):
        return (stage, 0, _REMOVAL_RANK[change.kind], change.key)
    rank = _RANK[change.kind]
    if change.kind is MEMBER:
        rank = len(_RANK) if _member_of(change) in exempt else -1
    if change.kind is POLICY and change.action is Action.CREATE and change.stage is Stage.CLEAN:
        # A fallback hides the rows that other policies of this stage stop protecting, so it comes before them.
        rank = -1
    return (stage, 1, rank, change.key)


def barriers(changes: Sequence[Change[Any]], *, unsettled: bool = False) -> frozenset[int]:
    """Return the positions before which an apply waits for propagation.

    These are before the first change of `switch`, `clean` or `open` after a write with propagation delay: protection must be in
    effect before the protection that it replaces is removed, or access is given. `unsettled`: an earlier run left such a write.
    """
    waits: set[int] = set()
    pending = unsettled
    stage_of_pending: Stage | None = None
    for position, change in enumerate(changes):
        if not change.action.writes:
            continue
        if pending and change.stage in (Stage.SWITCH, Stage.CLEAN, Stage.OPEN) and change.stage is not stage_of_pending:
            waits.add(position)
            pending = False
        if change.kind.propagating:
            pending, stage_of_pending = True, change.stage
    return frozenset(waits)
