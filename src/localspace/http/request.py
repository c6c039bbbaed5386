"""One request as a handler sees it, and one route as the table lists it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from localspace.core.errors import ApiError, invalid
from localspace.core.principals import Principal
from localspace.governance.repositories import Repositories
from localspace.http.request_schemas.types import NOTHING, FieldType
from localspace.http.serialisation import Reply
from localspace.http.services import Services

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request body that a route takes unless the route declares another limit."""


class Plane(StrEnum):
    """Where a route belongs: what the caller must be let into."""

    OPEN = "open"  # no token
    ACCOUNT = "account"
    WORKSPACE = "workspace"
    CONTROL = "control"  # the admin token of the local workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, read and authenticated."""

    services: Services
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    principal: Principal | None = None
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: FieldType = NOTHING
    """What the route takes in its body."""

    @property
    def repositories(self) -> Repositories:
        """Return the repositories of the workspace."""
        return self.services.repositories

    @property
    def actor(self) -> Principal:
        """Return the caller; raises 401 on an open route."""
        if self.principal is None:
            raise ApiError(401, "UNAUTHENTICATED", "This call needs a token.")
        return self.principal

    @property
    def body(self) -> dict[str, Any]:
        """Return the declared fields of the JSON object that was sent, {} for none; raises 400 for anything else."""
        if not self.raw.strip():
            return {}
        try:
            found = json.loads(self.raw)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "MALFORMED_REQUEST", "Invalid JSON given in the body of the request.") from error
        if not isinstance(found, dict):
            raise ApiError(400, "MALFORMED_REQUEST", "The body of the request must be a JSON object.")
        read: dict[str, Any] = self.schema.read(found, "")
        return read

    def changes(self, operation: str) -> dict[str, Any]:
        """Return the body of a PATCH, which must hold a change (source: databricks/cli issue 6340, Nothing to update)."""
        found = self.body
        if not found:
            raise invalid(f"{operation} Nothing to update.")
        return found

    def needed(self, name: str) -> str:
        """Return a query parameter that must be there."""
        value = self.query.get(name)
        if not value:
            raise invalid(f"Missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter, false when absent."""
        return self.query.get(name, "").lower() == "true"


def field_of(body: Mapping[str, Any], name: str) -> str:
    """Return a string field that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"Missing required field: {name}")
    return value


HandlerResult = Reply | Mapping[str, Any] | list[Any]
Handler = Callable[[Request], HandlerResult | Awaitable[HandlerResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the REST surface.

    `sdk` names the SDK methods that it serves, as `Service.method` with the SDK's class name without `API`; `partial`
    says in words what is missing; `reads` marks a POST that changes nothing.
    """

    method: str
    path: str
    handler: Handler
    sdk: tuple[str, ...] = ()
    plane: Plane = Plane.WORKSPACE
    partial: str = ""
    reads: bool = False
    max_body: int = MAX_BODY

    @property
    def mutating(self) -> bool:
        """Return whether the operation is a write: such calls are counted and can be killed."""
        return self.method != "GET" and not self.reads
