"""The reference partner's rules: accounts, users, connections, trials. No HTTP in here."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from partnercert.config import PartnerConfig
from partnercert.reference_partner.deeds import Deeds
from partnercert.reference_partner.mutants import loosely_test_domain
from partnercert.reference_partner.requests import ConnectCall, RefusedError, ascii_lower, bad_request
from partnercert.reference_partner.state import Account, Connection, is_test_domain

CONNECTORS = (
    {"identifier": "databricks", "name": "Databricks", "type": "target", "description": "The lakehouse"},
    {"identifier": "salesforce", "name": "Salesforce", "type": "source", "description": "CRM records"},
    {"identifier": "google_analytics", "name": "Google Analytics", "type": "source", "description": "Site visits"},
)


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
        self.deeds = Deeds(self, broken)

    def connect(self, call: ConnectCall) -> dict[str, Any]:
        """Create or reuse, as the call says. Raises RefusedError."""
        with self.lock:
            self.deeds.tick()
            return self._create(call) if call.connection_id is None else self._reuse(call, call.connection_id)

    def _create(self, call: ConnectCall) -> dict[str, Any]:
        account = self.accounts.get(call.domain)
        known = account is not None and call.email in account.users
        fresh = call.demo and not self.broken("demo_flag_ignored")
        expired = account is not None and account.is_expired(call.email) and not self.broken("create_ignores_expiry")
        expired = expired or call.domain in self.deeds.trials_over
        self._note("create", known=known, account=account is not None, demo=call.demo, expired=expired, call=call)
        if account is None:
            account = self.accounts[call.domain] = Account(domain=call.domain, first=call.email)
        repeats = self.config.certification.repeat_trials or self.broken("trials_repeat")
        if expired and not fresh and not repeats:
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
        again = known and not call.demo and "workspace-seen" in self.situation
        self.deeds.created(account, call.email, again=again, demo=call.demo)
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
            self.drop(lambda c: c.creator == call.email and c.workspace_id != call.workspace_id)
        if self.broken("recreate_gets_dead_id") and "workspace-seen" in self.situation:
            return self._unregistered(call, account)
        made = self._unregistered(call, account)
        self.connections[made.connection_id] = made
        return made

    def _unregistered(self, call: ConnectCall, account: Account) -> Connection:
        return Connection(
            connection_id=f"c/{len(self.connections)}-é {uuid.uuid4().int % 10**9}"
            if self.broken("ids_odd")
            else str(uuid.uuid4()),
            account=account.domain,
            workspace_id=call.workspace_id,
            cloud=call.cloud,
            creator=call.email,
            details=call.details,
        )

    def _reuse(self, call: ConnectCall, connection_id: str) -> dict[str, Any]:
        self._age(connection_id)
        connection = self.connections.get(connection_id)
        if connection is not None and self.deeds.dead_for(connection, call.email):
            connection = None
        if connection is None or (connection.workspace_id != call.workspace_id and not self.broken("any_workspace")):
            self._note("reuse", known=False, account=False, demo=call.demo, expired=False, call=call, dead=True)
            raise RefusedError(404, "connection_not_found", "no such connection", "Delete and recreate the connection.")
        account = self.accounts.get(connection.account) or Account(domain=connection.account)
        if connection.details.get("connection_scope") == "user" and call.email != connection.creator:
            raise RefusedError(404, "account_not_found", "the connection is its creator's alone", "Ask the creator.")
        known = call.email in account.users
        # A user's own trial counts; somebody new has none that could be over, unless the account's is.
        expired = account.is_expired(call.email)
        self.deeds.looked(account)
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
            wrong = wrong or connection_id in self.deeds.half_dead
            self.situation = frozenset({"delete-connection", "dead"} if wrong else {"delete-connection", "alive"})
            if wrong or connection is None:
                self.deeds.deleted_again(connection_id)
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
                self.drop(lambda c: c.workspace_id == connection.workspace_id)
            if self.broken("delete_drops_users_connections"):
                self.drop(lambda c: c.creator == connection.creator)
            self.deeds.deleted(connection)
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
            if self.broken("blank_domain_accepted") and not key.strip():
                return
            if key not in self.accounts:
                self.deeds.account_unknown(key)
                raise RefusedError(404, "account_not_found", "no such account")
            self.situation = frozenset({"delete-account", "accepted"})
            if self.broken("account_not_deleted"):
                return
            if self.broken("account_users_kept"):
                self.drop(lambda c: c.account == key)
                return
            account = self.accounts.pop(key)
            if self.broken("delete_account_hits_others"):
                self.accounts.clear()
                self.connections.clear()
            if not self.broken("account_connections_kept"):
                self.deeds.drop_account(account)
            self.deeds.account_deleted(account)

    def _may_delete(self, domain: str, key: str) -> bool:
        if self.broken("any_domain_deleted"):
            return True
        if not is_test_domain(key):
            self.deeds.refused_to_delete(key)
        if loosely_test_domain(key, self.broken) or (self.broken("blank_domain_accepted") and not key.strip()):
            return True
        if self.broken("domain_trimmed"):
            return is_test_domain(key.strip(" ."))
        return is_test_domain(key)

    def expire(self, email: str, user_id: int = 0) -> None:
        """End the trial of a test user, or of the whole account where trials are the account's. Raises RefusedError."""
        with self.lock:
            domain = email.rpartition("@")[2]
            if not is_test_domain(domain) and not self.deeds.may_expire(email, domain):
                self.situation = frozenset({"expire", "refused"})
                raise bad_request("not a test domain")
            email = self.deeds.meant_by(email, user_id)
            account = self.accounts.get(email.rpartition("@")[2])
            if account is None or email not in account.users or self.deeds.refuses_again(account, email):
                raise RefusedError(404, "account_not_found", "no such user")
            if not self.broken("expiry_not_kept"):
                self.deeds.expired(account, email)

    def end_trial(self, account: Account, email: str) -> None:
        """Mark a trial as over, for the user or the account."""
        whole = self.config.trial_type != "user"
        if self.broken("expiry_scope_swapped") or self.broken("user_trial_ends_for_all"):
            whole = not whole
        if whole:
            account.expired = True
        else:
            account.expired_users.add(email)
        if self.broken("expiry_forgets_users"):
            account.users.clear()

    def test(self, connection_id: str) -> dict[str, Any]:
        """Test a connection. Raises RefusedError."""
        with self.lock:
            self.deeds.tick()
            self._age(connection_id)
            alive = connection_id in self.connections and connection_id not in self.deeds.half_dead
            self.situation = frozenset({"test", "alive" if alive else "dead"})
            if self.broken("ids_of_one_form") and not _is_uuid(connection_id):
                raise bad_request("connection_id is not a UUID")
            if not alive and not self.broken("test_accepts_dead"):
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

    def drop(self, which: Callable[[Connection], bool]) -> None:
        """Delete the connections for which this holds."""
        for connection_id in [key for key, value in self.connections.items() if which(value)]:
            del self.connections[connection_id]


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
