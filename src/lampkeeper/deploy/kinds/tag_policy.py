"""Governed tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from lampkeeper.deploy.kinds.base import LiveObject, Session, SetKind, Steps, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import TAG_POLICIES, LiveState
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.tags import TagPolicy
from lampkeeper.remote.clients import encode


class TagPolicyKind(SetKind[TagPolicy]):
    """A governed tag. Values that others added stay; values that lampkeeper added are removed when no longer desired."""

    name = "tag_policy"
    layer = Layer.ACCOUNT
    codec = codecs.TAG_POLICY
    elements: ClassVar[str] = "values"
    propagating = True
    marked = True

    def desired(self, desired: Desired, env: str) -> dict[str, TagPolicy]:
        """Return the managed governed tags; they belong to the account, not to one environment."""
        return {t.key: replace(t, description=marked(t.description, "account")) for t in desired.tag_policies if not t.external}

    def live(self, view: LiveState) -> dict[str, LiveObject[TagPolicy]]:
        """Return every governed tag of the account."""
        found = {}
        for key, raw in view.tag_policies.items():
            spec = self.codec.decode(raw)
            found[key] = LiveObject(spec=spec, remote_id=str(raw.get("id") or ""), mark=mark_of(spec.description))
        return found

    def together(self, target: TagPolicy, found: TagPolicy, elements: frozenset[str]) -> TagPolicy:
        """Return the target with the values of the other environments and the live description."""
        return replace(super().together(target, found, elements), description=found.description)

    def fields(self, spec: TagPolicy) -> Mapping[str, Any]:
        """Return the fields with the values as a list of texts."""
        return {**self.codec.encode(spec), "values": list(spec.values)}

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the governed tag."""
        return "", Subject(noun="governed tag", name=fields.name("tag_key"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the values first."""
        return (f"values: {fields('values')}",)

    def steps(self, action: Action, before: TagPolicy | None, after: TagPolicy | None) -> Steps[TagPolicy]:
        """Add values before they are used; remove values once they are unused."""
        if action is Action.CREATE or before is None:
            return ((Stage.PREPARE, after),)
        if action is Action.DELETE or after is None:
            return ((Stage.CLEAN, after),)
        first = replace(after, values=(*before.values, *after.values))
        steps: list[tuple[Stage, TagPolicy | None]] = []
        if self.differences(before, first):
            steps.append((Stage.PREPARE, first))
        if first.values != after.values:
            steps.append((Stage.CLEAN, after))
        return tuple(steps)

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Store the tag's id for its roles."""
        session.tag_policies[key] = remote_id

    def create(self, session: Session, spec: TagPolicy) -> str:
        """Define the tag."""
        made = session.workspace.write("tag_policy", "POST", TAG_POLICIES, self.codec.encode(spec))
        session.tag_policies[spec.key] = str(made.get("id") or "")
        return str(made.get("id") or "")

    def update(self, session: Session, before: TagPolicy, after: TagPolicy, remote_id: str) -> None:
        """Replace description and values."""
        path = f"{TAG_POLICIES}/{encode(after.key)}"
        session.workspace.write("tag_policy", "PATCH", path, self.codec.encode(after), {"update_mask": "description,values"})

    def delete(self, session: Session, spec: TagPolicy, remote_id: str) -> None:
        """Remove the definition."""
        session.workspace.write("tag_policy", "DELETE", f"{TAG_POLICIES}/{encode(spec.key)}")
