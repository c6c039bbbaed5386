"""Serialisation: JSON replies, error bodies, pages."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from localspace.core.errors import ApiError, invalid

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: a JSON value or ready text; `effect` is done when a write that outlives the answer has happened."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    effect: Future[None] | None = None

    def encoded(self) -> bytes:
        """Return the bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str) and self.media_type != "application/json":
            return self.body.encode()
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def error_reply(error: ApiError, *, scim: bool = False) -> Reply:
    """Return the reply for an error; SCIM paths have a format of their own (source: RFC 7644, 3.12)."""
    request_id = str(uuid.uuid4())
    if scim and error.status not in (401, 403, 501):
        body: Json = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "detail": error.message,
            "status": str(error.status),
        }
        if error.status == 400:
            body["scimType"] = "invalidValue"
    else:
        details = [
            *error.details,
            {
                "@type": "type.googleapis.com/google.rpc.RequestInfo",
                "request_id": request_id,
                "serving_data": "",
            },
        ]
        body = {"error_code": error.error_code, "message": error.message, "details": details}
    return Reply(status=error.status, body=body, headers={"x-request-id": request_id})


def whole_number(text: str | None, name: str, default: int) -> int:
    """Return a number of a query; raises 400 for anything else or a negative one."""
    if text is None or text == "":
        return default
    try:
        number = int(text)
    except ValueError as error:
        raise invalid(f"{name} must be a whole number, not '{text}'.") from error
    if number < 0:
        raise invalid(f"{name} must not be negative.")
    return number


def page(
    items: Iterable[Any], query: Mapping[str, str], field_name: str, *, size_name: str = "max_results", most: int = 1000
) -> Json:
    """Return one page of `items` with `next_page_token` when there is more; no size or 0 means the largest page.

    Of an iterator no more is taken than the page needs.
    """
    size = whole_number(query.get(size_name), size_name, 0) or most
    size = min(size, most)
    start = _offset(query.get("page_token"))
    found = list(islice(items, start, start + size + 1))
    body: Json = {field_name: found[:size]}
    if len(found) > size:
        body["next_page_token"] = base64.urlsafe_b64encode(f"from:{start + size}".encode()).decode().rstrip("=")
    return body


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        word, _, number = text.partition(":")
        if word == "from":
            return int(number)
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise invalid("Invalid page token.") from error
    raise invalid("Invalid page token.")
