"""P500, P501 and P502: trials that are over."""

from __future__ import annotations

from partnercert.cases.assertions import created, hook_done, notified, refused, signed_in, untouched
from partnercert.cases.case import Case
from partnercert.cases.lookalikes import make_neighbours, neighbours_untouched, victims
from partnercert.cases.reusing import judge_newcomer
from partnercert.config import PartnerConfig
from partnercert.contract import Operation
from partnercert.exchange import Reply
from partnercert.payloads import TEST_DOMAIN, Person, Workspace, renamed
from partnercert.session import Session
from partnercert.verdicts import Judge


def run_p500(session: Session, judge: Judge) -> None:
    """Create after the trial is over; also by a user whose trial ended outside Partner Connect, where the config names one."""
    person, workspace, old = _expired(session, judge)
    notified(session, judge, old, workspace)
    _after_trial(session, judge, session.create(person, workspace), "create after the trial")
    outsider = session.config.certification.expired_user
    if outsider:
        person = Person(email=outsider, user_id=session.identities.number())
        reply = session.create(person, session.identities.workspace())
        _after_trial(session, judge, reply, "create after a trial outside Partner Connect")


def _after_trial(session: Session, judge: Judge, reply: Reply, at: str) -> None:
    fields = created(session, judge, reply, at)
    account, redirect = fields["account_status"], fields["redirect_value"]
    judge.expect(account == "expired", "account-status", f"{at}: account_status is {account}, expected expired")
    repeat = session.config.certification.repeat_trials
    legal = {None: ("purchase_product", "create_trial"), True: ("create_trial",), False: ("purchase_product",)}[repeat]
    judge.expect(redirect in legal, "redirect-value", f"{at}: redirect_value is {redirect}, expected {' or '.join(legal)}")


def run_p501(session: Session, judge: Judge) -> None:
    """Reuse after the trial is over; nobody else's trial is."""
    neighbours = make_neighbours(session)
    person, workspace, connection_id = _expired(session, judge)
    wanted = {"user": ("existing",), "account": ("expired",), "redirect": ("purchase_product",)}
    for at in ("reuse after the trial", "a second reuse after the trial"):
        signed_in(session, judge, session.reuse(person, workspace, connection_id), at, **wanted)
        judge.stop_if_failed()
    again = session.expire(person, workspace)
    judge.expect(again.status == 200, "expire-again", f"expiring again: {again.describe()} instead of 200")
    signed_in(session, judge, session.reuse(person, workspace, connection_id), "reuse after expiring again", **wanted)
    neighbours_untouched(session, judge, neighbours, "expire-account")
    if not judge.failed:
        judge_expiry_scope(session, judge)
        neighbours_untouched(session, judge, neighbours, "expire-account")


def run_p502(session: Session, judge: Judge) -> None:
    """Reuse by somebody new after the trial is over: the trial's owner and new_user_action decide."""
    domain = session.identities.test_domain()
    owner, workspace = session.identities.person(domain), session.identities.workspace()
    neighbours = make_neighbours(session)
    connection_id = session.connected(owner, workspace)
    colleague = _colleague(session, domain)
    hook_done(session, judge, Operation.EXPIRE, session.expire(owner, workspace), "expire-account")
    newcomer = session.identities.person(domain)
    action, manual = session.config.new_user_action, session.config.require_manual_signup
    reply = session.reuse(newcomer, workspace, connection_id, retry=action != "error" or manual)
    _judge_latecomer(session, judge, reply)
    if colleague is not None and not manual:
        known = session.reuse(colleague[0], colleague[1], colleague[2])
        wanted = _wanted_account(session.config)
        signed_in(session, judge, known, "reuse by a known colleague", account=(wanted,))
    neighbours_untouched(session, judge, neighbours, "expire-account")


def judge_expiry_scope(session: Session, judge: Judge) -> None:
    """Call expire-account for customers that are not test users: 400 each time, and each trial continues."""
    asked = victims(session)
    for victim in asked:
        reply = session.expire(victim.asked_person, victim.workspace)
        refused(session, judge, reply, f"expire-account, {victim.what}", 400, ("bad_request",))
        judge.stop_if_failed()
    _tricks(session, judge)
    for victim in asked:
        problem = untouched(session, victim.person, victim.workspace, victim.connection_id)
        judge.expect(not problem, "trial-ended", f"expire-account, {victim.what}: {problem}")


