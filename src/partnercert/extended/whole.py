"""What only the whole run shows: broken contract anywhere, secrets that came back, 500s that went away."""

from __future__ import annotations

from partnercert.extended.check import Check
from partnercert.session import Session
from partnercert.verdicts import Judge


def run_contract(session: Session, judge: Judge, examples: int) -> None:
    """Report everything in which any reply broke the contract, once for each operation and rule."""
    judge.add(session.contract_failures())


def run_echo(session: Session, judge: Judge, examples: int) -> None:
    """Report replies that hold a credential: the password, the access token, the OAuth secret."""
    for place in session.client.leaks[:20]:
        judge.fail("secret", f"a reply repeats a credential: {place}")


def run_retry(session: Session, judge: Judge, examples: int) -> None:
    """Report answers that were 500 first and came when tried again after 1, 2 and 4 s."""
    for step in sorted(set(session.recovered)):
        judge.warn("flaky", f"{step}: answered 500 first, then served")
    judge.note("retries", f"delays {', '.join(f'{d:g}' for d in session.client.limits.retry_delays)} s")


WHOLE = (
    Check(id="CONTRACT", title="Every raw reply keeps the contract", run=run_contract),
    Check(id="ECHO", title="No reply repeats a credential", run=run_echo),
    Check(id="RETRY", title="Answers that were 500 before they came", run=run_retry),
)
