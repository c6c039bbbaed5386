"""P403, P404 and P405: the test hook that deletes an account."""

from __future__ import annotations

from partnercert.cases.assertions import (
    hook_done,
    is_alive,
    new_connection,
    notified,
    refused,
    wants_message,
)
from partnercert.cases.case import Case, offers
from partnercert.cases.lookalikes import make_neighbours, neighbours_untouched, victims
from partnercert.contract import Operation
from partnercert.payloads import TEST_DOMAIN, Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge


def run_p403(session: Session, judge: Judge) -> None:
    """Delete the account and create again: everything is new; other accounts keep what they have."""
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    old = session.connected(person, workspace)
    colleague = session.identities.person(person.domain)
    session.create(colleague, session.identities.workspace())
    if session.offers(Operation.EXPIRE):
        # Judged by P501; here it makes sure that the end of a trial goes with its account.
        session.expire(person, workspace)
    neighbours = make_neighbours(session)
    notified(session, judge, old, workspace)
    hook_done(session, judge, Operation.DELETE_ACCOUNT, session.delete_account(person.domain, workspace), "delete-account")
    reply = session.create(person, workspace)
    new = new_connection(session, judge, reply, "create again")
    fields = reply.fields()
    for name in ("user_status", "account_status"):
        judge.expect(fields[name] == "new", name.replace("_", "-"), f"create again: {name} is {fields[name]}, expected new")
    judge.expect(new != old, "id-reused", "the new connection has the old connection_id")
    second = session.create(colleague, session.identities.workspace()).fields().get("user_status")
    judge.expect(
        second == "new", "user-status", f"create by a second user of the deleted account: user_status is {second}, not new"
    )
    neighbours_untouched(session, judge, neighbours, "delete-account")


def run_p404(session: Session, judge: Judge) -> None:
    """Delete the account and reuse: the connection is gone, with and without delete-connection before."""
    for first in (True, False):
        person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
        old = session.connected(person, workspace)
        second = _second_connection(session, person.domain)
        if first and not notified(session, judge, old, workspace):
            judge.note("delete", "delete-connection was left out or only acknowledged")
        hook_done(session, judge, Operation.DELETE_ACCOUNT, session.delete_account(person.domain, workspace), "delete-account")
        at = "reuse after " + ("delete-connection and delete-account" if first else "delete-account alone")
        reply = session.reuse(person, workspace, old)
        refused(session, judge, reply, at, 404, ("connection_not_found",))
        wants_message(judge, reply, at)
        if second is not None:
            reply = session.reuse(*second)
            refused(session, judge, reply, f"{at}, a second user's connection", 404, ("connection_not_found",))


def _second_connection(session: Session, domain: str) -> tuple[Person, Workspace, str] | None:
    """Make a connection for a colleague in another workspace, if the partner makes one."""
    person, workspace = session.identities.person(domain), session.identities.workspace()
    connection_id = session.create(person, workspace).fields().get("connection_id")
    return (person, workspace, connection_id) if isinstance(connection_id, str) and connection_id else None


def run_p405(session: Session, judge: Judge) -> None:
    """Request the deletion of accounts that are not test accounts, and prove that they survive."""
    asked = victims(session)
    for victim in asked:
        reply = session.delete_account(victim.asked, victim.workspace)
        refused(session, judge, reply, victim.what, 400, ("bad_request",))
        alive = is_alive(session, victim.person, victim.workspace, victim.connection_id)
        judge.expect(alive, "data-lost", f"{victim.what}: the connection is gone after delete-account")
        judge.stop_if_failed()
    for what, domain in (("a blank domain", " "), ("a Cyrillic look-alike", TEST_DOMAIN.replace("a", "а"))):
        reply = session.delete_account(domain, session.identities.workspace())
        refused(session, judge, reply, what, 400, ("bad_request",))
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    session.connected(person, workspace)
    reply = session.delete_account(person.domain.upper(), workspace)
    judge.expect(reply.status == 200, "case", f"a test domain in capitals: {reply.describe()} instead of 200")
    for victim in asked:
        alive = is_alive(session, victim.person, victim.workspace, victim.connection_id)
        judge.expect(alive, "data-lost", f"{victim.what}: the connection went away some time after delete-account")


_HOOK = offers(Operation.DELETE_ACCOUNT)
_APPLIES = "Partners with the delete-account test hook (delete_account_path)."

ACCOUNTS = (
    Case(
        id="P403",
        title="Delete the account, create again",
        journey="Create at a test domain; delete-connection; delete-account; create.",
        applies=_APPLIES,
        looks_at=("200 from the hook", "both users and the account are new again, another id", "other accounts are untouched"),
        gate=_HOOK,
        run=run_p403,
    ),
    Case(
        id="P404",
        title="Delete the account, reuse the connection",
        journey="Create at a test domain; delete-connection (once with, once without); delete-account; reuse.",
        applies=_APPLIES,
        looks_at=("404 connection_not_found, for every connection of the account",),
        gate=_HOOK,
        run=run_p404,
    ),
    Case(
        id="P405",
        title="Delete-account refuses domains that are not for tests",
        journey="Create at customers' and look-alike domains; delete-account for each; reuse.",
        applies=_APPLIES,
        looks_at=("400 bad_request", "every connection survives, also at the end", "a test domain is known in capitals too"),
        gate=_HOOK,
        run=run_p405,
    ),
)
