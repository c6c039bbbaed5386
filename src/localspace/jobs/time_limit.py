"""The time that a task may take."""

from __future__ import annotations

import threading

from localspace.core.statement_runner import CancelToken


class TimeLimit:
    """Cancels a token after some seconds; 0 means without limit."""

    def __init__(self, seconds: float, token: CancelToken) -> None:
        """Start the clock."""
        self.seconds = seconds
        self.reached = False
        self._token = token
        self._timer = threading.Timer(seconds, self._reach)
        self._timer.daemon = True
        if seconds:
            self._timer.start()

    def lift(self) -> None:
        """Stop the clock."""
        self._timer.cancel()

    def _reach(self) -> None:
        self.reached = True
        self._token.cancel()
