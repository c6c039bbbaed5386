"""The retries of a task."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from localspace.core.statement_runner import CancelToken
from localspace.core.stored_documents.job_settings import StoredTask
from localspace.jobs.terminal_states import TerminalState


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """When a task is run again: at most `most` times (-1: without limit), after `millis`; a timeout only with `on_timeout`."""

    most: int
    millis: int
    on_timeout: bool

    @classmethod
    def of(cls, task: StoredTask) -> RetryRule:
        """Read the rule from the settings of a task; by default it is not retried."""
        return cls(
            most=task.get("max_retries") or 0,
            millis=task.get("min_retry_interval_millis") or 0,
            on_timeout=bool(task.get("retry_on_timeout")),
        )

    def allows(self, ended: TerminalState, tries: int, *, cancelled: bool) -> bool:
        """Return whether retry number `tries` may follow; `cancelled`: the token of the attempt was cancelled."""
        # A time limit cancels the token as well, so a cancelled token forbids a retry only without a timeout.
        again = self.on_timeout if ended.result == "TIMEDOUT" else ended.result == "FAILED" and not cancelled
        return again and (self.most < 0 or tries <= self.most)

    def pause(self, token: CancelToken) -> None:
        """Wait before the retry, or until the token is cancelled."""
        if self.millis:
            woken = threading.Event()
            token.on_cancel(woken.set)
            woken.wait(self.millis / 1000)
