"""Governed tags and tag assignments: limits, allowed values, privileges, and what is in effect."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.lag import Lag, LagKind
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store, encode_key
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredTag, StoredTagPolicy, StoredTagValue
from localspace.core.stored_documents.directory import StoredGrantRule, StoredRuleSet
from localspace.core.stored_documents.kind import Document
from localspace.core.timestamps import iso
from localspace.governance.legacy import refuse_legacy
from localspace.governance.privileges import Privileges, lacks
from localspace.identity.memberships import Identity

MAX_POLICIES = 1_000
MAX_VALUES = 500
MAX_TAGS_ON_SECURABLE = 50
MAX_COLUMN_TAGS_ON_TABLE = 1_000
MAX_LENGTH = 256
_FORBIDDEN = frozenset("*./<>%&?\\=")
_SYSTEM_PREFIXES = ("class.", "system.")

ENTITY_TYPES = {"catalogs": "CATALOG", "schemas": "SCHEMA", "tables": "TABLE", "columns": "TABLE", "volumes": "VOLUME"}
"""Entity type of an assignment to the securable whose privileges count."""


def check_tag_text(text: str, what: str) -> None:
    """Refuse a key or value that a governed tag may not have (source: platform docs, governed tags, limits)."""
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_LENGTH:
        raise invalid(f"{what} must have 1 to {MAX_LENGTH} characters.")
    if text != text.strip() or any(one in _FORBIDDEN or ord(one) < 32 or ord(one) == 127 for one in text):
        raise invalid(f"{what} '{text}' holds a character that is not allowed, or starts or ends with a blank.")


def tag_part(tag_key: str) -> str:
    """Return a tag key as a part of a store key: tag keys differ by case, keys of the store do not."""
    return tag_key if tag_key == tag_key.casefold() else f"{tag_key}\x1e{tag_key.encode().hex()}"


def table_of_column(entity_name: str) -> tuple[str, str]:
    """Return (table, column) for `catalog.schema.table.column`; the column itself may hold dots."""
    parts = entity_name.split(".", 3)
    if len(parts) != 4 or not all(parts):
        raise invalid(f"'{entity_name}' is not a column: catalog.schema.table.column is needed.")
    return ".".join(parts[:3]), parts[3]


class Tagging:
    """Tag policies and the tags on Unity Catalog entities."""

    def __init__(self, store: Store, clock: Clock, lag: Lag, identity: Identity, privileges: Privileges, account_id: str) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._clock = clock
        self._lag = lag
        self._identity = identity
        self._privileges = privileges
        self._account_id = account_id

    # Governed tags

    def policies(self) -> list[StoredTagPolicy]:
        """Return all tag policies, by key."""
        return self._store.list(kinds.TAG_POLICY)

    def policy(self, tag_key: str) -> StoredTagPolicy:
        """Return one tag policy; keys are case-sensitive; raises 404."""
        found = self._store.get(kinds.TAG_POLICY, tag_part(tag_key))
        if found is None or found["tag_key"] != tag_key:
            raise not_found(f"Tag policy with key {tag_key} does not exist.", "NOT_FOUND")
        return found

    def policy_in_effect(self, tag_key: str) -> StoredTagPolicy | None:
        """Return the tag policy as enforcement knows it by now, or None."""
        key = encode_key((tag_part(tag_key),))
        undone = self._lag.undone(LagKind.TAG_POLICIES, kinds.TAG_POLICY)
        found = undone[key] if key in undone else self._store.get(kinds.TAG_POLICY, tag_part(tag_key))
        return found if found is not None and found["tag_key"] == tag_key else None

    def create_policy(self, actor: Principal, body: Document) -> StoredTagPolicy:
        """Define a governed tag; the creator becomes its manager."""
        tag_key = body.get("tag_key") or ""
        check_tag_text(tag_key, "Tag key")
        self._require_role(actor, "creator", None, f"create tag policy '{tag_key}'")
        with self._store.transaction():
            if self._store.get(kinds.TAG_POLICY, tag_part(tag_key)) is not None:
                raise already_exists(f"Tag policy with key {tag_key} already exists.", "ALREADY_EXISTS")
            if self._store.count(kinds.TAG_POLICY) >= MAX_POLICIES:
                raise invalid(f"The limit of {MAX_POLICIES} tag policies is reached.", "RESOURCE_LIMIT_EXCEEDED")
            now = iso(self._clock.now_ms())
            made: Document = {"id": str(uuid.uuid4()), "create_time": now, "update_time": now}
            if body.get("values"):
                made["values"] = _checked_values(body["values"])
            policy = kinds.TAG_POLICY.document({**body, **made})
            _check_description(policy)
            self._lag.remember(LagKind.TAG_POLICIES, kinds.TAG_POLICY, (tag_part(tag_key),), None)
            self._store.put(kinds.TAG_POLICY, (tag_part(tag_key),), policy)
            name = self.rule_set_name(policy["id"])
            kind = {"user": "users", "service_principal": "servicePrincipals"}.get(actor.kind, "groups")
            rule: StoredGrantRule = {"principals": [f"{kind}/{actor.name}"], "role": "roles/tagPolicy.manager"}
            self._store.put(kinds.RULE_SET, (name,), StoredRuleSet(name=name, etag=uuid.uuid4().hex, grant_rules=[rule]))
        return policy

    def update_policy(self, actor: Principal, tag_key: str, body: Document, update_mask: str) -> StoredTagPolicy:
        """Change description or values; a masked field that is absent is cleared."""
        fields = _masked(update_mask, body, ("description", "values"))
        with self._store.transaction():
            old = self.policy(tag_key)
            self._require_role(actor, "manager", old["id"], f"update tag policy '{tag_key}'")
            new = old.copy()
            for field in fields:
                new.pop(field, None)  # type: ignore[misc]
            if "description" in fields and "description" in body:
                new["description"] = body["description"]
            if "values" in fields and body.get("values"):
                new["values"] = _checked_values(body["values"])
            _check_description(new)
            new["update_time"] = iso(self._clock.now_ms())
            self._lag.remember(LagKind.TAG_POLICIES, kinds.TAG_POLICY, (tag_part(tag_key),), old)
            self._store.put(kinds.TAG_POLICY, (tag_part(tag_key),), new)
        return new

    def delete_policy(self, actor: Principal, tag_key: str) -> None:
        """Make a tag ungoverned; assignments stay."""
        with self._store.transaction():
            old = self.policy(tag_key)
            self._require_role(actor, "manager", old["id"], f"delete tag policy '{tag_key}'")
            self._lag.remember(LagKind.TAG_POLICIES, kinds.TAG_POLICY, (tag_part(tag_key),), old)
            self._store.delete(kinds.TAG_POLICY, tag_part(tag_key))
            self._store.delete(kinds.RULE_SET, self.rule_set_name(old["id"]))

    def rule_set_name(self, policy_id: str | None) -> str:
        """Return the name of the rule set of one tag policy, or of the account when None."""
        middle = f"/tagPolicies/{policy_id}" if policy_id else ""
        return f"accounts/{self._account_id}{middle}/ruleSets/default"

    # Assignments

    def tags(self, entity_type: str, entity_name: str) -> list[StoredTag]:
        """Return the assignments of one entity, by key."""
        return self._store.list(kinds.TAG, (entity_type, entity_name))

    def tag(self, entity_type: str, entity_name: str, tag_key: str) -> StoredTag:
        """Return one assignment; raises 404."""
        found = self._store.get(kinds.TAG, entity_type, entity_name, tag_part(tag_key))
        if found is None or found["tag_key"] != tag_key:
            raise not_found(f"Tag '{tag_key}' is not assigned to {entity_type} '{entity_name}'.", "NOT_FOUND")
        return found

    def require_entity(self, actor: Principal, entity_type: str, entity_name: str) -> str:
        """Demand that the entity exists and shows to the actor; return its name in the catalog's spelling."""
        securable = ENTITY_TYPES.get(entity_type)
        if securable is None:
            raise invalid(f"Invalid entity type '{entity_type}'. Known types: {', '.join(ENTITY_TYPES)}.")
        refuse_legacy(entity_name, "tags")
        column = None
        name = entity_name
        if entity_type == "columns":
            name, column = table_of_column(entity_name)
        found = self._privileges.require_exists(securable, name)
        if not self._privileges.can_see(actor, securable, name):
            raise lacks("BROWSE", securable, name)
        canonical = str(found.get("full_name") or found["name"])
        if column is None:
            return canonical
        for one in found["columns"]:
            if one["name"].casefold() == column.casefold():
                return f"{canonical}.{one['name']}"
        raise not_found(f"Column '{column}' does not exist in table '{canonical}'.", "COLUMN_DOES_NOT_EXIST")

    @rule("LS-140")
    def assign(
        self,
        actor: Principal,
        entity_type: str,
        entity_name: str,
        tag_key: str,
        tag_value: str | None,
        *,
        replace: bool = False,
        must_exist: bool = False,
        extra: Document | None = None,
    ) -> StoredTag:
        """Assign a tag, or change its value; SQL replaces, REST create refuses an assigned key, REST update needs one.

        `extra` are further fields to keep. Raises 400 for a value that the tag policy does not allow.
        """
        with self._store.transaction():
            name = self.require_entity(actor, entity_type, entity_name)
            self._require_tagger(actor, entity_type, name, tag_key)
            value = tag_value or ""
            self._check_value(tag_key, value)
            old = self._store.get(kinds.TAG, entity_type, name, tag_part(tag_key))
            if old is not None and not (replace or must_exist):
                raise already_exists(f"Tag '{tag_key}' is already assigned to {entity_type} '{name}'.", "ALREADY_EXISTS")
            if old is None and must_exist:
                raise not_found(f"Tag '{tag_key}' is not assigned to {entity_type} '{name}'.", "NOT_FOUND")
            if old is None:
                self._check_room(entity_type, name)
            fields = {"entity_type": entity_type, "entity_name": name, "tag_key": tag_key, "tag_value": value}
            fields |= {"updated_by": actor.name, "update_time": iso(self._clock.now_ms())}
            body = kinds.TAG.document({**(extra or {}), **fields})
            self._lag.remember(LagKind.TAGS, kinds.TAG, (entity_type, name, tag_part(tag_key)), old)
            self._store.put(kinds.TAG, (entity_type, name, tag_part(tag_key)), body, (entity_type, name))
        return body

    def unassign(self, actor: Principal, entity_type: str, entity_name: str, tag_key: str) -> None:
        """Remove an assignment; raises 404."""
        with self._store.transaction():
            name = self.require_entity(actor, entity_type, entity_name)
            old = self.tag(entity_type, name, tag_key)
            self._require_tagger(actor, entity_type, name, tag_key)
            self._lag.remember(LagKind.TAGS, kinds.TAG, (entity_type, name, tag_part(tag_key)), old)
            self._store.delete(kinds.TAG, entity_type, name, tag_part(tag_key))

    def governed_on_column(self, table: str, column: str) -> list[str]:
        """Return the governed tag keys on a column: while there are any, the platform refuses to drop it."""
        return [tag["tag_key"] for tag in self.tags("columns", f"{table}.{column}") if self._is_governed(tag["tag_key"])]

    def forget(self, entity_type: str, entity_name: str) -> None:
        """Drop the assignments of an entity that is gone, a table's columns included; call it in a transaction."""
        gone = self._store.list(kinds.TAG, (entity_type, entity_name))
        if entity_type == "tables":
            gone += self._store.scan(kinds.TAG, "columns", f"{entity_name}.")
        for tag in gone:
            self._store.delete(kinds.TAG, tag["entity_type"], tag["entity_name"], tag_part(tag["tag_key"]))

    # In effect

    def effective_tags(self, entity_type: str, entity_name: str) -> dict[str, str]:
        """Return tag key to value ("" for key-only) assigned to the entity itself, as enforcement knows it by now."""
        found = {tag["tag_key"]: tag["tag_value"] for tag in self.tags(entity_type, entity_name)}
        prefix = encode_key((entity_type, entity_name, ""))
        for key, before in self._lag.undone(LagKind.TAGS, kinds.TAG).items():
            if key.startswith(prefix):
                _overlay(found, key.removeprefix(prefix), before)
        return found

    def effective_table_tags(self, table: str) -> dict[str, str]:
        """Return the tags of a table in effect, those of its schema and catalog inherited and overridden by key."""
        catalog, schema, _ = table.split(".", 2)
        return (
            self.effective_tags("catalogs", catalog)
            | self.effective_tags("schemas", f"{catalog}.{schema}")
            | self.effective_tags("tables", table)
        )

    def effective_column_tags(self, table: str) -> dict[str, dict[str, str]]:
        """Return column name (lower case) to its own tags in effect; columns never inherit. One look-up a table."""
        found: dict[str, dict[str, str]] = {}
        for tag in self._store.scan(kinds.TAG, "columns", f"{table}."):
            column = table_of_column(tag["entity_name"])[1].casefold()
            found.setdefault(column, {})[tag["tag_key"]] = tag["tag_value"]
        prefix = encode_key(("columns", f"{table}."))
        for key, before in self._lag.undone(LagKind.TAGS, kinds.TAG).items():
            if key.startswith(prefix):
                column, _, folded = key.removeprefix(prefix).rpartition("\x1f")
                _overlay(found.setdefault(column, {}), folded, before)
        return found

    # Privileges and limits

    def has_role(self, actor: Principal, role: str, policy_id: str | None) -> bool:
        """Return whether the actor has a tag policy role (creator, manager, assigner); a manager may assign.

        Account admins create and manage, workspace admins create (source: platform docs, governed tag permissions).
        """
        if self._identity.is_account_admin(actor.id):
            return True
        if role == "creator" and self._identity.is_workspace_admin(actor.id):
            return True
        wanted = {f"roles/tagPolicy.{role}"} | ({"roles/tagPolicy.manager"} if role == "assigner" else set())
        names = self._identity.names_of(actor.id)
        for name in {self.rule_set_name(None), self.rule_set_name(policy_id)}:
            stored = self._store.get(kinds.RULE_SET, name)
            for granted in stored["grant_rules"] if stored is not None else ():
                if granted["role"] in wanted and any(one.split("/", 1)[-1] in names for one in granted["principals"]):
                    return True
        return False

    def _require_role(self, actor: Principal, role: str, policy_id: str | None, doing: str) -> None:
        if not self.has_role(actor, role, policy_id):
            raise denied(f"User does not have permission to {doing}: roles/tagPolicy.{role} is needed.")

    def _require_tagger(self, actor: Principal, entity_type: str, name: str, tag_key: str) -> None:
        securable = ENTITY_TYPES[entity_type]
        on = table_of_column(name)[0] if entity_type == "columns" else name
        self._privileges.require(actor, "APPLY_TAG", securable, on)
        policy = self._store.get(kinds.TAG_POLICY, tag_part(tag_key))
        if policy is not None and policy["tag_key"] == tag_key and not self.has_role(actor, "assigner", policy["id"]):
            raise denied(f"User does not have ASSIGN on tag policy '{tag_key}'.")

    def _check_value(self, tag_key: str, value: str) -> None:
        if tag_key.startswith(_SYSTEM_PREFIXES):
            return
        check_tag_text(tag_key, "Tag key")
        if len(value) > MAX_LENGTH:
            raise invalid(f"Tag value must have at most {MAX_LENGTH} characters.")
        policy = self._store.get(kinds.TAG_POLICY, tag_part(tag_key))
        if policy is None or policy["tag_key"] != tag_key:
            return
        if self.policy_in_effect(tag_key) is None:
            raise invalid(f"Tag policy key {tag_key} is not available yet. Please retry.")
        allowed = [one["name"] for one in (self.policy_in_effect(tag_key) or policy).get("values", ())]
        if value not in (allowed or [""]):
            listed = ", ".join(sorted(allowed))
            raise invalid(f"Tag value {value} is not an allowed value for tag policy key {tag_key}. Allowed values: [{listed}]")

    def _check_room(self, entity_type: str, name: str) -> None:
        if self._store.count(kinds.TAG, (entity_type, name)) >= MAX_TAGS_ON_SECURABLE:
            raise invalid(f"{entity_type} '{name}' has {MAX_TAGS_ON_SECURABLE} tags already.", "RESOURCE_LIMIT_EXCEEDED")
        if entity_type == "columns":
            table = table_of_column(name)[0]
            if len(self._store.scan(kinds.TAG, "columns", f"{table}.")) >= MAX_COLUMN_TAGS_ON_TABLE:
                raise invalid(f"Table '{table}' has {MAX_COLUMN_TAGS_ON_TABLE} column tags already.", "RESOURCE_LIMIT_EXCEEDED")

    def _is_governed(self, tag_key: str) -> bool:
        policy = self._store.get(kinds.TAG_POLICY, tag_part(tag_key))
        return tag_key.startswith(_SYSTEM_PREFIXES) or (policy is not None and policy["tag_key"] == tag_key)

    def check_condition_tag(self, tag_key: str, tag_value: str | None) -> str | None:
        """Return what is wrong with a tag in a policy condition, as the platform words it, or None."""
        if tag_key.startswith(_SYSTEM_PREFIXES):
            return None
        policy = self.policy_in_effect(tag_key)
        if policy is None:
            return f"Unknown tag policy key: {tag_key}"
        if tag_value is not None and tag_value not in [one["name"] for one in policy.get("values", ())]:
            return f"Invalid tag value: {tag_value} for tag policy key: {tag_key}"
        return None


