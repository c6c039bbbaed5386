"""P403, P404 and P405: the test hook that deletes an account."""

from __future__ import annotations

from dataclasses import dataclass

from partnercert.cases.assertions import hook_done, is_alive, new_connection, notified, refused, wants_message
from partnercert.cases.case import Case, offers
from partnercert.contract import Operation
from partnercert.payloads import TEST_DOMAIN, Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge


def run_p403(session: Session, judge: Judge) -> None:
    """Delete the account and create again: everything is new; other accounts keep what they have."""
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    other, elsewhere = session.identities.person(), session.identities.workspace()
    neighbour = session.connected(other, elsewhere)
    old = session.connected(person, workspace)
    notified(session, judge, old, workspace)
    hook_done(session, judge, Operation.DELETE_ACCOUNT, session.delete_account(person.domain, workspace), "delete-account")
    reply = session.create(person, workspace)
    new = new_connection(session, judge, reply, "create again")
    fields = reply.fields()
    for name in ("user_status", "account_status"):
        judge.expect(fields[name] == "new", name.replace("_", "-"), f"create again: {name} is {fields[name]}, expected new")
    judge.expect(new != old, "id-reused", "the new connection has the old connection_id")
    alive = is_alive(session, other, elsewhere, neighbour)
    judge.expect(alive, "neighbour", "deleting one account ended a connection of another one")


def run_p404(session: Session, judge: Judge) -> None:
    """Delete the account and reuse: the connection is gone, with and without delete-connection before."""
    for first in (True, False):
        person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
        old = session.connected(person, workspace)
        if first and not notified(session, judge, old, workspace):
            judge.note("delete", "delete-connection was left out or only acknowledged")
        hook_done(session, judge, Operation.DELETE_ACCOUNT, session.delete_account(person.domain, workspace), "delete-account")
        at = "reuse after " + ("delete-connection and delete-account" if first else "delete-account alone")
        reply = session.reuse(person, workspace, old)
        refused(session, judge, reply, at, 404, ("connection_not_found",))
        wants_message(judge, reply, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Victim:
    what: str
    domain: str
    asked: str
    person: Person
    workspace: Workspace


def _victims(session: Session) -> list[_Victim]:
    """Return customers whom delete-account must not touch, and how it is asked to."""
    word = session.identities.word
    dotted, trailing, leading = (session.identities.test_domain() for _ in range(3))
    plans = [
        ("a customer's domain", session.identities.domain(), None),
        ("a look-alike prefix", f"evil{word()}-{TEST_DOMAIN}", None),
        ("a look-alike suffix", f"{TEST_DOMAIN}.pc-{word()}.com", None),
        ("a look-alike ending", f"pc-{word()}.{TEST_DOMAIN}x", None),
        ("a trailing dot", dotted, f"{dotted}."),
        ("a trailing blank", trailing, f"{trailing} "),
        ("a leading blank", leading, f" {leading}"),
    ]
    return [
        _Victim(what=what, domain=domain, asked=asked or domain, person=session.identities.person(domain), workspace=ws)
        for what, domain, asked in plans
        for ws in (session.identities.workspace(),)
    ]


def run_p405(session: Session, judge: Judge) -> None:
    """Ask for the deletion of accounts that are no test accounts, and prove that they survive."""
    for victim in _victims(session):
        connection_id = session.connected(victim.person, victim.workspace)
        reply = session.delete_account(victim.asked, victim.workspace)
        refused(session, judge, reply, victim.what, 400, ("bad_request",))
        alive = is_alive(session, victim.person, victim.workspace, connection_id)
        judge.expect(alive, "data-lost", f"{victim.what}: the connection is gone after delete-account")
        judge.stop_if_failed()
    for what, domain in (("a blank domain", " "), ("a Cyrillic look-alike", TEST_DOMAIN.replace("a", "а"))):
        reply = session.delete_account(domain, session.identities.workspace())
        refused(session, judge, reply, what, 400, ("bad_request",))
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    session.connected(person, workspace)
    reply = session.delete_account(person.domain.upper(), workspace)
    judge.expect(reply.status == 200, "case", f"a test domain in capitals: {reply.describe()} instead of 200")


_HOOK = offers(Operation.DELETE_ACCOUNT)
_APPLIES = "Partners with the delete-account test hook (delete_account_path)."

ACCOUNTS = (
    Case(
        id="P403",
        title="Delete the account, create again",
        journey="Create at a test domain; delete-connection; delete-account; create.",
        applies=_APPLIES,
        looks_at=("200 from the hook", "user and account are new again, another id", "other accounts are untouched"),
        gate=_HOOK,
        run=run_p403,
    ),
    Case(
        id="P404",
        title="Delete the account, reuse the connection",
        journey="Create at a test domain; delete-connection (once with, once without); delete-account; reuse.",
        applies=_APPLIES,
        looks_at=("404 connection_not_found",),
        gate=_HOOK,
        run=run_p404,
    ),
    Case(
        id="P405",
        title="Delete-account refuses domains that are not for tests",
        journey="Create at customers' and look-alike domains; delete-account for each; reuse.",
        applies=_APPLIES,
        looks_at=("400 bad_request", "every connection survives", "a test domain is known in capitals too"),
        gate=_HOOK,
        run=run_p405,
    ),
)
