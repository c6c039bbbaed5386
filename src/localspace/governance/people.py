"""Writes to the directory: users, service principals, groups, memberships, workspace assignments."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from localspace.core.errors import already_exists, invalid, not_found
from localspace.core.lag import Lag, LagKind
from localspace.core.ledger import rule
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredEntitlements, StoredGroup, StoredWorkspaceAssignment
from localspace.core.stored_documents.kind import Document
from localspace.governance.bootstrap import new_principal_id
from localspace.governance.principal_names import carry_levels, carry_name, forget_name
from localspace.identity.memberships import SYSTEM_GROUPS, Identity, as_principal

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


def duplicate(kind: PrincipalKind, name: str) -> str:
    """Return the platform's words for a name that is taken (source: the Terraform provider, which looks for them)."""
    if kind is PrincipalKind.USER:
        return f"User with username {name} already exists."
    if kind is PrincipalKind.SERVICE_PRINCIPAL:
        return f"Service principal with application ID {name} already exists."
    return f"Group with name {name} already exists."


class People:
    """Creates, changes and deletes principals; callers check permissions."""

    def __init__(self, store: Store, lag: Lag, identity: Identity, workspace_id: str) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._lag = lag
        self._identity = identity
        self._workspace_id = workspace_id

    def get(self, kind: PrincipalKind, principal_id: str) -> Document:
        """Return a document; raises 404."""
        found = self._store.get(kinds.of_principal(kind), principal_id)
        if found is None:
            raise not_found(f"{NOUNS[kind]} with id {principal_id} not found.")
        return self.entitled(found)

    def entitled(self, body: Document) -> Document:
        """Return a document with the entitlements that its principal has in this workspace."""
        if body.get("scope") == "workspace":
            return body
        given = self._store.get(kinds.ENTITLEMENTS, body["id"])
        return body | {"entitlements": given["entitlements"] if given is not None else []}

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
                self._check_members(new, new["members"])
                self._lag.remember(LagKind.MEMBERSHIPS, kinds.GROUP, (new["id"],), kinds.GROUP.document({**new, "members": []}))
            self._put(kind, new)
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
                self._check_members(old, added)
                self._lag.remember(LagKind.MEMBERSHIPS, kinds.GROUP, (old["id"],), kinds.GROUP.document(old))
            self._put(kind, new)
            self._carry_name(as_principal(kind, old), as_principal(kind, new), new.get("scope", "account"))
        return new

    def _put(self, kind: PrincipalKind, new: Document) -> None:
        """Store a principal; the entitlements of one of the account stay in this workspace."""
        if new.get("scope") == "workspace":
            self._store.put(kinds.of_principal(kind), (new["id"],), new)
            return
        kept = {key: value for key, value in new.items() if key != "entitlements"}
        self._store.put(kinds.of_principal(kind), (new["id"],), kept)
        given = new.get("entitlements") or []
        if not given:
            self._store.delete(kinds.ENTITLEMENTS, new["id"])
        elif self._store.workspace_id:
            entitlements = StoredEntitlements(principal_id=new["id"], entitlements=given)
            self._store.put(kinds.ENTITLEMENTS, (new["id"],), entitlements)

    def _carry_name(self, before: Principal, after: Principal, scope: str) -> None:
        """Carry a new name; a workspace-local group is a principal of access lists alone, never of Unity Catalog."""
        if before.name == after.name:
            return
        if scope == "account":
            for room in self._store.rooms():
                carry_name(room, before, after.name)
        elif self._identity.by_name(before.name) is None:
            # An account group of the old name would be meant by the same entries: it keeps them.
            carry_levels(self._store, before, after.name)

    def delete(self, kind: PrincipalKind, body: Document) -> None:
        """Delete a principal with memberships, grants, levels on objects, tokens, secrets and assignment."""
        principal_id = body["id"]
        with self._store.transaction():
            for room in self._store.rooms():
                _forget_member(room, principal_id)
                room.delete(kinds.ENTITLEMENTS, principal_id)
            for token in self._store.list(kinds.TOKEN, (principal_id,)):
                self._store.delete(kinds.TOKEN, token["hash"])
            for secret in self._store.list(kinds.CLIENT_SECRET, (principal_id,)):
                self._store.delete(kinds.CLIENT_SECRET, principal_id, secret["id"])
            for policy in self._store.list(kinds.FEDERATION_POLICY, (principal_id,)):
                self._store.delete(kinds.FEDERATION_POLICY, principal_id, policy["policy_id"])
            for assignment in self._store.list(kinds.ACCOUNT_WORKSPACE):
                self._store.delete(kinds.WORKSPACE_ASSIGNMENT, str(assignment["workspace_id"]), principal_id)
            if not (kind is PrincipalKind.GROUP and body["scope"] == "workspace"):
                for room in self._store.rooms():
                    forget_name(room, as_principal(kind, body))
            self._store.delete(kinds.of_principal(kind), principal_id)
            account_wide = body.get("scope", "account") == "account"
            for room in self._store.rooms() if account_wide else [self._store]:
                _forget_levels(room, as_principal(kind, body))

    # Workspace assignments

    def assignment(self, principal_id: str, workspace_id: str | None = None) -> list[str]:
        """Return the permissions of a principal on a workspace, [] for none."""
        found = self._store.get(kinds.WORKSPACE_ASSIGNMENT, workspace_id or self._workspace_id, principal_id)
        return [] if found is None else list(found["permissions"])

    def assign(self, principal_id: str, permissions: list[str], workspace_id: str | None = None) -> None:
        """Set the permissions of a principal on a workspace; none removes the assignment."""
        workspace = workspace_id or self._workspace_id
        unknown = set(permissions) - {"USER", "ADMIN"}
        if unknown:
            raise invalid(f"Unknown workspace permissions: {', '.join(sorted(unknown))}. USER and ADMIN are known.")
        if permissions:
            body: StoredWorkspaceAssignment = {"principal_id": principal_id, "permissions": sorted(set(permissions))}
            self._store.put(kinds.WORKSPACE_ASSIGNMENT, (workspace, principal_id), body, (workspace,))
        else:
            self._store.delete(kinds.WORKSPACE_ASSIGNMENT, workspace, principal_id)

    def members(self, group: Mapping[str, Any]) -> list[str]:
        """Return the ids of the direct members; those of the system groups follow from the assignments."""
        if group["scope"] != "workspace" or group["displayName"] not in SYSTEM_GROUPS:
            return list(group["members"])
        admins = group["displayName"] == "admins"
        return [
            one["principal_id"]
            for one in self._store.list(kinds.WORKSPACE_ASSIGNMENT, (self._workspace_id,))
            if not admins or "ADMIN" in one["permissions"]
        ]

    def groups_with(self, principal_id: str) -> list[StoredGroup]:
        """Return the groups that directly contain a principal."""
        return [group for group in self._store.list(kinds.GROUP) if principal_id in self.members(group)]

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
        self._check_other_kinds(kind, name, old)
        for other in self._store.list(kinds.of_principal(kind)):
            same = str(other[field]).casefold() == name.casefold() and other.get("scope", "account") == scope
            if same and (old is None or other["id"] != old["id"]):
                raise already_exists(duplicate(kind, name))
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

    @rule("LS-112")
    def _check_other_kinds(self, kind: PrincipalKind, name: str, old: Document | None) -> None:
        """Refuse the name of a principal of another kind: grants and policies know principals by name alone."""
        if old is not None and old.get(_NAME_FIELD[kind]) == name:
            return
        for other_kind, field in _NAME_FIELD.items():
            if other_kind is kind:
                continue
            for other in self._store.list(kinds.of_principal(other_kind)):
                if str(other[field]).casefold() == name.casefold():
                    raise already_exists(f"A {NOUNS[other_kind]} with name {name} already exists.")

    def _check_members(self, group: Document, members: list[str]) -> None:
        group_id = group["id"]
        above = self._stored_ancestors(group_id) | {group_id}
        for member in members:
            found = self._identity.by_id(member)
            if found is None:
                raise not_found(f"Principal with id {member} not found.")
            if found.kind is PrincipalKind.GROUP and member in above:
                raise invalid(f"Group {group_id} cannot contain {member}: that would be a cycle.")
            body = self._store.get(kinds.GROUP, member)
            if group["scope"] == "account" and body is not None and body["scope"] == "workspace":
                raise invalid(f"Account group {group_id} cannot contain {member}: it is a group of a workspace.")

    def _stored_ancestors(self, group_id: str) -> set[str]:
        parents: dict[str, list[str]] = {}
        for group in self._store.list(kinds.GROUP):
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


def _forget_member(store: Store, principal_id: str) -> None:
    for group in store.list(kinds.GROUP):
        if principal_id in group.get("members", ()):
            kept = [one for one in group["members"] if one != principal_id]
            store.put(kinds.GROUP, (group["id"],), group | {"members": kept})


def _forget_levels(store: Store, gone: Principal) -> None:
    """Take a principal that is gone out of the access lists; another group of the same name keeps its entries."""
    if gone.kind is PrincipalKind.GROUP and any(g["displayName"] == gone.name for g in store.list(kinds.GROUP)):
        return
    for key, document in store.items(kinds.PERMISSIONS):
        entries = document.get("access_control_list", [])
        kept = [one for one in entries if (one["kind"], one["principal"]) != (gone.kind.value, gone.name)]
        if len(kept) < len(entries):
            store.put(kinds.PERMISSIONS, key, document | {"access_control_list": kept})
