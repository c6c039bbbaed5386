"""The common part of access control lists of warehouses and Genie spaces: one entry for one group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from lampkeeper.deploy.kinds.base import Kind, Session
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import acl_path
from lampkeeper.deploy.stages import GIVES_ACCESS, Action, Stage
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.genie import SpacePermission, WarehousePermission
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json

P = TypeVar("P", WarehousePermission, SpacePermission)


class AclKind(Kind[P]):
    """One group's level on one object. Entries of other principals are not changed."""

    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = GIVES_ACCESS
    compared: ClassVar[tuple[str, ...]] = ("level",)
    planned = True
    objects: ClassVar[tuple[tuple[str, str], ...]]
    """The fields that identify the object, each with its noun."""
    object_type: ClassVar[str]

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the level, its object, and its group."""
        on = " ".join(f"{noun} {fields(field)}" for field, noun in self.objects if fields.value(field))
        return f"{fields('level')} on {on}", Subject(preposition="for", noun="group", name=fields.name("group"))

    def create(self, session: Session, spec: P) -> str:
        """Give the level; the other entries are not touched."""
        self._send(session, spec, "PATCH", [{"group_name": spec.group, "permission_level": spec.level}])
        return ""

    def update(self, session: Session, before: P, after: P, remote_id: str) -> None:
        """Give the level."""
        self.create(session, after)

    def delete(self, session: Session, spec: P, remote_id: str) -> None:
        """Write the list without this group: the API has no call that removes one entry."""
        path = acl_path(self.object_type, self._object_id(session, spec))
        released = session.released.setdefault(path, set()) | {spec.group}
        kept = [e for e in direct_entries(session.workspace.get(self.name, path)) if e.get("group_name") not in released]
        try:
            self._send(session, spec, "PUT", kept)
        except RemoteError as error:
            if error.status != 404:
                raise
            # The object was read a moment ago, so a principal of the list no longer exists, and nothing was written.
            raise RemoteError(
                f"the access list could not be written: {error.message}", code=error.code, status=409,
                fix="remove the entries of deleted principals, then run again",
            ) from None  # fmt: skip
        session.released[path] = released

    def _send(self, session: Session, spec: P, method: str, entries: list[Json]) -> None:
        path = acl_path(self.object_type, self._object_id(session, spec))
        session.workspace.write(self.name, method, path, {"access_control_list": entries})

    def _object_id(self, session: Session, spec: P) -> str:
        raise NotImplementedError


def direct_entries(acl: Json) -> list[Json]:
    """Return the entries of a permissions document that are not inherited, in the form that the API accepts."""
    entries: list[Json] = []
    for entry in acl.get("access_control_list") or ():
        who = {k: entry[k] for k in ("group_name", "user_name", "service_principal_name") if entry.get(k)}
        entries += [
            who | {"permission_level": str(p["permission_level"])}
            for p in entry.get("all_permissions") or ()
            if not p.get("inherited")
        ]
    return entries
