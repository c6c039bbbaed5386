"""Trying again and looking again: bounded in time and number, as long as the server asks, never what is final."""

from __future__ import annotations

import itertools

import pytest
import requests
from databricks.sdk.errors.platform import InternalError, NotFound, ResourceConflict, TemporarilyUnavailable, TooManyRequests
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clock import SingleTryClock
from lampkeeper.remote.failures import CallClassifier, FailureKind, Timeouts, kind_of, translate
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.retry import Backoff, Failure, retry

pytestmark = pytest.mark.unit

PROBLEM = RemoteError("no", code="X")
seconds = st.floats(0.01, 100, allow_nan=False)
backoffs = st.builds(Backoff, first=seconds, longest=seconds, factor=st.floats(1, 4), jitter=st.floats(0, 1))


class FakeClock:
    """Time that passes by sleeping, and by the work done between."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Failing:
    """Something that takes a while and fails so often before it works."""

    def __init__(self, clock: FakeClock, failures: int, takes: float = 0.0) -> None:
        self.clock, self.left, self.takes = clock, failures, takes
        self.began: list[float] = []

    def __call__(self) -> str:
        self.began.append(self.clock.now())
        self.clock.time += self.takes
        if self.left:
            self.left -= 1
            raise TimeoutError
        return "done"


@given(backoff=backoffs, failures=st.integers(0, 30), takes=seconds, within=seconds, draw=st.floats(0, 1, exclude_max=True))
def test_no_try_begins_after_the_time_and_every_one_before_it_is_made(
    backoff: Backoff, failures: int, takes: float, within: float, draw: float
) -> None:
    clock = FakeClock()
    send = Failing(clock, failures, takes)
    try:
        answer = retry(send, lambda _: Failure(problem=PROBLEM, within=within), backoff, clock, lambda: draw)
    except RemoteError:
        answer = "late"
    assert (answer == "done") == (len(send.began) == failures + 1 and send.left == 0)
    assert answer == "done" or clock.time >= within
    assert all(began <= within + 1e-6 for began in send.began)
    assert all(pause <= max(backoff.longest, backoff.first) for pause in clock.slept)


@given(backoff=backoffs, after=seconds, within=seconds)
def test_a_server_is_never_asked_earlier_than_it_asked(backoff: Backoff, after: float, within: float) -> None:
    clock = FakeClock()
    send = Failing(clock, 3)
    failure = Failure(problem=PROBLEM, within=within, after=after)
    try:
        retry(send, lambda _: failure, backoff, clock)
    except RemoteError:
        assert len(send.began) <= 3
    assert all(pause >= after - 1e-6 for pause in clock.slept)


@given(backoff=backoffs, most=st.integers(1, 5))
def test_the_number_of_tries_has_an_end_too(backoff: Backoff, most: int) -> None:
    send = Failing(FakeClock(), 99)
    with pytest.raises(RemoteError):
        retry(send, lambda _: Failure(problem=PROBLEM, within=1e9, tries=most), backoff, send.clock)
    assert len(send.began) == most


def test_what_is_final_is_raised_at_once_and_what_is_not_the_remote_sides_as_it_is() -> None:
    send = Failing(FakeClock(), 99)
    with pytest.raises(RemoteError):
        retry(send, lambda _: Failure(problem=PROBLEM), Backoff(first=1, longest=1), send.clock)
    with pytest.raises(TimeoutError):
        retry(send, lambda _: None, Backoff(first=1, longest=1), send.clock)
    assert send.clock.slept == []


@given(first=seconds, longest=seconds, jitter=st.floats(0, 1), draw=st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_by_its_share_at_most(first: float, longest: float, jitter: float, draw: float) -> None:
    plain = Backoff(first=first, longest=longest).pauses()
    varied = Backoff(first=first, longest=longest, jitter=jitter).pauses(lambda: draw)
    for whole, pause, _ in zip(plain, varied, range(6), strict=False):
        assert whole * (1 - jitter) - 1e-9 <= pause <= whole


@given(backoff=backoffs, looks=st.integers(1, 12), limit=st.none() | seconds)
def test_looking_ends_when_it_is_so_or_with_a_last_look_at_the_limit(backoff: Backoff, looks: int, limit: float | None) -> None:
    clock = FakeClock()
    seen: list[float] = []

    def look() -> int:
        seen.append(clock.now())
        return len(seen)

    last = wait_until(look, lambda number: number == looks, PollPolicy(backoff=backoff, limit=limit), clock)
    assert last == len(seen)
    if last != looks:
        assert limit is not None
        assert seen[-1] == pytest.approx(limit)
    assert seen[0] == 0
    assert clock.slept == [pytest.approx(b - a) for a, b in itertools.pairwise(seen)]


LOST = requests.exceptions.ReadTimeout("read timed out")
UNREACHED = requests.exceptions.ConnectTimeout("no route")


@pytest.mark.parametrize(
    ("error", "kind", "within", "once"),
    [
        (TooManyRequests("slow down", retry_after_secs=7), FailureKind.THROTTLED, 45, 45),
        (TemporarilyUnavailable("later"), FailureKind.THROTTLED, 45, 45),
        (ResourceConflict("Operation aborted due to concurrent modification", error_code="ABORTED"), FailureKind.RACE, 45, 45),
        (ResourceConflict("[UC_INVALID_POLICY_CONDITION] Invalid tag value 'x'", error_code="X"), FailureKind.LAG, 90, 90),
        (LOST, FailureKind.LOST, 30, 0),
        (UNREACHED, FailureKind.NEVER_SENT, 30, 30),
        (NotFound("no", error_code="RESOURCE_DOES_NOT_EXIST"), FailureKind.FINAL, 0, 0),
        (ResourceConflict("is there", error_code="ALREADY_EXISTS"), FailureKind.FINAL, 0, 0),
        (InternalError("oops"), FailureKind.FINAL, 0, 0),
    ],
)
def test_each_failure_has_a_kind_and_a_kind_its_time(error: Exception, kind: FailureKind, within: float, once: float) -> None:
    wrapped = TimeoutError("Timed out after 0:00:01")
    wrapped.__cause__ = error
    for raised in (error, wrapped):
        assert kind_of(translate(raised, "GET /x"), raised) is kind
        for repeatable, wanted in ((True, within), (False, once)):
            failure = CallClassifier(doing="GET /x", repeatable=repeatable, timeouts=Timeouts())(raised)
            assert failure is not None
            assert failure.within == wanted
            assert failure.after == (7 if isinstance(error, TooManyRequests) else failure.after)


def test_an_error_of_our_own_is_no_failure_of_the_remote_side() -> None:
    assert CallClassifier(doing="x", repeatable=True, timeouts=Timeouts())(KeyError("status")) is None


def test_the_sdk_cannot_sleep_on_its_own_clock() -> None:
    clock = SingleTryClock()
    before = clock.time()
    clock.sleep(3600)
    assert 3600 <= clock.time() - before < 3700
