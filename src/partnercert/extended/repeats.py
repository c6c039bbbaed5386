"""The same call again, calls at the same moment, another tenant's id."""

from __future__ import annotations

from partnercert.cases.assertions import is_alive, refused
from partnercert.contract import Operation
from partnercert.extended.check import Check
from partnercert.session import Session
from partnercert.verdicts import Judge

_AT_ONCE = 10


def run_replay(session: Session, judge: Judge, examples: int) -> None:
    """Send connect and delete-connection twice, as Databricks does when the first answer is lost."""
    person, workspace = session.identities.person(), session.identities.workspace()
    body = session.payloads.connect(person, workspace)
    replies = [session.send(Operation.CONNECT, body, step=f"replay {turn}") for turn in (1, 2)]
    for turn, reply in enumerate(replies, 1):
        judge.require(reply.status in (200, 201), "replay", f"connect, sending {turn}: {reply.describe()}")
    connection_id = replies[-1].fields().get("connection_id")
    if not isinstance(connection_id, str):
        judge.note("replay", "the second create made no connection, which is legal")
        return
    judge.expect(is_alive(session, person, workspace, connection_id), "replay", "the replayed connection does not work")
    if not session.offers(Operation.DELETE_CONNECTION):
        return
    first = session.delete(connection_id, workspace)
    second = session.send(
        Operation.DELETE_CONNECTION, session.payloads.delete_connection(connection_id, workspace), step="replay"
    )
    if first.status == 200 and second.status == 200:
        judge.warn("replay", "delete-connection, second sending: 200; 404 connection_not_found is the rule")
    elif first.status == 200:
        refused(session, judge, second, "delete-connection, second sending", 404, ("connection_not_found",))


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


REPEATS = (
    Check(id="REPLAY", title="Connect and delete-connection can be sent twice", run=run_replay),
    Check(id="PARALLEL", title="Ten creates at once", run=run_parallel),
    Check(id="TENANT", title="Another tenant's connection_id", run=run_tenant),
)
