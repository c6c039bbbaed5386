"""Who may use a warehouse."""

from __future__ import annotations

from typing import ClassVar

from lampkeeper.deploy.change import Body
from lampkeeper.deploy.kinds.acl import AclKind, direct_entries
from lampkeeper.deploy.kinds.base import LiveObject, Session, key_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.warehouse import list_warehouses


class WarehouseAclKind(AclKind):
    """Which groups may use a warehouse."""

    name = "warehouse_acl"
    object_type = "warehouse"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("warehouse", "warehouse"),)

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return CAN_USE for each group of each warehouse."""
        return {
            key_of(w.id or w.name, g): {"warehouse": w.id or w.name, "group": g, "level": "CAN_USE"}
            for w in desired.warehouses
            for g in w.users
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the direct entries of groups on the warehouses in scope, by warehouse name and by id."""
        found = {}
        for name, acl in view.warehouse_acls.items():
            for alias in (name, str(view.warehouses[name]["id"])):
                for entry in direct_entries(acl):
                    group = entry.get("group_name")
                    if group:
                        body = {"warehouse": alias, "group": group, "level": entry["permission_level"]}
                        found[key_of(alias, group)] = LiveObject(body=body)
        return found

    def _object_id(self, session: Session, body: Body) -> str:
        name = body["warehouse"]
        if name not in session.warehouses:
            for each in list_warehouses(session.workspace):
                session.warehouses[str(each["name"])] = str(each["id"])
                session.warehouses[str(each["id"])] = str(each["id"])
        if name not in session.warehouses:
            raise RemoteError(f"warehouse {name!r} is not there", code="NOT_FOUND", status=404)
        return session.warehouses[name]
