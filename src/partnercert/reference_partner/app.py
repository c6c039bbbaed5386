"""The reference partner over HTTP: the check order of the contract, one route an operation."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from databricks.sdk.errors.base import DatabricksError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from partnercert.config import PartnerConfig
from partnercert.contract import Operation, routes
from partnercert.reference_partner.faults import Answer, Fault
from partnercert.reference_partner.loader import LoadError, load, publish
from partnercert.reference_partner.mutants import coerced, read_connect
from partnercert.reference_partner.partner import Partner
from partnercert.reference_partner.requests import RefusedError, bad_request, cloud_key, connect_call, email_key, parse

MAX_BODY = 1 << 20
_PAGES = ("trial", "signin", "join", "purchase")


def build(config: PartnerConfig, *, user: str, password: str, address: str = "", faults: Iterable[Fault] = ()) -> Starlette:
    """Return the service as an ASGI app for a config; `address` is its base URL when it differs from the config's."""
    service = _Service(config, user=user, password=password, address=address or config.base_url, faults=tuple(faults))
    app = Starlette()
    app.mount("/", service)
    app.state.partner = service.partner
    return app


class _Service:
    def __init__(self, config: PartnerConfig, *, user: str, password: str, address: str, faults: tuple[Fault, ...]) -> None:
        names = {fault.name for fault in faults}
        self._user, self._password, self._faults = user, password, faults
        self._broken = names.__contains__
        self.partner = Partner(config, address, self._broken)
        self._config = config
        prefix = urlsplit(config.base_url).path.rstrip("/")
        self._operations = {(route.method, urlsplit(route.url).path): operation for operation, route in routes(config).items()}
        self._paths = {path for _, path in self._operations}
        self._pages = {f"{prefix}/{name}": name for name in _PAGES}
        plan = config.certification.workspace
        self._hook = f"{prefix}{plan.trigger_path}" if plan and plan.trigger_path else None
        self._calls = self._flying = 0
        self._last_id = ""
        self._handlers: dict[Operation, Callable[[bytes, Request], dict[str, Any] | None]] = {
            Operation.CONNECT: self._connect,
            Operation.TEST: self._test,
            Operation.DELETE_CONNECTION: self._delete_connection,
            Operation.DELETE_ACCOUNT: self._delete_account,
            Operation.EXPIRE: self._expire,
            Operation.CONNECTORS: self._connectors,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.partner.situation = frozenset()
        try:
            answer = await self._answer(request)
        except RefusedError as refusal:
            fields = {"error_reason": refusal.reason, "debugging_message": str(refusal)}
            if refusal.shown:
                fields["display_message"] = refusal.shown
            answer = Answer(status=refusal.status, fields=fields)
        situation = self.partner.situation
        for fault in self._faults:
            if fault.strikes(situation):
                answer = fault.change(answer, self.partner.address)
        await _write(answer, scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        path = request.url.path
        if path in self._pages and request.method in ("GET", "HEAD"):
            self.partner.situation = frozenset({"page", self._pages[path]})
            return Answer(status=200, raw=b"<!doctype html><title>Reference partner</title>", content_type="text/html")
        if path == self._hook and request.method == "POST":
            self._authenticate(request, "hook")
            return await self._run_hook(await request.body())
        if path not in self._paths:
            raise RefusedError(404, "bad_request", "no such path")
        operation = self._operations.get((request.method, path))
        if operation is None:
            raise RefusedError(405, "bad_request", "no such method")
        self._authenticate(request, operation)
        if request.headers.get("user-agent") != "databricks" and not self._broken("user_agent_not_checked"):
            raise bad_request("User-Agent is not databricks")
        body = await self._body(request, operation)
        self._flying += 1
        try:
            if operation is Operation.CONNECT and self._broken("ids_collide"):
                await asyncio.sleep(0.005)
            fields = self._handlers[operation](body, request)
            if fields and "connection_id" in fields and self._broken("ids_collide"):
                fields["connection_id"] = self._last_id if self._flying > 1 and self._last_id else fields["connection_id"]
                self._last_id = fields["connection_id"]
        finally:
            self._flying -= 1
        if fields is None:
            return Answer(status=200, content_type=None)
        return Answer(status=200, fields=fields)

    def _authenticate(self, request: Request, operation: str) -> None:
        if operation == Operation.CONNECT and self._broken("no_auth_on_connect"):
            return
        if operation == Operation.CONNECTORS and self._broken("connectors_open"):
            return
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        user, _, password = given.partition(":")
        same_user = hmac.compare_digest(user.encode(), self._user.encode())
        same = hmac.compare_digest(password.encode(), self._password.encode()) or self._broken("password_not_checked")
        if scheme.lower() != "basic" or not given or not (same_user and same):
            raise RefusedError(401, "unauthorized", "wrong or missing credentials")

    async def _body(self, request: Request, operation: Operation) -> bytes:
        if operation is Operation.CONNECTORS:
            return b""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(415, "bad_request", "Content-Type is not application/json")
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise RefusedError(413, "bad_request", f"the body is longer than {MAX_BODY} bytes")
        return bytes(body)

    def _connect(self, body: bytes, request: Request) -> dict[str, Any]:
        self._calls += 1
        value = read_connect(body, self._broken)
        call = connect_call(value)
        if self._broken("busy_500") and self._calls % 2:
            raise RefusedError(500, "general_error", "try again")
        reply = self.partner.connect(call)
        if self._broken("token_echoed"):
            reply["debugging_message"] = str(value["user_info"].get("auth"))
        if self._broken("flaky_500") and self._calls % 2:
            raise RefusedError(500, "general_error", "try again")
        return reply

    def _test(self, body: bytes, request: Request) -> dict[str, Any]:
        return self.partner.test(parse(body, "ConnectionInfo")["connection_id"])

    def _delete_connection(self, body: bytes, request: Request) -> dict[str, Any]:
        value = parse(coerced(body, "DeleteConnectionRequest", self._broken), "DeleteConnectionRequest")
        cloud = cloud_key(value["cloud_provider"])
        self.partner.situation = frozenset({"delete-connection"})
        return self.partner.delete_connection(value["connection_id"], value["databricks_organization_id"], cloud)

    def _delete_account(self, body: bytes, request: Request) -> None:
        self.partner.delete_account(parse(body, "AccountInfo")["domain"])

    def _expire(self, body: bytes, request: Request) -> None:
        value = parse(body, "AccountUserInfo")
        self.partner.situation = frozenset({"expire"})
        email = value["email"].replace("@ ", "@").strip(" .") if self._broken("expire_trimmed") else value["email"]
        self.partner.expire(email_key(email), value["databricks_user_id"])

    def _connectors(self, body: bytes, request: Request) -> dict[str, Any]:
        token = request.query_params.get("pagination_token", "")
        self.partner.situation = frozenset({"connectors"})
        page = self.partner.connectors(token)
        self.partner.situation = frozenset({"connectors", "listed"})
        return page

    async def _run_hook(self, body: bytes) -> Answer:
        self.partner.situation = frozenset({"hook"})
        connection_id = parse(body, "ConnectionInfo")["connection_id"]
        connection = self.partner.connections.get(connection_id)
        if connection is None:
            raise RefusedError(404, "connection_not_found", "no such connection")
        plan = self._config.certification.workspace
        schema, table = plan.schema if plan else "partnercert", f"loaded_{connection_id[:8]}"
        try:
            if plan and plan.mode == "notebook":
                report = await asyncio.to_thread(publish, connection.details, plan.notebook_path, self._broken)
            else:
                report = await asyncio.to_thread(load, connection.details, schema, table, self._broken)
        except (LoadError, DatabricksError) as error:
            raise RefusedError(500, "general_error", f"the workspace refused: {type(error).__name__}") from error
        return Answer(status=200, fields=report)


async def _write(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    if answer.delay:
        await asyncio.sleep(answer.delay)
    raw = answer.raw
    if raw is None:
        raw = b"" if answer.fields is None else json.dumps(answer.fields).encode()
    headers = dict(answer.headers)
    if answer.content_type:
        headers["content-type"] = answer.content_type
    if answer.status == 401:
        headers["www-authenticate"] = 'Basic realm="partner"'
    if answer.cut:
        headers["content-length"] = str(len(raw))
        await send({"type": "http.response.start", "status": answer.status, "headers": _wire(headers)})
        await send({"type": "http.response.body", "body": raw[: len(raw) // 2], "more_body": True})
        raise ConnectionResetError("broken off on purpose")
    response: Response
    if answer.drip:
        response = StreamingResponse(_drops(raw, answer.drip), status_code=answer.status, headers=headers)
    else:
        response = Response(raw, status_code=answer.status, headers=headers)
    await response(scope, receive, send)


async def _drops(raw: bytes, pause: float) -> AsyncIterator[bytes]:
    for index in range(len(raw)):
        await asyncio.sleep(pause)
        yield raw[index : index + 1]


def _wire(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
