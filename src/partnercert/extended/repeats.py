"""The same call again, calls at the same moment, another tenant's id."""

from __future__ import annotations

from partnercert.cases.assertions import is_alive, refused, untouched
from partnercert.cases.trials import judge_expiry_scope
from partnercert.contract import Operation
from partnercert.extended.check import Check
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge

_AT_ONCE = 10


def run_replay(session: Session, judge: Judge, examples: int) -> None:
    """Send each call that changes something twice, as Databricks does when the first answer is lost."""
    person, workspace = session.identities.person(), session.identities.workspace()
    connection_id = _replayed_create(session, judge, person, workspace)
    if session.offers(Operation.EXPIRE):
        _replayed_expiry(session, judge)
    if session.offers(Operation.DELETE_ACCOUNT):
        _replayed_account(session, judge)
    if connection_id is None:
        judge.note("replay", "the second create made no connection, which is legal")
    elif session.offers(Operation.DELETE_CONNECTION):
        _replayed_deletion(session, judge, person, workspace, connection_id)


def _replayed_create(session: Session, judge: Judge, person: Person, workspace: Workspace) -> str | None:
    body = session.payloads.connect(person, workspace)
    replies = [session.send(Operation.CONNECT, body, step=f"replay {turn}") for turn in (1, 2)]
    for turn, reply in enumerate(replies, 1):
        judge.require(reply.status in (200, 201), "replay", f"connect, sending {turn}: {reply.describe()}")
    # The second sending is a create by somebody known, or it repeats the answer that was lost.
    for turn, legal in ((1, {("new", "new")}), (2, {("existing", "active"), ("new", "new")})):
        seen = tuple(str(replies[turn - 1].fields().get(name)) for name in ("user_status", "account_status"))
        shown = " or ".join(" and ".join(pair) for pair in sorted(legal))
        judge.expect(
            seen in legal, "replay-status", f"connect, sending {turn}: user and account are {' and '.join(seen)}, not {shown}"
        )
    connection_id = replies[-1].fields().get("connection_id")
    if not isinstance(connection_id, str):
        return None
    problem = untouched(session, person, workspace, connection_id, was_known=True)
    judge.expect(not problem, "replay-status", f"after a create was sent twice: {problem}")
    return connection_id


def _replayed_deletion(session: Session, judge: Judge, person: Person, workspace: Workspace, connection_id: str) -> None:
    first = session.delete(connection_id, workspace)
    body = session.payloads.delete_connection(connection_id, workspace)
    second = session.send(Operation.DELETE_CONNECTION, body, step="replay")
    if first.status == 200 and second.status == 200:
        judge.warn("replay", "delete-connection, second sending: 200; 404 connection_not_found is the rule")
    elif first.status == 200:
        refused(session, judge, second, "delete-connection, second sending", 404, ("connection_not_found",))
    account = session.create(person, workspace).fields().get("account_status")
    judge.expect(
        account in ("active", "new"), "replay-status", f"create after a deletion sent twice: account_status is {account}"
    )


def _replayed_expiry(session: Session, judge: Judge) -> None:
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    connection_id = session.connected(person, workspace)
    for turn in (1, 2):
        reply = session.expire(person, workspace)
        judge.expect(reply.status == 200, "replay", f"expire-account, sending {turn}: {reply.describe()}")
        if session.config.require_manual_signup:
            continue
        fields = session.reuse(person, workspace, connection_id).fields()
        seen = (fields.get("user_status"), fields.get("account_status"))
        shown = f"user and account are {seen[0]} and {seen[1]}"
        judge.expect(
            seen == ("existing", "expired"), "replay-status", f"expire-account, sending {turn}: {shown}, not existing and expired"
        )


def _replayed_account(session: Session, judge: Judge) -> None:
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    session.connected(person, workspace)
    first, second = (session.delete_account(person.domain, workspace) for _ in (1, 2))
    judge.expect(first.status == 200, "replay", f"delete-account, sending 1: {first.describe()}")
    fine = second.status == 200 or (second.status, second.fields().get("error_reason")) == (404, "account_not_found")
    judge.expect(fine, "replay", f"delete-account, sending 2: {second.describe()} instead of 404 account_not_found")
    fields = session.create(person, workspace).fields()
    seen = (fields.get("user_status"), fields.get("account_status"))
    shown = f"user and account are {seen[0]} and {seen[1]}"
    judge.expect(seen == ("new", "new"), "replay-status", f"create after delete-account was sent twice: {shown}, not new and new")


def run_parallel(session: Session, judge: Judge, examples: int) -> None:
    """Create ten connections at once for ten customers: ten ids, all alive."""
    people = [(session.identities.person(), session.identities.workspace()) for _ in range(_AT_ONCE)]
    bodies = [session.payloads.connect(person, workspace) for person, workspace in people]
    route = session.routes[Operation.CONNECT]
    replies = [
        session.client.call("PARALLEL again", route, body) if reply.status == 500 else reply
        for reply, body in zip(session.client.call_at_once("PARALLEL create", route, bodies), bodies, strict=True)
    ]
    ids = [r.fields().get("connection_id") for r in replies]
    for reply in replies:
        judge.expect(reply.status in (200, 201), "parallel", f"one of {_AT_ONCE} creates at once: {reply.describe()}")
    judge.stop_if_failed()
    judge.expect(len({str(i) for i in ids}) == _AT_ONCE, "parallel", f"{_AT_ONCE} creates at once share ids")
    judge.stop_if_failed()
    for (person, workspace), connection_id in zip(people, ids, strict=True):
        judge.expect(is_alive(session, person, workspace, str(connection_id)), "parallel", "one of them does not work")


def run_tenant(session: Session, judge: Judge, examples: int) -> None:
    """Use one tenant's connection_id from another tenant's workspace: refused, we advise (the contract is silent)."""
    owner, home = session.identities.person(), session.identities.workspace()
    thief, away = session.identities.person(), session.identities.workspace()
    connection_id = session.connected(owner, home)
    session.connected(thief, away)
    reply = session.reuse(thief, away, connection_id)
    if reply.status == 200:
        judge.warn("tenant", "another tenant's workspace can reuse a connection by its id; 404 is advised")
    if session.offers(Operation.DELETE_CONNECTION):
        reply = session.delete(connection_id, away)
        if not is_alive(session, owner, home, connection_id):
            judge.warn("tenant", f"another tenant's workspace can delete a connection ({reply.describe()}); 404 is advised")


def run_expiry(session: Session, judge: Judge, examples: int) -> None:
    """Ask expire-account for users that are not for tests. P501 is optional; the trials of customers are not."""
    judge_expiry_scope(session, judge)


def _gate_expiry(session: Session, examples: int) -> str:
    return "" if session.offers(Operation.EXPIRE) else "endpoints.expire_account_path not declared"


REPEATS = (
    Check(id="REPLAY", title="Every call can be sent twice, with the statuses that fit", run=run_replay),
    Check(id="PARALLEL", title="Ten creates at once", run=run_parallel),
    Check(id="EXPIRY", title="Expire-account refuses users that are not for tests", run=run_expiry, gate=_gate_expiry),
    Check(id="TENANT", title="Another tenant's connection_id", run=run_tenant),
)
