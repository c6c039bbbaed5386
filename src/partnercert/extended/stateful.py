"""A model of connections, users, workspaces, trials and demos, walked at random against the partner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from partnercert.contract import Operation, check_reply
from partnercert.exchange import Reply
from partnercert.extended.check import Check
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge

_STEPS = 12
_PICK = st.integers(min_value=0, max_value=10**6)


class ModelError(AssertionError):
    """The partner and the model disagree."""


@dataclass(slots=True, kw_only=True)
class _Account:
    domain: str
    people: list[Person] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    expired: bool = False
    expired_people: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Connection:
    connection_id: str
    owner: Person
    account: _Account
    workspace: Workspace
    alive: bool = True


class _Model:
    """What the partner should know, and the calls that change it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.accounts: list[_Account] = []
        self.connections: list[_Connection] = []

    def person(self, pick: int) -> tuple[_Account, Person]:
        """Return somebody: of an account that exists or of a new one, known or not."""
        if not self.accounts or pick % 3 == 0:
            self.accounts.append(_Account(domain=self.session.identities.test_domain()))
        account = self.accounts[-1] if pick % 3 == 0 else self.accounts[pick % len(self.accounts)]
        if not account.people or pick % 2:
            account.people.append(self.session.identities.person(account.domain))
        return account, account.people[pick % len(account.people)]

    def create(self, pick: int, demo: bool) -> None:
        """Create; the answer must fit the model."""
        account, person = self.person(pick)
        known, first = person.email in account.known, not account.known
        expired = account.expired or person.email in account.expired_people
        workspace = self.session.identities.workspace()
        if self.connections and pick % 5 == 0:
            workspace = self.connections[pick % len(self.connections)].workspace
        reply = self.session.create(person, workspace, demo=demo)
        fields = self._clean(reply, {"user_info": {"is_connection_established": False}})
        if demo or first:
            self._same(fields, user_status="new", account_status="new", redirect_value="create_trial")
        elif expired:
            self._same(fields, account_status="expired")
        elif person.email in account.unsure:
            self._same(fields, account_status="active")
        else:
            self._same(fields, user_status="existing" if known else "new", account_status="active")
        if (not known and not fields["configured_resources"]) or fields["redirect_value"] == "contact_admin":
            # Legal, and it leaves open whether the partner knows this person from now on.
            account.unsure.add(person.email)
            return
        account.known.add(person.email)
        connection_id = fields.get("connection_id")
        if connection_id is not None:
            if any(c.connection_id == connection_id for c in self.connections):
                raise ModelError(f"connection_id {connection_id} was given before")
            self.connections.append(_Connection(connection_id=connection_id, owner=person, account=account, workspace=workspace))

    def reuse(self, pick: int) -> None:
        """Reuse by the creator: alive as the model says, trial over as the model says."""
        held = self.connections[pick % len(self.connections)]
        reply = self.session.reuse(held.owner, held.workspace, held.connection_id)
        if not held.alive:
            if (reply.status, reply.fields().get("error_reason")) != (404, "connection_not_found"):
                raise ModelError(f"a deleted connection is answered {reply.describe()}")
            return
        if self.session.config.require_manual_signup:
            if reply.status != 404:
                raise ModelError(f"sign-up is manual, reuse is answered {reply.describe()}")
            return
        fields = self._clean(reply, {"user_info": {"is_connection_established": True}})
        expired = held.account.expired or held.owner.email in held.account.expired_people
        self._same(fields, user_status="existing", account_status="expired" if expired else "active")

    def delete(self, pick: int) -> None:
        """Delete a connection, alive or not; the others stay."""
        held = self.connections[pick % len(self.connections)]
        reply = self.session.delete(held.connection_id, held.workspace)
        if not held.alive:
            if reply.status not in (200, 404):
                raise ModelError(f"a second deletion is answered {reply.describe()}")
            return
        if reply.status != 200:
            raise ModelError(f"a deletion is answered {reply.describe()}")
        held.alive = False
        if reply.fields().get("resource_status") != "resources_deleted":
            # Pending or only acknowledged: nobody can say when it is gone, if ever.
            self.connections.remove(held)

    def expire(self, pick: int) -> None:
        """End the trial of a known user: of that user, or of everybody, as trial_type says."""
        held = self.connections[pick % len(self.connections)]
        if held.owner.email not in held.account.known:
            return
        reply = self.session.expire(held.owner, held.workspace)
        if reply.status != 200:
            raise ModelError(f"expire-account is answered {reply.describe()}")
        if self.session.config.trial_type == "user":
            held.account.expired_people.add(held.owner.email)
        else:
            held.account.expired = True

    def delete_account(self, pick: int) -> None:
        """Delete an account: its connections go, its people are unknown again."""
        account = self.accounts[pick % len(self.accounts)]
        if not account.known:
            return
        reply = self.session.delete_account(account.domain, self.session.identities.workspace())
        if reply.status != 200:
            raise ModelError(f"delete-account is answered {reply.describe()}")
        account.known.clear()
        account.expired_people.clear()
        account.expired = False
        for held in self.connections:
            held.alive = held.alive and held.account is not account

    def test(self, pick: int) -> None:
        """Test a connection: 404 exactly when it is deleted."""
        held = self.connections[pick % len(self.connections)]
        reply = self.session.test(held.connection_id)
        passes = reply.status == 200 and any(r.get("status") == "PASS" for r in reply.fields().get("test_results", []))
        if not held.alive and passes:
            raise ModelError("test-connection passes a deleted connection")
        if held.alive and reply.status != 200:
            raise ModelError(f"test of a living connection is answered {reply.describe()}")

    def _clean(self, reply: Reply, request: dict[str, Any]) -> dict[str, Any]:
        for problem in check_reply(Operation.CONNECT, reply, request, self.session.config):
            if problem.severity == "FAIL":
                raise ModelError(problem.message)
        if reply.status not in (200, 201):
            raise ModelError(f"connect is answered {reply.describe()}")
        return reply.fields()

    def _same(self, fields: dict[str, Any], **wanted: str) -> None:
        for name, value in wanted.items():
            if fields[name] != value:
                raise ModelError(f"{name} is {fields[name]}, the model says {value}")


