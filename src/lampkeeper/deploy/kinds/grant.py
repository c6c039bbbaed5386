"""Privileges on securables of Unity Catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Session, Shared, key_of
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import Grant
from lampkeeper.remote.clients import Json, encode

_UC = "/api/2.1/unity-catalog"


class GrantKind(Shared):
    """The privileges of one principal on one securable.

    A group of ours has what we say and nothing else there. A group that others own may hold more: what they granted is
    theirs, and we add and take back only what was missing.
    """

    name = "grant"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
    shown: ClassVar[tuple[str, ...]] = ("privileges",)
    elements: ClassVar[str] = "privileges"

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the grants wanted; `shared` says that the principal is not a group of ours."""
        ours = {g.name for g in desired.groups if not g.external}
        return {_grant_key(g): {**grant_body(g), "shared": g.principal not in ours} for g in desired.grants}

    def addition(self, wanted: Body, found: Body) -> Body | None:
        """Return the missing privileges of a principal that is not ours: they are added beside those of others."""
        return self.missing(wanted, found) if _shared(wanted) else None

    def target(self, wanted: Body, found: Body, recorded: Body | None) -> Body:
        """Return the wanted privileges, with those of others if the principal is not ours."""
        return super().target(wanted, found, recorded) if _shared(wanted) else wanted

    def claim(self, standing: Body, wanted: Body, recorded: Body | None) -> Body:
        """Return what is ours of the privileges that stand: all of them for a group of ours."""
        return super().claim(standing, wanted, recorded) if _shared(wanted or recorded or standing) else standing

    def remainder(self, found: Body, recorded: Body) -> Body | None:
        """Return the privileges that others granted, if there are any."""
        return super().remainder(found, recorded) if _shared(recorded) else None

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every direct grant on the securables in scope."""
        return {_grant_key(g): LiveObject(body=grant_body(g)) for g in view.governed.grants}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return `grant SELECT to analysts`, and what it is on."""
        beside = " (beside what others grant it)" if fields.value("shared") else ""
        noun = str(fields("securable_type")).lower()
        place = Place(preposition="on", noun=noun, name=fields.name("securable"))
        return f"grant {fields('privileges')} to {fields('principal')}{beside}", place

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Revoke early, grant late."""
        if action is not Action.UPDATE or before is None or after is None:
            return super().steps(action, before, after)
        old, new = set(before["privileges"]), set(after["privileges"])
        steps: list[tuple[Stage, Body | None]] = []
        if old - new:
            steps.append((Stage.CLOSE, {**after, "privileges": sorted(old & new)}))
        if new - old:
            steps.append((Stage.OPEN, after))
        return tuple(steps)

    def create(self, session: Session, body: Body) -> str:
        """Grant the privileges."""
        self._send(session, body, set(body["privileges"]), set())
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Grant and revoke what differs."""
        old, new = set(before["privileges"]), set(after["privileges"])
        # Taking ALL_PRIVILEGES away may take the privileges granted by name with it: what stays is granted again.
        add = new if "ALL_PRIVILEGES" in old - new else new - old
        self._send(session, after, add, old - new)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Revoke the privileges."""
        self._send(session, body, set(), set(body["privileges"]))

    @staticmethod
    def _send(session: Session, body: Body, add: set[str], remove: set[str]) -> None:
        change: Json = {"principal": body["principal"]}
        if add:
            change["add"] = sorted(add)
        if remove:
            change["remove"] = sorted(remove)
        path = f"{_UC}/permissions/{encode(str(body['securable_type']).lower(), '.'.join(body['securable']))}"
        session.workspace.write("grant", "PATCH", path, {"changes": [change]})


def _shared(body: Body) -> bool:
    """Return whether the principal of a grant is not ours, so that others grant to it too."""
    return bool(body.get("shared"))


def grant_body(grant: Grant) -> Body:
    """Return a grant as JSON."""
    return {
        "securable_type": str(grant.securable_type),
        "securable": list(grant.securable),
        "principal": grant.principal,
        "privileges": list(grant.privileges),
    }


def _grant_key(grant: Grant) -> str:
    return key_of(str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
