"""The clock of the engine, which tests replace."""

from __future__ import annotations

import threading
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


class SingleTryClock:
    """The clock of the SDK's clients: `sleep` returns at once and advances the time.

    The SDK's own retry loop repeats a POST without a response, and sleeps as long as the Retry-After header requires. With a time
    limit of a second and this clock it tries once. Each thread has its own time, because threads share a client.
    """

    def __init__(self) -> None:
        self._skipped = threading.local()

    def time(self) -> float:
        """Return seconds since the epoch, and those that the thread slept."""
        return time.time() + float(getattr(self._skipped, "seconds", 0.0))

    def sleep(self, seconds: float) -> None:
        """Skip the time."""
        self._skipped.seconds = float(getattr(self._skipped, "seconds", 0.0)) + seconds


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        time.sleep(seconds)
