"""Divides the objects between the engines.

Terraform writes an object that its state holds, or that does not exist yet. All others stay with the direct engine, which knows
how to share an object with its owners, to adopt it and to give it back: Terraform would fail on them or take them over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.kinds import ENTITLEMENT, GRANT, GROUP, MEMBER, POLICY, TAG, TAG_POLICY, WAREHOUSE_ACL
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.stages import key_of
from lampkeeper.deploy.state import Owned, States
from lampkeeper.deploy.terraform.documents import HeldObject, ObjectKey
from lampkeeper.deploy.terraform.resources import KINDS_OF_TERRAFORM
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import SecurableType

Held = Mapping[Layer, tuple[HeldObject, ...]]

_SAFE = re.compile(r"[^/?#%`\"\\\x00-\x1f\x7f]*\Z")
"""Names that the provider can put into the path or the filter of a request: it does not encode them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The objects that Terraform writes, and the variables for the modules about the rest.

    `unmanaged`: by layer the objects to leave alone. `others`: by layer and object the elements that others added, which stay.
    """

    terraform: frozenset[ObjectKey]
    unmanaged: Mapping[Layer, tuple[str, ...]]
    others: Mapping[Layer, Mapping[str, tuple[str, ...]]]


def divide(desired: Desired, view: LiveState, states: States, held: Held) -> Division:
    """Return the division for a desired state over what is live; pure."""
    holding = {h.placed.object_key for objects in held.values() for h in objects}
    terraform: set[ObjectKey] = set(holding)
    unmanaged: dict[Layer, list[str]] = {layer: [] for layer in Layer}
    others: dict[Layer, dict[str, tuple[str, ...]]] = {layer: {} for layer in Layer}
    for kind in KINDS_OF_TERRAFORM:
        wanted, live = kind.desired(desired, states.env), kind.live(view)
        mine = _whole_entitlements(wanted, live, holding) if kind is ENTITLEMENT else None
        for key, spec in wanted.items():
            object_key = (kind.name, key)
            new = spec.group in mine if mine is not None else key not in live
            if kind is MEMBER:
                new = new and all(_reachable(name, desired, view, terraform) for name in (spec.group, spec.member))
            if object_key in holding or (new and _can_make(kind, spec)):
                terraform.add(object_key)
                continue
            unmanaged[kind.layer].append(_name(kind, key, spec))
        others[kind.layer] |= dict(_elements_of_others(kind, wanted, live, states, terraform))
    for warehouse in desired.warehouses:
        if not any((WAREHOUSE_ACL.name, key_of(warehouse.name, user)) in holding for user in warehouse.users):
            unmanaged[WAREHOUSE_ACL.layer].append(f"{WAREHOUSE_ACL} {warehouse.name}")
    return Division(
        terraform=frozenset(terraform),
        unmanaged={layer: tuple(sorted(set(names))) for layer, names in unmanaged.items()},
        others=others,
    )


def _reachable(name: str, desired: Desired, view: LiveState, terraform: Collection[ObjectKey]) -> bool:
    """Return whether Terraform can look up a principal: a group that is still to be made must be made by Terraform."""
    ours = any(group.name == name for group in desired.groups) or name in desired.members
    there = name in view.governed.directory.groups or (GROUP.name, name) in terraform
    return _safe(name) and (there or not ours)


def _can_make(kind: Kind[Any], spec: Any) -> bool:
    """Return whether Terraform can create such an object, and would not take elements from others later."""
    if kind is GRANT:
        return not spec.shared and spec.securable_type is not SecurableType.METASTORE and _safe(*spec.securable, spec.principal)
    if kind is POLICY:
        return spec.securable_type is not SecurableType.METASTORE and _safe(*spec.securable, spec.name)
    if kind is TAG:
        return _safe(spec.entity_name, spec.key)
    return _safe(spec.key) if kind is TAG_POLICY else kind is not GROUP or _safe(spec.name)


def _safe(*names: str) -> bool:
    return all(_SAFE.match(name) for name in names)


def _whole_entitlements(wanted: Mapping[str, Any], live: Mapping[str, Any], holding: Collection[ObjectKey]) -> set[str]:
    """Return the groups whose entitlements are Terraform's: one resource sets all entitlements of a group."""
    groups = {spec.group for spec in wanted.values()}
    taken = {found.spec.group for found in live.values()}
    held = {spec.group for key, spec in wanted.items() if (ENTITLEMENT.name, key) in holding}
    return (groups - taken) | held


def _elements_of_others(
    kind: Kind[Any], wanted: Mapping[str, Any], live: Mapping[str, Any], states: States, terraform: Collection[ObjectKey]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the elements that others added to objects of Terraform: values of a governed tag, entitlements of a group."""
    recorded: Mapping[str, Owned[Any]] = states[kind.layer].of_kind(kind)
    if kind is TAG_POLICY:
        for key, spec in wanted.items():
            if (kind.name, key) in terraform and key in live:
                target = kind.target(spec, live[key].spec, recorded[key].spec if key in recorded else None)
                if more := sorted(set(target.values) - set(spec.values)):
                    yield f"{kind} {key}", tuple(more)
    if kind is ENTITLEMENT:
        groups = sorted({spec.group for key, spec in wanted.items() if (kind.name, key) in terraform})
        for group in groups:
            there = {f.spec.entitlement for key, f in live.items() if f.spec.group == group and key not in recorded}
            asked = {spec.entitlement for spec in wanted.values() if spec.group == group}
            if more := sorted(there - asked):
                yield f"{kind} {group}", tuple(more)


def _name(kind: Kind[Any], key: str, spec: Any) -> str:
    """Return the name of an object in `unmanaged`: its kind and its key in the modules."""
    if kind is ENTITLEMENT:
        return f"{kind} {spec.group}"
    if kind is TAG:
        return f"{kind} {key_of(str(spec.entity_type), spec.entity_name.lower(), spec.key)}"
    if kind is POLICY:
        return f"{kind} {key_of(str(spec.securable_type), '.'.join(spec.securable).lower(), spec.name)}"
    if kind is GRANT:
        return f"{kind} {key_of(str(spec.securable_type), '.'.join(spec.securable).lower(), spec.principal)}"
    return f"{kind} {key}"


def absorb(states: States, held: Held) -> None:
    """Record in memory what a state of Terraform holds and the state of lampkeeper does not, as after an interrupted apply."""
    for objects in held.values():
        for each in objects:
            placed = each.placed
            states[placed.kind.layer].absorb(placed.object_key, Owned(spec=placed.spec, remote_id=placed.remote_id))
