"""Memberships of account groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.kinds.groups import scim_patch
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import GIVES_ACCESS, Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import Membership
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import Json, encode


class MemberKind(Kind[Membership]):
    """One membership. In a group with managed members, members outside of the desired state are removed."""

    name = "member"
    layer = Layer.ACCOUNT
    codec = codecs.MEMBER
    stages: ClassVar[Mapping[Action, Stage]] = GIVES_ACCESS
    propagating = True
    of_account = True

    def desired(self, desired: Desired, env: str) -> dict[str, Membership]:
        """Return the memberships of groups whose members are managed; external groups are never written."""
        external = {g.name for g in desired.groups if g.external}
        return {
            key_of(group, member): Membership(group=group, member=member)
            for group, members in desired.members.items() if group not in external
            for member in members
        }  # fmt: skip

    def live(self, view: LiveState) -> dict[str, LiveObject[Membership]]:
        """Return every membership of the groups in scope."""
        return {
            key_of(group, member): LiveObject(spec=Membership(group=group, member=member))
            for group, members in view.governed.directory.members.items()
            for member in members
        }

    def uninvited(self, spec: Membership, desired: Desired, groups: Collection[str]) -> bool:
        """Return whether the group and its members are managed."""
        return spec.group in groups and spec.group in desired.members

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the membership."""
        return f"membership of group {fields('group')}", Subject(preposition="for", noun="member", name=fields.name("member"))

    def simulate(self, access: SimulatedAccess, before: Membership | None, after: Membership | None) -> None:
        """Add the member, or remove it."""
        if after is not None:
            access.members.setdefault(after.group, set()).add(after.member)
        elif before is not None:
            access.members.setdefault(before.group, set()).discard(before.member)

    def touched(self, access: SimulatedAccess, spec: Membership) -> set[TableName]:
        """Return all tables."""
        return set(access.tables)

    def create(self, session: Session, spec: Membership) -> str:
        """Add the member."""
        value = [{"value": session.principal(spec.member)}]
        self._send(session, spec, {"op": "add", "path": "members", "value": value})
        return ""

    def update(self, session: Session, before: Membership, after: Membership, remote_id: str) -> None:
        """Do nothing: a membership has no fields."""

    def delete(self, session: Session, spec: Membership, remote_id: str) -> None:
        """Remove the member."""
        member = session.principal(spec.member)
        self._send(session, spec, {"op": "remove", "path": f'members[value eq "{member}"]'})

    def _send(self, session: Session, spec: Membership, operation: Json) -> None:
        path, api_level = session.workspace.scim("Groups")
        target = f"{path}/{encode(session.principal(spec.group))}"
        session.workspace.write("member", "PATCH", target, scim_patch(operation), api_level=api_level)
