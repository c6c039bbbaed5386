"""Account groups and who is in them; workspace assignments and entitlements of groups in the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import ApiLevel, Json, encode

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def _patch(*operations: Json) -> Json:
    return {"schemas": [_PATCH], "Operations": list(operations)}


def _for_group(fields: Fields) -> Place:
    return Place(preposition="for", noun="group", name=fields.name("group"))


class GroupKind(Plain):
    """An account group, known by its name: SCIM groups have no field for a description."""

    name = "group"
    layer = Layer.ACCOUNT

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the groups that are ours to make."""
        return {g.name: {"name": g.name} for g in desired.groups if not g.external}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every account group."""
        return {n: LiveObject(body={"name": n}, remote_id=i) for n, i in view.governed.directory.groups.items()}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the group."""
        return "", Place(noun="group", name=fields.name("name"))

    def create(self, session: Session, body: Body) -> str:
        """Make the group, empty."""
        path, api_level = session.workspace.scim("Groups")
        made = session.workspace.write("group", "POST", path, {"displayName": body["name"]}, api_level=api_level)
        session.principals[body["name"]] = str(made["id"])
        return str(made["id"])

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Do nothing: a group has only its name."""

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the group."""
        path, api_level = session.workspace.scim("Groups")
        session.workspace.write("group", "DELETE", f"{path}/{encode(remote_id)}", api_level=api_level)
        session.principals.pop(body["name"], None)


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
        session.workspace.write("member", "PATCH", target, _patch(operation), api_level=api_level)


class WorkspaceAssignmentKind(Plain):
    """A group's assignment to the workspace as USER."""

    name = "workspace_assignment"
    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return one assignment for each workspace assignment."""
        return {s.group: {"group": s.group, "permissions": ["USER"]} for s in desired.workspace_assignments}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the groups assigned."""
        return {g: LiveObject(body={"group": g, "permissions": sorted(p)}) for g, p in view.workspace_assignments.items() if p}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the assignment."""
        return f"workspace access as {fields('permissions')}", _for_group(fields)

    def create(self, session: Session, body: Body) -> str:
        """Assign the group."""
        self._send(session, body, "PUT", {"permissions": list(body["permissions"])})
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Assign the group with these permissions."""
        self.create(session, after)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Take the group out of the workspace."""
        self._send(session, body, "DELETE", None)

    def _send(self, session: Session, body: Body, method: str, payload: Json | None) -> None:
        ws = session.workspace
        place = f"/api/2.0/accounts/{encode(ws.account_id)}/workspaces/{encode(ws.workspace_id)}/permissionassignments"
        path = f"{place}/principals/{encode(session.principal(body['group']))}"
        ws.write("workspace_assignment", method, path, payload, api_level=ApiLevel.ACCOUNT)


class EntitlementKind(Plain):
    """The entitlements of a group in the workspace (`workspace-consume`, …); others that it has are left alone."""

    name = "entitlement"
    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return one object for each entitlement of each workspace assignment."""
        return {
            key_of(s.group, e): {"group": s.group, "entitlement": e}
            for s in desired.workspace_assignments
            for e in s.entitlements
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every entitlement of every group of the workspace."""
        return {
            key_of(g, e): LiveObject(body={"group": g, "entitlement": e}) for g, found in view.entitlements.items() for e in found
        }

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the entitlement."""
        return f"entitlement {fields('entitlement')}", _for_group(fields)

    def create(self, session: Session, body: Body) -> str:
        """Give the entitlement."""
        self._send(session, body, {"op": "add", "path": "entitlements", "value": [{"value": body["entitlement"]}]})
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Do nothing: an entitlement is there or not."""

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Take the entitlement away."""
        self._send(session, body, {"op": "remove", "path": f'entitlements[value eq "{body["entitlement"]}"]'})

    def _send(self, session: Session, body: Body, operation: Json) -> None:
        path = f"/api/2.0/preview/scim/v2/Groups/{encode(session.principal(body['group']))}"
        session.workspace.write("entitlement", "PATCH", path, _patch(operation))
