"""Requests as the reference partner reads them: parsed once, every rule of the contract applied."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from partnercert import contract

_EMAIL = re.compile(r"[^@\s]+@(?P<domain>[^@\s]+)")
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, reason: str, message: str, shown: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.shown = shown


def bad_request(message: str) -> RefusedError:
    """Return a 400."""
    return RefusedError(400, "bad_request", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectCall:
    """A valid ConnectRequest."""

    email: str
    workspace_id: int
    cloud: str
    demo: bool
    connection_id: str | None
    details: dict[str, Any]

    @property
    def domain(self) -> str:
        """Return the account's key."""
        return self.email.rpartition("@")[2]


def parse(body: bytes, schema: str) -> dict[str, Any]:
    """Parse a body by a schema of the contract. Raises RefusedError."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise bad_request("the body is not JSON") from error
    problems = contract.schema_problems(schema, value)
    if problems:
        # Only the places: a message could quote a token that was put into the wrong field.
        raise bad_request("broken fields: " + ", ".join(p.partition(":")[0] for p in problems))
    assert isinstance(value, dict)
    return value


def connect_call(value: dict[str, Any]) -> ConnectCall:
    """Apply the rules that the schema cannot say. Raises RefusedError."""
    user = value["user_info"]
    if value["workspace_id"] != user["databricks_organization_id"]:
        raise bad_request("workspace_id differs from databricks_organization_id")
    established = user["is_connection_established"]
    if established and "connection_id" not in value:
        raise bad_request("connection_id is missing")
    return ConnectCall(
        email=email_key(user["email"]),
        workspace_id=value["workspace_id"],
        cloud=cloud_key(value["cloud_provider"]),
        demo=value["demo"],
        connection_id=value["connection_id"] if established else None,
        details=value,
    )


def email_key(email: str) -> str:
    """Return an address in lower case (ASCII only). Raises RefusedError when it is none."""
    match = _EMAIL.fullmatch(email)
    if match is None or _DOMAIN.fullmatch(match["domain"]) is None:
        raise bad_request("email is not an address")
    return ascii_lower(email)


def ascii_lower(text: str) -> str:
    """Return text with A-Z in lower case; other scripts keep their case."""
    return text.translate({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})


def cloud_key(name: str) -> str:
    """Return the cloud's name, the alias `gpc` resolved."""
    return "gcp" if name == "gpc" else name


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
