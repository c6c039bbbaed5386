"""Groups assigned to the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.kinds.groups import for_group
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import ApiLevel, Json, encode


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
        return f"workspace access as {fields('permissions')}", for_group(fields)

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
