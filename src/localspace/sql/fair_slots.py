"""Which statement runs next: each principal has few slots of its own, and the last slots are for who has nothing running."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

TOTAL = 24
EACH = 4
KEPT = 8
"""Slots that only a principal with nothing running may take."""


class FairSlots:
    """Threads shared by principals; work of one principal starts in the order of its arrival."""

    def __init__(self, total: int = TOTAL, each: int = EACH, kept: int = KEPT) -> None:
        """Run at most `total` at once, `each` of one principal; `kept` slots are for principals with nothing running."""
        self._total, self._each, self._kept = total, each, kept
        self._pool = ThreadPoolExecutor(total, thread_name_prefix="statement")
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._running: Counter[str] = Counter()
        self._closed = False

    def submit(self, principal: str, work: Callable[[], None]) -> None:
        """Run `work`, which raises nothing, when its principal's turn has come."""
        with self._lock:
            self._waiting.setdefault(principal, deque()).append(work)
            self._start()

    def close(self) -> None:
        """Drop what waits and wait until what runs has ended."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        self._pool.shutdown(wait=True)

    def _start(self) -> None:
        while not self._closed:
            free = self._total - self._running.total()
            ready = [one for one in self._waiting if self._may_start(one, free)]
            if not ready:
                return
            # The principal with the fewest running statements is next; among equals, the one that has waited longest.
            principal = min(ready, key=lambda one: self._running[one])
            queue = self._waiting.pop(principal)
            work = queue.popleft()
            if queue:
                self._waiting[principal] = queue
            self._running[principal] += 1
            self._pool.submit(self._work, principal, work)

    def _may_start(self, principal: str, free: int) -> bool:
        running = self._running[principal]
        return free > 0 if running == 0 else running < self._each and free > self._kept

    def _work(self, principal: str, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._running[principal] -= 1
                if not self._running[principal]:
                    del self._running[principal]
                self._start()
