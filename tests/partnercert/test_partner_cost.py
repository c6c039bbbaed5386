"""A bad partner costs little: silence and endless 500s end every case and check soon, and the report names them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import httpx
import pytest

from partnercert.contract import Operation
from partnercert.reference_partner import build
from partnercert.session import Session
from partnercert.verdicts import Verdict
from support import partner

_TIMEOUT = 0.05


def _hanging(paths: str) -> Session:
    """Return a session with the sound partner, of which these paths never answer."""
    config = partner.config("auto_add")
    sound = httpx.ASGITransport(app=build(config, user=partner.USER, password=partner.PASSWORD))

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path in paths.split():
                await asyncio.sleep(60)
            return await sound.handle_async_request(request)

    return partner.session(config, seconds=_TIMEOUT, transport=Transport())


@pytest.mark.parametrize(
    "paths",
    ["/v1/test-connection", "/v1/delete-connection /v1/connectors", "/v1/expire-account", "/v1/delete-account", "/trial /signin"],
)
def test_what_hangs_costs_two_timeouts_a_case_at_most_and_is_named(paths: str) -> None:
    made = _hanging(paths)
    with made.client:
        outcomes, checks = partner.run(made), partner.check(made, examples=2)
        hung = Counter(e.step.partition(" ")[0] for e in made.client.exchanges if e.failure)
    assert hung
    assert max(hung.values()) <= 2, hung
    bad = [o for o in (*outcomes.values(), *checks.values()) if o.verdict in (Verdict.FAIL, Verdict.BLOCKED)]
    assert bad
    assert not [o.reason for o in bad if "internal error" in o.reason]
    assert any("no complete answer within" in o.reason or "hangs" in o.reason or "did not answer" in o.reason for o in bad)


def test_a_partner_that_never_answers_is_asked_three_times_in_all() -> None:
    made = _hanging("/v1/connect /v1/test-connection /v1/delete-connection /v1/delete-account /v1/expire-account /v1/connectors")
    with made.client:
        outcomes, checks = partner.run(made), partner.check(made, examples=5)
        made.tidy()
        assert len(made.client.exchanges) == 3
    assert outcomes["P100"].verdict is Verdict.FAIL
    left = {o.verdict for o in (*outcomes.values(), *checks.values())} - {Verdict.PASS, Verdict.MANUAL_PENDING, Verdict.WARN}
    assert left == {Verdict.FAIL, Verdict.BLOCKED}


def test_500_on_everything_ends_within_a_minute_retries_and_fuzzing_included() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, json={"error_reason": "general_error"})

    slept: list[float] = []
    made = partner.session(partner.config("auto_add"), delays=(1.0, 2.0, 4.0), transport=httpx.MockTransport(answer))
    made.client._sleep = slept.append
    start = time.monotonic()
    with made.client:
        outcomes, checks = partner.run(made), partner.check(made, examples=25)
        made.tidy()
    assert sum(slept) + (time.monotonic() - start) <= 60
    assert outcomes["P100"].verdict is Verdict.FAIL
    assert checks["FUZZ"].verdict is Verdict.FAIL


def test_one_500_that_never_goes_away_does_not_end_the_retries_of_others() -> None:
    calls: Counter[str] = Counter()
    config = partner.config("auto_add")
    sound = httpx.ASGITransport(app=build(config, user=partner.USER, password=partner.PASSWORD))

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            path = request.url.path
            calls[path] += 1
            if path == "/v1/test-connection" or (path == "/v1/connectors" and calls[path] == 1):
                return httpx.Response(500, json={"error_reason": "general_error"})
            return await sound.handle_async_request(request)

    made = partner.session(config, transport=Transport())
    with made.client:
        outcomes = partner.run(made)
        assert made.offers(Operation.TEST)
    assert {c for c, o in outcomes.items() if o.verdict is Verdict.FAIL} == {"P800", "P801"}
