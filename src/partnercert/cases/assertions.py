"""Assertions that several cases share: a new connection, a sign-in, an error, a landing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from partnercert.contract import Operation, check_error
from partnercert.exchange import Reply
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge

_CREATES: dict[str, Any] = {"user_info": {"is_connection_established": False}}
_REUSES: dict[str, Any] = {"user_info": {"is_connection_established": True}}
SIGN_UP_PENDING = ("account_not_found", "connection_not_found")


def new_connection(session: Session, judge: Judge, reply: Reply, at: str) -> str:
    """Judge an answer to a create that must make a connection; return the id. Stops the case if there is none."""
    _let_in(judge, reply, at)
    session.check(judge, Operation.CONNECT, reply, _CREATES, at)
    judge.require(reply.status in (200, 201), "status", f"{at}: {reply.describe()} instead of a connection")
    fields = reply.fields()
    connection_id = fields.get("connection_id")
    made = fields.get("configured_resources") is True and isinstance(connection_id, str) and bool(connection_id)
    judge.require(made, "no-connection", f"{at}: no connection was made (configured_resources and connection_id)")
    landing(session, judge, reply, at)
    judge.stop_if_failed()
    assert isinstance(connection_id, str)
    return connection_id


def created(session: Session, judge: Judge, reply: Reply, at: str) -> dict[str, Any]:
    """Judge an answer to a create that may or may not make a connection; return its fields."""
    _let_in(judge, reply, at)
    session.check(judge, Operation.CONNECT, reply, _CREATES, at)
    judge.require(reply.status in (200, 201), "status", f"{at}: {reply.describe()} instead of an answer to a create")
    judge.stop_if_failed()
    landing(session, judge, reply, at)
    return reply.fields()


def _let_in(judge: Judge, reply: Reply, at: str) -> None:
    """Report refused credentials before all other problems of the answer."""
    judge.require(reply.status != 401, "credentials", f"{at}: {reply.describe()}")


def signed_in(
    session: Session,
    judge: Judge,
    reply: Reply,
    at: str,
    *,
    user: Collection[str] = (),
    account: Collection[str] = (),
    redirect: Collection[str] = ("sign_in", "create_trial", "purchase_product"),
) -> None:
    """Judge an answer to a reuse; where sign-up is manual it must be 404. Empty collections judge nothing."""
    if session.config.require_manual_signup:
        refused(session, judge, reply, at, 404, SIGN_UP_PENDING)
        if not judge.failed and reply.fields().get("error_reason") == "connection_not_found":
            judge.warn("manual-signup", f"{at}: a pending sign-up is answered connection_not_found")
        return
    session.check(judge, Operation.CONNECT, reply, _REUSES, at)
    judge.require(reply.status == 200, "status", f"{at}: {reply.describe()} instead of 200")
    judge.stop_if_failed()
    fields = reply.fields()
    for name, wanted in (("user_status", user), ("account_status", account), ("redirect_value", redirect)):
        if wanted and fields.get(name) not in wanted:
            judge.fail(name.replace("_", "-"), f"{at}: {name} is {fields.get(name)}, expected {' or '.join(wanted)}")
    landing(session, judge, reply, at)


def refused(session: Session, judge: Judge, reply: Reply, at: str, status: int, reasons: Collection[str]) -> None:
    """Judge an error: exact status, a JSON error body, one of the reasons; a message for the user is wished for."""
    problems = check_error(reply, status)
    judge.add(problems, at=at)
    if any(p.severity == "FAIL" for p in problems):
        return
    reason = reply.fields().get("error_reason")
    judge.expect(reason in reasons, "error-reason", f"{at}: error_reason {reason}, expected {' or '.join(reasons)}")


def wants_message(judge: Judge, reply: Reply, at: str) -> None:
    """Warn when an error that users see carries no display_message."""
    if reply.status in (404, 500) and not reply.fields().get("display_message"):
        judge.warn("display-message", f"{at}: no display_message for the user")


def landing(session: Session, judge: Judge, reply: Reply, at: str) -> None:
    """Judge where the redirect leads, opened without credentials."""
    url = reply.fields().get("redirect_uri")
    if not isinstance(url, str) or not url:
        return
    found = session.land(url, f"open {at}")
    if found.problem:
        judge.fail("redirect", f"{at}: redirect_uri {found.problem}")
    for detour in found.detours:
        judge.warn("detour", f"{at}: on the way the redirect {detour}")


def deleted(session: Session, judge: Judge, connection_id: str, workspace: Workspace) -> str:
    """Delete a connection as a step of the journey; return the resource_status. Stops the case on failure."""
    reply = session.delete(connection_id, workspace)
    session.check(judge, Operation.DELETE_CONNECTION, reply, None, "delete-connection")
    judge.require(reply.status == 200, "delete", f"delete-connection: {reply.describe()} instead of 200")
    judge.stop_if_failed()
    return str(reply.fields()["resource_status"])


def notified(session: Session, judge: Judge, connection_id: str, workspace: Workspace) -> bool:
    """Notify the partner of a deletion, if it has the endpoint; return whether the connection is gone. Never blames."""
    if not session.offers(Operation.DELETE_CONNECTION):
        return False
    reply = session.delete(connection_id, workspace)
    if reply.status != 200:
        judge.note("delete", f"delete-connection answered {reply.describe()} (see P401)")
        return False
    return reply.fields().get("resource_status") == "resources_deleted"


def dies(session: Session, judge: Judge, person: Person, workspace: Workspace, connection_id: str, status: str) -> Reply:
    """Wait until a deleted connection is gone (at once unless pending) and return the last answer to its reuse."""
    replies = [session.reuse(person, workspace, connection_id)]
    if status == "resources_pending_deletion":

        def gone() -> bool:
            if replies[-1].status != 404 or replies[-1].fields().get("error_reason") == "account_not_found":
                replies.append(session.reuse(person, workspace, connection_id))
            return replies[-1].status == 404 and replies[-1].fields().get("error_reason") == "connection_not_found"

        if not session.ends(gone):
            judge.fail("pending", "the deletion stays pending")
    return replies[-1]


def hook_done(session: Session, judge: Judge, operation: Operation, reply: Reply, at: str) -> None:
    """Judge a test hook that answers 200 without a body. Stops the case on failure."""
    session.check(judge, operation, reply, None, at)
    judge.require(reply.status == 200, "hook", f"{at}: {reply.describe()} instead of 200")
    judge.stop_if_failed()


def is_alive(session: Session, person: Person, workspace: Workspace, connection_id: str) -> bool:
    """Tell whether a connection still exists; where sign-up is manual, account_not_found means alive."""
    reply = session.reuse(person, workspace, connection_id)
    return reply.status in (200, 201) or reply.fields().get("error_reason") == "account_not_found"


def untouched(session: Session, person: Person, workspace: Workspace, connection_id: str, *, was_known: bool = False) -> str:
    """Return a forbidden change of a connection, its trial, or a user who `was_known`; or nothing."""
    reply = session.reuse(person, workspace, connection_id)
    fields = reply.fields()
    alive = reply.status in (200, 201) or fields.get("error_reason") == "account_not_found"
    if not alive and not (session.config.require_manual_signup and reply.status == 404):
        return f"the connection is gone ({reply.describe()})"
    if session.config.require_manual_signup:
        # A reuse shows no status while sign-up is pending; a create in another workspace does.
        fields = session.create(person, session.identities.workspace()).fields()
    status = fields.get("account_status")
    if was_known and fields.get("user_status") == "new" and status != "expired":
        return "the user is not known any more"
    return "the trial is over" if status == "expired" else ""
