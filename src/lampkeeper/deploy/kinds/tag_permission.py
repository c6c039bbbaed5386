"""Permissions on governed tags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from lampkeeper.deploy.kinds.base import LiveObject, Session, SetKind, key_of
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import RULE_SETS, TAG_POLICIES, LiveState, rule_set_name
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.tags import TagPermission
from lampkeeper.remote.clients import encode


class TagPermissionKind(SetKind[TagPermission]):
    """The principals of one role on a governed tag. A tag has one rule set, which is read and written as a whole."""

    name = "tag_permission"
    layer = Layer.ACCOUNT
    codec = codecs.TAG_PERMISSION
    elements: ClassVar[str] = "principals"
    planned = True

    def desired(self, desired: Desired, env: str) -> dict[str, TagPermission]:
        """Return the desired roles; principals without a type are groups."""
        return {
            key_of(p.key, p.role): replace(p, principals=tuple(_rule_principal(n) for n in p.principals))
            for p in desired.tag_permissions
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[TagPermission]]:
        """Return the roles of the tags in scope."""
        found = {}
        for key, rules in view.rule_sets.items():
            for rule in rules.get("grant_rules") or ():
                role = str(rule["role"])
                principals = tuple(str(p) for p in rule.get("principals") or ())
                if principals:
                    found[key_of(key, role)] = LiveObject(spec=TagPermission(key=key, role=role, principals=principals))
        return found

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the role and its principals."""
        subject = Subject(preposition="on", noun="governed tag", name=fields.name("tag_key"))
        return f"role {fields('role')} for {fields('principals')}", subject

    def create(self, session: Session, spec: TagPermission) -> str:
        """Give the role."""
        self._put(session, spec, spec.principals)
        return ""

    def update(self, session: Session, before: TagPermission, after: TagPermission, remote_id: str) -> None:
        """Set the principals of the role to exactly these."""
        self.create(session, after)

    def delete(self, session: Session, spec: TagPermission, remote_id: str) -> None:
        """Remove all principals from the role."""
        self._put(session, spec, ())

    def _put(self, session: Session, spec: TagPermission, principals: Iterable[str]) -> None:
        name = rule_set_name(session.workspace, self._tag_policy_id(session, spec.key))
        now = session.workspace.get("tag_permission", RULE_SETS, {"name": name, "etag": ""})
        rules = [r for r in now.get("grant_rules") or () if r.get("role") != spec.role]
        if principals:
            rules.append({"role": spec.role, "principals": list(principals)})
        rules.sort(key=lambda r: str(r["role"]))
        body = {"name": name, "rule_set": {"name": name, "etag": str(now.get("etag") or ""), "grant_rules": rules}}
        session.workspace.write("tag_permission", "PUT", RULE_SETS, body)

    @staticmethod
    def _tag_policy_id(session: Session, key: str) -> str:
        if not session.tag_policies.get(key):
            found = session.workspace.get("tag_permission", f"{TAG_POLICIES}/{encode(key)}")
            session.tag_policies[key] = str(found["id"])
        return session.tag_policies[key]


def _rule_principal(name: str) -> str:
    return name if name.startswith(("groups/", "users/", "servicePrincipals/")) else f"groups/{name}"
