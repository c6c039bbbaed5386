"""Groups assigned to the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.kinds.groups import for_group
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.stages import GIVES_ACCESS, Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import PermissionAssignment
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import ApiLevel, Json, encode


class WorkspaceAssignmentKind(Kind[PermissionAssignment]):
    """A group's assignment to the workspace as USER."""

    name = "workspace_assignment"
    layer = Layer.WORKSPACE
    codec = codecs.ASSIGNMENT
    stages: ClassVar[Mapping[Action, Stage]] = GIVES_ACCESS
    planned = True
    of_account = True

    def desired(self, desired: Desired, env: str) -> dict[str, PermissionAssignment]:
        """Return one assignment for each workspace assignment."""
        return {s.group: PermissionAssignment(group=s.group, permissions=("USER",)) for s in desired.workspace_assignments}

    def live(self, view: LiveState) -> dict[str, LiveObject[PermissionAssignment]]:
        """Return the groups assigned."""
        return {
            g: LiveObject(spec=PermissionAssignment(group=g, permissions=tuple(sorted(p))))
            for g, p in view.workspace_assignments.items()
            if p
        }

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the assignment."""
        return f"workspace access as {fields('permissions')}", for_group(fields)

    def create(self, session: Session, spec: PermissionAssignment) -> str:
        """Assign the group."""
        self._send(session, spec, "PUT", {"permissions": list(spec.permissions)})
        return ""

    def update(self, session: Session, before: PermissionAssignment, after: PermissionAssignment, remote_id: str) -> None:
        """Assign the group with these permissions."""
        self.create(session, after)

    def delete(self, session: Session, spec: PermissionAssignment, remote_id: str) -> None:
        """Take the group out of the workspace."""
        self._send(session, spec, "DELETE", None)

    def _send(self, session: Session, spec: PermissionAssignment, method: str, payload: Json | None) -> None:
        ws = session.workspace
        assignments = f"/api/2.0/accounts/{encode(ws.account_id)}/workspaces/{encode(ws.workspace_id)}/permissionassignments"
        path = f"{assignments}/principals/{encode(session.principal(spec.group))}"
        ws.write("workspace_assignment", method, path, payload, api_level=ApiLevel.ACCOUNT)
