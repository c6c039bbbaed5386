"""Serving endpoints: a list, and chat completions with registered stub responses."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from localspace.core.errors import ApiError, already_exists, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredServingEndpoint, StoredStubResponse
from localspace.governance.object_permissions import LEVELS, levels_held, may_see, require_level
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json

_SYSTEM = "FOUNDATION_MODEL_API"


def listed(request: Request) -> Json:
    """List the endpoints that the caller may see; the platform's own show to everybody."""
    stored = request.repositories.store.list(kinds.SERVING_ENDPOINT)
    return {"endpoints": [_info(request, one) for one in stored if _shows(request, one)]}


def get(request: Request) -> Json:
    """Return one endpoint."""
    return _info(request, _endpoint(request, request.params["name"], "CAN_VIEW"))


def create(request: Request) -> Json:
    """Create an endpoint; it is ready at once."""
    body = request.body
    name = field_of(body, "name")
    if not re.fullmatch(r"[\w-]{1,63}", name):
        raise invalid("An endpoint name has 1 to 63 letters, digits, dashes and underscores.")
    if request.repositories.store.get(kinds.SERVING_ENDPOINT, name) is not None:
        raise already_exists(f"Serving endpoint with name {name} already exists", status=400)
    now = request.repositories.clock.now_ms()
    fields = body | {
        "name": name,
        "id": uuid.uuid4().hex,
        "creator": request.actor.name,
        "creation_timestamp": now,
        "last_updated_timestamp": now,
        "task": body.get("task") or "llm/v1/chat",
        "endpoint_type": "EXTERNAL_MODEL",
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
    }
    new = kinds.SERVING_ENDPOINT.document(fields)
    request.repositories.store.put(kinds.SERVING_ENDPOINT, (name,), new)
    return _info(request, new)


def delete(request: Request) -> Json:
    """Delete an endpoint."""
    found = _endpoint(request, request.params["name"], "CAN_MANAGE")
    if found["endpoint_type"] == _SYSTEM:
        raise denied("An endpoint of the platform cannot be deleted.")
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.SERVING_ENDPOINT, found["name"])
        request.repositories.store.delete(kinds.STUB_RESPONSE, found["name"])
    return {}


def invoke(request: Request) -> Json:
    """Answer a chat request to the endpoint in the path."""
    return _chat(request, request.params["name"], request.body)


def completions(request: Request) -> Json:
    """Answer an OpenAI-shaped chat request; `model` names the endpoint."""
    return _chat(request, field_of(request.body, "model"), request.body)


def reply_of(stub_response: StoredStubResponse, messages: list[Json], times: int) -> Any:
    """Return the content of a stub response to a conversation, the `times`-th use of it (from 0).

    canned: `replies`, one after the other, the last one for ever. rules: `rules` of {pattern, reply}, the first whose
    pattern is found in the last message, else `default`. echo: the last message. error: `status`, `error_code`,
    `message`. A reply is text, or a list of content blocks as some models answer.
    """
    last = _text_of(messages[-1].get("content"))
    kind = stub_response["kind"]
    if kind == "canned":
        replies = stub_response.get("replies") or [""]
        return replies[min(times, len(replies) - 1)]
    if kind == "echo":
        return last
    if kind == "error":
        raise ApiError(
            int(stub_response.get("status", 500)),
            stub_response.get("error_code", "INTERNAL_ERROR"),
            stub_response.get("message", "The model failed."),
        )
    for rule in stub_response.get("rules") or ():
        if re.search(rule["pattern"], last, re.S):
            return rule["reply"]
    return stub_response.get("default", "")


def _chat(request: Request, name: str, body: Json) -> Json:
    endpoint = _endpoint(request, name, "CAN_QUERY")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise invalid("messages must be a list with at least one message.")
    if body.get("stream"):
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace does not stream answers.")
    stub_response = request.repositories.store.get(kinds.STUB_RESPONSE, name)
    if stub_response is None:
        raise ApiError(
            501,
            "NOT_IMPLEMENTED",
            f"No stub response is registered for endpoint '{name}'. PUT /_localspace/stub-responses/{name} registers one.",
        )
    times = request.services.stub_calls.get(name, 0)
    request.services.stub_calls[name] = times + 1
    content = reply_of(stub_response, messages, times)
    asked, given = (len(_text_of(one)) // 4 + 1 for one in (json.dumps(messages), content))
    return {
        "id": f"chatcmpl_{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": request.repositories.clock.now_ms() // 1000,
        "model": endpoint["name"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given},
    }


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(one.get("text", "")) for one in content if isinstance(one, dict))
    return "" if content is None else str(content)


def _info(request: Request, endpoint: StoredServingEndpoint) -> Json:
    """Return an endpoint with the caller's own level on it."""
    found = kinds.SERVING_ENDPOINT.answer(endpoint)
    name, owner = endpoint["name"], endpoint.get("creator")
    held = levels_held(request.repositories, request.actor, "serving-endpoints", name, owner)
    strongest = [one for one in LEVELS["serving-endpoints"] if one in held]
    return found | {"permission_level": strongest[-1] if strongest else "CAN_QUERY"}


def _endpoint(request: Request, name: str, level: str) -> StoredServingEndpoint:
    found = request.repositories.store.get(kinds.SERVING_ENDPOINT, name)
    if found is None:
        raise not_found(f"Endpoint with name '{name}' does not exist.")
    if found["endpoint_type"] != _SYSTEM:
        require_level(request.repositories, request.actor, "serving-endpoints", name, level, owner=found.get("creator"))
    return found


def _shows(request: Request, endpoint: StoredServingEndpoint) -> bool:
    if endpoint["endpoint_type"] == _SYSTEM:
        return True
    return may_see(request.repositories, request.actor, "serving-endpoints", endpoint["name"], endpoint.get("creator"))


_BASE = "/api/2.0/serving-endpoints"
ROUTES = (
    Route(method="GET", path=_BASE, handler=listed, sdk=("ServingEndpoints.list",)),
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("ServingEndpoints.create",),
        partial="no model is loaded: registered stub responses answer",
    ),
    Route(method="GET", path=_BASE + "/{name}", handler=get, sdk=("ServingEndpoints.get",)),
    Route(method="DELETE", path=_BASE + "/{name}", handler=delete, sdk=("ServingEndpoints.delete",)),
    Route(
        method="POST",
        path="/serving-endpoints/{name}/invocations",
        handler=invoke,
        sdk=("ServingEndpoints.query",),
        reads=True,
        partial="chat only, no streaming",
    ),
    Route(method="POST", path="/serving-endpoints/chat/completions", handler=completions, reads=True),
)
