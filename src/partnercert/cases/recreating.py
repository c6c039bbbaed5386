"""P400, P401 and P402: deleting a connection and coming back."""

from __future__ import annotations

from partnercert.cases.assertions import deleted, dies, is_alive, new_connection, notified, refused, wants_message
from partnercert.cases.case import Case, always, deletes_in_product, guided_deletion
from partnercert.contract import Operation
from partnercert.payloads import Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge, NotApplicableError

_LOOPS = 3


def run_p400(session: Session, judge: Judge) -> None:
    """Create again and again for one workspace, without and with the notification of a deletion."""
    person, workspace = session.identities.person(), session.identities.workspace()
    ids = [session.connected(person, workspace)]
    for notify in (False, True):
        for turn in range(1, _LOOPS + 1):
            if notify and not notified(session, judge, ids[-1], workspace):
                break
            at = f"create again ({'after notification' if notify else 'without notification'}, {turn})"
            reply = session.create(person, workspace)
            ids.append(new_connection(session, judge, reply, at))
            judge.require(len(set(ids)) == len(ids), "id-reused", f"{at}: the connection_id was given before")
            alive = is_alive(session, person, workspace, ids[-1])
            judge.require(alive, "dead-id", f"{at}: the new connection cannot be reused")


def run_p401(session: Session, judge: Judge) -> None:
    """Delete at the partner, wait until the connection is gone, and create again; other customers keep their connections."""
    other, elsewhere = session.identities.person(), session.identities.workspace()
    neighbour = session.connected(other, elsewhere)
    person, workspace = session.identities.person(), session.identities.workspace()
    old = session.connected(person, workspace)
    status = deleted(session, judge, old, workspace)
    if status in ("resources_deleted", "resources_pending_deletion"):
        reply = dies(session, judge, person, workspace, old, status)
        judge.require(reply.status == 404, "old-id-lives", f"the deleted connection answers {reply.describe()}, not 404")
        judge.stop_if_failed()
        _delete_again(session, judge, old, workspace)
    else:
        judge.note("acknowledged", f"resource_status {status}: the old connection may live on")
    reply = session.create(person, workspace)
    new = new_connection(session, judge, reply, "create again")
    judge.expect(new != old, "id-reused", "the new connection has the old connection_id")
    judge.expect(is_alive(session, person, workspace, new), "dead-id", "the new connection cannot be reused")
    if reply.fields()["user_status"] == "new":
        judge.warn("users-lost", "the user is new again: users should survive the deletion of a connection")
    if status in ("resources_deleted", "resources_pending_deletion"):
        late = session.reuse(person, workspace, old)
        judge.expect(late.status == 404, "old-id-lives", f"later the deleted connection answers {late.describe()}, not 404")
    alive = is_alive(session, other, elsewhere, neighbour)
    judge.expect(alive, "neighbour", "deleting one customer's connection ended another customer's")


def _delete_again(session: Session, judge: Judge, old: str, workspace: Workspace) -> None:
    body = session.payloads.delete_connection(old, workspace)
    reply = session.send(Operation.DELETE_CONNECTION, body, step="delete again")
    if reply.status == 200:
        judge.warn("second-delete", "deleting a second time is answered 200; 404 connection_not_found is the rule")
    else:
        refused(session, judge, reply, "deleting a second time", 404, ("connection_not_found",))


def run_p402(session: Session, judge: Judge) -> None:
    """Delete at the partner, then come back with the dead id."""
    person, workspace = session.identities.person(), session.identities.workspace()
    old = session.connected(person, workspace)
    colleague = session.identities.person(person.domain)
    known = session.create(colleague, session.identities.workspace()).fields().get("configured_resources") is True
    status = deleted(session, judge, old, workspace)
    if status in ("deletion_acknowledged", "user_unauthorized"):
        raise NotApplicableError(f"the partner does not delete connections (resource_status {status})")
    reply = dies(session, judge, person, workspace, old, status)
    refused(session, judge, reply, "reuse of the deleted connection", 404, ("connection_not_found",))
    wants_message(judge, reply, "reuse of the deleted connection")
    if known and not judge.failed:
        reply = session.reuse(colleague, workspace, old)
        judge.expect(
            reply.status == 404, "status", f"reuse of the deleted connection by a colleague: {reply.describe()}, not 404"
        )
        reply = session.reuse(person, workspace, old)
        judge.expect(reply.status == 404, "status", f"a second reuse of the deleted connection: {reply.describe()}, not 404")


RECREATING = (
    Case(
        id="P400",
        title="Delete in Databricks, create again",
        journey="Create; delete in Databricks; create. Three times without, three times with delete-connection.",
        applies="Every partner with the Connect API.",
        looks_at=("a connection each time, with an id never given before, that can be reused",),
        gate=always,
        run=run_p400,
    ),
    Case(
        id="P401",
        title="Delete in Databricks and in the partner product, create again",
        journey="Create; delete-connection; create.",
        applies="Partners that support deleting connections in their product (guided without delete_connection_path).",
        looks_at=(
            "delete-connection 200 with a legal resource_status; what is pending ends",
            "the old id is 404, a second deletion is 404",
            "a connection with another id, that can be reused; the user is still known",
        ),
        gate=deletes_in_product,
        guided=guided_deletion,
        run=run_p401,
        guided_manual=(
            "Deleted in Databricks and in the product; then creating makes a new, working connection.",
            "The deleted connection is not shown in the product any more, and its user still is.",
        ),
    ),
    Case(
        id="P402",
        title="Delete in the partner product, come back with the old connection",
        journey="Create; delete-connection; reuse with the dead connection_id.",
        applies="Partners that support deleting connections in their product (guided without delete_connection_path).",
        looks_at=("404 connection_not_found, with a display_message",),
        gate=deletes_in_product,
        guided=guided_deletion,
        run=run_p402,
        guided_manual=("Deleted in the product only; coming back from Databricks does not open a connection.",),
        manual=("Databricks shows an informative error.",),
    ),
)
