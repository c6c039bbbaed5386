"""A partner that shares no code with the reference partner: every case and check passes; broken by hand, it fails."""

from __future__ import annotations

import httpx
import pytest

from partnercert.session import Session
from partnercert.verdicts import Verdict
from support import partner, plain_partner


def _session(address: str) -> Session:
    config = partner.config("auto_add", base_url=address)
    return partner.session(config, transport=httpx.AsyncHTTPTransport())


@pytest.mark.heavy
def test_a_partner_on_http_server_alone_passes_every_case_and_check() -> None:
    with plain_partner.serving(partner.USER, partner.PASSWORD) as address:
        made = _session(address)
        with made.client:
            outcomes, checks = partner.run(made), partner.check(made, examples=6)
    odd = {c: o.reason for c, o in outcomes.items() if o.verdict not in (Verdict.PASS, Verdict.MANUAL_PENDING)}
    odd |= {c: o.reason for c, o in checks.items() if o.verdict in (Verdict.FAIL, Verdict.BLOCKED)}
    assert odd == {}
    assert {c for c, o in outcomes.items() if o.verdict is Verdict.MANUAL_PENDING} == {"P200", "P201"}


@pytest.mark.parametrize(
    ("pattern", "cases"),
    [(r".*databricks-(test|demo)\.com", {"P405", "P501"}), (r"([a-z0-9-]+\.)*databricks-(test|demo).com", {"P405", "P501"})],
)
def test_the_same_partner_with_a_lax_pattern_fails(pattern: str, cases: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    monkeypatch.setattr(plain_partner, "_TEST_DOMAIN", re.compile(pattern))
    with plain_partner.serving(partner.USER, partner.PASSWORD) as address:
        made = _session(address)
        with made.client:
            outcomes = partner.run(made, only=["P403", "P405", "P501", "P502"])
    assert {c for c, o in outcomes.items() if o.verdict is Verdict.FAIL} == cases
