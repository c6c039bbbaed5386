"""Permissions to use warehouses."""

from __future__ import annotations

from typing import ClassVar

from lampkeeper.deploy.kinds.acl import AclKind, direct_entries
from lampkeeper.deploy.kinds.base import LiveObject, Session, key_of
from lampkeeper.deploy.kinds.warehouse import aliases
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.genie import WarehousePermission
from lampkeeper.remote.warehouse import list_warehouses


class WarehouseAclKind(AclKind[WarehousePermission]):
    """A group's permission to use a warehouse."""

    name = "warehouse_acl"
    codec = codecs.WAREHOUSE_PERMISSION
    object_type = "warehouse"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("warehouse", "warehouse"),)
    known_by_warehouse = True

    def desired(self, desired: Desired, env: str) -> dict[str, WarehousePermission]:
        """Return CAN_USE for each group of each warehouse."""
        return {
            key_of(w.id or w.name, g): WarehousePermission(warehouse=w.id or w.name, group=g, level="CAN_USE")
            for w in desired.warehouses
            for g in w.users
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[WarehousePermission]]:
        """Return the direct entries of groups on the warehouses in scope, by warehouse name and by id."""
        found = {}
        for name, acl in view.warehouse_acls.items():
            for alias in (name, str(view.warehouses[name]["id"])):
                for entry in direct_entries(acl):
                    group = entry.get("group_name")
                    if group:
                        spec = WarehousePermission(warehouse=alias, group=group, level=entry["permission_level"])
                        found[key_of(alias, group)] = LiveObject(spec=spec)
        return found

    def keys_at(self, key: str, found: LiveObject[WarehousePermission], view: LiveState) -> tuple[str, ...]:
        """Return the group with the warehouse's name and with its id."""
        return tuple(key_of(alias, found.spec.group) for alias in aliases(found.spec.warehouse, view))

    def _object_id(self, session: Session, spec: WarehousePermission) -> str:
        name = spec.warehouse
        if name not in session.warehouses:
            for each in list_warehouses(session.workspace):
                session.warehouses[str(each["name"])] = str(each["id"])
                session.warehouses[str(each["id"])] = str(each["id"])
        if name not in session.warehouses:
            raise RemoteError(f"warehouse {name!r} does not exist", code="NOT_FOUND", status=404)
        return session.warehouses[name]
