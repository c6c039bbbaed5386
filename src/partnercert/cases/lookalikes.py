"""Customers whom no test hook may touch: neighbours, foreign domains, look-alikes of the test domain, and odd spellings of it."""

from __future__ import annotations

from dataclasses import dataclass

from partnercert.cases.assertions import untouched
from partnercert.payloads import TEST_DOMAIN, Person, Workspace, renamed
from partnercert.session import Session
from partnercert.verdicts import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A customer with a connection, and the domain and address that a hook is asked for."""

    what: str
    person: Person
    workspace: Workspace
    asked: str
    asked_person: Person
    connection_id: str


def domains(session: Session) -> list[tuple[str, str, str]]:
    """Return what is wrong, the victim's domain, and the domain to ask for."""
    word, test = session.identities.word, session.identities.test_domain
    dotted, trailing, leading = test(), test(), test()
    plain = [
        ("a customer's domain", session.identities.domain()),
        ("a look-alike prefix", f"evil{word()}-{TEST_DOMAIN}"),
        ("a look-alike prefix without a hyphen", f"pc{word()}{TEST_DOMAIN}"),
        ("a look-alike suffix", f"{TEST_DOMAIN}.pc-{word()}.com"),
        ("a look-alike suffix with a hyphen", f"{TEST_DOMAIN}-{word()}.com"),
        ("a look-alike ending", f"pc-{word()}.{TEST_DOMAIN}x"),
        ("a look-alike for a pattern's dot", f"pc-{word()}.{TEST_DOMAIN.replace('.', 'x')}"),
        ("a look-alike of the demo domain", f"evil{word()}-databricks-demo.com"),
        ("a look-alike inside", f"pc-{word()}.{TEST_DOMAIN.partition('.')[0]}.com.example.com"),
        ("another top-level domain", f"pc-{word()}.{TEST_DOMAIN.partition('.')[0]}.net"),
        ("a missing hyphen", f"pc-{word()}.{TEST_DOMAIN.replace('-', '')}"),
    ]
    spelled = [
        ("a trailing dot", dotted, f"{dotted}."),
        ("a trailing blank", trailing, f"{trailing} "),
        ("a leading blank", leading, f" {leading}"),
    ]
    return [(what, domain, domain) for what, domain in plain] + spelled


def victims(session: Session) -> list[Victim]:
    """Make a connection for each of them."""
    made = []
    for what, domain, asked in domains(session):
        person, workspace = session.identities.person(domain), session.identities.workspace()
        local = person.email.rpartition("@")[0]
        made.append(
            Victim(
                what=what,
                person=person,
                workspace=workspace,
                asked=asked,
                asked_person=renamed(person, f"{local}@{asked}"),
                connection_id=session.connected(person, workspace),
            )
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A customer whom no hook is called for."""

    what: str
    person: Person
    workspace: Workspace
    connection_id: str
    was_known: bool


def make_neighbours(session: Session) -> list[Neighbour]:
    """Make customers whose trials nobody ends: one at another test domain, one at a domain of its own."""
    made = []
    for what, domain in (("another test account", session.identities.test_domain()), ("a customer", session.identities.domain())):
        person, workspace = session.identities.person(domain), session.identities.workspace()
        connection_id = session.connected(person, workspace)
        if not (session.config.certification.apex_test_domain_only and what == "another test account"):
            known = session.reuse(person, workspace, connection_id).fields().get("user_status") == "existing"
            made.append(Neighbour(what=what, person=person, workspace=workspace, connection_id=connection_id, was_known=known))
    return made


def neighbours_untouched(session: Session, judge: Judge, neighbours: list[Neighbour], hook: str) -> None:
    """Judge that a hook called for one account did nothing to others."""
    for one in neighbours:
        problem = untouched(session, one.person, one.workspace, one.connection_id, was_known=one.was_known)
        judge.expect(not problem, "neighbour", f"{hook} for one account, seen at {one.what}: {problem}")
