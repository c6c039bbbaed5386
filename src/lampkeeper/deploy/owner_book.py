"""Writes an environment's owner files: before an apply with all that it will own, after it with what it owns.

A crash in between therefore leaves too many claims, never too few.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds.base import LiveObject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.owner_plans import LEFT
from lampkeeper.deploy.owners import Claim, Entry, Owners, Sharing, claim_for, claims_of, entry_of
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import Owned, States
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.owner_files import delete_owner_file, write_owner_file
from lampkeeper.remote.warehouse import list_warehouses

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class OwnerBook:
    """The environment's owner files during one apply."""

    plan: Plan
    workspace: Workspace
    states: States
    _owners: Owners = field(default_factory=Owners)
    _sharing: Sharing = field(init=False)
    _retired: tuple[Entry, ...] = ()
    _view: LiveState | None = None
    _standing: dict[Layer, Entry | None] = field(default_factory=dict)

    def new_layers(self) -> tuple[Layer, ...]:
        """Return the layers that need an owner file and have no state yet."""
        return tuple(la for la, uses in self.plan.owners.uses.items() if uses and not self.states[la].lineage)

    def open(self) -> None:
        """Read the owners; refuse a plan that releases objects if their owners have changed since it was created."""
        self._owners = owners = Owners.read(self.workspace)
        self._retired = tuple(e for e in owners.entries if e.file in self.plan.owners.retired and self._ours(e))
        self._sharing = Sharing(states=self.states, owners=owners, others=owners.others(self.states), superseded=self._retired)
        for change in self.plan.changes:
            if change.kind.shared and change.action in (Action.DELETE, Action.FORGET):
                self._require_alone(change)

    def announce(self) -> None:
        """Claim the objects that the plan will own."""
        for layer in self.plan.layers:
            standing = self._owners.mine(self.states, layer)
            base = standing or Entry(env=self.states.env, layer=layer, lineage=self.states[layer].lineage)
            entry = base.joined(claims_of(self.states, layer), self.plan.owners.uses.get(layer, frozenset()))
            entry = replace(entry.joined(_coming(self.plan.of_layer(layer)), ()), tables=self._tables(standing))
            self._standing[layer] = standing
            if not entry.empty:
                self._write(layer, replace(entry, active=True) if not self.plan.destroys else entry)

    def _require_alone(self, change: Change[Any]) -> None:
        """Refuse a plan that removes an object with a new owner, or leaves one to an owner that no longer exists."""
        record = self.states[change.layer].objects.get(change.object_key)
        spec = change.before or (record.spec if record else None)
        if spec is None or change.temporary or (change.action is Action.FORGET and LEFT not in " ".join(change.reasons)):
            return
        owned = bool(self._sharing.at(change.kind, self._keys(change, spec), leaving=True).owners)
        if owned is (change.action is Action.DELETE):
            raise UnsafePlanError(
                f"the owners have changed since the plan was created: {change.kind} {change.key}",
                fix="run `plan` again",
            )

    def _keys(self, change: Change[T], spec: T) -> tuple[str, ...]:
        if change.kind.known_by_warehouse and self._view is None:
            self._view = LiveState(warehouses={str(w["name"]): w for w in list_warehouses(self.workspace)})
        found = LiveObject(spec=spec, remote_id=change.remote_id)
        return change.kind.keys_at(change.key, found, self._view or LiveState())

    def settle(self) -> None:
        """Claim the objects that are owned now and no others."""
        for layer in self.plan.layers:
            active = not (self.plan.destroys and layer is Layer.ACCOUNT)
            uses, tables = self.plan.owners.uses.get(layer, frozenset()), self._tables(self._standing.get(layer))
            self._write(layer, entry_of(self.states, layer, uses, tables, active=active))
        account = self._owners.mine(self.states, Layer.ACCOUNT)
        if self.plan.owners.leaves and account is not None:
            self._standing[Layer.ACCOUNT] = account
            self._write(Layer.ACCOUNT, replace(account, active=False))
        for entry in self._retired:
            delete_owner_file(self.workspace, entry.file)

    def _tables(self, standing: Entry | None) -> frozenset[str]:
        """Return the tables of an owner file: those of the plan, and in a destroy those that it listed before."""
        if self.plan.destroys:
            return standing.tables if standing else frozenset()
        return frozenset(self.plan.owners.tables)

    def _ours(self, entry: Entry) -> bool:
        """Return whether an owner file may be removed: that of a lost state, or of an account layer that was left."""
        beside = entry.layer is Layer.ACCOUNT and entry.lineage == self.states[Layer.ACCOUNT].lineage and not entry.active
        return entry.env == self.states.env or beside

    def _write(self, layer: Layer, entry: Entry) -> None:
        standing = self._standing.get(layer)
        if entry == standing:
            return
        if not entry.empty:
            write_owner_file(self.workspace, entry.file, entry.to_bytes())
        elif standing is not None:
            delete_owner_file(self.workspace, standing.file)
        self._standing[layer] = None if entry.empty else entry


def _coming(changes: tuple[Change[Any], ...]) -> dict[tuple[str, str], Claim]:
    """Return the claims of the changes whose objects have a name already."""
    found: dict[tuple[str, str], Claim] = {}
    for change in changes:
        spec = change.managed or change.after
        if not change.kind.shared or spec is None or change.temporary or change.action is Action.DELETE:
            continue
        key = change.kind.claim_key(change.key, spec, {})
        if key is not None:
            object_key, claim = (change.kind.name, key), claim_for(change.kind, Owned(spec=spec, original=change.original))
            found[object_key] = found[object_key].joined(claim) if object_key in found else claim
    return found
