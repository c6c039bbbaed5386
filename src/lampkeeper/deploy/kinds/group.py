"""Account groups."""

from __future__ import annotations

from lampkeeper.deploy.change import Body
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import encode


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
