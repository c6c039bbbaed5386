"""SQL warehouses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode

_WAREHOUSES = "/api/2.0/sql/warehouses"


class WarehouseKind(Plain):
    """A serverless SQL warehouse that we make; one given by id is used as it is."""

    name = "warehouse"
    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLEAN}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the warehouses without an id."""
        return {w.name: {"name": w.name, "size": w.size, "mark": env} for w in desired.warehouses if not w.id}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every warehouse of the workspace by name."""
        found = {}
        for name, raw in view.warehouses.items():
            tags = (raw.get("tags") or {}).get("custom_tags") or ()
            mark = next((str(t.get("value")) for t in tags if t.get("key") == "managed_by_lampkeeper"), "")
            body = {"name": name, "size": str(raw.get("cluster_size") or ""), "mark": mark}
            found[name] = LiveObject(body=body, remote_id=str(raw["id"]), mark=mark)
        return found

    shown: ClassVar[tuple[str, ...]] = ("size",)

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return it with the size that it has: one environment does not change it for the others."""
        return {**target, "size": found["size"]}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the warehouse."""
        return "", Place(noun="warehouse", name=fields.name("name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return size and mark."""
        return (f"size {fields('size')}", f"managed by lampkeeper: {fields('mark')}")

    def create(self, session: Session, body: Body) -> str:
        """Create the warehouse."""
        made = session.workspace.write("warehouse", "POST", _WAREHOUSES, self._document(body))
        session.warehouses[body["name"]] = str(made["id"])
        return str(made["id"])

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the warehouse's size."""
        session.workspace.write("warehouse", "POST", f"{_WAREHOUSES}/{encode(remote_id)}/edit", self._document(after))

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the warehouse."""
        session.workspace.write("warehouse", "DELETE", f"{_WAREHOUSES}/{encode(remote_id)}")

    @staticmethod
    def _document(body: Body) -> Json:
        return {
            "name": body["name"],
            "cluster_size": body["size"],
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "auto_stop_mins": 15,
            "tags": {"custom_tags": [{"key": "managed_by_lampkeeper", "value": body["mark"]}]},
        }
