"""Privileges on securables of Unity Catalog."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import ClassVar

from lampkeeper.deploy.kinds.base import LiveObject, Session, SetKind, Steps, key_of
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.remote.clients import Json, encode

_PERMISSIONS = "/api/2.1/unity-catalog/permissions"


class GrantKind(SetKind[Grant]):
    """The privileges of one principal on one securable.

    A managed group has exactly the desired privileges there. Another group may have more: lampkeeper adds the missing
    privileges, and revokes only those.
    """

    name = "grant"
    layer = Layer.DATA_ACCESS
    codec = codecs.GRANT
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
    compared: ClassVar[tuple[str, ...]] = ("privileges",)
    elements: ClassVar[str] = "privileges"

    def desired(self, desired: Desired, env: str) -> dict[str, Grant]:
        """Return the desired grants; they are `shared` if the principal is not a managed group."""
        ours = {g.name for g in desired.groups if not g.external}
        return {_key(g): replace(g, shared=g.principal not in ours) for g in desired.grants}

    def live(self, view: LiveState) -> dict[str, LiveObject[Grant]]:
        """Return every direct grant on the securables in scope."""
        return {_key(g): LiveObject(spec=g) for g in view.governed.grants}

    def addition(self, wanted: Grant, found: Grant) -> Grant | None:
        """Return the missing privileges of a shared principal, which are added to those that others granted."""
        return self.missing(wanted, found) if wanted.shared else None

    def beside_others(self, wanted: Grant) -> Grant:
        """Return the grant as a shared one."""
        return replace(wanted, shared=True)

    def target(self, wanted: Grant, found: Grant, recorded: Grant | None) -> Grant:
        """Return the desired privileges, with those of others if the grant is shared."""
        return super().target(wanted, found, recorded) if wanted.shared else wanted

    def managed(self, standing: Grant, wanted: Grant | None, recorded: Grant | None) -> Grant:
        """Return all privileges of a managed group, and of a shared principal those that lampkeeper granted."""
        said = wanted or recorded or standing
        return super().managed(standing, wanted, recorded) if said.shared else standing

    def unmanaged(self, found: Grant, recorded: Grant) -> Grant | None:
        """Return the privileges that others granted, if any."""
        return super().unmanaged(found, recorded) if recorded.shared else None

    def uninvited(self, spec: Grant, desired: Desired, groups: Collection[str]) -> bool:
        """Return whether the principal is a managed group, which has exactly the desired grants."""
        return spec.principal in groups and any(g.name == spec.principal and not g.external for g in desired.groups)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return `grant SELECT to analysts`, and its securable."""
        beside = " (in addition to grants of others)" if fields.value("shared") else ""
        noun = str(fields("securable_type")).lower()
        subject = Subject(preposition="on", noun=noun, name=fields.name("securable"))
        return f"grant {fields('privileges')} to {fields('principal')}{beside}", subject

    def steps(self, action: Action, before: Grant | None, after: Grant | None) -> Steps[Grant]:
        """Revoke in the first stage, grant in the last."""
        if action is not Action.UPDATE or before is None or after is None:
            return super().steps(action, before, after)
        old, new = set(before.privileges), set(after.privileges)
        steps: list[tuple[Stage, Grant | None]] = []
        if old - new:
            steps.append((Stage.CLOSE, replace(after, privileges=tuple(old & new))))
        if new - old:
            steps.append((Stage.OPEN, after))
        return tuple(steps)

    def simulate(self, access: SimulatedAccess, before: Grant | None, after: Grant | None) -> None:
        """Set the privileges of the principal, or revoke all."""
        if after is not None:
            access.put_grant(after)
        elif before is not None:
            access.drop_grant(before)

    def touched(self, access: SimulatedAccess, spec: Grant) -> set[TableName]:
        """Return the tables below the securable."""
        return access.inside(".".join(spec.securable))

    def needs(self, spec: Grant) -> set[Need]:
        """Return MANAGE on the securable."""
        return {need_on(str(spec.securable_type), ".".join(spec.securable), "grant", "MANAGE")}

    def lane(self, spec: Grant) -> str:
        """Return the table: a grant on a schema or catalog is inherited by many."""
        return ".".join(spec.securable).casefold() if spec.securable_type is SecurableType.TABLE else ""

    def create(self, session: Session, spec: Grant) -> str:
        """Grant the privileges."""
        self._send(session, spec, set(spec.privileges), set())
        return ""

    def update(self, session: Session, before: Grant, after: Grant, remote_id: str) -> None:
        """Grant and revoke the differences."""
        old, new = set(before.privileges), set(after.privileges)
        # Revoking ALL_PRIVILEGES may also revoke privileges that were granted by name, so these are granted again.
        add = new if "ALL_PRIVILEGES" in old - new else new - old
        self._send(session, after, add, old - new)

    def delete(self, session: Session, spec: Grant, remote_id: str) -> None:
        """Revoke the privileges."""
        self._send(session, spec, set(), set(spec.privileges))

    @staticmethod
    def _send(session: Session, spec: Grant, add: set[str], remove: set[str]) -> None:
        change: Json = {"principal": spec.principal}
        if add:
            change["add"] = sorted(add)
        if remove:
            change["remove"] = sorted(remove)
        path = f"{_PERMISSIONS}/{encode(str(spec.securable_type).lower(), '.'.join(spec.securable))}"
        session.workspace.write("grant", "PATCH", path, {"changes": [change]})


def _key(grant: Grant) -> str:
    return key_of(str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
