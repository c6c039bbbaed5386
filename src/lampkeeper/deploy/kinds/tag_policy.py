"""Governed tags."""

from __future__ import annotations

from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Session, Shared, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode

_TAG_POLICIES = "/api/2.1/tag-policies"


class TagPolicyKind(Shared):
    """A governed tag. Values that somebody else added stay; values that we added and nobody wants any more go."""

    name = "tag_policy"
    layer = Layer.ACCOUNT
    elements: ClassVar[str] = "values"

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the governed tags that are ours to write; they are the account's, whatever env asks for them."""
        return {
            t.key: {"tag_key": t.key, "description": marked(t.description, "account"), "values": list(t.values)}
            for t in desired.tag_policies
            if not t.external
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every governed tag of the account."""
        found = {}
        for key, raw in view.tag_policies.items():
            description = str(raw.get("description") or "")
            values = sorted(str(v["name"]) for v in raw.get("values") or ())
            found[key] = LiveObject(
                body={"tag_key": key, "description": description, "values": values},
                remote_id=str(raw.get("id") or ""),
                mark=mark_of(description),
            )
        return found

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return the target with the values of the other environments; the description stays as it is."""
        return {**super().together(target, found, elements), "description": found["description"]}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the governed tag."""
        return "", Place(noun="governed tag", name=fields.name("tag_key"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the values first."""
        return (f"values: {fields('values')}",)

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Add values before they are used; take values away after nothing uses them."""
        if action is Action.CREATE or before is None:
            return ((Stage.PREPARE, after),)
        if action is Action.DELETE or after is None:
            return ((Stage.CLEAN, after),)
        both = sorted(set(before["values"]) | set(after["values"]))
        first = {**after, "values": both}
        steps: list[tuple[Stage, Body | None]] = []
        if self.differences(before, first):
            steps.append((Stage.PREPARE, first))
        if both != after["values"]:
            steps.append((Stage.CLEAN, after))
        return tuple(steps)

    def create(self, session: Session, body: Body) -> str:
        """Define the tag."""
        made = session.workspace.write("tag_policy", "POST", _TAG_POLICIES, self._document(body))
        session.tag_policies[body["tag_key"]] = str(made.get("id") or "")
        return str(made.get("id") or "")

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Replace description and values."""
        path = f"{_TAG_POLICIES}/{encode(after['tag_key'])}"
        session.workspace.write("tag_policy", "PATCH", path, self._document(after), {"update_mask": "description,values"})

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the definition."""
        session.workspace.write("tag_policy", "DELETE", f"{_TAG_POLICIES}/{encode(body['tag_key'])}")

    @staticmethod
    def _document(body: Body) -> Json:
        return {
            "tag_key": body["tag_key"],
            "description": body["description"],
            "values": [{"name": v} for v in body["values"]],
        }
