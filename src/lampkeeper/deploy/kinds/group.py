"""Account groups."""

from __future__ import annotations

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import Group
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import encode


class GroupKind(Kind[Group]):
    """An account group, identified by its name: SCIM groups have no description."""

    name = "group"
    layer = Layer.ACCOUNT
    codec = codecs.GROUP
    of_account = True

    def desired(self, desired: Desired, env: str) -> dict[str, Group]:
        """Return the groups that are not external."""
        return {g.name: Group(name=g.name) for g in desired.groups if not g.external}

    def live(self, view: LiveState) -> dict[str, LiveObject[Group]]:
        """Return every account group."""
        return {n: LiveObject(spec=Group(name=n), remote_id=i) for n, i in view.governed.directory.groups.items()}

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the group."""
        return "", Subject(noun="group", name=fields.name("name"))

    def simulate(self, access: SimulatedAccess, before: Group | None, after: Group | None) -> None:
        """Add the group, or remove it with its members."""
        if after is not None:
            access.members.setdefault(after.name, set())
        elif before is not None:
            access.members.pop(before.name, None)

    def touched(self, access: SimulatedAccess, spec: Group) -> set[TableName]:
        """Return all tables."""
        return set(access.tables)

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Store the group's id for members and assignments."""
        session.principals[key] = remote_id

    def create(self, session: Session, spec: Group) -> str:
        """Create the group without members."""
        path, api_level = session.workspace.scim("Groups")
        made = session.workspace.write("group", "POST", path, {"displayName": spec.name}, api_level=api_level)
        session.principals[spec.name] = str(made["id"])
        return str(made["id"])

    def update(self, session: Session, before: Group, after: Group, remote_id: str) -> None:
        """Do nothing: a group has only its name."""

    def delete(self, session: Session, spec: Group, remote_id: str) -> None:
        """Remove the group."""
        path, api_level = session.workspace.scim("Groups")
        session.workspace.write("group", "DELETE", f"{path}/{encode(remote_id)}", api_level=api_level)
        session.principals.pop(spec.name, None)
