"""Entitlements of groups in the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.kinds.groups import for_group, scim_patch
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.stages import GIVES_ACCESS, Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import Entitlement
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode


class EntitlementKind(Kind[Entitlement]):
    """The entitlements of a group in the workspace (`workspace-consume`, …); other entitlements are not changed."""

    name = "entitlement"
    layer = Layer.WORKSPACE
    codec = codecs.ENTITLEMENT
    stages: ClassVar[Mapping[Action, Stage]] = GIVES_ACCESS
    planned = True
    needs_admin = True

    def desired(self, desired: Desired, env: str) -> dict[str, Entitlement]:
        """Return one object for each entitlement of each workspace assignment."""
        return {
            key_of(s.group, e): Entitlement(group=s.group, entitlement=e)
            for s in desired.workspace_assignments
            for e in s.entitlements
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[Entitlement]]:
        """Return every entitlement of every group of the workspace."""
        return {
            key_of(g, e): LiveObject(spec=Entitlement(group=g, entitlement=e))
            for g, found in view.entitlements.items()
            for e in found
        }

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the entitlement."""
        return f"entitlement {fields('entitlement')}", for_group(fields)

    def create(self, session: Session, spec: Entitlement) -> str:
        """Add the entitlement."""
        self._send(session, spec, {"op": "add", "path": "entitlements", "value": [{"value": spec.entitlement}]})
        return ""

    def update(self, session: Session, before: Entitlement, after: Entitlement, remote_id: str) -> None:
        """Do nothing: an entitlement has no fields."""

    def delete(self, session: Session, spec: Entitlement, remote_id: str) -> None:
        """Remove the entitlement."""
        self._send(session, spec, {"op": "remove", "path": f'entitlements[value eq "{spec.entitlement}"]'})

    def _send(self, session: Session, spec: Entitlement, operation: Json) -> None:
        path = f"/api/2.0/preview/scim/v2/Groups/{encode(session.principal(spec.group))}"
        session.workspace.write("entitlement", "PATCH", path, scim_patch(operation))
