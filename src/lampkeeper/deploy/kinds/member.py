"""Who is in the account groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.kinds.groups import scim_patch
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode


class MemberKind(Plain):
    """One membership. In a group that is ours, a member that nobody wants is removed."""

    name = "member"
    layer = Layer.ACCOUNT
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the memberships of groups whose members are managed; external groups are never written."""
        external = {g.name for g in desired.groups if g.external}
        return {
            key_of(group, member): {"group": group, "member": member}
            for group, members in desired.members.items() if group not in external
            for member in members
        }  # fmt: skip

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every membership of the groups in scope."""
        return {
            key_of(group, member): LiveObject(body={"group": group, "member": member})
            for group, members in view.governed.directory.members.items()
            for member in members
        }

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the membership."""
        return f"membership of group {fields('group')}", Place(preposition="for", noun="member", name=fields.name("member"))

    def create(self, session: Session, body: Body) -> str:
        """Add the member."""
        value = [{"value": session.principal(body["member"])}]
        self._send(session, body, {"op": "add", "path": "members", "value": value})
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Do nothing: a membership is there or not."""

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the member."""
        member = session.principal(body["member"])
        self._send(session, body, {"op": "remove", "path": f'members[value eq "{member}"]'})

    def _send(self, session: Session, body: Body, operation: Json) -> None:
        path, api_level = session.workspace.scim("Groups")
        target = f"{path}/{encode(session.principal(body['group']))}"
        session.workspace.write("member", "PATCH", target, scim_patch(operation), api_level=api_level)
