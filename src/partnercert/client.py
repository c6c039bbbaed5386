"""Talk HTTP to a partner: bounded in time and size, retried as Databricks does, recorded without secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from partnercert.contract import Route
from partnercert.exchange import Exchange, Redactor, Reply
from partnercert.hosts import redirect_problem
from partnercert.verdicts import BlockedError

RETRY_DELAYS = (1.0, 2.0, 4.0)
HARD_LIMIT = 16 << 20
_HOPELESS = 3
#: After this many unanswered requests in a row nothing more is sent; after this many timeouts a case or check ends.
_SILENT, _TIMEOUTS = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait for a whole reply (seconds), how much to read (bytes), when to try a 500 again (seconds)."""

    seconds: float = 60.0
    bytes: int = HARD_LIMIT
    retry_delays: tuple[float, ...] = RETRY_DELAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where a redirect chain ended; `problem` says what is wrong with it, `detours` names hosts off the list."""

    url: str
    problem: str = ""
    detours: tuple[str, ...] = ()


class PartnerClient:
    """Send requests one after another (or a batch at once) from ordinary code."""

    def __init__(
        self,
        *,
        user: str,
        password: str,
        redactor: Redactor,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        redactor.learn(pair)
        redactor.learn(password)
        self.authorization = f"Basic {pair}"
        self.limits = limits or Limits()
        self.redactor = redactor
        self.exchanges: list[Exchange] = []
        self.leaks: list[str] = []
        # The number of requests whose retries all failed: in this case, and in a row. After a few, a 500 is not retried.
        self._exhausted = self._exhausted_in_a_row = 0
        self._silent = self._timeouts = 0
        self._sleep = sleep
        self._count = 0
        self._runner = asyncio.Runner()
        # trust_env would send requests through a proxy of the machine, and credentials with them.
        self._http = httpx.AsyncClient(transport=transport, trust_env=False, timeout=None, follow_redirects=False)  # noqa: S113 - bounded in _send

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and the event loop."""
        self._runner.run(self._http.aclose())
        self._runner.close()

    def begin(self) -> None:
        """Start a case or check: reset its counts of retries and timeouts, but not the count of unanswered requests."""
        self._exhausted = self._timeouts = 0

    def _breaker(self) -> None:
        if self._silent >= _SILENT:
            raise BlockedError(f"the partner did not answer {_SILENT} requests in a row; nothing more was sent")
        if self._timeouts >= _TIMEOUTS:
            waited = f"{_TIMEOUTS} times within {self.limits.seconds:g} s"
            raise BlockedError(f"the partner hangs: it did not answer {waited} each; the rest is skipped")

    def call(
        self,
        step: str,
        route: Route,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
        raw: bytes | None = None,
        retry: bool = True,
    ) -> Reply:
        """Send one request and return the reply; a 500 is tried again after each retry delay.

        Raises BlockedError, before anything is sent, when the partner was silent too often.
        """
        self._breaker()
        request = self._request(route, body, query, headers, raw)
        wanted = retry and max(self._exhausted, self._exhausted_in_a_row) < _HOPELESS
        for attempts, delay in enumerate((*(self.limits.retry_delays if wanted else ()), None), 1):
            reply = self._runner.run(self._send(step, request, attempts))
            if reply.status != 500:
                self._exhausted_in_a_row = 0
                return reply
            if delay is None:
                self._exhausted += wanted
                self._exhausted_in_a_row += wanted
                return reply
            self._sleep(delay)
        raise AssertionError("unreachable")

    def call_at_once(self, step: str, route: Route, bodies: list[dict[str, Any]]) -> list[Reply]:
        """Send several requests at the same time. Raises BlockedError like `call`."""
        self._breaker()

        async def all_of_them() -> list[Reply]:
            return await asyncio.gather(*(self._send(step, self._request(route, body, None, None, None), 1) for body in bodies))

        return self._runner.run(all_of_them())

    def follow(self, step: str, url: str, allowed: tuple[str, ...], *, hops: int = 10) -> Landing:
        """Open a redirect_uri as a browser without credentials would, to its end."""
        seen: set[str] = set()
        detours: list[str] = []
        wrong = redirect_problem(url, allowed)
        if wrong:
            return Landing(url=url, problem=wrong)
        for _ in range(hops):
            seen.add(url)
            self._breaker()
            try:
                page = self._page(url)
            except (httpx.InvalidURL, ValueError) as error:
                return Landing(url=url, problem=f"is not a URL ({error})")
            reply = self._runner.run(self._send(step, page, 1))
            if reply.failure:
                return Landing(url=url, problem=f"cannot be opened: {reply.failure}")
            if not 300 <= reply.status < 400:
                return self._landed(url, reply, allowed, detours)
            location = reply.headers.get("location", "")
            if not location:
                return Landing(url=url, problem=f"answers {reply.status} without a Location")
            url = urljoin(url, location)
            if url in seen:
                return Landing(url=url, problem="leads in a circle")
            wrong = redirect_problem(url, allowed)
            if wrong and urlsplit(url).scheme not in ("http", "https"):
                return Landing(url=url, problem=f"leads on to an address that {wrong}")
            if wrong:
                detours.append(wrong)
        return Landing(url=url, problem=f"redirects more than {hops} times")

    def _landed(self, url: str, reply: Reply, allowed: tuple[str, ...], detours: list[str]) -> Landing:
        wrong = redirect_problem(url, allowed)
        if wrong:
            return Landing(url=url, problem=f"ends at an address that {wrong}")
        if not 200 <= reply.status < 300:
            return Landing(url=url, problem=f"ends with HTTP {reply.status}")
        return Landing(url=url, detours=tuple(detours))

    def _page(self, url: str) -> httpx.Request:
        return httpx.Request("GET", url, headers={"Accept": "text/html,*/*", "User-Agent": "partnercert"})

    def _request(
        self,
        route: Route,
        body: object,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str | None] | None,
        raw: bytes | None,
    ) -> httpx.Request:
        content = raw
        sent: dict[str, str | None] = {
            "Authorization": self.authorization,
            "User-Agent": "databricks",
            "Accept": "application/json",
            "Accept-Language": "en-US",
        }
        if body is not None or raw is not None:
            sent["Content-Type"] = "application/json; charset=utf-8"
            content = raw if raw is not None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        kept = {name: value for name, value in {**sent, **(headers or {})}.items() if value is not None}
        return httpx.Request(route.method, route.url, params=query, headers=kept, content=content)

    async def _send(self, step: str, request: httpx.Request, attempts: int) -> Reply:
        self._count += 1
        number, start = self._count, time.monotonic()
        status, headers, body, failure = 0, {}, bytearray(), ""
        try:
            async with asyncio.timeout(self.limits.seconds):
                answer = await self._http.send(request, stream=True)
                try:
                    status, headers = answer.status_code, {k.lower(): v for k, v in answer.headers.items()}
                    async for piece in answer.aiter_bytes():
                        body += piece
                        if len(body) > self.limits.bytes:
                            failure = f"the reply is longer than {self.limits.bytes} bytes"
                            break
                finally:
                    await answer.aclose()
        except TimeoutError:
            failure = f"no complete answer within {self.limits.seconds:g} s"
        except httpx.ConnectError as error:
            failure = f"cannot connect: {self.redactor.text(str(error))}"
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict) as error:
            failure = f"the answer broke off: {self.redactor.text(str(error)) or type(error).__name__}"
        reply = Reply(
            status=0 if failure else status,
            headers=headers,
            body=b"" if failure else bytes(body),
            failure=failure,
            seconds=time.monotonic() - start,
            attempts=attempts,
            number=number,
        )
        self._silent = self._silent + 1 if failure else 0
        self._timeouts += failure.startswith("no complete answer")
        self._record(step, request, status, headers, bytes(body[:65536]), reply)
        return reply

    def _record(self, step: str, request: httpx.Request, status: int, headers: dict[str, str], body: bytes, reply: Reply) -> None:
        echoed = body.decode("utf-8", errors="replace") + "\n" + "\n".join(headers.values())
        if self.redactor.holds(echoed):
            self.leaks.append(f"{step} (exchange {reply.number})")
        self.exchanges.append(
            Exchange(
                number=reply.number,
                step=step,
                method=request.method,
                url=self.redactor.text(str(request.url)),
                request_headers=self.redactor.headers(dict(request.headers)),
                request_body=self.redactor.body(request.content),
                status=status,
                reply_headers=self.redactor.headers(headers),
                reply_body=self.redactor.body(body),
                failure=self.redactor.text(reply.failure),
                seconds=reply.seconds,
            )
        )
