"""The four exceptions; only `cli/main.py` turns them into exit codes."""

from __future__ import annotations


class LampkeeperError(Exception):
    """Base of the exceptions: a message for people, and a fix.

    `sentence` says both on one line, with the step and the environment, once a step of a job knows them.
    """

    exit_code = 4
    sentence = ""

    def __init__(self, message: str, *, fix: str = "") -> None:
        """Keep the message and the fix apart, so that reports can show both."""
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(LampkeeperError):
    """Wrong use: unknown environment, contradicting options, unreadable or malformed file. Exit 2."""

    exit_code = 2


class UnsafePlanError(LampkeeperError):
    """A plan was refused: it widens access, is stale, or changes objects of other owners. Exit 3."""

    exit_code = 3


class RemoteError(LampkeeperError):
    """The platform refused a request: denied, not found, exists, or a transient failure after retries. Exit 4.

    `code` is the platform's error code or error class, `status` the HTTP status (0 without a response). `repeated`: an earlier
    try of the call failed in a way after which it may have been performed all the same, so "it exists" may mean just that.
    """

    exit_code = 4

    def __init__(self, message: str, *, code: str = "", status: int = 0, fix: str = "", repeated: bool = False) -> None:
        """Keep code and status for callers that depend on them."""
        super().__init__(message, fix=fix)
        self.code = code
        self.status = status
        self.repeated = repeated


class InternalError(LampkeeperError):
    """An invariant of lampkeeper was violated: a bug. Exit 70, as in sysexits.h for internal software errors."""

    exit_code = 70


def as_internal(error: Exception) -> InternalError:
    """Return any other exception as one of a bug, with its type and message."""
    return InternalError(f"internal error: {type(error).__name__}: {error}", fix="run again with --debug and report it")
