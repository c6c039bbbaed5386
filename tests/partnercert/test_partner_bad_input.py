"""A server that is down, slow, breaks off, answers HTML, redirects elsewhere, sends 10 MB: clear verdicts, no traceback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from partnercert.contract import Operation, Route, check_reply
from partnercert.reference_partner import FAULTS, build
from partnercert.session import Session
from partnercert.verdicts import Outcome, Verdict
from support import partner


def _fault_on_the_wire(name: str, *, seconds: float = 10.0) -> tuple[dict[str, Outcome], Session]:
    fault = next(f for f in FAULTS if f.name == name)
    made = partner.config("auto_add")
    app = build(made, user=partner.USER, password=partner.PASSWORD, faults=[fault])
    with partner.served(app) as address:
        config = partner.config("auto_add", base_url=address)
        session = partner.session(config, seconds=seconds, transport=httpx.AsyncHTTPTransport())
        with session.client:
            return partner.run(session), session


def _verdicts(outcomes: dict[str, Outcome]) -> set[Verdict]:
    return {o.verdict for c, o in outcomes.items() if c not in ("P100", "P200", "P201", "P900")}


@pytest.mark.parametrize("name", ["slow", "dripping", "closes_early"])
def test_an_answer_that_does_not_come_fails_p100_and_blocks_the_rest(name: str) -> None:
    start = time.monotonic()
    outcomes, _ = _fault_on_the_wire(name, seconds=0.4)
    assert outcomes["P100"].verdict is Verdict.FAIL
    wanted = "broke off" if name == "closes_early" else "no complete answer within 0.4 s"
    assert wanted in outcomes["P100"].reason
    assert _verdicts(outcomes) == {Verdict.BLOCKED}
    assert not [o.reason for o in outcomes.values() if "internal error" in o.reason]
    assert time.monotonic() - start < 20


def test_ten_megabytes_of_legal_json_are_a_warning() -> None:
    fault = next(f for f in FAULTS if f.name == "huge")
    session = partner.session(partner.config("auto_add"), fault)
    with session.client:
        outcomes = partner.run(session, only=["P100", "P300"])
    assert outcomes["P100"].verdict is Verdict.WARN
    assert "large-reply" in {p.code for p in outcomes["P100"].problems}


def test_ten_megabytes_of_html_fail() -> None:
    fault = next(f for f in FAULTS if f.name == "huge_page")
    session = partner.session(partner.config("auto_add"), fault)
    with session.client:
        outcomes = partner.run(session, only=["P100", "P300"])
        assert {c: o.verdict for c, o in outcomes.items()} == {"P100": Verdict.FAIL, "P300": Verdict.BLOCKED}
        assert max(len(e.reply_body) for e in session.client.exchanges) < 5000


def test_a_reply_without_end_is_cut_off() -> None:
    session = partner.session(partner.config("auto_add"), transport=httpx.MockTransport(_endless))
    with session.client:
        outcome = partner.run(session, only=["P100"])["P100"]
    assert outcome.verdict is Verdict.FAIL
    assert "longer than 16777216 bytes" in outcome.reason


def _endless(request: httpx.Request) -> httpx.Response:
    async def body() -> object:
        while True:
            yield b" " * (1 << 20)

    return httpx.Response(200, headers={"content-type": "application/json"}, content=body())  # type: ignore[arg-type]


def test_a_server_that_is_down_is_named_and_asked_three_times_only() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = partner.config("auto_add", base_url=f"http://127.0.0.1:{port}")
    session = partner.session(config, transport=httpx.AsyncHTTPTransport())
    with session.client:
        outcomes = partner.run(session)
        assert len(session.client.exchanges) == 3
    assert outcomes["P100"].verdict is Verdict.FAIL
    assert "cannot connect" in outcomes["P100"].reason
    assert _verdicts(outcomes) == {Verdict.BLOCKED}


@contextmanager
def _raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(1)
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        thread.join(5)
        listener.close()


RAW = {
    "closes at once": lambda s: None,
    "speaks no HTTP": lambda s: s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "drips its headers": lambda s: [(s.sendall(b"H"), time.sleep(0.1)) for _ in range(8)],
    "an unknown length": lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "broken gzip": lambda s: s.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\nabc"
    ),
    "a redirect to itself": lambda s: s.sendall(b"HTTP/1.1 307 X\r\nLocation: /v1/connect\r\nContent-Length: 0\r\n\r\n"),
    "status 299": lambda s: s.sendall(b"HTTP/1.1 299 X\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"),
    "NaN": lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\nNaN"),
    "no UTF-8": lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n\xff{}"),
    "a deep reply": lambda s: s.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nContent-Type: application/json\r\n\r\n" + b"[" * 200000
    ),
}


@pytest.mark.parametrize("name", RAW)
def test_whatever_a_server_does_the_verdict_is_clear(name: str) -> None:
    with _raw_server(RAW[name]) as address:  # type: ignore[arg-type]
        config = partner.config("auto_add", base_url=address)
        session = partner.session(config, seconds=0.4, transport=httpx.AsyncHTTPTransport())
        with session.client:
            outcomes = partner.run(session, only=["P100", "P300", "P801", "P900"])
    assert outcomes["P100"].verdict is Verdict.FAIL
    assert outcomes["P300"].verdict is Verdict.BLOCKED
    assert not [o.reason for o in outcomes.values() if "internal error" in o.reason or "Traceback" in o.reason]


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"7", b'"x"', b"{}", b'{"redirect_uri": null}', b'{"connection_id": {}}', b'{"error_reason": []}',
     b'{"test_results": 3}', b'{"test_results": [null]}', b'{"connectors": {}}', b'{"resource_status": 1}'],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 404, 500])
def test_strange_json_from_every_endpoint_never_breaks_the_suite(body: bytes, status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": "application/json"}, content=body)

    session = partner.session(partner.config("auto_add"), transport=httpx.MockTransport(answer))
    with session.client:
        outcomes = partner.run(session)
        checks = partner.check(session)
    said = [o.reason for o in (*outcomes.values(), *checks.values())]
    assert not [reason for reason in said if "internal error" in reason]
    assert outcomes["P100"].verdict is Verdict.FAIL


def test_a_redirect_elsewhere_is_not_followed_with_credentials() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(302, headers={"location": "https://elsewhere.example/"})

    session = partner.session(partner.config("auto_add"), transport=httpx.MockTransport(answer))
    with session.client:
        reply = session.client.call("x", Route(method="POST", url="http://127.0.0.1:1/connect"), {})
    assert [url.host for url in asked] == ["127.0.0.1"]
    problems = check_reply(Operation.CONNECT, reply, None, session.config)
    assert [p.code for p in problems] == ["endpoint-redirects"]


def test_redirect_pages_are_opened_without_credentials() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        path = request.url.path
        return httpx.Response(302, headers={"location": "/two"}) if path == "/one" else httpx.Response(200)

    session = partner.session(partner.config("auto_add"), transport=httpx.MockTransport(answer))
    with session.client:
        assert session.land("http://127.0.0.1/one", "x").problem == ""
    assert len(seen) == 2
    assert not [h for h in seen if "authorization" in h or "cookie" in h]
