"""Who may call, and how: credentials, headers, methods."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from partnercert.cases.assertions import refused
from partnercert.contract import Operation, Route, check_error
from partnercert.extended.check import Check
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge


def run_auth(session: Session, judge: Judge, examples: int) -> None:
    """Call every endpoint with no and with wrong credentials: 401 each time, and nothing has changed."""
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    connection_id = session.connected(person, workspace)
    newcomer = session.identities.person()
    calls = list(_calls(session, person, workspace, connection_id, newcomer))
    for call in calls:
        for what, value in _wrong(session):
            reply = session.client.call(f"AUTH {call.operation} {what}", call.route, call.body, headers={"Authorization": value})
            refused(session, judge, reply, f"{call.operation} {what}", 401, ("unauthorized",))
    _nothing_changed(session, judge, person, workspace, connection_id, newcomer)
    lower = session.client.authorization.replace("Basic", "basic", 1)
    body = session.payloads.connect(session.identities.person(), session.identities.workspace())
    route = session.routes[Operation.CONNECT]
    reply = session.client.call("AUTH scheme in lower case", route, body, headers={"Authorization": lower})
    judge.expect(reply.status in (200, 201), "scheme", f"the scheme `basic` in lower case: {reply.describe()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    operation: Operation
    route: Route
    body: dict[str, Any] | None


def _calls(session: Session, person: Person, workspace: Workspace, connection_id: str, newcomer: Person) -> Iterator[_Call]:
    make = session.payloads
    bodies: dict[Operation, dict[str, Any] | None] = {
        Operation.CONNECT: make.connect(newcomer, session.identities.workspace()),
        Operation.TEST: make.test(connection_id),
        Operation.DELETE_CONNECTION: make.delete_connection(connection_id, workspace),
        Operation.DELETE_ACCOUNT: make.delete_account(person.domain, workspace),
        Operation.EXPIRE: make.expire(person, workspace),
        Operation.CONNECTORS: None,
    }
    for operation, route in session.routes.items():
        yield _Call(operation=operation, route=route, body=bodies[operation])


def _wrong(session: Session) -> list[tuple[str, str | None]]:
    user, _, password = base64.b64decode(session.client.authorization.partition(" ")[2]).decode().partition(":")

    def basic(name: str, secret: str) -> str:
        return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()

    return [
        ("without credentials", None),
        ("with a wrong user", basic(f"not-{user}", password)),
        ("with a wrong password", basic(user, f"not-{password}")),
        ("with an empty password", basic(user, "")),
        ("with broken base64", "Basic !!!!"),
        ("with a bearer token", "Bearer made-up-token"),
    ]


def _nothing_changed(
    session: Session, judge: Judge, person: Person, workspace: Workspace, connection_id: str, newcomer: Person
) -> None:
    reply = session.reuse(person, workspace, connection_id)
    alive = reply.status in (200, 201) or reply.fields().get("error_reason") == "account_not_found"
    judge.expect(alive, "changed", "a call without valid credentials deleted a connection or an account")
    judge.expect(reply.fields().get("account_status") != "expired", "changed", "such a call ended a trial")
    made = session.create(newcomer, session.identities.workspace()).fields()
    judge.expect(made.get("user_status") != "existing", "changed", "such a call made the partner know a user")


def run_headers(session: Session, judge: Judge, examples: int) -> None:
    """Send a missing and a foreign User-Agent (400), other languages and a charset (fine), a wrong media type (415)."""
    route = session.routes[Operation.CONNECT]

    def call(what: str, headers: dict[str, str | None]) -> Any:
        body = session.payloads.connect(session.identities.person(), session.identities.workspace())
        return session.client.call(f"HEADERS {what}", route, body, headers=headers)

    refused(session, judge, call("no User-Agent", {"User-Agent": None}), "without User-Agent", 400, ("bad_request",))
    foreign = call("foreign User-Agent", {"User-Agent": "curl/8"})
    refused(session, judge, foreign, "with a foreign User-Agent", 400, ("bad_request",))
    for what, headers in (
        ("a language", {"Accept-Language": "ja-JP,de;q=0.5"}),
        ("no language", {"Accept-Language": None}),
        ("a plain media type", {"Content-Type": "application/json"}),
    ):
        reply = call(what, dict(headers))
        judge.expect(reply.status in (200, 201), "header", f"with {what}: {reply.describe()}")
    reply = call("wrong media type", {"Content-Type": "text/plain"})
    judge.expect(reply.status < 500, "server-error", f"with Content-Type text/plain: {reply.describe()}")
    for problem in check_error(reply, 415):
        judge.warn(problem.code, f"with Content-Type text/plain: {problem.message}")


def run_methods(session: Session, judge: Judge, examples: int) -> None:
    """Use wrong methods and an unknown path: an error in JSON is wished for, a server error is not."""
    for operation, route in session.routes.items():
        wrong = "PATCH"
        reply = session.client.call(f"METHODS {operation}", Route(method=wrong, url=route.url), {})
        _wish(judge, reply, 405, f"{wrong} on {operation}")
    route = Route(method="POST", url=f"{session.config.base_url}/no-such-path-{session.identities.word()}")
    _wish(judge, session.client.call("METHODS unknown path", route, {}), 404, "an unknown path")


def _wish(judge: Judge, reply: Any, status: int, at: str) -> None:
    judge.expect(bool(reply.status) and reply.status < 500, "server-error", f"{at}: {reply.describe()}")
    # The contract says nothing about these; our ruling asks for the JSON error.
    for problem in check_error(reply, status, frozenset({"bad_request"})):
        judge.warn(problem.code, f"{at}: {problem.message}")


ACCESS = (
    Check(id="AUTH", title="Every endpoint wants valid credentials, and changes nothing without", run=run_auth),
    Check(id="HEADERS", title="User-Agent, language and media type", run=run_headers),
    Check(id="METHODS", title="Wrong methods and paths", run=run_methods),
)
