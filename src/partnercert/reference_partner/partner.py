"""The reference partner's rules: accounts, users, connections, trials. No HTTP in here."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from partnercert.config import PartnerConfig
from partnercert.reference_partner.requests import ConnectCall, RefusedError, ascii_lower, bad_request

TEST_DOMAINS = ("databricks-test.com", "databricks-demo.com")
CONNECTORS = (
    {"identifier": "databricks", "name": "Databricks", "type": "target", "description": "The lakehouse"},
    {"identifier": "salesforce", "name": "Salesforce", "type": "source", "description": "CRM records"},
    {"identifier": "google_analytics", "name": "Google Analytics", "type": "source", "description": "Site visits"},
)


@dataclass(slots=True, kw_only=True)
class Account:
    """A customer: everyone with an address at one domain."""

    domain: str
    users: set[str] = field(default_factory=set)
    expired: bool = False
    expired_users: set[str] = field(default_factory=set)

    def is_expired(self, email: str) -> bool:
        """Tell whether the trial is over for this user."""
        return self.expired or email in self.expired_users


@dataclass(slots=True, kw_only=True)
class Connection:
    """A connection to one workspace."""

    connection_id: str
    account: str
    workspace_id: int
    cloud: str
    creator: str
    details: dict[str, Any]
    pending: int = 0


class Partner:
    """The state of the service; `broken` asks whether a named fault is on."""

    def __init__(self, config: PartnerConfig, address: str, broken: Callable[[str], bool]) -> None:
        self.config = config
        self.address = address.rstrip("/")
        self.broken = broken
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.connections: dict[str, Connection] = {}
        self.situation: frozenset[str] = frozenset()

    def connect(self, call: ConnectCall) -> dict[str, Any]:
        """Create or reuse, as the call says. Raises RefusedError."""
        with self.lock:
            return self._create(call) if call.connection_id is None else self._reuse(call, call.connection_id)

    def _create(self, call: ConnectCall) -> dict[str, Any]:
        account = self.accounts.get(call.domain)
        known = account is not None and call.email in account.users
        fresh = call.demo and not self.broken("demo_flag_ignored")
        expired = account is not None and account.is_expired(call.email) and not self.broken("create_ignores_expiry")
        self._note("create", known=known, account=account is not None, demo=call.demo, expired=expired, call=call)
        if account is None:
            account = self.accounts[call.domain] = Account(domain=call.domain)
        if expired and not fresh and not self.config.certification.repeat_trials:
            account.users.add(call.email)
            status = "existing" if known else "new"
            return self._answer("purchase_product", status, "expired", configured=False)
        account.users.add(call.email)
        if len([c for c in self.connections.values() if c.account == call.domain]) > 2 and self.broken(
            "third_connection_loses_first"
        ):
            del self.connections[next(k for k, c in self.connections.items() if c.account == call.domain)]
        if fresh and self.broken("demo_clears_expiry"):
            account.expired = False
            account.expired_users.discard(call.email)
        made = self._new_connection(call, account)
        if fresh or not (known or self._had_account):
            reply = self._answer("create_trial", "new", "new", configured=True)
        elif expired:
            reply = self._answer("create_trial", "existing" if known else "new", "expired", configured=True)
        else:
            reply = self._answer("sign_in", "existing" if known else "new", "active", configured=True)
        return {**reply, "connection_id": made.connection_id}

    def _new_connection(self, call: ConnectCall, account: Account) -> Connection:
        here = [c for c in self.connections.values() if c.workspace_id == call.workspace_id]
        same_cloud = [c for c in here if c.cloud == call.cloud]
        if self.broken("old_id_returned") and same_cloud:
            return same_cloud[0]
        if self.broken("one_connection_per_user"):
            mine = [c for c in self.connections.values() if c.creator == call.email]
            if mine and mine[0].workspace_id != call.workspace_id:
                return mine[0]
        if self.broken("clouds_confused") and here:
            return here[0]
        if self.broken("new_workspace_drops_the_first"):
            self._drop(lambda c: c.creator == call.email and c.workspace_id != call.workspace_id)
        if self.broken("recreate_gets_dead_id") and "workspace-seen" in self.situation:
            return self._unregistered(call, account)
        made = self._unregistered(call, account)
        self.connections[made.connection_id] = made
        return made

    def _unregistered(self, call: ConnectCall, account: Account) -> Connection:
        return Connection(
            connection_id=str(uuid.uuid4()),
            account=account.domain,
            workspace_id=call.workspace_id,
            cloud=call.cloud,
            creator=call.email,
            details=call.details,
        )

    def _reuse(self, call: ConnectCall, connection_id: str) -> dict[str, Any]:
        self._age(connection_id)
        connection = self.connections.get(connection_id)
        if connection is None or (connection.workspace_id != call.workspace_id and not self.broken("any_workspace")):
            self._note("reuse", known=False, account=False, demo=call.demo, expired=False, call=call, dead=True)
            raise RefusedError(404, "connection_not_found", "no such connection", "Delete and recreate the connection.")
        account = self.accounts.get(connection.account) or Account(domain=connection.account)
        if connection.details.get("connection_scope") == "user" and call.email != connection.creator:
            raise RefusedError(404, "account_not_found", "the connection is its creator's alone", "Ask the creator.")
        known = call.email in account.users
        # A user's own trial counts; somebody new has none that could be over, unless the account's is.
        expired = account.is_expired(call.email)
        self._note("reuse", known=known, account=True, demo=call.demo, expired=expired, call=call, creator=connection.creator)
        if self.config.require_manual_signup and not self.broken("manual_signup_skipped"):
            raise RefusedError(404, "account_not_found", "sign-up is pending", "Finish signing up first.")
        if not known:
            refusal = self._newcomer(account, call.email)
            if refusal is not None:
                return refusal
        status = "existing" if known else "new"
        if expired:
            return self._answer("purchase_product", status, "expired", configured=False)
        return self._answer("sign_in", status, "active", configured=False)

    def _newcomer(self, account: Account, email: str) -> dict[str, Any] | None:
        action = self.config.new_user_action
        if action == "not_found":
            raise RefusedError(404, "account_not_found", "unknown user", "Ask your admin for an account.")
        if action == "error":
            raise RefusedError(500, "general_error", "unknown user", "This user cannot be added. Ask your admin.")
        if action == "invite":
            if account.is_expired(email):
                return self._answer("purchase_product", "not_applicable", "expired", configured=False, page="purchase")
            return self._answer("contact_admin", "not_applicable", "active", configured=False)
        if not self.broken("auto_added_user_forgotten"):
            account.users.add(email)
        return None

    def delete_connection(self, connection_id: str, workspace_id: int, cloud: str) -> dict[str, Any]:
        """Forget a connection. Raises RefusedError."""
        with self.lock:
            connection = self.connections.get(connection_id)
            wrong = connection is None or (connection.workspace_id, connection.cloud) != (workspace_id, cloud)
            self.situation = frozenset({"delete-connection", "dead"} if wrong else {"delete-connection", "alive"})
            if wrong or connection is None:
                raise RefusedError(404, "connection_not_found", "no such connection")
            if self.broken("delete_only_acknowledged"):
                return {"resource_status": "deletion_acknowledged"}
            if self.broken("deletion_takes_a_while") and connection is not None:
                connection.pending = 3
            if self.broken("pending_for_ever") or self.broken("deletion_takes_a_while"):
                return {"resource_status": "resources_pending_deletion"}
            if self.broken("deleted_connection_lives"):
                return {"resource_status": "resources_deleted"}
            if self.broken("delete_by_workspace_id"):
                self._drop(lambda c: c.workspace_id == connection.workspace_id)
            if self.broken("delete_drops_users_connections"):
                self._drop(lambda c: c.creator == connection.creator)
            self.connections.pop(connection_id, None)
            if self.broken("delete_forgets_users"):
                self.accounts[connection.account].users.clear()
            return {"resource_status": "resources_deleted"}

    def delete_account(self, domain: str) -> None:
        """Delete a test account and its connections. Raises RefusedError."""
        with self.lock:
            key = ascii_lower(domain)
            if self.broken("domain_case_matters"):
                key = domain
            if not self._may_delete(domain, key):
                self.situation = frozenset({"delete-account", "refused"})
                raise bad_request("not a test domain")
            key = ascii_lower(key).strip(" .") if self.broken("domain_trimmed") else key
            self.situation = frozenset({"delete-account", "unknown"})
            if key not in self.accounts:
                raise RefusedError(404, "account_not_found", "no such account")
            self.situation = frozenset({"delete-account", "accepted"})
            if self.broken("account_not_deleted"):
                return
            if not self.broken("account_users_kept"):
                account = self.accounts.pop(key)
                if self.broken("delete_account_hits_others"):
                    self.accounts.clear()
                    self.connections.clear()
                del account
            if not self.broken("account_connections_kept"):
                self._drop(lambda c: c.account == key)

    def _may_delete(self, domain: str, key: str) -> bool:
        if self.broken("any_domain_deleted"):
            return True
        if self.broken("refused_domain_deleted_all_the_same") and not is_test_domain(key):
            self.accounts.pop(key, None)
            self._drop(lambda c: c.account == key)
        if self.broken("lookalike_suffix_accepted"):
            return key.endswith(TEST_DOMAINS)
        if self.broken("lookalike_substring_accepted"):
            return any(name in key for name in TEST_DOMAINS)
        if self.broken("domain_trimmed"):
            return is_test_domain(key.strip(" ."))
        return is_test_domain(key)

    def expire(self, email: str) -> None:
        """End the trial of a test user, or of the whole account where trials are the account's. Raises RefusedError."""
        with self.lock:
            if not is_test_domain(email.rpartition("@")[2]):
                raise bad_request("not a test domain")
            account = self.accounts.get(email.rpartition("@")[2])
            if account is None or email not in account.users:
                raise RefusedError(404, "account_not_found", "no such user")
            whole = self.config.trial_type != "user"
            if self.broken("expiry_scope_swapped") or self.broken("user_trial_ends_for_all"):
                whole = not whole
            if self.broken("expiry_not_kept"):
                return
            if whole:
                account.expired = True
            else:
                account.expired_users.add(email)
            if self.broken("expiry_forgets_users"):
                account.users.clear()

    def test(self, connection_id: str) -> dict[str, Any]:
        """Test a connection. Raises RefusedError."""
        with self.lock:
            self._age(connection_id)
            self.situation = frozenset({"test", "alive" if connection_id in self.connections else "dead"})
            if connection_id not in self.connections and not self.broken("test_accepts_dead"):
                raise RefusedError(404, "connection_not_found", "no such connection")
            return {"test_results": [{"test_name": "configuration", "status": "PASS", "message": "Complete."}]}

    def connectors(self, token: str) -> dict[str, Any]:
        """Return a page of connectors. Raises RefusedError."""
        if token and token not in {"1", "2"}:
            if self.broken("bad_token_accepted"):
                return {"connectors": [dict(CONNECTORS[0])]}
            raise bad_request("unknown pagination_token")
        index = int(token or 0)
        page: dict[str, Any] = {"connectors": [dict(CONNECTORS[index])]}
        if index + 1 < len(CONNECTORS):
            page["pagination_token"] = str(index + 1)
        return page

    @property
    def _had_account(self) -> bool:
        return "known-account" in self.situation

    def _answer(self, redirect: str, user: str, account: str, *, configured: bool, page: str = "") -> dict[str, Any]:
        where = page or {"create_trial": "trial", "purchase_product": "purchase", "contact_admin": "join"}.get(redirect, "signin")
        return {
            "redirect_uri": f"{self.address}/{where}",
            "redirect_value": redirect,
            "user_status": user,
            "account_status": account,
            "configured_resources": configured,
        }

    def _note(
        self,
        what: str,
        *,
        known: bool,
        account: bool,
        demo: bool,
        expired: bool,
        call: ConnectCall,
        dead: bool = False,
        creator: str = "",
    ) -> None:
        """Keep what this call is about, for the faults that strike only then."""
        seen = any(c.workspace_id == call.workspace_id for c in self.connections.values())
        words = {what, "known-user" if known else "new-user", "known-account" if account else "new-account"}
        words = {what} if dead else words
        words |= {
            w
            for w, on in (("demo", demo), ("plain", not demo), ("expired", expired), ("dead", dead), ("workspace-seen", seen))
            if on
        }
        if what == "reuse" and not dead:
            words.add("creator" if creator == call.email else "not-creator")
        self.situation = frozenset(words)

    def _age(self, connection_id: str) -> None:
        """Let a pending deletion come nearer with each look at the connection."""
        connection = self.connections.get(connection_id)
        if connection is not None and connection.pending:
            connection.pending -= 1
            if not connection.pending:
                del self.connections[connection_id]

    def _drop(self, which: Callable[[Connection], bool]) -> None:
        for connection_id in [key for key, value in self.connections.items() if which(value)]:
            del self.connections[connection_id]


def is_test_domain(domain: str) -> bool:
    """Tell whether a domain is a test domain or a true subdomain of one."""
    labels_ok = all(label and label.replace("-", "a").isalnum() and label.isascii() for label in domain.split("."))
    return labels_ok and any(domain == name or domain.endswith("." + name) for name in TEST_DOMAINS)
