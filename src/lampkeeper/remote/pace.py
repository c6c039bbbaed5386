"""The pace of a workspace's calls: after a throttled call all wait for its Retry-After, and fewer go side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lampkeeper.remote.clock import Clock
from lampkeeper.remote.polling import PollPolicy, wait_until

MOST = 8
"""How many calls may go side by side before the limit that a throttled call sets is forgotten."""
_GROWTH = 0.25
"""By how much a limit of 1 grows with each success: a collision at a narrow platform should stay the exception."""

_LOOKS = PollPolicy.every(0.25)


@dataclass(slots=True)
class Turn:
    """The turn of one call with all its tries; `number` counts the calls of a workspace."""

    number: int


class Pace:
    """Shared by the threads that call one workspace.

    Until a call is throttled, any number go side by side. After one, half as many tries as there were go side by side, those of
    the oldest calls first, so that no call starves; each success raises the limit a little.
    """

    def __init__(self, clock: Clock) -> None:
        """Use the clock of the workspace."""
        self._clock = clock
        self._changed = threading.Condition()
        self._next = 0
        self._begun = 0
        self._waiting: set[int] = set()
        self._sending = 0
        self._limit: float | None = None
        self._free_at = 0.0

    @property
    def limit(self) -> int | None:
        """Return how many tries may go side by side, None for any number."""
        return None if self._limit is None else int(self._limit)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for the turn of a new call; its time to try again runs from here, not while it waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._limit is None or self._begun < int(self._limit))
            self._begun += 1
            self._next += 1
            turn = Turn(self._next)
        try:
            self._hold()
            yield turn
        finally:
            with self._changed:
                self._begun -= 1
                self._changed.notify_all()

    @contextmanager
    def sending(self, turn: Turn) -> Iterator[None]:
        """Wait until a try of the call may be sent."""
        with self._changed:
            self._waiting.add(turn.number)
            try:
                self._changed.wait_for(self._may_send(turn.number))
            finally:
                self._waiting.discard(turn.number)
            self._sending += 1
        try:
            self._hold()
            yield
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()

    def throttled(self, seconds: float) -> None:
        """Note that a try was throttled, with a Retry-After of so many seconds (0 if it had none)."""
        with self._changed:
            self._free_at = max(self._free_at, self._clock.now() + seconds)
            self._limit = max(1.0, (self._begun if self._limit is None else self._limit) / 2)

    def succeeded(self) -> None:
        """Note that a call was performed."""
        if self._limit is None:
            return
        with self._changed:
            if self._limit is not None:
                self._limit += _GROWTH / self._limit
                if self._limit > MOST:
                    self._limit = None
                self._changed.notify_all()

    def _may_send(self, number: int) -> Callable[[], bool]:
        def may_send() -> bool:
            if self._limit is None:
                return True
            older = sum(other < number for other in self._waiting)
            return older < int(self._limit) - self._sending

        return may_send

    def _hold(self) -> None:
        wait_until(lambda: self._free_at - self._clock.now(), lambda left: left <= 0, _LOOKS, self._clock)
