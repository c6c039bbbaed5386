"""The application: reads a request, authenticates it, runs its handler, answers; faults and deaths happen here."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from localspace.api.visibility import hide_legacy, require_metastore
from localspace.connect.endpoint import ConnectEndpoint
from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.faults import milliseconds_since, without_secrets
from localspace.core.principals import Principal
from localspace.core.store import KeyNameError
from localspace.http.request import MAX_BODY, HandlerResult, Plane, Request, Route
from localspace.http.request_schemas import schema_of
from localspace.http.router import Router
from localspace.http.serialisation import Reply, error_reply
from localspace.server.account import Account
from localspace.server.hosts import Host, Hosts
from localspace.server.routes import ROUTES

KILLED = 137

_log = logging.getLogger("localspace.server.app")


class _DroppedError(Exception):
    """The connection goes away without an answer, as when the process dies."""


class App:
    """The ASGI application over the hosts of an account."""

    def __init__(self, account: Account, hosts: Hosts) -> None:
        """Serve `account` on its `hosts`."""
        self._ids = account.ids
        self._faults = account.faults
        self._hosts = hosts
        self._router = Router(ROUTES)

    def connect_at(self, port: int) -> ConnectEndpoint:
        """Return the endpoint that the connection proxy leads Spark Connect to."""
        return self._hosts.at(port).services.connect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes end at once."""
        if scope["type"] != "http":
            return
        try:
            host = self._hosts.at(scope["server"][1])
            reply = await self._serve(host, scope, receive)
        except (_DroppedError, KeyError):
            await _drop(send)
            return
        headers = dict(reply.headers)
        if host.workspace is not None:
            headers = {"x-databricks-org-id": host.workspace.workspace_id, **headers}
        response = Response(reply.encoded(), reply.status, headers, reply.media_type)
        await response(scope, receive, send)

    async def _serve(self, host: Host, scope: Scope, receive: Receive) -> Reply:
        start = time.perf_counter()
        method = scope["method"]
        raw_path = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0].decode("latin-1")
        control = raw_path.startswith("/_localspace/")
        faults = self._faults
        if faults.dropped and not control:
            raise _DroppedError
        found = self._router.find(method, raw_path)
        limit = found[0].max_body if found else MAX_BODY
        raw, size = await _body(receive, limit, _declared(scope))
        caller: list[Principal] = []
        try:
            if size > limit:
                said = f"File size imported is ({size} bytes), exceeded max size ({limit} bytes)"
                raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", said)
            reply = await self._answer(host, scope, raw_path, raw, found, caller)
        except _DroppedError:
            raise
        except ApiError as error:
            reply = error_reply(error, scim="/scim/v2/" in raw_path and error.error_code != "ENDPOINT_NOT_FOUND")
        except (KeyNameError, UnicodeEncodeError):
            reply = error_reply(invalid("A name or text holds a character that cannot be stored."))
        except Exception as error:
            # A defect of localspace: the client gets the platform's error body, the trace goes to the server's log.
            _log.exception("%s %s failed", method, raw_path)
            reply = error_reply(ApiError(500, "INTERNAL_ERROR", f"{type(error).__name__} in the local workspace."))
        if not control:
            route = found[0] if found else None
            faults.log(
                method=method,
                path=unquote(raw_path),
                query=scope["query_string"].decode("latin-1"),
                operation=route.handler.__module__.rsplit(".", 1)[-1] + "." + route.handler.__name__ if route else "",
                principal=caller[0].name if caller else "",
                status=reply.status,
                duration_ms=milliseconds_since(start),
                workspace="" if host.workspace is None else host.workspace.workspace_id,
                mutating=bool(route and self._writes(route, raw)),
                body=without_secrets(raw_path, raw) if faults.keep_bodies else None,
                answer=without_secrets(raw_path, reply.encoded()) if faults.keep_bodies else None,
            )
        return reply

    async def _answer(
        self,
        host: Host,
        scope: Scope,
        raw_path: str,
        raw: bytes,
        found: tuple[Route, dict[str, str]] | None,
        caller: list[Principal],
    ) -> Reply:
        method = scope["method"]
        if found is None:
            raise ApiError(
                501,
                "NOT_IMPLEMENTED",
                f"The local workspace does not serve {method} {unquote(raw_path)}. "
                "GET /_localspace/coverage lists what it serves.",
            )
        route, params = found
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host.require(route, unquote(raw_path))
        principal = self._admit(host, route, headers, params)
        if principal is not None:
            caller.append(principal)
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        request = Request(
            services=host.services,
            method=method,
            path=unquote(raw_path),
            params=params,
            query=dict(pairs),
            repeated={name: tuple(value for key, value in pairs if key == name) for name, _ in pairs},
            headers=headers,
            raw=raw,
            principal=principal,
            schema=schema_of(route.method, route.path),
        )
        if route.plane is Plane.CONTROL:
            return await _run(route, request)
        return await self._with_faults(route, request)

    async def _with_faults(self, route: Route, request: Request) -> Reply:
        faults = self._faults
        fault = faults.hit(request.method, request.path, "before")
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1000)
            error = fault.error()
            if error is not None:
                return _with_headers(error_reply(error), fault.headers)
        death = faults.count_write() if self._writes(route, request.raw) else None
        if death == "before":
            self._die()
        reply = await _run(route, request)
        if death == "after":
            if reply.effect is not None:
                await asyncio.wait({asyncio.wrap_future(reply.effect)})
            self._die()
        fault = faults.hit(request.method, request.path, "after")
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1000)
            error = fault.error()
            if error is not None:
                return _with_headers(error_reply(error), fault.headers)
        return reply

    def _admit(self, host: Host, route: Route, headers: dict[str, str], params: dict[str, str]) -> Principal | None:
        if route.plane is Plane.OPEN:
            return None
        principal = host.services.authenticator.caller(headers)
        repositories = host.services.repositories
        if route.plane is Plane.CONTROL and principal.id != self._ids.admin_id:
            raise denied("The control API needs the admin token of the local workspace.")
        if params.get("account_id", self._ids.account_id) != self._ids.account_id:
            raise not_found(f"Account {params['account_id']} does not exist here.")
        if route.plane is Plane.WORKSPACE and not repositories.identity.in_workspace(principal.id):
            raise denied(f"Principal {principal.name} is not assigned to workspace {repositories.ids.workspace_id}.")
        return principal

    @staticmethod
    def _writes(route: Route, raw: bytes) -> bool:
        if route.path in ("/api/2.0/sql/statements", "/api/2.0/localspace/sql") and route.method == "POST":
            from localspace.api.statements import writes_by_body

            return writes_by_body(raw)
        return route.mutating

    def _die(self) -> None:
        kill = self._faults.kill
        if kill is not None and kill.mode == "drop":
            self._faults.dropped = True
            raise _DroppedError
        # No answer, no clean-up: this is kill -9 from inside.
        os._exit(KILLED)


