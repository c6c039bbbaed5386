"""What access control lists of warehouses and Genie spaces have in common: one entry for one group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import Plain, Session
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import acl_path
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json


class AclKind(Plain):
    """One group's level on one object. Entries of others stay as they are."""

    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
    shown: ClassVar[tuple[str, ...]] = ("level",)
    objects: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The fields that say which object, each with its noun."""
    name = ""
    object_type = ""

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the level, the object that it is on, and who has it."""
        on = " ".join(f"{noun} {fields(field)}" for field, noun in self.objects if fields.value(field))
        return f"{fields('level')} on {on}", Place(preposition="for", noun="group", name=fields.name("group"))

    def create(self, session: Session, body: Body) -> str:
        """Give the level; the other entries are not touched."""
        entry = {"group_name": body["group"], "permission_level": body["level"]}
        self._send(session, body, "PATCH", [entry])
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Give the level."""
        self.create(session, after)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Put the list back without this group: the API has no call that removes one entry."""
        now = session.workspace.get(self.name, acl_path(self.object_type, self._object_id(session, body)))
        kept = [entry for entry in direct_entries(now) if entry.get("group_name") != body["group"]]
        try:
            self._send(session, body, "PUT", kept)
        except RemoteError as error:
            if error.status != 404:
                raise
            # The object answered a moment ago: it is somebody in the list who is gone, and our entry still stands.
            raise RemoteError(
                f"the access list could not be put back: {error.message}", code=error.code, status=409,
                fix="remove the entries of deleted principals, then run again",
            ) from None  # fmt: skip

    def _send(self, session: Session, body: Body, method: str, entries: list[Json]) -> None:
        path = acl_path(self.object_type, self._object_id(session, body))
        session.workspace.write(self.name, method, path, {"access_control_list": entries})

    def _object_id(self, session: Session, body: Body) -> str:
        raise NotImplementedError


def direct_entries(acl: Json) -> list[Json]:
    """Return the entries of a permissions document that are not inherited, as the API takes them back."""
    entries: list[Json] = []
    for entry in acl.get("access_control_list") or ():
        who = {k: entry[k] for k in ("group_name", "user_name", "service_principal_name") if entry.get(k)}
        entries += [
            who | {"permission_level": str(p["permission_level"])}
            for p in entry.get("all_permissions") or ()
            if not p.get("inherited")
        ]
    return entries
