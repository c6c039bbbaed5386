"""Who is who: users, service principals, groups, and what a principal is a member of."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.errors import ApiError, not_found
from localspace.core.lag import Lag, LagKind
from localspace.core.principals import ACCOUNT_USERS, Principal, PrincipalKind
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredGroup
from localspace.core.stored_documents.kind import Document

SYSTEM_GROUPS = ("admins", "users")
"""Groups that every workspace has: their members follow from the workspace assignments."""


def as_principal(kind: PrincipalKind, body: Document) -> Principal:
    """Return the principal that a document describes."""
    if kind is PrincipalKind.USER:
        name = body["userName"]
    elif kind is PrincipalKind.SERVICE_PRINCIPAL:
        name = body["applicationId"]
    else:
        name = body["displayName"]
    return Principal(
        id=body["id"],
        kind=kind,
        name=name,
        display_name=body.get("displayName") or name,
        active=bool(body.get("active", True)),
    )


@dataclass(frozen=True, slots=True)
class _Directory:
    """What is in effect at one version of the people, the groups and the lag."""

    stamp: tuple[tuple[int, ...], int]
    parents: dict[str, tuple[str, ...]]
    groups: dict[str, StoredGroup]
    names: dict[str, frozenset[str]]


class Identity:
    """Looks principals and memberships up; holds no state of its own beyond a cache of the store's version."""

    def __init__(self, store: Store, lag: Lag, workspace_id: str) -> None:
        """Read from `store`; memberships take effect after the lag."""
        self._store = store
        self._lag = lag
        self._workspace_id = workspace_id
        self._cache: _Directory | None = None

    # Look-ups

    def by_id(self, principal_id: str) -> Principal | None:
        """Return the principal with an id, or None."""
        for kind in PrincipalKind:
            body = self._store.get(kinds.of_principal(kind), principal_id)
            if body is not None:
                return as_principal(kind, body)
        return None

    def by_name(self, name: str) -> Principal | None:
        """Return the principal that grants and policies call `name`: a user, a service principal or an account group.

        Group names are compared exactly, user names and application ids without case. Workspace-local groups are no
        principals of Unity Catalog and are not found here.
        """
        if name == ACCOUNT_USERS:
            return Principal(id=ACCOUNT_USERS, kind=PrincipalKind.GROUP, name=name, display_name=name)
        folded = name.casefold()
        for kind in PrincipalKind:
            for body in self._store.list(kinds.of_principal(kind)):
                if kind is PrincipalKind.GROUP and body.get("scope") != "account":
                    continue
                principal = as_principal(kind, body)
                if principal.name == name or (kind is not PrincipalKind.GROUP and principal.name.casefold() == folded):
                    return principal
        return None

    def require_name(self, name: str) -> Principal:
        """Return the principal called `name`; raises PRINCIPAL_DOES_NOT_EXIST."""
        found = self.by_name(name)
        if found is None:
            raise not_found(f"Could not find principal with name {name}", "PRINCIPAL_DOES_NOT_EXIST")
        return found

    # Memberships in effect

    def groups_of(self, principal_id: str) -> frozenset[str]:
        """Return the ids of all groups, account and workspace-local, that contain the principal, nested ones too."""
        return self._ancestors(self._directory(), principal_id)

    def names_of(self, principal_id: str) -> frozenset[str]:
        """Return every name by which a grant or a policy reaches the principal: its own, its account groups', all users'."""
        directory = self._directory()
        found = directory.names.get(principal_id)
        if found is not None:
            return found
        own = self.by_id(principal_id)
        names = self.account_groups_of(principal_id) | ({own.name} if own is not None else set())
        directory.names[principal_id] = frozenset(names)
        return directory.names[principal_id]

    def is_account_group_member(self, principal_id: str, group_name: str) -> bool:
        """Answer SQL `is_account_group_member`: direct or indirect member of an account group."""
        return group_name in self.account_groups_of(principal_id)

    def account_groups_of(self, principal_id: str) -> frozenset[str]:
        """Return the names of the account groups that contain the principal, `account users` included."""
        directory = self._directory()
        names = {ACCOUNT_USERS}
        for group_id in self._ancestors(directory, principal_id):
            group = directory.groups.get(group_id)
            if group is not None and group.get("scope") == "account":
                names.add(group["displayName"])
        return frozenset(names)

    def is_member(self, principal_id: str, group_name: str) -> bool:
        """Answer SQL `is_member`: a workspace-local group, or an account group that is assigned to the workspace."""
        if group_name == "admins":
            return self.is_workspace_admin(principal_id)
        if group_name == "users":
            return self.in_workspace(principal_id)
        directory = self._directory()
        for group_id in self._ancestors(directory, principal_id):
            group = directory.groups.get(group_id)
            if group is None or group["displayName"] != group_name:
                continue
            if group.get("scope") == "workspace" or self._assignment(group_id):
                return True
        return False

    # Roles

    def is_account_admin(self, principal_id: str) -> bool:
        """Return whether the principal, or a group of it, has the role account_admin."""
        return any("account_admin" in body.get("roles", ()) for body in self._bodies(principal_id))

    def is_workspace_admin(self, principal_id: str) -> bool:
        """Return whether the principal, or a group of it, is assigned to the workspace as ADMIN."""
        return any("ADMIN" in self._assignment(one) for one in (principal_id, *self.groups_of(principal_id)))

    def is_metastore_admin(self, principal_id: str) -> bool:
        """Return whether the principal, or a group of it, owns the metastore of the workspace."""
        metastore = self._store.get(kinds.METASTORE, self._store.metastore_id or "")
        return metastore is not None and metastore["owner"] in self.names_of(principal_id)

    def in_workspace(self, principal_id: str) -> bool:
        """Return whether the principal may enter the workspace: assigned itself or through a group."""
        return any(self._assignment(one) for one in (principal_id, *self.groups_of(principal_id)))

    def entitlements(self, principal_id: str) -> frozenset[str]:
        """Return the entitlements in effect in this workspace: own, of the groups, and of the system group `users`."""
        groups = self._directory().groups
        found: set[str] = set()
        for one in (principal_id, *self.groups_of(principal_id)):
            given = self._store.get(kinds.ENTITLEMENTS, one)
            found.update(given["entitlements"] if given is not None else ())
            found.update(groups[one].get("entitlements", ()) if one in groups else ())
        if self.in_workspace(principal_id):
            admin = self.is_workspace_admin(principal_id)
            for group in self._directory().groups.values():
                if group.get("scope") == "workspace" and (
                    group["displayName"] == "users" or (admin and group["displayName"] == "admins")
                ):
                    found.update(group.get("entitlements", ()))
        return frozenset(found)

    def require_active(self, principal_id: str) -> Principal:
        """Return the principal of a caller; raises 401 when it is gone or deactivated."""
        found = self.by_id(principal_id)
        if found is None or not found.active:
            raise ApiError(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
        return found

    # Inside

    def _assignment(self, principal_id: str) -> list[str]:
        body = self._store.get(kinds.WORKSPACE_ASSIGNMENT, self._workspace_id, principal_id)
        return [] if body is None else list(body["permissions"])

    def _bodies(self, principal_id: str) -> list[Document]:
        groups = self._directory().groups
        found: list[Document] = [dict(groups[one]) for one in self.groups_of(principal_id) if one in groups]
        for kind in (PrincipalKind.USER, PrincipalKind.SERVICE_PRINCIPAL):
            body = self._store.get(kinds.of_principal(kind), principal_id)
            if body is not None:
                found.append(body)
        return found

    def _directory(self) -> _Directory:
        overlay = self._lag.undone(LagKind.MEMBERSHIPS, kinds.GROUP)
        stamp = (
            self._store.version_of(*(kinds.of_principal(one) for one in PrincipalKind), kinds.UNDO),
            hash(tuple(sorted(overlay))),
        )
        cached = self._cache
        if cached is not None and cached.stamp == stamp:
            return cached
        groups = {body["id"]: body for body in self._store.list(kinds.GROUP)}
        for key, before in overlay.items():
            groups.pop(key, None)
            current = None if before is None else self._store.get(kinds.GROUP, before["id"])
            if before is not None and current is not None:
                # Only members lag: a renamed group keeps its new name.
                groups[before["id"]] = current | {"members": before["members"]}
        parents: dict[str, list[str]] = {}
        for group in groups.values():
            for member in group.get("members", ()):
                parents.setdefault(member, []).append(group["id"])
        current_directory = _Directory(stamp, {member: tuple(sorted(of)) for member, of in parents.items()}, groups, {})
        self._cache = current_directory
        return current_directory

    @staticmethod
    def _ancestors(directory: _Directory, principal_id: str) -> frozenset[str]:
        seen: set[str] = set()
        waiting = [principal_id]
        while waiting:
            for parent in directory.parents.get(waiting.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return frozenset(seen)
