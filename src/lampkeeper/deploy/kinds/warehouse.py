"""SQL warehouses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import Warehouse
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode

_WAREHOUSES = "/api/2.0/sql/warehouses"
_MARK_TAG = "managed_by_lampkeeper"
_SETTINGS = (
    "name", "warehouse_type", "enable_serverless_compute", "enable_photon", "min_num_clusters", "max_num_clusters",
    "auto_stop_mins", "spot_instance_policy", "channel", "instance_profile_arn",
)  # fmt: skip
"""The settings of a warehouse that an edit takes besides size and tags (source: SDK 0.156, Warehouses.edit)."""


class WarehouseKind(Kind[Warehouse]):
    """A serverless SQL warehouse that lampkeeper creates; one given by id is used but never changed."""

    name = "warehouse"
    layer = Layer.WORKSPACE
    codec = codecs.WAREHOUSE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLEAN}
    compared: ClassVar[tuple[str, ...]] = ("size",)
    marked = True
    known_by_warehouse = True
    planned = True
    needs_admin = True

    def desired(self, desired: Desired, env: str) -> dict[str, Warehouse]:
        """Return the warehouses without an id."""
        return {w.name: Warehouse(name=w.name, size=w.size, mark=env) for w in desired.warehouses if not w.id}

    def live(self, view: LiveState) -> dict[str, LiveObject[Warehouse]]:
        """Return every warehouse of the workspace by name."""
        found = {}
        for name, raw in view.warehouses.items():
            tags = (raw.get("tags") or {}).get("custom_tags") or ()
            mark = next((str(t.get("value")) for t in tags if t.get("key") == _MARK_TAG), "")
            spec = Warehouse(name=name, size=str(raw.get("cluster_size") or ""), mark=mark)
            found[name] = LiveObject(spec=spec, remote_id=str(raw["id"]), mark=mark)
        return found

    def together(self, target: Warehouse, found: Warehouse, elements: frozenset[str]) -> Warehouse:
        """Return it with the live size: one environment does not change it for the others."""
        return replace(target, size=found.size)

    def imposed(self, agreed: Warehouse, target: Warehouse) -> tuple[str, ...]:
        """Return the size if this environment desires another one than the live size."""
        return self.differences(agreed, target)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the warehouse."""
        return "", Subject(noun="warehouse", name=fields.name("name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return size and mark."""
        return (f"size {fields('size')}", f"managed by lampkeeper: {fields('mark')}")

    def keys_at(self, key: str, found: LiveObject[Warehouse], view: LiveState) -> tuple[str, ...]:
        """Return name and id."""
        return tuple(aliases(found.spec.name, view))

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Store the warehouse's id for spaces and permissions."""
        session.warehouses[key] = remote_id

    def create(self, session: Session, spec: Warehouse) -> str:
        """Create the warehouse."""
        made = session.workspace.write("warehouse", "POST", _WAREHOUSES, self._document(spec))
        session.warehouses[spec.name] = str(made["id"])
        return str(made["id"])

    def update(self, session: Session, before: Warehouse, after: Warehouse, remote_id: str) -> None:
        """Change the warehouse's size and mark; an edit replaces all settings, so the others are sent as they are."""
        path = f"{_WAREHOUSES}/{encode(remote_id)}"
        now = session.workspace.get("warehouse", path)
        tags = [t for t in (now.get("tags") or {}).get("custom_tags") or () if t.get("key") != _MARK_TAG]
        tags += [{"key": _MARK_TAG, "value": after.mark}] if after.mark else []
        document = {k: now[k] for k in _SETTINGS if k in now} | {"cluster_size": after.size}
        if tags or now.get("tags"):
            document["tags"] = {"custom_tags": tags}
        session.workspace.write("warehouse", "POST", f"{path}/edit", document)

    def delete(self, session: Session, spec: Warehouse, remote_id: str) -> None:
        """Remove the warehouse."""
        session.workspace.write("warehouse", "DELETE", f"{_WAREHOUSES}/{encode(remote_id)}")

    @staticmethod
    def _document(spec: Warehouse) -> Json:
        return {
            "name": spec.name,
            "cluster_size": spec.size,
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "auto_stop_mins": 15,
            "tags": {"custom_tags": [{"key": _MARK_TAG, "value": spec.mark}]},
        }


def aliases(warehouse: str, view: LiveState) -> Iterator[str]:
    """Yield the given name or id of a warehouse, then the other one if it is known."""
    yield warehouse
    for name, raw in view.warehouses.items():
        if warehouse in (name, str(raw["id"])):
            yield from {name, str(raw["id"])} - {warehouse}