def _forgets(session: Session) -> bool:
    """Tell whether deleting a connection loses its user, which is WARN in P401 and leaves the model nothing to say."""
    person, workspace = session.identities.person(), session.identities.workspace()
    session.delete(session.connected(person, workspace), workspace)
    return session.create(person, workspace).fields().get("user_status") == "new"


def _machine(session: Session, deletes: bool) -> type[RuleBasedStateMachine]:
    """Return the state machine for a partner, with the rules it offers."""
    expires, tests = session.offers(Operation.EXPIRE), session.offers(Operation.TEST)
    drops = session.offers(Operation.DELETE_ACCOUNT)

    class Partner(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model = _Model(session)

        @rule(pick=_PICK, demo=st.booleans())
        def create(self, pick: int, demo: bool) -> None:
            self.model.create(pick, demo and session.config.supports_demo)

        @precondition(lambda self: self.model.connections)
        @rule(pick=_PICK)
        def reuse(self, pick: int) -> None:
            self.model.reuse(pick)

        @precondition(lambda self: deletes and self.model.connections)
        @rule(pick=_PICK)
        def delete(self, pick: int) -> None:
            self.model.delete(pick)

        @precondition(lambda self: expires and self.model.connections)
        @rule(pick=_PICK)
        def expire(self, pick: int) -> None:
            self.model.expire(pick)

        @precondition(lambda self: drops and self.model.accounts)
        @rule(pick=_PICK)
        def delete_account(self, pick: int) -> None:
            self.model.delete_account(pick)

        @precondition(lambda self: tests and self.model.connections)
        @rule(pick=_PICK)
        def test(self, pick: int) -> None:
            self.model.test(pick)

        def teardown(self) -> None:
            """Look at every connection once more: living ones live, dead ones are dead."""
            for index in range(len(self.model.connections)):
                self.model.reuse(index)

    return Partner


def run_state(session: Session, judge: Judge, examples: int) -> None:
    """Walk the model at random; the first disagreement is the failure."""
    walks = max(1, examples // 2)
    limits = bounds(
        max_examples=walks,
        stateful_step_count=_STEPS,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    deletes = session.offers(Operation.DELETE_CONNECTION)
    if deletes and _forgets(session):
        judge.note("walks", "deletions are left out: deleting a connection loses its user (see P401)")
        deletes = False
    try:
        run_state_machine_as_test(_machine(session, deletes), settings=limits)
    except ModelError as error:
        last = session.client.exchanges[-1].number
        judge.fail("model", f"{error} (exchange {last})")
    except Flaky as error:
        judge.fail("flaky", f"the same walk is answered differently when walked again: {type(error).__name__}")
    judge.note("walks", f"{walks} walks of at most {_STEPS} steps")


def _gate(session: Session, examples: int) -> str:
    if session.config.certification.apex_test_domain_only:
        return "the hooks take the apex test domain only, which other runs share"
    return "" if examples else "fuzzing is off (--fuzz N turns it on; the default on loopback is 25)"


STATEFUL = (Check(id="STATE", title="A random walk of creates, reuses, deletions, trials and demos", run=run_state, gate=_gate),)
