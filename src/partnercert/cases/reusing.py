"""P300, P301 and P302: reusing a connection."""

from __future__ import annotations

from partnercert.cases.assertions import SIGN_UP_PENDING, refused, signed_in, wants_message
from partnercert.cases.case import Case, always
from partnercert.exchange import Reply
from partnercert.session import Session
from partnercert.verdicts import BlockedError, Judge

_FOUND = ("After signing in the user easily finds the Databricks connector.",)


def run_p300(session: Session, judge: Judge) -> None:
    """Reuse by the creator, twice, with the same answer."""
    person, workspace = session.identities.person(), session.identities.workspace()
    connection_id = session.connected(person, workspace)
    first = session.reuse(person, workspace, connection_id)
    signed_in(session, judge, first, "reuse", user=("existing",), redirect=("sign_in",))
    judge.stop_if_failed()
    again = session.reuse(person, workspace, connection_id)
    signed_in(session, judge, again, "reuse again", user=("existing",), redirect=("sign_in",))
    for name in ("user_status", "account_status", "redirect_value"):
        same = first.fields().get(name) == again.fields().get(name)
        judge.expect(same, "unstable", f"{name} differs when the same reuse is sent again")


def run_p301(session: Session, judge: Judge) -> None:
    """Reuse by another user whom the partner knows from another workspace."""
    domain, workspace = session.identities.domain(), session.identities.workspace()
    connection_id = session.connected(session.identities.person(domain), workspace)
    colleague = session.identities.person(domain)
    known = session.create(colleague, session.identities.workspace())
    if known.status not in (200, 201):
        raise BlockedError(f"the set-up needs a second known user; create answered {known.describe()}")
    reply = session.reuse(colleague, workspace, connection_id)
    if known.fields().get("configured_resources") is False and _is_newcomers_answer(session, reply):
        # Legal on create: after contact_admin the partner need not have stored the colleague.
        raise BlockedError("the partner does not take in a second user on create; no known second user to test with")
    signed_in(session, judge, reply, "reuse by a known colleague", user=("existing",), redirect=("sign_in",))


def _is_newcomers_answer(session: Session, reply: Reply) -> bool:
    action = session.config.new_user_action
    if session.config.require_manual_signup:
        return False
    if action == "auto_add":
        return reply.fields().get("user_status") == "new"
    return (reply.status, reply.fields().get("redirect_value")) in (
        {"invite": (200, "contact_admin"), "not_found": (404, None), "error": (500, None)}[action],
    )


def run_p302(session: Session, judge: Judge) -> None:
    """Reuse by somebody new, answered as new_user_action says."""
    domain, workspace = session.identities.domain(), session.identities.workspace()
    connection_id = session.connected(session.identities.person(domain), workspace)
    newcomer = session.identities.person(domain)
    action, manual = session.config.new_user_action, session.config.require_manual_signup
    reply = session.reuse(newcomer, workspace, connection_id, retry=action != "error" or manual)
    judge_newcomer(session, judge, reply, "reuse by a new user")
    if action == "auto_add" and not manual:
        judge.stop_if_failed()
        again = session.reuse(newcomer, workspace, connection_id)
        signed_in(session, judge, again, "second reuse by the added user", user=("existing",), redirect=("sign_in",))


def judge_newcomer(session: Session, judge: Judge, reply: Reply, at: str) -> None:
    """Judge the answer to a reuse by an unknown user of an account in good standing."""
    action = session.config.new_user_action
    if session.config.require_manual_signup:
        # Manual sign-up comes before new_user_action, also before `error`.
        refused(session, judge, reply, at, 404, SIGN_UP_PENDING)
    elif action == "auto_add":
        signed_in(session, judge, reply, at, user=("new",), redirect=("sign_in", "create_trial"))
    elif action == "invite":
        signed_in(session, judge, reply, at, user=("not_applicable",), redirect=("contact_admin",))
    else:
        status, reason = (404, "account_not_found") if action == "not_found" else (500, "general_error")
        refused(session, judge, reply, at, status, (reason,))
        wants_message(judge, reply, at)


REUSING = (
    Case(
        id="P300",
        title="The creator reuses the connection",
        journey="Create; the same user comes back with the connection_id, twice.",
        applies="Every partner with the Connect API.",
        looks_at=("200, user_status existing, redirect_value sign_in, no connection_id", "the same answer when replayed"),
        gate=always,
        run=run_p300,
        manual=_FOUND,
    ),
    Case(
        id="P301",
        title="A different existing user reuses the connection",
        journey="User 1 creates in workspace 1; user 2 creates in workspace 2 and so is known; user 2 reuses workspace 1.",
        applies="Every partner with the Connect API.",
        looks_at=("200, user_status existing, redirect_value sign_in, no connection_id",),
        gate=always,
        run=run_p301,
        manual=_FOUND,
    ),
    Case(
        id="P302",
        title="A different new user reuses the connection",
        journey="User 1 creates; user 2 of the same domain, unknown, reuses.",
        applies="Every partner with the Connect API.",
        looks_at=(
            "auto_add: 200 new, and existing the next time",
            "invite: 200 not_applicable, contact_admin",
            "not_found: 404 account_not_found; error: 500 general_error",
            "manual sign-up: 404 before any of these",
        ),
        gate=always,
        run=run_p302,
        manual=("The user easily finds the Databricks connector, or reads a clear message what to do.",),
    ),
)
