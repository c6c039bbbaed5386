"""Writes to the directory: users, service principals, groups, memberships, workspace assignments."""

from __future__ import annotations

import re
import uuid
from typing import Any

from localspace.errors import already_exists, invalid, not_found
from localspace.fresh import new_principal_id
from localspace.governance.grant_book import GrantBook
from localspace.governance.identity import SYSTEM_GROUPS, Identity, Principal, PrincipalKind, as_principal
from localspace.lag import Lag, LagKind
from localspace.store import Document, Store

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME_FIELD = {
    PrincipalKind.USER: "userName",
    PrincipalKind.SERVICE_PRINCIPAL: "applicationId",
    PrincipalKind.GROUP: "displayName",
}
NOUNS = {
    PrincipalKind.USER: "User",
    PrincipalKind.SERVICE_PRINCIPAL: "ServicePrincipal",
    PrincipalKind.GROUP: "Group",
}


class People:
    """Creates, changes and deletes principals; rights are checked by the callers."""

    def __init__(self, store: Store, lag: Lag, identity: Identity, grants: GrantBook, workspace_id: str) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._lag = lag
        self._identity = identity
        self._grants = grants
        self._workspace_id = workspace_id

    def get(self, kind: PrincipalKind, principal_id: str) -> Document:
        """Return a document; raises 404."""
        found = self._store.get(kind, principal_id)
        if found is None:
            raise not_found(f"{NOUNS[kind]} with id {principal_id} not found.")
        return found

    def create(self, kind: PrincipalKind, body: Document, scope: str = "account") -> Document:
        """Create a principal; a group of scope `workspace` is workspace-local."""
        new = dict(body)
        if kind is PrincipalKind.SERVICE_PRINCIPAL:
            new["applicationId"] = new.get("applicationId") or str(uuid.uuid4())
        if kind is PrincipalKind.GROUP:
            new["scope"] = scope
        with self._store.transaction():
            self._check(kind, new, None)
            new["id"] = new_principal_id(self._store)
            if kind is PrincipalKind.GROUP:
                self._check_members(new["id"], new["members"])
                self._lag.remember(LagKind.MEMBERSHIPS, "group", (new["id"],), new | {"members": []})
            self._store.put(kind, (new["id"],), new)
        return new

    def save(self, kind: PrincipalKind, old: Document, new: Document) -> Document:
        """Replace a document; a new name is carried to everything that names the principal."""
        new = new | {"id": old["id"]}
        if kind is PrincipalKind.GROUP:
            new["scope"] = old["scope"]
        if kind is PrincipalKind.SERVICE_PRINCIPAL:
            new["applicationId"] = old["applicationId"]
        with self._store.transaction():
            self._check(kind, new, old)
            if kind is PrincipalKind.GROUP and new["members"] != old.get("members", []):
                added = [one for one in new["members"] if one not in old.get("members", [])]
                self._check_members(old["id"], added)
                self._lag.remember(LagKind.MEMBERSHIPS, "group", (old["id"],), old)
            self._store.put(kind, (old["id"],), new)
            before, after = as_principal(kind, old).name, as_principal(kind, new).name
            if before != after:
                self._carry_name(before, after)
        return new

    def delete(self, kind: PrincipalKind, body: Document) -> None:
        """Delete a principal with memberships, grants, levels on objects, tokens, secrets and assignment."""
        principal_id = body["id"]
        with self._store.transaction():
            for group in self._store.list("group"):
                if principal_id in group.get("members", ()):
                    kept = [one for one in group["members"] if one != principal_id]
                    self._store.put("group", (group["id"],), group | {"members": kept})
            for token in self._store.list("token", (principal_id,)):
                self._store.delete("token", token["hash"])
            for secret in self._store.list("sp_secret", (principal_id,)):
                self._store.delete("sp_secret", principal_id, secret["id"])
            for policy in self._store.list("federation_policy", (principal_id,)):
                self._store.delete("federation_policy", principal_id, policy["policy_id"])
            for assignment in self._store.list("account_workspace"):
                self._store.delete("workspace_assignment", str(assignment["workspace_id"]), principal_id)
            if not (kind is PrincipalKind.GROUP and body["scope"] == "workspace"):
                self._grants.forget_principal(as_principal(kind, body).name)
            self._store.delete(kind, principal_id)
            self._forget_levels(as_principal(kind, body))

    def _forget_levels(self, gone: Principal) -> None:
        """Take a principal that is gone out of the access lists; another group of the same name keeps its entries."""
        if gone.kind is PrincipalKind.GROUP and any(g["displayName"] == gone.name for g in self._store.list("group")):
            return
        for key, document in self._store.items("permission"):
            entries = document.get("access_control_list", [])
            kept = [one for one in entries if (one["kind"], one["principal"]) != (gone.kind.value, gone.name)]
            if len(kept) < len(entries):
                self._store.put("permission", key, document | {"access_control_list": kept})

    # Workspace assignments

    def assignment(self, principal_id: str, workspace_id: str | None = None) -> list[str]:
        """Return the permissions of a principal on a workspace, [] for none."""
        found = self._store.get("workspace_assignment", workspace_id or self._workspace_id, principal_id)
        return [] if found is None else list(found["permissions"])

    def assign(self, principal_id: str, permissions: list[str], workspace_id: str | None = None) -> None:
        """Set the permissions of a principal on a workspace; none removes the assignment."""
        workspace = workspace_id or self._workspace_id
        unknown = set(permissions) - {"USER", "ADMIN"}
        if unknown:
            raise invalid(f"Unknown workspace permissions: {', '.join(sorted(unknown))}. USER and ADMIN are known.")
        if permissions:
            body = {"principal_id": principal_id, "permissions": sorted(set(permissions))}
            self._store.put("workspace_assignment", (workspace, principal_id), body, (workspace,))
        else:
            self._store.delete("workspace_assignment", workspace, principal_id)

    def members(self, group: Document) -> list[str]:
        """Return the ids of the direct members; those of the system groups follow from the assignments."""
        if group.get("scope") != "workspace" or group["displayName"] not in SYSTEM_GROUPS:
            return list(group.get("members", ()))
        admins = group["displayName"] == "admins"
        return [
            one["principal_id"]
            for one in self._store.list("workspace_assignment", (self._workspace_id,))
            if not admins or "ADMIN" in one["permissions"]
        ]

    def groups_with(self, principal_id: str) -> list[Document]:
        """Return the groups that directly contain a principal."""
        return [group for group in self._store.list("group") if principal_id in self.members(group)]

    # Inside

    def _check(self, kind: PrincipalKind, new: Document, old: Document | None) -> None:
        field = _NAME_FIELD[kind]
        name = new.get(field)
        if not isinstance(name, str) or not name.strip():
            raise invalid(f"{NOUNS[kind]} needs {field}.")
        if kind is PrincipalKind.USER and not re.fullmatch(r"[^@\s]+@[^@\s]+", name):
            raise invalid(f"User name '{name}' is not an e-mail address.")
        scope = new.get("scope", "account")
        reserved = ("account users", *SYSTEM_GROUPS)
        if kind is PrincipalKind.GROUP and name in reserved and (old is None or old["displayName"] != name):
            raise already_exists(f"Group with name {name} already exists.")
        if kind is PrincipalKind.SERVICE_PRINCIPAL and not _UUID.fullmatch(name):
            # Grants and policies know principals by name alone: another form could be the name of a group.
            raise invalid(f"applicationId '{name}' is not a UUID.")
        for other in self._store.list(kind):
            same = str(other[field]).casefold() == name.casefold() and other.get("scope", "account") == scope
            if same and (old is None or other["id"] != old["id"]):
                raise already_exists(f"{NOUNS[kind]} with name {name} already exists.")
        for listed in ("entitlements", "roles", "members"):
            if listed in new or listed != "members":
                new[listed] = list(dict.fromkeys(new.get(listed) or []))
        if kind is PrincipalKind.GROUP:
            new.setdefault("members", [])
        else:
            new.pop("members", None)
            new.setdefault("active", True)
            if not isinstance(new["active"], bool):
                raise invalid("active must be true or false.")

    def _check_members(self, group_id: str, members: list[str]) -> None:
        above = self._stored_ancestors(group_id) | {group_id}
        for member in members:
            found = self._identity.by_id(member)
            if found is None:
                raise not_found(f"Principal with id {member} not found.")
            if found.kind is PrincipalKind.GROUP and member in above:
                raise invalid(f"Group {group_id} cannot contain {member}: that would be a cycle.")

    def _stored_ancestors(self, group_id: str) -> set[str]:
        parents: dict[str, list[str]] = {}
        for group in self._store.list("group"):
            for member in group.get("members", ()):
                parents.setdefault(member, []).append(group["id"])
        seen: set[str] = set()
        waiting = [group_id]
        while waiting:
            for parent in parents.get(waiting.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    def _carry_name(self, before: str, after: str) -> None:
        for grant in self._store.list("grant"):
            if grant["principal"] == before:
                key = (grant["securable_type"], grant["full_name"])
                self._store.delete("grant", *key, before)
                self._store.put("grant", (*key, after), grant | {"principal": after}, key)
        for policy in self._store.list("policy"):
            changed = dict(policy)
            for field in ("to_principals", "except_principals"):
                if before in policy.get(field, ()):
                    changed[field] = [after if one == before else one for one in policy[field]]
            if changed != policy:
                place = (policy["on_securable_type"], policy["on_securable_fullname"])
                self._store.put("policy", (*place, policy["name"]), changed, place)
        self._carry_owner(before, after)

    def _carry_owner(self, before: str, after: str) -> None:
        keys: dict[str, Any] = {
            "catalog": lambda one: (one["name"],),
            "schema": lambda one: (one["catalog_name"], one["name"]),
            "table": lambda one: (one["catalog_name"], one["schema_name"], one["name"]),
            "function": lambda one: (one["catalog_name"], one["schema_name"], one["name"]),
            "volume": lambda one: (one["catalog_name"], one["schema_name"], one["name"]),
            "metastore": lambda one: (one["metastore_id"],),
        }
        for kind, key_of in keys.items():
            for body in self._store.list(kind):
                if body.get("owner") == before:
                    key = key_of(body)
                    parent = () if kind == "metastore" else key[:-1]
                    self._store.put(kind, key, body | {"owner": after}, parent)
