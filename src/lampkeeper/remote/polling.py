"""The one loop that looks again until something is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lampkeeper.remote.clock import Clock
from lampkeeper.remote.retry import Backoff

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """When to look again: pauses that may grow, and for how many seconds; None for as long as it takes."""

    backoff: Backoff
    limit: float | None = None

    @classmethod
    def every(cls, seconds: float, limit: float | None = None) -> PollPolicy:
        """Return a policy with equal pauses."""
        return cls(backoff=Backoff(first=seconds, longest=seconds), limit=limit)


def wait_until(look: Callable[[], T], done: Callable[[T], bool], policy: PollPolicy, clock: Clock) -> T:
    """Return the first result that is `done`, or the last one at the limit, which the caller must check.

    The first call of `look` is immediate and the last one at the limit; an exception of `look` ends the wait.
    """
    start = clock.now()
    for pause in policy.backoff.pauses():
        seen = look()
        if done(seen):
            return seen
        left = pause if policy.limit is None else policy.limit - (clock.now() - start)
        if left <= 0:
            return seen
        clock.sleep(min(pause, left))
    raise AssertionError("pauses never end")
