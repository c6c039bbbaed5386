"""What deletions and ends of trials do to the state: the right thing, or more, less or later where a fault says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from partnercert.reference_partner.mutants import loosely_test_domain
from partnercert.reference_partner.state import Account, Connection, is_test_domain


class _Partner(Protocol):
    accounts: dict[str, Account]
    connections: dict[str, Connection]

    def drop(self, which: Callable[[Connection], bool]) -> None: ...

    def end_trial(self, account: Account, email: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Pending:
    calls: int
    act: Callable[[], None]


class Deeds:
    """The effects of deletions and expiries on a partner's state."""

    def __init__(self, partner: _Partner, broken: Callable[[str], bool]) -> None:
        self._partner, self._broken = partner, broken
        self._pending: list[_Pending] = []
        self._forgotten: dict[str, Account] = {}
        self._accounts_of_deleted: dict[str, str] = {}
        self.half_dead: set[str] = set()
        self.trials_over: set[str] = set()

    def tick(self) -> None:
        """Count a call, and do what was put off until now."""
        for item in list(self._pending):
            item.calls -= 1
            if item.calls <= 0:
                self._pending.remove(item)
                item.act()

    def _later(self, calls: int, act: Callable[[], None]) -> None:
        self._pending.append(_Pending(calls=calls, act=act))

    def created(self, account: Account, email: str, *, again: bool, demo: bool) -> None:
        """Follow a create, sent `again` for a known user and workspace."""
        if again and self._broken("replayed_create_ends_trial"):
            account.expired = True
        if again and self._broken("replayed_create_forgets_user"):
            account.users.discard(email)
        if self._broken("create_replaces_previous") or (demo and self._broken("demo_replaces_previous")):
            self._replace_previous()

    def _replace_previous(self) -> None:
        *_, newest = self._partner.connections.values()
        here = (newest.workspace_id, newest.cloud)
        self._partner.drop(lambda c: c is not newest and (c.workspace_id, c.cloud) == here)

    def looked(self, account: Account) -> None:
        """Follow a reuse."""
        if self._broken("expiry_seen_once"):
            account.expired = False
            account.expired_users.clear()

    def dead_for(self, connection: Connection, email: str) -> bool:
        """Tell whether a connection was deleted for this user alone."""
        return connection.connection_id in self.half_dead and email == connection.creator

    def deleted(self, connection: Connection) -> None:
        """Delete a connection."""
        partner, key = self._partner, connection.connection_id
        self._accounts_of_deleted[key] = connection.account
        if self._broken("deleted_for_creator_only"):
            self.half_dead.add(key)
            return
        if self._broken("delete_hits_the_one_before"):
            keys = list(partner.connections)
            before = keys.index(key) - 1
            if before >= 0:
                del partner.connections[keys[before]]
        if self._broken("deletion_hits_others_later"):
            others = {c.connection_id for c in partner.connections.values() if c.account != connection.account}
            self._later(2, lambda: partner.drop(lambda c: c.connection_id in others))
        if self._broken("deleted_connection_returns"):
            self._later(3, lambda: partner.connections.update({key: connection}))
        partner.connections.pop(key, None)

    def deleted_again(self, connection_id: str) -> None:
        """Follow the deletion of a connection that is not there."""
        account = self._partner.accounts.get(self._accounts_of_deleted.get(connection_id, ""))
        if account is not None and self._broken("replayed_deletion_ends_trial"):
            account.expired = True

    def drop_account(self, account: Account) -> None:
        """Delete the connections of an account."""
        mine = [c for c in self._partner.connections.values() if c.account == account.domain]
        if self._broken("account_second_connection_kept"):
            mine = [c for c in mine if c.creator == account.first]
        if self._broken("account_newest_connection_only"):
            mine = mine[-1:]
        gone = {c.connection_id for c in mine}
        self._partner.drop(lambda c: c.connection_id in gone)

    def account_deleted(self, account: Account) -> None:
        """Follow the deletion of an account."""
        partner = self._partner
        self._forgotten[account.domain] = account
        if self._broken("account_second_user_kept"):
            left = account.users - {account.first}
            if left:
                partner.accounts[account.domain] = Account(domain=account.domain, users=left)
        if self._broken("account_trial_kept") and (account.expired or account.expired_users):
            self.trials_over.add(account.domain)
        if self._broken("delete_account_hits_test_accounts"):
            for domain in [d for d in partner.accounts if is_test_domain(d)]:
                self._erase(domain)
        if self._broken("delete_account_ends_other_trials"):
            for other in partner.accounts.values():
                other.expired = True
        if self._broken("delete_account_hits_others_later"):
            others = {c.connection_id for c in partner.connections.values()}
            self._later(2, lambda: partner.drop(lambda c: c.connection_id in others))

    def account_unknown(self, domain: str) -> None:
        """Follow the deletion of an account that is not there."""
        if self._broken("replayed_delete_account_restores") and domain in self._forgotten:
            self._partner.accounts[domain] = self._forgotten[domain]

    def refused_to_delete(self, domain: str) -> None:
        """Follow a refusal to delete an account."""
        if self._broken("refused_domain_deleted_all_the_same"):
            self._erase(domain)
        if self._broken("refused_domain_deleted_later"):
            self._later(3, lambda: self._erase(domain))

    def _erase(self, domain: str) -> None:
        self._partner.accounts.pop(domain, None)
        self._partner.drop(lambda c: c.account == domain)

    def may_expire(self, email: str, domain: str) -> bool:
        """Return whether a fault lets a hook end the trial of a user who is not a test user; do it despite a refusal."""
        account = self._partner.accounts.get(domain)
        if account is not None and self._broken("expire_refused_all_the_same"):
            self._partner.end_trial(account, email)
        if account is not None and self._broken("expire_refused_later"):
            self._later(3, lambda: self._partner.end_trial(account, email))
        searched = self._broken("expire_address_searched") and "databricks-test.com" in email
        return self._broken("expire_any_domain") or searched or loosely_test_domain(domain, self._broken, "expire_")

    def meant_by(self, email: str, user_id: int) -> str:
        """Return the address of the user whose trial ends."""
        if self._broken("expire_by_user_id"):
            for connection in self._partner.connections.values():
                if connection.details["user_info"]["databricks_user_id"] == user_id:
                    return connection.creator
        return email

    def refuses_again(self, account: Account, email: str) -> bool:
        """Tell whether a trial that is over cannot be ended once more."""
        return self._broken("expire_again_refused") and account.is_expired(email)

    def expired(self, account: Account, email: str) -> None:
        """End a trial."""
        partner = self._partner
        others = [a for a in partner.accounts.values() if a is not account]
        if self._broken("expiry_revived_by_repeat") and account.is_expired(email):
            account.expired = False
            account.expired_users.clear()
            return
        if self._broken("expiry_comes_late"):
            self._later(4, lambda: partner.end_trial(account, email))
            return
        partner.end_trial(account, email)
        if self._broken("expiry_hits_every_account") or self._broken("expiry_hits_test_accounts"):
            for other in others:
                other.expired = other.expired or is_test_domain(other.domain) or self._broken("expiry_hits_every_account")
        if self._broken("expiry_ends_connections"):
            partner.drop(lambda c: c.account == account.domain)
        if self._broken("expiry_ends_other_connections"):
            partner.drop(lambda c: c.account != account.domain)
        if self._broken("expiry_forgets_others"):
            for other in others:
                other.users.clear()
