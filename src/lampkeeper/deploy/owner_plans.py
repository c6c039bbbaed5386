"""The owners in a plan: the objects that the environment uses, whether its owner files are current, and what it may release."""

from __future__ import annotations

from typing import Any

from lampkeeper.deploy.kinds import GENIE_SPACE, GROUP, KINDS, TAG_POLICY, WAREHOUSE
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.kinds.description import shown
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.owners import Entry, OwnerPlan, Owners, Sharing, claims_of, entry_of
from lampkeeper.deploy.state import States
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.layers import Layer
from lampkeeper.remote.owner_files import FOLDER

LEFT = "left to"
"""The start of the reason of a change that leaves an object to its other owners."""


def sharing_of(desired: Desired, view: LiveState, owners: Owners, states: States) -> Sharing:
    """Return the environment's owner files and those of others.

    The environment's owner files of another state are superseded if this state records the objects with its mark: these have
    one owner, so the other state is lost or belongs to the same environment. An environment with the same name over other
    tables is another environment.
    """
    others = owners.others(states)
    tables = tables_of(desired)
    former = tuple(
        e for e in others
        if e.env == states.env and e.lineage != states[e.layer].lineage and not e.tables.isdisjoint(tables)
    )  # fmt: skip
    lost = bool(former) and any(_taken_over(kind, desired, view, states) for kind in KINDS)
    return Sharing(states=states, owners=owners, others=others, superseded=former if lost else ())


def tables_of(desired: Desired) -> frozenset[str]:
    """Return the tables that an environment governs, as its owner files list them."""
    return frozenset(t.plain.casefold() for t in desired.tables)


def _taken_over(kind: Kind[Any], desired: Desired, view: LiveState, states: States) -> bool:
    if kind.shared:
        return False
    owned, begun = states[kind.layer].of_kind(kind), states[kind.layer].intents
    live = kind.live(view)
    fresh = (live[k] for k in kind.desired(desired, states.env) if k in live and k not in owned and (kind.name, k) not in begun)
    return any(found.mark == states.env for found in fresh)


def uses_of(desired: Desired, layer: Layer) -> frozenset[tuple[str, str]]:
    """Return the objects that a layer uses and may not own: groups, governed tags, warehouses and spaces given by id."""
    if layer is Layer.DATA_ACCESS:
        groups = {g.name for g in desired.groups}
        return frozenset({(GROUP.name, g) for g in groups} | {(TAG_POLICY.name, t.key) for t in desired.tag_policies})
    if layer is Layer.WORKSPACE:
        groups = {s.group for s in desired.workspace_assignments} | {g for s in desired.spaces for g in s.acl_groups}
        warehouses = {w.id for w in desired.warehouses if w.id} | {s.warehouse_id for s in desired.spaces if s.warehouse_id}
        spaces = {s.space_id for s in desired.spaces if s.space_id}
        named = ((GROUP, groups), (WAREHOUSE, warehouses), (GENIE_SPACE, spaces))
        return frozenset((kind.name, name) for kind, names in named for name in names)
    return frozenset()


def plan_owners(desired: Desired, sharing: Sharing, layers: tuple[Layer, ...], *, destroys: bool) -> OwnerPlan:
    """Return the effect of an apply of these layers on the environment's owner files."""
    states, owners = sharing.states, sharing.owners
    uses, tables = {layer: uses_of(desired, layer) for layer in layers}, tables_of(desired)
    retired = [e.file for e in sharing.superseded]
    if destroys and Layer.ACCOUNT in layers and not any(e.active for e in sharing.beside):
        retired += [e.file for e in sharing.beside]
    account = owners.mine(states, Layer.ACCOUNT)
    leaves = destroys and Layer.ACCOUNT not in layers and account is not None and account.active
    stale = leaves or bool(retired)
    for layer in layers:
        mine = owners.mine(states, layer)
        governed = tables if mine is None or not destroys else mine.tables
        wanted = entry_of(states, layer, uses[layer], governed, active=not (destroys and layer is Layer.ACCOUNT))
        stale = stale or not _same(wanted, mine)
    return OwnerPlan(uses=uses, stale=stale, retired=tuple(sorted(set(retired))), leaves=leaves, tables=tuple(sorted(tables)))


def _same(wanted: Entry, standing: Entry | None) -> bool:
    return wanted.empty if standing is None else wanted == standing


def require_known_owners(owners: Owners, states: States, layers: tuple[Layer, ...]) -> None:
    """Raise UnsafePlanError if a destroy cannot determine the other owners of the objects that it would remove."""
    held = [layer for layer in layers if claims_of(states, layer)]
    if held and owners.unreadable:
        raise UnsafePlanError(
            f"cannot determine the other users of the objects to remove: {FOLDER}/{owners.unreadable[0]} is not an owner file"
            " of this version",
            fix="use the version that wrote it, or remove the file if its environment no longer exists",
        )
    for layer in held:
        # The folder of the account layer is applied by every environment, under their names.
        known = states.env == Layer.ACCOUNT and any(e.lineage == states[layer].lineage for e in owners.entries)
        if owners.mine(states, layer) is None and not known:
            raise UnsafePlanError(
                f"cannot determine the other users of the objects to remove: {FOLDER} has no owner file of environment"
                f" {states.env!r} for layer {layer}, so those of other environments may be missing too",
                fix="apply this and every other environment of this workspace once, then destroy",
            )


_NAMED = 5


def require_sole_workspace(others: tuple[str, ...] | None) -> None:
    """Raise UnsafePlanError if other workspaces may use the account layer: their owner files are in those workspaces."""
    if others == ():
        return
    if others is None:
        why = "the account does not list its workspaces, and other workspaces may use its groups and governed tags"
    else:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        named = ", ".join(shown(o) for o in others[:_NAMED])
        why = f"owner files of the account's other workspaces are not readable here: {named}{more}"
    raise UnsafePlanError(
        f"cannot determine the other users of the account layer: {why}",
        fix="make sure that no environment there uses it, then pass --sole-workspace (SOLE_WORKSPACE=1 to make), or keep the"
        " account layer",
    )
