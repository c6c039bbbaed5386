"""Grants on securables: direct, effective, and their changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from localspace.core.errors import denied, invalid
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredGrant
from localspace.governance.privileges import HeldPrivilege, Privileges, containers, grant_type, grantable, privilege_name, spoken
from localspace.identity.memberships import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantChange:
    """Privileges to add to and remove from one principal; names in any spelling."""

    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class GrantRepository:
    """Reads and changes grants; the privileges of the actor are checked here."""

    def __init__(self, store: Store, identity: Identity, privileges: Privileges) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._identity = identity
        self._privileges = privileges

    def on(self, actor: Principal, securable: str, full_name: str) -> dict[str, list[str]]:
        """Return principal to privileges granted directly; who may not manage sees the own grants only."""
        self._privileges.require_exists(securable, full_name)
        kind, name = grant_type(securable), self._canonical(securable, full_name)
        found = {one["principal"]: sorted(one["privileges"]) for one in self._store.list(kinds.GRANT, (kind, name))}
        if self._privileges.manages(actor, securable, full_name):
            return found
        if not self._privileges.can_see(actor, securable, full_name):
            raise denied(f"User does not have BROWSE on {spoken(securable).title()} '{full_name}'.")
        names = self._identity.names_of(actor.id)
        return {principal: held for principal, held in found.items() if principal in names}

    def effective(self, actor: Principal, securable: str, full_name: str) -> dict[str, list[HeldPrivilege]]:
        """Return principal to privileges with their origin, inherited ones included."""
        answer: dict[str, list[HeldPrivilege]] = {}
        for principal, held in self.on(actor, securable, full_name).items():
            answer[principal] = [HeldPrivilege(privilege=one) for one in held]
        manages = self._privileges.manages(actor, securable, full_name)
        names = self._identity.names_of(actor.id)
        everything = grantable(securable, full_name)
        for kind, name in containers(securable, full_name):
            for grant in self._store.list(kinds.GRANT, (kind, name)):
                if manages or grant["principal"] in names:
                    mine = answer.setdefault(grant["principal"], [])
                    known = {one.privilege for one in mine}
                    for privilege in sorted(set(grant["privileges"]) & everything - known):
                        mine.append(HeldPrivilege(privilege=privilege, inherited_from=(kind, grant["full_name"])))
        return {principal: held for principal, held in answer.items() if held}

    def change(self, actor: Principal, securable: str, full_name: str, changes: Iterable[GrantChange]) -> dict[str, list[str]]:
        """Apply changes in one transaction and return the grants afterwards; needs MANAGE or ownership."""
        with self._store.transaction():
            self._privileges.require_exists(securable, full_name)
            if securable == "METASTORE":
                self._privileges.require_metastore_admin(actor)
            else:
                self._privileges.require_manage(actor, securable, full_name)
            for change in changes:
                self._apply(securable, full_name, change)
            return self.on(actor, securable, full_name)

    def _apply(self, securable: str, full_name: str, change: GrantChange) -> None:
        kind, name = grant_type(securable), self._canonical(securable, full_name)
        add = [privilege_name(one) for one in change.add]
        remove = {privilege_name(one) for one in change.remove}
        for privilege in add:
            if privilege not in grantable(securable, full_name):
                raise invalid(
                    f"Privilege {spoken(privilege)} is not applicable to this entity [{name}:{securable}/{securable}_STANDARD]."
                )
        old = self._store.get(kinds.GRANT, kind, name, change.principal)
        # A grant of a principal that is gone can still be revoked.
        principal = old["principal"] if old and not add else self._identity.require_name(change.principal).name
        held = set(() if old is None else old["privileges"])
        # Clients send `remove: [ALL_PRIVILEGES]` beside what they add: it clears the rest.
        held = set() if "ALL_PRIVILEGES" in remove else held - remove
        held |= set(add)
        if held:
            body: StoredGrant = {"securable_type": kind, "full_name": name, "principal": principal, "privileges": sorted(held)}
            self._store.put(kinds.GRANT, (kind, name, principal), body, (kind, name))
        else:
            self._store.delete(kinds.GRANT, kind, name, principal)

    def forget(self, securable: str, full_name: str) -> None:
        """Drop the grants on a securable that is gone; call it in a transaction."""
        kind = grant_type(securable)
        for grant in self._store.list(kinds.GRANT, (kind, full_name)):
            self._store.delete(kinds.GRANT, kind, full_name, grant["principal"])

    def _canonical(self, securable: str, full_name: str) -> str:
        found = self._privileges.require_exists(securable, full_name)
        if securable == "METASTORE":
            return str(found["metastore_id"])
        return str(found.get("full_name") or found["name"])
