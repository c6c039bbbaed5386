"""The errors that the local workspace answers with, as values that need no HTTP."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error of the API: HTTP status, the platform's error code, a message for people."""

    def __init__(self, status: int, error_code: str, message: str, details: list[dict[str, Any]] | None = None) -> None:
        """Make an error; `details` are extra google.rpc details."""
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.details = details or []


def invalid(message: str, error_code: str = "INVALID_PARAMETER_VALUE") -> ApiError:
    """Return a 400."""
    return ApiError(400, error_code, message)


def denied(message: str) -> ApiError:
    """Return a 403."""
    return ApiError(403, "PERMISSION_DENIED", message)


def not_found(message: str, error_code: str = "RESOURCE_DOES_NOT_EXIST") -> ApiError:
    """Return a 404."""
    return ApiError(404, error_code, message)


def already_exists(message: str, error_code: str = "RESOURCE_ALREADY_EXISTS", status: int = 409) -> ApiError:
    """Return a conflict; Unity Catalog answers it with status 400, newer APIs with 409."""
    return ApiError(status, error_code, message)
