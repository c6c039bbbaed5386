"""Governed tags, who may use them, and where they are assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, Shared, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import RULE_SETS, LiveState, rule_set_name
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode

_TAG_POLICIES = "/api/2.1/tag-policies"
_ASSIGNMENTS = "/api/2.1/unity-catalog/entity-tag-assignments"


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


class TagPermissionKind(Shared):
    """Who has one role on a governed tag. The platform keeps a rule set for each tag: read, changed and put as a whole."""

    name = "tag_permission"
    layer = Layer.ACCOUNT
    elements: ClassVar[str] = "principals"

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the roles wanted; bare principals are groups."""
        return {
            key_of(p.key, p.role): {
                "tag_key": p.key,
                "role": p.role,
                "principals": sorted(_rule_principal(n) for n in p.principals),
            }
            for p in desired.tag_permissions
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the roles of the tags in scope."""
        found = {}
        for key, rules in view.rule_sets.items():
            for rule in rules.get("grant_rules") or ():
                role = str(rule["role"])
                principals = sorted(str(p) for p in rule.get("principals") or ())
                if principals:
                    found[key_of(key, role)] = LiveObject(body={"tag_key": key, "role": role, "principals": principals})
        return found

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the role and who has it."""
        place = Place(preposition="on", noun="governed tag", name=fields.name("tag_key"))
        return f"role {fields('role')} for {fields('principals')}", place

    def create(self, session: Session, body: Body) -> str:
        """Give the role."""
        self._put(session, body["tag_key"], body["role"], body["principals"])
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Give the role to these principals and nobody else."""
        self.create(session, after)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Take the role away."""
        self._put(session, body["tag_key"], body["role"], ())

    def _put(self, session: Session, key: str, role: str, principals: Iterable[str]) -> None:
        name = rule_set_name(session.workspace, self._tag_policy_id(session, key))
        now = session.workspace.get("tag_permission", RULE_SETS, {"name": name, "etag": ""})
        rules = [r for r in now.get("grant_rules") or () if r.get("role") != role]
        if principals:
            rules.append({"role": role, "principals": list(principals)})
        rules.sort(key=lambda r: str(r["role"]))
        body = {"name": name, "rule_set": {"name": name, "etag": str(now.get("etag") or ""), "grant_rules": rules}}
        session.workspace.write("tag_permission", "PUT", RULE_SETS, body)

    @staticmethod
    def _tag_policy_id(session: Session, key: str) -> str:
        if not session.tag_policies.get(key):
            found = session.workspace.get("tag_permission", f"{_TAG_POLICIES}/{encode(key)}")
            session.tag_policies[key] = str(found["id"])
        return session.tag_policies[key]


def _rule_principal(name: str) -> str:
    return name if name.startswith(("groups/", "users/", "servicePrincipals/")) else f"groups/{name}"


class TagKind(Plain):
    """One tag on one entity."""

    name = "tag"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PROTECT,
        Action.UPDATE: Stage.PROTECT,
        Action.DELETE: Stage.SWITCH,
    }
    shown: ClassVar[tuple[str, ...]] = ("value",)

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the assignments by entity type, name without case, and tag key."""
        return {
            key_of(str(t.entity_type), t.entity_name.casefold(), t.key): {
                "entity_type": str(t.entity_type),
                "entity_name": t.entity_name,
                "tag_key": t.key,
                "value": t.value,
            }
            for t in desired.tag_assignments
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every tag in the schemas of the scope."""
        return {
            key_of(str(t.entity_type), t.entity_name.casefold(), t.key): LiveObject(
                body={
                    "entity_type": str(t.entity_type),
                    "entity_name": t.entity_name,
                    "tag_key": t.key,
                    "value": t.value,
                }
            )
            for t in view.governed.tags
        }

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return `tag key = value`, and what it is on."""
        noun = str(fields("entity_type")).removesuffix("s")
        place = Place(preposition="on", noun=noun, name=fields.name("entity_name"))
        value = f" = {fields('value')}" if fields.changed("value") or fields.value("value") else ""
        return f"tag {fields('tag_key')}{value}", place

    def create(self, session: Session, body: Body) -> str:
        """Assign the tag."""
        session.workspace.write("tag", "POST", _ASSIGNMENTS, self._document(body))
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the tag's value."""
        session.workspace.write("tag", "PATCH", self._path(after), self._document(after), {"update_mask": "tag_value"})

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Take the tag off."""
        session.workspace.write("tag", "DELETE", self._path(body))

    @staticmethod
    def _path(body: Body) -> str:
        return f"{_ASSIGNMENTS}/{encode(body['entity_type'], body['entity_name'])}/tags/{encode(body['tag_key'])}"

    @staticmethod
    def _document(body: Body) -> Json:
        return {
            "entity_type": body["entity_type"],
            "entity_name": body["entity_name"],
            "tag_key": body["tag_key"],
            "tag_value": body["value"],
        }
