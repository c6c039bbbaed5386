"""Permissions to run Genie spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.kinds.acl import AclKind, direct_entries
from lampkeeper.deploy.kinds.base import LiveObject, Session, key_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import SpacePermission

_LEVELS = ("CAN_READ", "CAN_VIEW", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE")
"""The levels on a Genie space, each allowing what those before it allow."""


def _allows(level: str, wanted: str) -> bool:
    return level in _LEVELS and wanted in _LEVELS and _LEVELS.index(level) >= _LEVELS.index(wanted)


class GenieAclKind(AclKind[SpacePermission]):
    """A group's permission to run a space."""

    name = "genie_acl"
    codec = codecs.SPACE_PERMISSION
    object_type = "genie"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("space", "Genie space"), ("space_id", "with id"))

    def desired(self, desired: Desired, env: str) -> dict[str, SpacePermission]:
        """Return CAN_RUN for each group of each space."""
        return {
            key_of(s.space_id or s.key, g): SpacePermission(space=s.key, space_id=s.space_id, group=g, level="CAN_RUN")
            for s in desired.spaces
            for g in s.acl_groups
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[SpacePermission]]:
        """Return the direct entries of groups on the spaces in scope, by the space's key and by its id."""
        found: dict[str, LiveObject[SpacePermission]] = {}
        for key, acl in view.space_acls.items():
            space_id = str(view.spaces[key]["space_id"])
            for entry in direct_entries(acl):
                group = str(entry.get("group_name") or "")
                if group:
                    spec = SpacePermission(space=key, space_id=space_id, group=group, level=entry["permission_level"])
                    found |= {key_of(alias, group): LiveObject(spec=spec) for alias in (key, space_id)}
        return found

    def target(self, wanted: SpacePermission, found: SpacePermission, recorded: SpacePermission | None) -> SpacePermission:
        """Return the desired level; an entry of others that allows as much stays as it is."""
        return found if recorded is None and _allows(found.level, wanted.level) else wanted

    def unmanaged(self, found: SpacePermission, recorded: SpacePermission) -> SpacePermission | None:
        """Return an entry that others have raised since: it is not managed any more."""
        return found if found.level != recorded.level and _allows(found.level, recorded.level) else None

    def claim_key(self, key: str, spec: SpacePermission, spaces: Mapping[str, str]) -> str | None:
        """Return the group with the space's id: a space has a different key in each environment."""
        space_id = spec.space_id or spaces.get(spec.space) or ""
        return key_of(space_id, spec.group) if space_id else None

    def _object_id(self, session: Session, spec: SpacePermission) -> str:
        return spec.space_id or session.spaces.get(spec.space) or ""
