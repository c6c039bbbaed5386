"""Maps every failure of a request to RemoteError, and decides which failures are worth another try."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lampkeeper.model.errors import RemoteError

if TYPE_CHECKING:
    # Imported when a failure is read, so that the command line starts without the SDK.
    from databricks.sdk.errors.base import DatabricksError

_SECRET_SHAPES = re.compile(r"(?i)(bearer\s+)[\w.\-~+/=]+|\bdapi[0-9a-z\-]{8,}|\bdose[0-9a-f]{16,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_SDK_CONFIG = re.compile(r"\.? Config: .*\Z", re.S)
_STATUS_BY_CODE = {
    "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_CONFLICT": 409, "ALREADY_EXISTS": 409, "RESOURCE_ALREADY_EXISTS": 409, "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429, "REQUEST_LIMIT_EXCEEDED": 429, "INTERNAL_ERROR": 500, "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}  # fmt: skip
_STATUS_BY_CLASS = {
    "BadRequest": 400, "Unauthenticated": 401, "PermissionDenied": 403, "NotFound": 404, "ResourceConflict": 409,
    "TooManyRequests": 429, "InternalError": 500, "NotImplemented": 501, "TemporarilyUnavailable": 503,
    "DeadlineExceeded": 504,
}  # fmt: skip
_FIXES = {
    401: "the token is missing, wrong or expired: renew it in auth.auto.tfvars or in your profile",
    403: "ask an admin for the privilege that the message names; `lampkeeper plan` lists all missing privileges at once",
    409: "the object exists already or has changed meanwhile: plan again",
    429: "the platform is throttling: run the command again later",
    503: "the platform is unavailable for now: run the command again later",
}

_UNREACHED = "check the host and the network, then run again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to retry, in seconds: `deadline` for throttling and lost responses, `lag` for propagation delay.

    Sources: a new tag value is usable in a policy only after 20 to 30 s and a new tag assignable after about 30 s (field
    reports); parallel writes of tag policies abort and have to be retried (Terraform provider issue 5070).
    """

    http: float = 15.0
    deadline: float = 45.0
    lag: float = 90.0
    first_pause: float = 0.5
    longest_pause: float = 8.0


class RetryClassifier:
    """Recognises failures that pass by themselves."""

    THROTTLED = frozenset({429, 503})
    _RACES = ("Operation aborted due to concurrent modification",)
    _PROPAGATION_DELAYS = (
        re.compile(r"UC_INVALID_POLICY_CONDITION.*(Invalid tag value|Unknown tag policy key)", re.S),
        re.compile(r"(Invalid tag value|Unknown tag policy key).*UC_INVALID_POLICY_CONDITION", re.S),
        re.compile(r"is not an allowed value for tag policy key"),
    )

    @classmethod
    def race(cls, error: RemoteError) -> bool:
        """Return whether a concurrent write won and this one was not performed."""
        return error.code in {"ABORTED", "CONCURRENT_MODIFICATION"} or any(text in error.message for text in cls._RACES)

    @classmethod
    def lag(cls, error: RemoteError) -> bool:
        """Return whether a recent write (of a tag value, a tag key, a principal) has not propagated yet."""
        text = f"{error.code} {error.message}"
        return any(pattern.search(text) for pattern in cls._PROPAGATION_DELAYS) or error.code == "PRINCIPAL_DOES_NOT_EXIST"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets and without anything shaped like a token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _SECRET_SHAPES.sub(lambda m: f"{m.group(1) or ''}***", text)


def status_of(error: DatabricksError) -> int:
    """Return the HTTP status of an SDK error; the SDK keeps it only as the exception's class."""
    for found in type(error).__mro__:
        if found.__name__ in _STATUS_BY_CLASS:
            return _STATUS_BY_CLASS[found.__name__]
    return _STATUS_BY_CODE.get(str(error.error_code or ""), 400)


def translate(error: BaseException, doing: str, secrets: Iterable[str] = ()) -> RemoteError:
    """Return the RemoteError for an exception of the SDK or of the connection below it; `doing` describes the request."""
    import requests
    from databricks.sdk.errors.base import DatabricksError

    if isinstance(error, TimeoutError) and error.__cause__ is not None:
        return translate(error.__cause__, doing, secrets)
    if isinstance(error, RemoteError):
        return error
    if isinstance(error, DatabricksError):
        status = status_of(error)
        code = str(error.error_code or type(error).__name__.upper())
        text = redact(_SDK_CONFIG.sub("", str(error)), secrets)
        return RemoteError(f"{doing}: {text} ({code}, HTTP {status})", code=code, status=status, fix=_FIXES.get(status, ""))
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return RemoteError(f"{doing}: the server does not respond", code="NO_ANSWER", fix=_UNREACHED)
    if isinstance(error, requests.exceptions.ConnectionError):
        return RemoteError(f"{doing}: cannot reach the server", code="NO_CONNECTION", fix=_UNREACHED)
    return RemoteError(f"{doing}: {redact(str(error), secrets)}", code=type(error).__name__)


def never_sent(error: BaseException) -> bool:
    """Return whether a request certainly did not reach the server, so that even a POST may be repeated."""
    import requests

    cause = error.__cause__ if isinstance(error, TimeoutError) and error.__cause__ is not None else error
    return isinstance(cause, requests.exceptions.ConnectTimeout) or (
        isinstance(cause, requests.exceptions.ConnectionError) and "NewConnectionError" in repr(cause)
    )
