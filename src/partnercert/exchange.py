"""What went over the wire: replies to judge, and transcripts with every secret taken out before they are kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
_SECRET_KEYS = frozenset(
    {"personal_access_token", "service_principal_oauth_secret", "oauth_token", "authorization", "cookie", "set-cookie"}
)
_KEPT_BODY = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A partner's answer, raw; `failure` says why there is none (status is then 0)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""
    seconds: float = 0.0
    attempts: int = 1
    number: int = 0

    @property
    def media_type(self) -> str:
        """Return the media type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the parsed body. Raises ValueError when it is not strict JSON in UTF-8."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def fields(self) -> dict[str, Any]:
        """Return the body's JSON object, or nothing when it is none."""
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def describe(self) -> str:
        """Say in a few words what came back."""
        if self.failure:
            return self.failure
        reason = self.fields().get("error_reason")
        hint = " (wrong BASIC_USER or BASIC_PASSWORD?)" if self.status == 401 else ""
        return f"HTTP {self.status}" + (f" {reason}" if isinstance(reason, str) else "") + hint


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


class Redactor:
    """Take secrets out of text: by key, and by value in each form in which a partner could echo them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: list[str] = []
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Remember one more secret; the empty string is none."""
        if not secret:
            return
        forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]}
        self._values = sorted(set(self._values) | forms, key=lambda v: (-len(v), v))

    def holds(self, text: str) -> bool:
        """Tell whether a text holds a secret of at least eight characters (shorter ones occur by chance)."""
        return any(value in text for value in self._values if len(value) >= 8)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets, hiding fields that are secret by name."""
        if isinstance(value, dict):
            return {
                self.text(str(k)): HIDDEN if str(k).lower() in _SECRET_KEYS and v is not None else self.value(v)
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return headers without secrets."""
        return {k: HIDDEN if k.lower() in _SECRET_KEYS else self.text(v) for k, v in headers.items()}

    def body(self, body: bytes) -> str:
        """Return a body as text without secrets, shortened."""
        text = body[: _KEPT_BODY * 8].decode("utf-8", errors="replace")
        try:
            text = json.dumps(self.value(json.loads(text)), ensure_ascii=False)
        except (ValueError, RecursionError):
            text = self.text(text)
        more = f" … ({len(body)} bytes)" if len(text) > _KEPT_BODY or len(body) > _KEPT_BODY * 8 else ""
        return text[:_KEPT_BODY] + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its reply, already redacted."""

    number: int
    step: str
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int
    reply_headers: dict[str, str]
    reply_body: str
    failure: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the exchange as a JSON object."""
        return {
            "number": self.number,
            "step": self.step,
            "request": {
                "method": self.method,
                "url": self.url,
                "headers": self.request_headers,
                "body": self.request_body,
            },
            "reply": {
                "status": self.status,
                "headers": self.reply_headers,
                "body": self.reply_body,
                "failure": self.failure,
            },
            "seconds": round(self.seconds, 4),
        }
