"""GRANT policies: privileges that a policy gives on objects in its scope, by their tags (source: platform docs, ABAC).

They add to direct grants, never give the use of a catalog or schema, and do not show among grants.
"""

from __future__ import annotations

from collections.abc import Mapping

from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredPolicy
from localspace.governance.conditions import holds, parse_condition, references
from localspace.governance.legacy import is_legacy
from localspace.governance.privileges import GRANTED_BY_POLICY, containers, grant_type
from localspace.governance.tagging import Tagging
from localspace.identity.memberships import Identity

_ENTITIES = {"TABLE": "tables", "VOLUME": "volumes"}


class GrantPolicies:
    """Answers which privileges the policies above an object give to a principal."""

    def __init__(self, store: Store, identity: Identity, tags: Tagging, metastore_id: str) -> None:
        """Read from `store`."""
        self._store = store
        self._identity = identity
        self._tags = tags
        self._metastore_id = metastore_id
        self._policies: tuple[tuple[int, ...], list[StoredPolicy]] = ((), [])

    @rule("LS-154")
    def granted(self, actor: Principal, securable: str, full_name: str) -> frozenset[str]:
        """Return the privileges that policies give on an object; a condition that names an unknown tag gives nothing."""
        kind = grant_type(securable)
        policies = self._current() if kind in GRANTED_BY_POLICY else []
        if not policies or is_legacy(full_name) or self._is_view(kind, full_name):
            return frozenset()
        above = {(place, name.casefold()) for place, name in containers(kind, full_name)} | {("METASTORE", self._metastore_id)}
        names = self._identity.names_of(actor.id)
        tags: Mapping[str, str] | None = None
        found: set[str] = set()
        for policy in policies:
            where = (policy["on_securable_type"], policy["on_securable_fullname"].casefold())
            if policy.get("for_securable_type") != kind or where not in above or not _applies(policy, names):
                continue
            tags = self._tags_of(kind, full_name) if tags is None else tags
            if self._holds(policy.get("when_condition"), tags):
                found |= set((policy.get("grant") or {}).get("privileges") or ()) & GRANTED_BY_POLICY[kind]
        return frozenset(found)

    def _current(self) -> list[StoredPolicy]:
        version, policies = self._policies
        current = self._store.version_of(kinds.POLICY)
        if current != version:
            policies = [one for one in self._store.list(kinds.POLICY) if one["policy_type"] == "POLICY_TYPE_GRANT"]
            self._policies = (current, policies)
        return policies

    def _is_view(self, kind: str, full_name: str) -> bool:
        # A view has no policies of its own: without a word on views, the stricter reading leaves them out.
        found = self._store.get(kinds.TABLE, *full_name.split(".")) if kind == "TABLE" else None
        return found is not None and bool(found.get("view_definition"))

    def _holds(self, text: str | None, tags: Mapping[str, str]) -> bool:
        if not text:
            return True
        condition = parse_condition(text)
        if any(self._tags.policy_in_effect(one.key) is None for one in references(condition)):
            return False
        return holds(condition, tags)

    def _tags_of(self, kind: str, full_name: str) -> dict[str, str]:
        catalog, schema, _ = full_name.split(".", 2)
        found = self._tags.effective_tags("catalogs", catalog) | self._tags.effective_tags("schemas", f"{catalog}.{schema}")
        entity = _ENTITIES.get(kind)
        return found | (self._tags.effective_tags(entity, full_name) if entity else {})


def _applies(policy: StoredPolicy, names: frozenset[str]) -> bool:
    to, but = policy.get("to_principals") or (), policy.get("except_principals") or ()
    return bool(names.intersection(to)) and not names.intersection(but)
