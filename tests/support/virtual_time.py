"""Time that passes by waiting, shared by threads whose waits overlap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class VirtualTime:
    """A clock: two threads that begin to wait together for 5 s end together, after 5 s.

    A wait begins when its thread last read the clock, which the loops that wait do just before. `passed` gets the seconds by
    which time moves on.
    """

    def __init__(self, passed: Callable[[float], object] = lambda _: None) -> None:
        """Start at 0."""
        self._time = 0.0
        self._passed = passed
        self._read = threading.local()
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time, and note it as the thread's."""
        self._read.time = self._time
        return self._time

    def sleep(self, seconds: float) -> None:
        """Move the time on, and let other threads run."""
        with self._lock:
            gain = getattr(self._read, "time", self._time) + seconds - self._time
            if gain > 0:
                self._time += gain
                self._passed(gain)
            self._read.time = self._time
        time.sleep(0.0002)
