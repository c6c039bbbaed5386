"""P100 and P101: creating a connection."""

from __future__ import annotations

from partnercert.cases.assertions import created, new_connection
from partnercert.cases.case import Case, always
from partnercert.contract import Operation, check_reply
from partnercert.payloads import Person
from partnercert.session import Session
from partnercert.verdicts import BlockedError, Judge

_SEAMLESS = (
    "From the tile to a working connection, the user is never uncertain how to proceed.",
    "The Databricks connector in the product is pre-populated.",
    "The user does not have to select Databricks as a source or destination.",
    "No data is asked for again that Databricks has sent; no blocking e-mail verification, no payment data.",
)


def run_p100(session: Session, judge: Judge) -> None:
    """Create a connection for somebody new, twice with different people."""
    ids = set()
    for at in ("create", "create for a second customer"):
        person, workspace = session.identities.person(), session.identities.workspace()
        reply = session.create(person, workspace)
        ids.add(new_connection(session, judge, reply, at))
        fields = reply.fields()
        for name in ("user_status", "account_status"):
            judge.expect(fields[name] == "new", name.replace("_", "-"), f"{at}: {name} is {fields[name]}, expected new")
        value = fields["redirect_value"]
        judge.expect(value == "create_trial", "redirect-value", f"{at}: redirect_value is {value}, expected create_trial")
        judge.note("latency", f"{at}: {reply.seconds:.2f} s")
        judge.stop_if_failed()
    judge.expect(len(ids) == 2, "id-shared", "two customers got the same connection_id")


def run_p101(session: Session, judge: Judge) -> None:
    """Create a connection in a new workspace for somebody the partner knows."""
    given = session.config.certification.existing_user
    if given:
        person = Person(email=given, user_id=session.identities.number())
    else:
        person = session.identities.person()
        first = session.create(person, session.identities.workspace())
        broken = [p for p in check_reply(Operation.CONNECT, first, None, session.config) if p.severity == "FAIL"]
        if broken or first.status not in (200, 201):
            what = broken[0].message if broken else first.describe()
            raise BlockedError(f"the set-up needs a known user; the first create is broken (see P100): {what}")
    fields = created(session, judge, session.create(person, session.identities.workspace()), "create by a known user")
    user, account, redirect = (fields[k] for k in ("user_status", "account_status", "redirect_value"))
    judge.expect(user == "existing", "user-status", f"user_status is {user}, expected existing")
    judge.expect(account in ("active", "expired"), "account-status", f"account_status is {account}, expected active")
    legal = ("purchase_product", "create_trial") if account == "expired" else ("sign_in", "create_trial")
    judge.expect(redirect in legal, "redirect-value", f"redirect_value is {redirect}, expected {' or '.join(legal)}")


CREATING = (
    Case(
        id="P100",
        title="A new user in a new workspace creates a connection",
        journey="New user, new workspace: create.",
        applies="Every partner with the Connect API.",
        looks_at=(
            "200 or 201, configured_resources true, a connection_id of its own",
            "user_status new, account_status new, redirect_value create_trial",
            "redirect_uri on the allow-list, reachable without credentials, to a 2xx",
        ),
        gate=always,
        run=run_p100,
        manual=_SEAMLESS,
    ),
    Case(
        id="P101",
        title="An existing user in a new workspace creates a connection",
        journey="User known from another workspace (or certification.existing_user): create in a new workspace.",
        applies="Every partner with the Connect API.",
        looks_at=(
            "user_status existing, account_status active (or expired)",
            "redirect_value sign_in (create_trial: WARN); configured with an id, or neither",
        ),
        gate=always,
        run=run_p101,
        manual=_SEAMLESS,
    ),
)
