"""Who may run a Genie space."""

from __future__ import annotations

from typing import ClassVar

from lampkeeper.deploy.change import Body
from lampkeeper.deploy.kinds.acl import AclKind, direct_entries
from lampkeeper.deploy.kinds.base import LiveObject, Session, key_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired


class GenieAclKind(AclKind):
    """Which groups may run a space."""

    name = "genie_acl"
    object_type = "genie"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("space", "Genie space"), ("space_id", "with id"))

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return CAN_RUN for each group of each space."""
        return {
            key_of(s.space_id or s.key, g): {"space": s.key, "space_id": s.space_id, "group": g, "level": "CAN_RUN"}
            for s in desired.spaces
            for g in s.acl_groups
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the direct entries of groups on the spaces in scope, by our name for the space and by its id."""
        return {
            key_of(alias, str(entry["group_name"])): LiveObject(
                body={
                    "space": key,
                    "space_id": str(view.spaces[key]["space_id"]),
                    "group": str(entry["group_name"]),
                    "level": entry["permission_level"],
                }
            )
            for key, acl in view.space_acls.items()
            for alias in (key, str(view.spaces[key]["space_id"]))
            for entry in direct_entries(acl)
            if entry.get("group_name")
        }

    def _object_id(self, session: Session, body: Body) -> str:
        return str(body["space_id"] or session.spaces.get(body["space"]) or "")
