"""Maps every failure of a request to RemoteError, and decides which failures are worth another try."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.retry import Backoff, Failure

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

_BACKOFF = Backoff(first=0.5, longest=8.0, jitter=0.25)
_UNREACHED = "check the host and the network, then run again"
_UNTRUSTED = (
    "name the file with your network's certificate authority: export REQUESTS_CA_BUNDLE=FILE (for lampkeeper)"
    " and SSL_CERT_FILE=FILE (for the Databricks CLI), then run again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to retry, in seconds: `deadline` for throttling and lost responses, `lag` for propagation delay.

    Sources: a new tag value is usable in a policy only after 20 to 30 s and a new tag assignable after about 30 s (field
    reports); parallel writes of tag policies abort and have to be retried (Terraform provider issue 5070).
    """

    http: float = 15.0
    deadline: float = 45.0
    lag: float = 90.0
    backoff: Backoff = _BACKOFF


class FailureKind(StrEnum):
    """The kinds of failed calls, by whether a retry may help."""

    FINAL = "final"
    """It would fail in the same way."""
    THROTTLED = "throttled"
    RACE = "race"
    """A concurrent write won, and this one was not performed."""
    LAG = "lag"
    """A recent write (of a tag value, a tag key, a principal) has not propagated yet."""
    NEVER_SENT = "never sent"
    LOST = "lost"
    """No response was received, so the call was performed or not."""


THROTTLED = frozenset({429, 503})
"""Statuses of calls that may succeed later."""
_RACES = ("Operation aborted due to concurrent modification",)
_PROPAGATION_DELAYS = (
    re.compile(r"UC_INVALID_POLICY_CONDITION.*(Invalid tag value|Unknown tag policy key)", re.S),
    re.compile(r"(Invalid tag value|Unknown tag policy key).*UC_INVALID_POLICY_CONDITION", re.S),
    re.compile(r"is not an allowed value for tag policy key"),
)


def kind_of(problem: RemoteError, error: BaseException) -> FailureKind:
    """Return what a failure was; `problem` is the translation of `error`."""
    text = f"{problem.code} {problem.message}"
    if any(pattern.search(text) for pattern in _PROPAGATION_DELAYS) or problem.code == "PRINCIPAL_DOES_NOT_EXIST":
        return FailureKind.LAG
    if problem.code in {"ABORTED", "CONCURRENT_MODIFICATION"} or any(text in problem.message for text in _RACES):
        return FailureKind.RACE
    if problem.status in THROTTLED:
        return FailureKind.THROTTLED
    if problem.code in {"NO_ANSWER", "NO_CONNECTION"}:
        return FailureKind.NEVER_SENT if _never_sent(error) else FailureKind.LOST
    return FailureKind.FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClassifier:
    """Judges what a call to the workspace raised.

    `doing` names the call in errors; `repeatable`: doing it twice is harmless; `piles_up`: doing it twice makes two objects, so
    after a 503 without Retry-After, which may come after the effect, it is not done again.
    """

    doing: str
    repeatable: bool
    timeouts: Timeouts
    secrets: tuple[str, ...] = ()
    piles_up: bool = False

    def __call__(self, error: Exception) -> Failure | None:
        """Return the failure; None for an error that neither the SDK nor the connection raises."""
        if not isinstance(error, OSError | ValueError):
            return None
        problem, timeouts = translate(error, self.doing, self.secrets), self.timeouts
        kind = kind_of(problem, error)
        # A try takes up to `http` seconds until its answer counts as lost.
        lost = timeouts.deadline - timeouts.http
        within = {
            FailureKind.THROTTLED: timeouts.deadline, FailureKind.RACE: timeouts.deadline, FailureKind.LAG: timeouts.lag,
            FailureKind.NEVER_SENT: lost, FailureKind.LOST: lost if self.repeatable else 0.0,
        }.get(kind, 0.0)  # fmt: skip
        after = float(getattr(_cause(error), "retry_after_secs", None) or 0.0)
        if self.piles_up and not after and may_have_happened(problem, error):
            within = 0.0
        return Failure(problem=problem, within=within, after=after)


def may_have_happened(problem: RemoteError, error: BaseException) -> bool:
    """Return whether a call that failed so may have been performed: no response came, or one of a gateway before the API."""
    return problem.status >= 500 or kind_of(problem, error) is FailureKind.LOST


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

    error = _cause(error)
    if isinstance(error, RemoteError):
        return error
    if isinstance(error, DatabricksError):
        status = status_of(error)
        code = str(error.error_code or type(error).__name__.upper())
        text = redact(_SDK_CONFIG.sub("", str(error)), secrets)
        return RemoteError(f"{doing}: {text} ({code}, HTTP {status})", code=code, status=status, fix=_FIXES.get(status, ""))
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return RemoteError(f"{doing}: the server does not respond", code="NO_ANSWER", fix=_UNREACHED)
    if isinstance(error, requests.exceptions.SSLError):
        return RemoteError(f"{doing}: the server's certificate is not trusted here", code="NO_CONNECTION", fix=_UNTRUSTED)
    if isinstance(error, requests.exceptions.ConnectionError):
        return RemoteError(f"{doing}: cannot reach the server", code="NO_CONNECTION", fix=_UNREACHED)
    return RemoteError(f"{doing}: {redact(str(error), secrets)}", code=type(error).__name__)


def _cause(error: BaseException) -> BaseException:
    """Return what the SDK gave up on: it wraps the failure of its last try."""
    return error.__cause__ if isinstance(error, TimeoutError) and error.__cause__ is not None else error


def _never_sent(error: BaseException) -> bool:
    """Return whether a request certainly did not reach the server, so that even a POST may be repeated."""
    import requests

    cause = _cause(error)
    return isinstance(cause, requests.exceptions.ConnectTimeout) or (
        isinstance(cause, requests.exceptions.ConnectionError) and "NewConnectionError" in repr(cause)
    )