async def _run(route: Route, request: Request) -> Reply:
    if route.path.startswith("/api/2.1/unity-catalog/"):
        require_metastore(request)
        hide_legacy(request)
    answer: Any = route.handler(request)
    if asyncio.iscoroutine(answer):
        answer = await answer
    return _as_reply(answer)


def _as_reply(answer: HandlerResult) -> Reply:
    return answer if isinstance(answer, Reply) else Reply(body=answer)


def _with_headers(reply: Reply, headers: dict[str, str]) -> Reply:
    return Reply(body=reply.body, status=reply.status, headers={**reply.headers, **headers})


def _declared(scope: Scope) -> int:
    """Return the size of the body as the client says it, 0 when it does not."""
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(found) if found.isdigit() else 0


async def _body(receive: Receive, limit: int, declared: int = 0) -> tuple[bytes, int]:
    """Return the body and its size; of a body above the limit nothing is kept, but it is read to its end.

    A client that is still sending would otherwise lose the answer to a broken connection.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise _DroppedError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit and declared <= limit:
            parts.append(part)
        else:
            parts.clear()
        if not message.get("more_body"):
            return b"".join(parts), size


async def _drop(send: Send) -> None:
    # uvicorn gives an application no way to hang up, so the transport is taken from the cycle that owns `send`.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)
