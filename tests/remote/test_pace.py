"""Throttling slows all threads that call a workspace: they wait as long as the platform asks, and none of them starves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from databricks.sdk.errors.platform import NotFound, ResourceAlreadyExists, TemporarilyUnavailable, TooManyRequests

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Call, Workspace
from lampkeeper.remote.failures import Timeouts
from lampkeeper.remote.pace import MOST, Pace
from support.virtual_time import VirtualTime

pytestmark = pytest.mark.unit
READ = Call(kind="tag", method="GET", path="/x")
WRITE = Call(kind="tag", method="POST", path="/x", writes=True)


class Limited:
    """A platform that takes `rate` calls a second and throttles the others."""

    def __init__(self, clock: VirtualTime, rate: int, asks: float = 1.0) -> None:
        self.clock, self.rate, self.asks = clock, rate, asks
        self.lock = threading.Lock()
        self.taken: list[float] = []
        self.throttled: list[float] = []

    def send(self, call: Call) -> Any:
        with self.lock:
            now = self.clock.now()
            if sum(t > now - 1 for t in self.taken) >= self.rate:
                self.throttled.append(now)
                raise TooManyRequests("slow down", retry_after_secs=self.asks)
            self.taken.append(now)
        self.clock.sleep(0.2)
        return {}


@pytest.mark.parametrize("rate", [1, 5, 30])
def test_eight_threads_get_all_calls_through_a_narrow_platform(rate: int) -> None:
    clock = VirtualTime()
    wire = Limited(clock, rate)
    workspace = Workspace(wire, clock=clock, timeouts=Timeouts())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: workspace.request(READ), range(120)))
    assert len(wire.taken) == 120
    assert len(wire.throttled) <= 120 * 2
    assert clock.now() <= 120 / rate * 4 + 60


def test_a_call_that_the_platform_throttles_makes_all_others_wait_as_long_as_it_asks() -> None:
    clock = VirtualTime()
    sent: list[tuple[str, float]] = []

    class Wire:
        def send(self, call: Call) -> Any:
            sent.append((call.path, clock.now()))
            if len(sent) == 1:
                raise TooManyRequests("slow down", retry_after_secs=7)
            return {}

    workspace = Workspace(Wire(), clock=clock, timeouts=Timeouts())
    first = threading.Thread(target=workspace.request, args=(READ,))
    first.start()
    first.join()
    workspace.pace.throttled(9)
    workspace.request(Call(kind="tag", method="GET", path="/y"))
    assert [(path, at >= wait) for (path, at), wait in zip(sent, (0, 7, 16), strict=True)] == [
        ("/x", True),
        ("/x", True),
        ("/y", True),
    ]


def test_the_limit_halves_and_grows_until_it_is_forgotten() -> None:
    pace = Pace(VirtualTime())
    assert pace.limit is None
    with pace.turn(), pace.turn(), pace.turn(), pace.turn():
        pace.throttled(0)
    assert pace.limit == 2
    pace.throttled(0)
    pace.throttled(0)
    assert pace.limit == 1
    for _ in range(5):
        pace.succeeded()
    assert pace.limit == 1
    pace.succeeded()
    assert pace.limit == 2
    for _ in range(200):
        pace.succeeded()
    assert pace.limit is None
    assert MOST == 8


def test_a_server_that_asks_for_more_time_than_there_is_stops_one_call_and_not_all() -> None:
    clock = VirtualTime()

    class Wire:
        calls = 0

        def send(self, call: Call) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise TooManyRequests("tomorrow", retry_after_secs=86_400)
            return {}

    workspace = Workspace(Wire(), clock=clock, timeouts=Timeouts())
    with pytest.raises(RemoteError, match="tomorrow"):
        workspace.request(READ)
    workspace.request(READ)
    assert clock.now() < 60


@pytest.mark.parametrize(
    ("first", "repeated"),
    [
        (TemporarilyUnavailable("later"), True),
        (TooManyRequests("slow down", retry_after_secs=1), False),
        (requests.exceptions.ConnectTimeout("no route"), False),
    ],
    ids=["503", "429", "never sent"],
)
def test_a_refusal_tells_whether_an_earlier_try_may_have_been_performed(first: Exception, repeated: bool) -> None:
    failures = [first, ResourceAlreadyExists("it is there", error_code="ALREADY_EXISTS")]

    class Wire:
        def send(self, call: Call) -> Any:
            raise failures.pop(0)

    with pytest.raises(RemoteError, match="it is there") as caught:
        Workspace(Wire(), clock=VirtualTime(), timeouts=Timeouts()).request(WRITE)
    assert caught.value.repeated is repeated


def test_a_refusal_of_a_first_try_is_not_a_repeated_one() -> None:
    class Wire:
        def send(self, call: Call) -> Any:
            raise NotFound("no")

    with pytest.raises(RemoteError) as caught:
        Workspace(Wire(), clock=VirtualTime(), timeouts=Timeouts()).request(WRITE)
    assert caught.value.repeated is False


@pytest.mark.parametrize(("asks", "tries"), [(None, 1), (3, 2)], ids=["no word", "Retry-After"])
def test_a_post_that_makes_another_object_each_time_is_repeated_only_if_the_platform_asks_for_it(
    asks: int | None, tries: int
) -> None:
    sent: list[Call] = []

    class Wire:
        def send(self, call: Call) -> Any:
            sent.append(call)
            if len(sent) == 1:
                raise TemporarilyUnavailable("later", retry_after_secs=asks)
            return {"space_id": "1"}

    workspace = Workspace(Wire(), clock=VirtualTime(), timeouts=Timeouts())
    call = Call(kind="genie_space", method="POST", path="/spaces", writes=True, piles_up=True)
    if tries == 1:
        with pytest.raises(RemoteError, match="later"):
            workspace.request(call)
    else:
        workspace.request(call)
    assert len(sent) == tries