def _tricks(session: Session, judge: Judge) -> None:
    """Hide the test domain in the local part, and a customer's id behind a test user's address."""
    make = session.identities
    person, workspace = Person(email=f"pc-{make.word()}.{TEST_DOMAIN}@{make.domain()}", user_id=make.number()), make.workspace()
    connection_id = session.connected(person, workspace)
    reply = session.expire(person, workspace)
    refused(session, judge, reply, "expire-account, the test domain before the @", 400, ("bad_request",))
    # The id belongs to a customer and the address to no one, so every answer is legal, but the trial must continue.
    session.expire(renamed(person, f"nobody-{make.word()}@{make.test_domain()}"), workspace)
    problem = untouched(session, person, workspace, connection_id)
    judge.expect(not problem, "trial-ended", f"expire-account with a customer's user id or domain in disguise: {problem}")


def _judge_latecomer(session: Session, judge: Judge, reply: Reply) -> None:
    at, action = "reuse by a new user after the trial", session.config.new_user_action
    if session.config.require_manual_signup or action in ("not_found", "error"):
        judge_newcomer(session, judge, reply, at)
        return
    account = _wanted_account(session.config)
    if action == "invite":
        redirect = ("contact_admin",) if account == "active" else ("purchase_product",)
        signed_in(session, judge, reply, at, user=("not_applicable",), account=(account,), redirect=redirect)
        return
    signed_in(session, judge, reply, at, user=("new",), account=(account,))
    value = reply.fields().get("redirect_value")
    fitting = ("sign_in", "create_trial") if account == "active" else ("purchase_product",)
    if not judge.failed and value not in fitting:
        judge.warn("redirect-value", f"{at}: account {account}, but redirect_value {value}")


def _wanted_account(config: PartnerConfig) -> str:
    return "active" if config.trial_type == "user" else "expired"


def _colleague(session: Session, domain: str) -> tuple[Person, Workspace, str] | None:
    """Make a second known user with a connection, where the partner takes one into the same account."""
    person, workspace = session.identities.person(domain), session.identities.workspace()
    reply = session.create(person, workspace)
    connection_id = reply.fields().get("connection_id")
    if reply.fields().get("account_status") == "new":
        return None
    return (person, workspace, connection_id) if isinstance(connection_id, str) and connection_id else None


def _expired(session: Session, judge: Judge) -> tuple[Person, Workspace, str]:
    person = session.identities.person(session.identities.test_domain())
    workspace = session.identities.workspace()
    connection_id = session.connected(person, workspace)
    hook_done(session, judge, Operation.EXPIRE, session.expire(person, workspace), "expire-account")
    return person, workspace, connection_id


def _gate(config: PartnerConfig) -> str:
    hook = config.endpoints.expire_account is not None
    return "" if hook or config.has_trials else "no time-based trials: trial_type and endpoints.expire_account_path not declared"


def _gate_p502(config: PartnerConfig) -> str:
    return _gate(config) or ("" if config.trial_type else "trial_type not declared")


def _guided(config: PartnerConfig, has_workspace: bool) -> str:
    return "" if config.endpoints.expire_account is not None else "no expire hook: a person has to let a trial end"


_MEANINGFUL = ("After the trial the user reads a meaningful message and how to continue.",)

_OUTSIDE = "The same for a user whose trial began and ended outside Partner Connect (or certification.expired_user)."

TRIALS = (
    Case(
        id="P500",
        title="Create again after the trial",
        journey="Create; the trial ends; delete in Databricks; create.",
        applies="Partners with time-based trials. Optional.",
        looks_at=("account_status expired", "purchase_product without a connection, or create_trial with one"),
        gate=_gate,
        run=run_p500,
        guided=_guided,
        manual=(*_MEANINGFUL, _OUTSIDE),
        optional=True,
    ),
    Case(
        id="P501",
        title="Reuse after the trial",
        journey="Create; the trial ends; reuse by the same user.",
        applies="Partners with time-based trials (guided without the expire-account hook). Optional.",
        looks_at=("200, user_status existing, account_status expired, purchase_product", "expiring twice is harmless"),
        gate=_gate,
        run=run_p501,
        guided=_guided,
        guided_manual=("After the trial the same user comes back: the account is shown as expired, with a way to purchase.",),
        manual=_MEANINGFUL,
        optional=True,
    ),
    Case(
        id="P502",
        title="Reuse after the trial by a new user",
        journey="Create; the trial ends; reuse by somebody new of the same domain.",
        applies="Partners with time-based trials and a trial_type (guided without the expire-account hook). Optional.",
        looks_at=(
            "trial per account: expired for everybody; trial per user: active for others",
            "new_user_action as in P302; invite leads to contact_admin (user) or purchase_product (account)",
        ),
        gate=_gate_p502,
        run=run_p502,
        guided=_guided,
        guided_manual=(
            "After the trial somebody new of the same domain comes: expired if trials are the account's, else active.",
        ),
        manual=_MEANINGFUL,
        optional=True,
    ),
)
