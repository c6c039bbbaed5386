"""The clock of the engine, which tests replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Reads the time and waits."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        time.sleep(seconds)
