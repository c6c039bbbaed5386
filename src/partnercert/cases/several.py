"""P600 and P700: several workspaces, and demo workspaces."""

from __future__ import annotations

from dataclasses import replace

from partnercert.cases.assertions import is_alive, new_connection, notified, signed_in
from partnercert.cases.case import Case, always
from partnercert.config import PartnerConfig
from partnercert.contract import Operation
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge

_LOOPS = 3


def run_p600(session: Session, judge: Judge) -> None:
    """One user, two workspaces: two connections that live and die apart."""
    person = session.identities.person()
    one, two = session.identities.workspace(), session.identities.workspace()
    first = session.connected(person, one)
    signed_in(session, judge, session.reuse(person, one, first), "reuse of workspace 1", redirect=())
    second = new_connection(session, judge, session.create(person, two), "create in workspace 2")
    judge.require(first != second, "id-shared", "two workspaces share a connection_id")
    signed_in(session, judge, session.reuse(person, two, second), "reuse of workspace 2", redirect=())
    alive = is_alive(session, person, one, first)
    judge.require(alive, "first-lost", "the first connection is gone after the second one was made")
    _apart(session, judge, person, (two, second), (one, first), "the other workspace")
    clouds = session.config.supported_clouds
    if len(set(clouds)) > 1:
        _two_clouds(session, judge, sorted(set(clouds))[:2])


def _two_clouds(session: Session, judge: Judge, clouds: list[str]) -> None:
    """Take the same workspace id on two clouds: two connections."""
    person, here = session.identities.person(), session.identities.workspace(clouds[0])
    there = replace(here, cloud=clouds[1])
    first = session.connected(person, here)
    second = new_connection(session, judge, session.create(person, there), "same workspace id on another cloud")
    judge.require(first != second, "clouds-confused", "the same workspace id on two clouds shares a connection_id")
    judge.require(is_alive(session, person, there, second), "dead-id", "the connection on the other cloud cannot be reused")
    _apart(session, judge, person, (there, second), (here, first), "the same workspace id on the other cloud")


def _apart(
    session: Session, judge: Judge, person: Person, gone: tuple[Workspace, str], stays: tuple[Workspace, str], what: str
) -> None:
    if session.offers(Operation.DELETE_CONNECTION) and notified(session, judge, gone[1], gone[0]):
        alive = is_alive(session, person, stays[0], stays[1])
        judge.require(alive, "deleted-together", f"deleting one connection ended that of {what}")


def run_p700(session: Session, judge: Judge) -> None:
    """Demo workspaces: the new-trial flow, again and again, also for people and accounts that are known."""
    known, place = session.identities.person(), session.identities.workspace()
    session.connected(known, place)
    domain, workspace = session.identities.domain(), session.identities.workspace()
    for person in (session.identities.person(domain), session.identities.person(domain)):
        for turn in range(1, _LOOPS + 1):
            made = _demo(session, judge, person, workspace, f"demo {turn} of {person.email.partition('@')[0]}")
            if not _removed(session, judge, made, workspace):
                break
    _demo(session, judge, known, place, "demo after an ordinary connection")
    if session.offers(Operation.EXPIRE) and session.config.has_trials and not session.config.require_manual_signup:
        _demo_after_trial(session, judge)


def _removed(session: Session, judge: Judge, connection_id: str, workspace: Workspace) -> bool:
    """Delete the demo's connection; return whether it is gone, or the partner has no endpoint for it."""
    return notified(session, judge, connection_id, workspace) or not session.offers(Operation.DELETE_CONNECTION)


def _demo(session: Session, judge: Judge, person: Person, workspace: Workspace, at: str) -> str:
    reply = session.create(person, workspace, demo=True)
    connection_id = new_connection(session, judge, reply, at)
    wanted = {"user_status": "new", "account_status": "new", "redirect_value": "create_trial"}
    for name, value in wanted.items():
        seen = reply.fields()[name]
        judge.expect(seen == value, name.replace("_", "-"), f"{at}: {name} is {seen}, expected {value}")
    judge.stop_if_failed()
    for flag in (False, True):
        again = session.reuse(person, workspace, connection_id, demo=flag)
        signed_in(session, judge, again, f"{at}: reuse with demo {str(flag).lower()}", redirect=())
    judge.stop_if_failed()
    return connection_id


def _demo_after_trial(session: Session, judge: Judge) -> None:
    """A demo on an expired account is a new trial to look at, and leaves the account expired."""
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    session.connected(person, workspace)
    # The demo may replace the connection of its own workspace, so the trial is read elsewhere.
    elsewhere = session.identities.workspace()
    witness = session.connected(person, elsewhere)
    if session.expire(person, workspace).status != 200:
        return
    before = session.reuse(person, elsewhere, witness).fields().get("account_status")
    _demo(session, judge, person, workspace, "demo on an expired account")
    after = session.reuse(person, elsewhere, witness).fields().get("account_status")
    if before == "expired" and after is not None:
        judge.expect(after == "expired", "expiry-lost", f"after the demo the expired account is {after}")


def _gate_p700(config: PartnerConfig) -> str:
    return "" if config.supports_demo else "supports_demo is not true"


SEVERAL = (
    Case(
        id="P600",
        title="One user, two workspaces",
        journey="Create in workspace 1, reuse; create in workspace 2, reuse; delete one. The same id on two clouds.",
        applies="Every partner with the Connect API.",
        looks_at=("two ids, both usable", "deleting one leaves the other"),
        gate=always,
        run=run_p600,
        manual=(
            "The user is never uncertain how to see the second connection working.",
            "The second connector is pre-populated; Databricks does not have to be selected.",
        ),
    ),
)
DEMO = (
    Case(
        id="P700",
        title="Demo workspaces always get the new-trial flow",
        journey="Create with demo true, reuse, delete: three times for each of two users; after an ordinary connection.",
        applies="Partners with supports_demo true.",
        looks_at=("new, new, create_trial each time", "reuse ignores the flag; an expired trial stays expired"),
        gate=_gate_p700,
        run=run_p700,
        manual=("From one workspace, deleting and creating shows the new-trial flow each time.",),
    ),
)