def _overlay(found: dict[str, str], folded_key: str, before: StoredTag | None) -> None:
    for key in [one for one in found if tag_part(one).casefold() == folded_key]:
        del found[key]
    if before is not None:
        found[before["tag_key"]] = before["tag_value"]


def _masked(update_mask: str, body: Document, known: tuple[str, ...]) -> set[str]:
    names = {one.strip() for one in update_mask.split(",") if one.strip()}
    if not names or "*" in names:
        return {one for one in known if one in body}
    unknown = names - set(known)
    if unknown:
        raise invalid(f"update_mask names fields that cannot change: {', '.join(sorted(unknown))}.")
    return names


def _checked_values(values: Any) -> list[StoredTagValue]:
    checked: list[StoredTagValue] = []
    for value in values or []:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise invalid("Each tag policy value needs a name.")
        check_tag_text(value["name"], "Tag value")
        checked.append({"name": value["name"]})
    names = [one["name"] for one in checked]
    if len(names) != len(set(names)):
        raise invalid("Tag policy values must be unique.")
    if len(names) > MAX_VALUES:
        raise invalid(f"A tag policy can have at most {MAX_VALUES} values.", "RESOURCE_LIMIT_EXCEEDED")
    return checked


def _check_description(policy: StoredTagPolicy) -> None:
    if len(policy.get("description") or "") > 4096:
        raise invalid("Description must have at most 4096 characters.")
