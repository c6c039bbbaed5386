"""A model of accounts, people, connections and trials: which answers of a partner agree with everything it was asked before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any

from partnercert.contract import Operation, check_reply
from partnercert.exchange import Reply
from partnercert.payloads import Person, Workspace
from partnercert.session import Session

_CREATES: dict[str, Any] = {"user_info": {"is_connection_established": False}}
_REUSES: dict[str, Any] = {"user_info": {"is_connection_established": True}}


class ModelError(AssertionError):
    """The partner and the model disagree."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A customer, and what the partner must know of it. `unsure` holds people whom it may know or not."""

    domain: str
    people: list[Person] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    expired: bool = False
    expired_people: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """A connection. `replaced`: a later create for its workspace allows the partner to delete it."""

    connection_id: str
    owner: Person
    account: Account
    workspace: Workspace
    alive: bool = True
    replaced: bool = False


class Model:
    """What the partner should know. Every method asks the partner and raises ModelError when the answer disagrees."""

    def __init__(self, session: Session, random: Random) -> None:
        self.session = session
        self.random = random
        self.accounts: list[Account] = []
        self.connections: list[Connection] = []

    def create(self, *, account: Account, person: Person, workspace: Workspace, demo: bool = False) -> Connection | None:
        """Create a connection; return it unless the partner makes none."""
        reply = self.session.create(person, workspace, demo=demo)
        fields = self._clean(reply, _CREATES, "create")
        account = self._judge_create(fields, account, person, demo=demo)
        if demo and person.email not in account.known:
            # Whether a demo makes its user known is left open.
            account.unsure.add(person.email)
        elif (person.email not in account.known and not fields["configured_resources"]) or (
            fields["redirect_value"] == "contact_admin"
        ):
            account.unsure.add(person.email)
        else:
            account.known.add(person.email)
        connection_id = fields.get("connection_id")
        if connection_id is None:
            return None
        if any(c.connection_id == connection_id for c in self.connections):
            raise ModelError(f"connection_id {connection_id} was given before")
        for held in self.connections:
            held.replaced = held.replaced or held.workspace == workspace
        made = Connection(connection_id=connection_id, owner=person, account=account, workspace=workspace)
        self.connections.append(made)
        return made

    def _judge_create(self, fields: dict[str, Any], account: Account, person: Person, *, demo: bool) -> Account:
        """Judge the statuses; return the account, which is one of its own where the partner gives a colleague one."""
        known = person.email in account.known
        seen = (fields["user_status"], fields["account_status"])
        if demo or not (account.known or account.unsure):
            self._same(fields, "create", user_status=("new",), account_status=("new",), redirect_value=("create_trial",))
        elif not known and seen == ("new", "new") and person.email not in account.unsure:
            account.people.remove(person)
            account = Account(domain=account.domain, people=[person])
            self.accounts.append(account)
        elif known:
            self._same(fields, "create by a known user", account_status=self._account_status(account, person))
            if "expired" not in self._account_status(account, person):
                self._same(fields, "create by a known user", user_status=("existing",))
        elif account.known and person.email not in account.unsure:
            wanted = self._account_status(account, person)
            self._same(fields, "create by a new colleague", user_status=("new",), account_status=wanted)
        return account

    def reuse(self, held: Connection, *, at: str = "reuse") -> None:
        """Reuse by the creator: alive as the model says, trial over as the model says."""
        reply = self.session.reuse(held.owner, held.workspace, held.connection_id)
        gone = (reply.status, reply.fields().get("error_reason")) == (404, "connection_not_found")
        if not held.alive:
            if not gone:
                raise ModelError(f"{at}: a deleted connection is answered {reply.describe()}")
            return
        if self.session.config.require_manual_signup:
            if reply.status != 404:
                raise ModelError(f"{at}: sign-up is manual, reuse is answered {reply.describe()}")
            return
        if gone and held.replaced:
            held.alive = False
            return
        if gone:
            raise ModelError(f"{at}: a living connection is answered {reply.describe()}")
        fields = self._clean(reply, _REUSES, at)
        if held.owner.email in held.account.known:
            self._same(fields, at, user_status=("existing",), account_status=self._account_status(held.account, held.owner))
        elif "expired" not in self._account_status(held.account, held.owner) and fields["account_status"] == "expired":
            raise ModelError(f"{at}: account_status is expired, but no trial was ended")

    def delete(self, held: Connection) -> None:
        """Delete a connection, alive or not."""
        reply = self.session.delete(held.connection_id, held.workspace)
        if not held.alive or (held.replaced and reply.status == 404):
            held.alive = False
            if reply.status not in (200, 404):
                raise ModelError(f"a second deletion is answered {reply.describe()}")
            return
        if reply.status != 200:
            raise ModelError(f"a deletion is answered {reply.describe()}")
        held.alive = False
        if reply.fields().get("resource_status") != "resources_deleted":
            # Pending or only acknowledged: nobody can say when it is gone, if ever.
            self.connections.remove(held)

    def expire(self, held: Connection) -> None:
        """End the trial of a known user: of that user, or of everybody, as trial_type says."""
        reply = self.session.expire(held.owner, held.workspace)
        if reply.status != 200:
            raise ModelError(f"expire-account is answered {reply.describe()}")
        held.account.expired_people.add(held.owner.email)
        held.account.expired = held.account.expired or self.session.config.trial_type == "account"

    def delete_account(self, account: Account) -> None:
        """Delete an account: its connections go, its people are unknown again."""
        reply = self.session.delete_account(account.domain, self.session.identities.workspace())
        if reply.status != 200:
            raise ModelError(f"delete-account is answered {reply.describe()}")
        for other in self.accounts:
            if other.domain == account.domain:
                other.known.clear()
                other.unsure.clear()
                other.expired_people.clear()
                other.expired = False
        for held in self.connections:
            held.alive = held.alive and held.account.domain != account.domain

    def test(self, held: Connection) -> None:
        """Test a connection: 404 exactly when it is deleted."""
        reply = self.session.test(held.connection_id)
        results = reply.fields().get("test_results", [])
        passes = reply.status == 200 and any(isinstance(r, dict) and r.get("status") == "PASS" for r in results)
        if not held.alive and passes:
            raise ModelError("test-connection passes a deleted connection")
        if held.alive and not held.replaced and reply.status != 200:
            raise ModelError(f"test of a living connection is answered {reply.describe()}")

    def _account_status(self, account: Account, person: Person) -> tuple[str, ...]:
        if account.expired or person.email in account.expired_people:
            return ("expired",)
        if account.expired_people and self.session.config.trial_type is None:
            return ("active", "expired")
        return ("active",)

    def _clean(self, reply: Reply, request: dict[str, Any], at: str) -> dict[str, Any]:
        for problem in check_reply(Operation.CONNECT, reply, request, self.session.config):
            if problem.severity == "FAIL":
                raise ModelError(f"{at}: {problem.message}")
        if reply.status not in (200, 201):
            raise ModelError(f"{at}: connect is answered {reply.describe()}")
        return reply.fields()

    def _same(self, fields: dict[str, Any], at: str, **wanted: Collection[str]) -> None:
        for name, values in wanted.items():
            if fields[name] not in values:
                raise ModelError(f"{at}: {name} is {fields[name]}, the model says {' or '.join(values)}")
