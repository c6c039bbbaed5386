"""The definition of a fault of the reference partner, and the answers that it changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply of the reference partner before it is written to the wire."""

    status: int
    fields: dict[str, Any] | None = None
    raw: bytes | None = None
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to be broken. `cases` and `checks` are exactly those that fail under the config named `config`.

    `when` holds words of the situation that must all be met (and `unless` words that must not); the other fields say
    what changes in the answer then. A fault without them is a switch that the partner's rules look at by name.
    """

    name: str
    about: str
    cases: str = ""
    checks: str = ""
    config: str = "auto_add"
    when: str = ""
    unless: str = ""
    status: int | None = None
    put: dict[str, Any] = field(default_factory=dict)
    drop: str = ""
    raw: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: bool = False

    @property
    def changes_answers(self) -> bool:
        """Tell whether the fault works on answers (else it is a switch)."""
        return bool(self.when)

    def strikes(self, situation: frozenset[str]) -> bool:
        """Tell whether the fault strikes in this situation."""
        return self.changes_answers and set(self.when.split()) <= situation and not set(self.unless.split()) & situation

    def change(self, answer: Answer, address: str) -> Answer:
        """Return the broken answer."""
        dropped = set(self.drop.split())
        fields = {k: v for k, v in (answer.fields or {}).items() if k not in dropped}
        for key, value in self.put.items():
            fields[key] = value.replace("{address}", address) if isinstance(value, str) else value
        keeps = answer.fields is None and not self.put
        return replace(
            answer,
            status=self.status or answer.status,
            fields=None if keeps else fields,
            raw=self.raw if self.raw is not None else answer.raw,
            content_type=self.content_type or answer.content_type,
            headers={**answer.headers, **self.headers},
            delay=self.delay,
            drip=self.drip,
            cut=self.cut,
        )


def error(status: int, reason: str) -> dict[str, Any]:
    """Return what turns an answer into an error."""
    return {"status": status, "put": {"error_reason": reason}, "drop": _FIELDS}


_FIELDS = "redirect_uri redirect_value connection_id user_status account_status configured_resources resource_status test_results"
HTML: dict[str, Any] = {"raw": b"<!doctype html><title>Welcome</title><p>Hello", "content_type": "text/html"}
MISSING: dict[str, Any] = {"status": 404, **HTML}
FRESH = "create new-user new-account plain"
