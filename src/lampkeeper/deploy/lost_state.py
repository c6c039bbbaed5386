"""Detects a lost state: an empty state, although live objects have the environment's mark.

Dropping a schema drops the volume with the states, and a new clone has none. Objects with a mark are recorded again by it.
Tags, grants and entries of access lists have no mark; after a lost state, those that equal the desired ones are recorded
again, so that a destroy revokes access before it removes masks.
"""

from __future__ import annotations

from collections.abc import Iterator

from lampkeeper.deploy.kinds.base import mark_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.state import States
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName

_OWN = (Layer.DATA_ACCESS, Layer.WORKSPACE)


def lost_layers(view: LiveState, states: States) -> frozenset[Layer]:
    """Return the layers of an environment whose state is empty although live objects have its mark."""
    blank = {layer for layer in _OWN if states[layer].blank}
    return frozenset(blank if blank and states.env in set(_marks(view)) else ())


def marked_tables(desired: Desired, view: LiveState) -> tuple[TableName, ...]:
    """Return the tables of the desired state with a governed tag that has lampkeeper's mark: they were governed before."""
    ours = {key for key, raw in view.tag_policies.items() if mark_of(str(raw.get("description") or ""))}
    tagged = [t.entity_name.casefold() for t in view.governed.tags if t.key in ours]
    names = {name for entity in tagged for name in (entity, entity.rpartition(".")[0])}
    return tuple(t for t in desired.tables if t.plain.casefold() in names)


def _marks(view: LiveState) -> Iterator[str]:
    for function in view.governed.functions:
        yield mark_of(function.comment)
    for policy in view.governed.policies:
        yield mark_of(str(policy.raw.get("comment") or ""))
    for schema in view.schemas.values():
        yield mark_of(str(schema.get("comment") or ""))
    for space in view.spaces.values():
        yield mark_of(str(space.get("description") or "")).split("/")[0]
