"""The four exceptions; `cli/main.py` alone turns them into exit codes."""

from __future__ import annotations


class LampkeeperError(Exception):
    """Base of our exceptions: a message for a person, and what to do about it."""

    exit_code = 4

    def __init__(self, message: str, *, fix: str = "") -> None:
        """Keep the message and the fix apart, so that reports can show both."""
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(LampkeeperError):
    """Wrong use: unknown env, bad flag pair, unreadable or malformed file. Exit 2."""

    exit_code = 2


class UnsafePlanError(LampkeeperError):
    """A plan was refused: it widens access, is stale, or touches what is not ours. Exit 3."""

    exit_code = 3


class RemoteError(LampkeeperError):
    """The platform said no: denied, gone, exists, or transient after retries. Exit 4.

    `code` is the platform's error code or error class, `status` the HTTP status (0 when there was no answer).
    """

    exit_code = 4

    def __init__(self, message: str, *, code: str = "", status: int = 0, fix: str = "") -> None:
        """Keep code and status for callers that decide by them."""
        super().__init__(message, fix=fix)
        self.code = code
        self.status = status


class InternalError(LampkeeperError):
    """A law of our own was broken: a bug. Exit 70, as sysexits.h has it for internal software errors."""

    exit_code = 70
