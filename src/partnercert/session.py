"""One run against one partner: what a case asks of it, and the bookkeeping every step shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from partnercert import contract
from partnercert.client import Landing, PartnerClient
from partnercert.config import PartnerConfig
from partnercert.contract import Operation
from partnercert.exchange import Reply
from partnercert.payloads import TEST_DOMAIN, Identities, Payloads, Person, Workspace
from partnercert.verdicts import BlockedError, Judge, Problem, Severity
from partnercert.workspace import WorkspaceAccess


@dataclass(slots=True, kw_only=True)
class Session:
    """Everything a case needs: the partner's config, a client, fresh identities, a clock, perhaps a workspace."""

    config: PartnerConfig
    client: PartnerClient
    identities: Identities
    payloads: Payloads
    workspace: WorkspaceAccess | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    case: str = ""
    contract_problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    made: list[tuple[str, Workspace]] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)
    test_domains: set[str] = field(default_factory=set)
    pending_in_vain: bool = False

    @property
    def routes(self) -> dict[Operation, contract.Route]:
        """Return the operations the partner declares."""
        return contract.routes(self.config)

    def offers(self, operation: Operation) -> bool:
        """Tell whether the partner declares an operation."""
        return operation in self.routes

    def create(self, person: Person, workspace: Workspace, **more: Any) -> Reply:
        """Ask for a new connection."""
        body = self.payloads.connect(person, workspace, **more)
        reply = self.send(Operation.CONNECT, body, step="create")
        connection_id = reply.fields().get("connection_id")
        if reply.status in (200, 201) and isinstance(connection_id, str):
            self.made.append((connection_id, workspace))
            if person.domain.lower().endswith(f".{TEST_DOMAIN}"):
                self.test_domains.add(person.domain)
        return reply

    def create_raw(self, body: dict[str, Any]) -> Reply:
        """Ask for a new connection with a body that is already made."""
        return self.send(Operation.CONNECT, body, step="create")

    def reuse(self, person: Person, workspace: Workspace, connection_id: str, *, retry: bool = True, **more: Any) -> Reply:
        """Sign in to a connection that exists, or is said to exist."""
        body = self.payloads.connect(person, workspace, connection_id, **more)
        return self.send(Operation.CONNECT, body, step="reuse", retry=retry)

    def delete(self, connection_id: str, workspace: Workspace) -> Reply:
        """Tell the partner that a connection was deleted."""
        body = self.payloads.delete_connection(connection_id, workspace)
        return self.send(Operation.DELETE_CONNECTION, body, step="delete-connection")

    def delete_account(self, domain: str, workspace: Workspace) -> Reply:
        """Call the test hook that deletes an account."""
        return self.send(Operation.DELETE_ACCOUNT, self.payloads.delete_account(domain, workspace), step="delete-account")

    def expire(self, person: Person, workspace: Workspace) -> Reply:
        """Call the test hook that ends a trial."""
        return self.send(Operation.EXPIRE, self.payloads.expire(person, workspace), step="expire-account")

    def test(self, connection_id: str) -> Reply:
        """Call the test hook that tests a connection."""
        return self.send(Operation.TEST, self.payloads.test(connection_id), step="test-connection")

    def connectors(self, token: str | None) -> Reply:
        """Ask for one page of connectors; None leaves the token out."""
        query = {} if token is None else {"pagination_token": token}
        return self.send(Operation.CONNECTORS, None, step="connectors", query=query)

    def send(
        self,
        operation: Operation,
        body: dict[str, Any] | None,
        *,
        step: str,
        query: dict[str, str] | None = None,
        retry: bool = True,
    ) -> Reply:
        """Send one declared operation and keep what the raw reply breaks. Raises BlockedError if the partner went silent."""
        label = f"{self.case} {step}".strip()
        reply = self.client.call(label, self.routes[operation], body, query=query, retry=retry)
        if reply.attempts > 1 and reply.status != 500:
            self.recovered.append(label)
        for problem in contract.check_reply(operation, reply, body, self.config):
            where = f"{operation}: {problem.message}"
            self.contract_problems.setdefault(
                (operation, problem.code), Problem(code=problem.code, severity=problem.severity, message=where)
            )
        return reply

    def connected(self, person: Person, workspace: Workspace, **more: Any) -> str:
        """Make a connection as a set-up and return its id. Raises BlockedError when the partner does not make one."""
        reply = self.create(person, workspace, **more)
        connection_id = reply.fields().get("connection_id")
        if reply.status not in (200, 201) or not isinstance(connection_id, str) or not connection_id:
            raise BlockedError(f"the set-up needs a connection; create answered {reply.describe()} (see P100)")
        return connection_id

    def check(self, judge: Judge, operation: Operation, reply: Reply, body: dict[str, Any] | None, at: str) -> None:
        """Judge a raw reply by the contract, as part of a case."""
        judge.add(contract.check_reply(operation, reply, body, self.config), at=at)
        if reply.attempts > 1 and reply.status != 500:
            judge.note("retried", f"{at}: answered 500 before ({reply.attempts} attempts)")

    def land(self, url: str, step: str) -> Landing:
        """Open a redirect as a browser without credentials would."""
        return self.client.follow(f"{self.case} {step}".strip(), url, self.config.hostnames)

    def wait(self, seconds: float, done: Callable[[], bool], *, pause: float = 1.0) -> bool:
        """Ask again and again until done or the time is over; tell which."""
        end = self.clock() + seconds
        while not done():
            if self.clock() >= end:
                return False
            self.sleep(min(pause, max(0.01, seconds / 10)))
        return True

    def ends(self, gone: Callable[[], bool]) -> bool:
        """Wait for a pending deletion; a partner that let one case wait in vain gets five seconds in the next ones."""
        seconds = self.config.certification.pending_seconds
        self.pending_in_vain = not self.wait(min(seconds, 5.0) if self.pending_in_vain else seconds, gone)
        return not self.pending_in_vain

    def tidy(self) -> None:
        """Delete what this run made, as far as the partner offers it; answers are recorded and judged by nobody."""
        calls = []
        if self.offers(Operation.DELETE_ACCOUNT):
            place = self.identities.workspace()
            bodies = [self.payloads.delete_account(domain, place) for domain in sorted(self.test_domains)]
            calls += [(Operation.DELETE_ACCOUNT, body) for body in bodies]
        if self.offers(Operation.DELETE_CONNECTION):
            calls += [(Operation.DELETE_CONNECTION, self.payloads.delete_connection(i, w)) for i, w in self.made]
        self.client.begin()
        for operation, body in calls:
            try:
                self.client.call(f"tidy up {operation}", self.routes[operation], body, retry=False)
            except BlockedError:
                return

    def contract_failures(self) -> list[Problem]:
        """Return everything in which any reply of this run broke the contract, sorted."""
        return sorted(p for p in self.contract_problems.values() if p.severity is not Severity.NOTE)
