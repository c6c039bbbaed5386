"""Chat endpoints on 127.0.0.1 that speak the wire format of the vendors, and answer as a test tells them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

RIGHT: dict[str, tuple[str, str, str]] = {
    "ssn": ("national_id", "ssn", "yes"), "email": ("email", "", "yes"), "first_name": ("name", "", "yes"),
    "city": ("address", "", "yes"), "amount": ("financial_amount", "", "yes"), "aml_flag": ("compliance", "aml_flag", "yes"),
    "card_number": ("payment_card", "", "yes"), "cvv": ("card_security_code", "", "yes"),
}  # fmt: skip
"""What a good model says; every other column is none."""


@dataclass(kw_only=True)
class Said:
    """One answer of the stub: content (text, or blocks), why it ended, HTTP status and headers, or how it misbehaves."""

    content: Any = ""
    finish: str | None = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    refusal: str = ""
    trickle: float = 0.0
    drop: bool = False


@dataclass
class Stub:
    """A running stub: its address, the requests it got, and what answers them."""

    base: str
    answer: Callable[[dict[str, Any], int], Said]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    streams: bool = True


def columns_asked(request: dict[str, Any]) -> list[str]:
    """Return the columns of a prompt, as a model would read them."""
    user = next(m["content"] for m in request["messages"] if m["role"] == "user")
    lines = [json.loads(line) for line in user.splitlines() if line.startswith("{")]
    return [line["column"] for line in lines if "column" in line]


def entry(column: str, label: str = "none", subtype: str = "", protect: str = "no", **more: Any) -> dict[str, Any]:
    """Return one entry of an answer."""
    return {
        "column": column,
        "label": label,
        "subtype": subtype,
        "protect": protect,
        "confidence": 0.9,
        "reason": "by its name",
    } | more


def good(request: dict[str, Any]) -> str:
    """Return the answer of a good model."""
    rows = [entry(c, *RIGHT.get(c, ("none", "", "no"))) for c in columns_asked(request)]
    return json.dumps({"columns": rows})


@contextmanager
def running_stub(answer: Callable[[dict[str, Any], int], Said]) -> Iterator[Stub]:
    """Run a stub on a free port; `answer` gets the request and its number from 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stub = Stub(base=f"http://127.0.0.1:{port}", answer=answer)
    lock = threading.Lock()

    async def chat(request: Request) -> Response:
        body = await request.json()
        with lock:
            number = len(stub.requests)
            stub.requests.append(body)
            stub.headers.append(dict(request.headers))
        return _respond(stub.answer(body, number), body)

    routes = [Route(path, chat, methods=["POST"]) for path in ("/v1/chat/completions", "/serving-endpoints/chat/completions")]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield stub
    finally:
        server.force_exit = server.should_exit = True
        thread.join(5)


def _respond(said: Said, request: dict[str, Any]) -> Response:
    if said.status != 200:
        body = said.body or {"error": {"message": f"the stub says {said.status}", "code": "STUB"}}
        return JSONResponse(body, status_code=said.status, headers=said.headers)
    if said.body is not None:
        return Response(said.body, media_type="text/html")
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    head = {"id": "x", "created": 1, "model": request["model"]}
    if not request.get("stream"):
        message = {"role": "assistant", "content": said.content} | ({"refusal": said.refusal} if said.refusal else {})
        choice = {"index": 0, "message": message, "finish_reason": said.finish}
        return JSONResponse(head | {"object": "chat.completion", "choices": [choice], "usage": usage})

    async def events() -> AsyncIterator[str]:
        part = head | {"object": "chat.completion.chunk"}
        pieces = [said.content] if isinstance(said.content, list) else _pieces(said.content)
        for piece in pieces:
            await asyncio.sleep(said.trickle)
            yield _event(part | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        if said.drop:
            raise ConnectionResetError
        delta = {"refusal": said.refusal} if said.refusal else {}
        yield _event(part | {"choices": [{"index": 0, "delta": delta, "finish_reason": said.finish}]})
        yield _event(part | {"choices": [], "usage": usage})
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _pieces(text: str) -> list[str]:
    return [text[n : n + 40] for n in range(0, len(text), 40)]


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document)}\n\n"
