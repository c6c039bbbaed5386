"""Requests to apps, below `/apps/{name}`, with the headers that the platform adds (source: platform docs, Apps, HTTP headers).

The caller signs in with a bearer token and needs CAN USE. The token itself does not reach the app: with user authorization
(`user_api_scopes`, `forward_user_access_token`) the app gets a token of its own for the user, which lives for an hour.
"""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

import httpx

from localspace.api.apps import app_for
from localspace.core.errors import ApiError
from localspace.core.ledger import rule
from localspace.core.stored_documents.apps import StoredApp
from localspace.http.request import Request, Route
from localspace.http.serialisation import Reply

_SECONDS = 300.0
_TOKEN_SECONDS = 3_600
_LOG_BYTES = 1_000_000
_DROPPED = frozenset(
    ("authorization", "cookie", "host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade")
)
"""Headers of a request that do not reach the app; those that begin with `x-forwarded-` do not either."""

_ANSWERED = frozenset(("content-type", "location", "cache-control", "etag", "last-modified", "content-disposition"))


async def forward(request: Request) -> Reply:
    """Send a request on to the app, as its caller, and return the answer."""
    app = app_for(request, "CAN_USE")
    process = request.services.apps.of(app["name"])
    if process is None or process.exit_code is not None:
        raise ApiError(503, "TEMPORARILY_UNAVAILABLE", f"App {app['name']} does not run.")
    query = urlencode([(name, value) for name, values in request.repeated.items() for value in values])
    path = request.params.get("path", "")
    address = f"http://127.0.0.1:{process.port}/{path}" + (f"?{query}" if query else "")
    headers = _headers(request, app)
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.request(request.method, address, headers=headers, content=request.raw)
    except httpx.HTTPError as error:
        raise ApiError(502, "BAD_GATEWAY", f"App {app['name']} does not answer: {type(error).__name__}.") from error
    shown = {name: value for name, value in answer.headers.items() if name in _ANSWERED}
    media = shown.pop("content-type", "application/octet-stream")
    return Reply(body=answer.content, status=answer.status_code, headers=shown, media_type=media)


def logs(request: Request) -> Reply:
    """Return the end of what an app has written to its output; needs CAN MANAGE."""
    app = app_for(request, "CAN_MANAGE")
    file = request.services.apps.log(app["name"])
    found = file.read_bytes()[-_LOG_BYTES:] if file.is_file() else b""
    return Reply(body=found, media_type="text/plain; charset=utf-8")


@rule("LS-153")
def _headers(request: Request, app: StoredApp) -> dict[str, str]:
    kept = {
        name: value for name, value in request.headers.items() if name not in _DROPPED and not name.startswith("x-forwarded-")
    }
    user = request.actor
    kept |= {
        "x-forwarded-host": request.services.location.address.split("://", 1)[-1],
        "x-forwarded-user": f"{user.id}@{request.repositories.ids.workspace_id}",
        "x-forwarded-preferred-username": user.display_name,
        "x-forwarded-email": user.name,
        "x-real-ip": "127.0.0.1",
        "x-request-id": str(uuid.uuid4()),
    }
    if app.get("user_api_scopes") or app.get("forward_user_access_token"):
        said = f"app {app['name']}"
        token, _ = request.services.authenticator.mint(user.id, comment=said, lifetime_seconds=_TOKEN_SECONDS, scope="oauth")
        kept["x-forwarded-access-token"] = token
    return kept


_APP = "/apps/{name}"
ROUTES = (
    Route(method="GET", path="/api/2.0/localspace/apps/{name}/logs", handler=logs),
    *(
        Route(method=method, path=path, handler=forward)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for path in (_APP, _APP + "/{path*}")
    ),
)
