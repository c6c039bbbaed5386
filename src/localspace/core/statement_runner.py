"""The border between the statement API and the SQL engine.

The control plane knows statements only through these shapes; `localspace.sql.run.build_runner` makes the real runner,
and tests may put any other behind the same API.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryView:
    """A temporary view of a session: the query's text, what it was written under, and the views that it may name.

    Only the text is kept. It is analysed each time a statement names the view, with the rights of that statement's principal.
    """

    name: str
    query: str
    catalog: str
    schema: str
    views: tuple[TemporaryView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRequest:
    """One statement of one principal; `parameters` are (name, type or None, value or None), `views` those of its session.

    `job` is the job and its run, by id, when a task of the run sent the statement.
    """

    statement: str
    principal_id: str
    principal_name: str
    catalog: str | None = None
    schema: str | None = None
    parameters: tuple[tuple[str, str | None, str | None], ...] = ()
    row_limit: int | None = None
    statement_id: str = ""
    job: tuple[str, str] | None = None
    views: tuple[TemporaryView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementResult:
    """Rows as the statement API returns them: each cell a string or None; columns are (name, type_text, type_name)."""

    columns: tuple[tuple[str, str, str], ...] = ()
    rows: list[list[str | None]] = field(default_factory=list)
    truncated: bool = False


class SqlError(Exception):
    """A statement that failed: what the platform would put into `status.error` and `status.sql_state`."""

    def __init__(self, error_class: str, message: str, sql_state: str = "XX000", error_code: str = "BAD_REQUEST") -> None:
        """Make an error; the message is given without the leading `[CLASS]`."""
        super().__init__(f"[{error_class}] {message}")
        self.error_class = error_class
        self.message = message
        self.sql_state = sql_state
        self.error_code = error_code


class CancelToken:
    """Carries a cancel request from the API to the running statement."""

    def __init__(self) -> None:
        """Make a token that is not cancelled."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Return whether somebody asked to stop."""
        return self._event.is_set()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when cancelled, at once if that has happened already."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def cancel(self) -> None:
        """Ask the statement to stop; a second call does nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()


class StatementRunner(Protocol):
    """Runs statements; called from several threads at once, never from the event loop."""

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        """Run one statement to its end; raises SqlError."""
        ...

    def warm(self) -> None:
        """Start the engine without waiting for it."""
        ...

    def close(self) -> None:
        """Free the engine; the runner is not used afterwards."""
        ...
