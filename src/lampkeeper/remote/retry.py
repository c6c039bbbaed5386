"""The one loop that tries again, and the one that looks again is in `polling`; callers give policies, not loops."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clock import Clock

T = TypeVar("T")

Draw = Callable[[], float]
"""Returns a random number from 0 up to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses in seconds: `first`, each next one `factor` times as long, at most `longest`.

    `jitter` is the share of a pause that is random, so that clients which failed together do not come back together.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0

    def pauses(self, draw: Draw = random.random) -> Iterator[float]:
        """Yield pauses without end."""
        pause = self.first
        while True:
            yield pause * (1 - self.jitter * draw())
            pause = min(pause * self.factor, self.longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed try: the error to raise, and until when another try may help.

    `within` is the number of seconds after the start of the first try during which another one may begin; 0 for a failure that
    does not pass. `after` is the wait in seconds from the Retry-After header. `tries` is the limit for this kind.
    """

    problem: RemoteError
    within: float = 0.0
    after: float = 0.0
    tries: int | None = None


class Classifier(Protocol):
    """Judges what a try raised."""

    def __call__(self, error: Exception) -> Failure | None:
        """Return the failure, or None for an error that is none of the remote side's: it is raised as it is."""
        ...


def retry(send: Callable[[], T], classify: Classifier, backoff: Backoff, clock: Clock, draw: Draw = random.random) -> T:
    """Return what `send` returns, trying again while its failures may pass; raise the RemoteError of the last one.

    A server that asks to wait longer than there is time is not asked again.
    """
    start = clock.now()
    for tries, pause in enumerate(backoff.pauses(draw), 1):
        try:
            return send()
        except Exception as error:
            failure = classify(error)
            if failure is None:
                raise
            left = failure.within - (clock.now() - start)
            if left <= 0 or failure.after > left or (failure.tries is not None and tries >= failure.tries):
                raise failure.problem from None
        clock.sleep(min(max(pause, failure.after), left))
    raise AssertionError("pauses never end")
