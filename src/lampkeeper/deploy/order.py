"""The order of an apply: access away first, protection in, propagation waited for, old protection out, access last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lampkeeper.deploy.change import LAGGING, STAGES, Action, Change, Stage
from lampkeeper.deploy.kinds import KINDS
from lampkeeper.model.policies import Policy

_RANK = {kind.name: n for n, kind in enumerate(KINDS)}
_DELETE_RANK = {
    # Within `close`: who may enter goes before what they may enter. Within `clean`: users of a thing go before the thing.
    "genie_acl": 0, "genie_space": 1, "grant": 2, "warehouse_acl": 3, "entitlement": 4, "seat": 5, "member": 6,
    "tag": 7, "policy": 8, "function": 9, "schema": 10, "tag_permission": 11, "tag_policy": 12, "warehouse": 13, "group": 14,
}  # fmt: skip


def ordered(changes: Iterable[Change], policies: Iterable[Policy]) -> tuple[Change, ...]:
    """Return the changes in the order in which they are applied; `policies` are those that will stand at the end."""
    addressed = {p for policy in policies for p in policy.to_principals}
    exempt = {p for policy in policies for p in policy.except_principals}
    placed = [_place_member(c, addressed, exempt) for c in changes]
    return tuple(sorted(placed, key=lambda c: _sort_key(c, exempt)))


def _place_member(change: Change, addressed: set[str], exempt: set[str]) -> Change:
    """Bring a membership forward when it can only tighten: the group is addressed by policies and exempt from none."""
    if change.kind == "member" and change.action is Action.CREATE and change.after is not None:
        group = change.after["group"]
        if group in addressed and group not in exempt:
            return replace(change, stage=Stage.PROTECT)
    return change


def _sort_key(change: Change, exempt: set[str]) -> tuple[int, int, int, str]:
    stage = STAGES.index(change.stage)
    if change.action in (Action.DELETE, Action.FORGET):
        return (stage, 0, _DELETE_RANK[change.kind], change.key)
    rank = _RANK[change.kind]
    if change.kind == "member":
        late = change.after is not None and change.after["group"] in exempt
        rank = len(_RANK) if late else -1
    return (stage, 1, rank, change.key)


def barriers(changes: Sequence[Change], *, unsettled: bool = False) -> frozenset[int]:
    """Return the positions before which propagation is waited for.

    Before the first change of `switch`, `clean` or `open` that follows a write whose effect lags: what protects must be in
    effect before what it replaces goes or before anybody gets in. `unsettled`: an earlier run has left such a write.
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
        if change.kind in LAGGING:
            pending, stage_of_pending = True, change.stage
    return frozenset(waits)
