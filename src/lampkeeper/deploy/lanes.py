"""Which writes of a plan go side by side.

A plan is simulated write by write, and no principal may see more after any of them than before or at the end. That proof must
hold for writes that go side by side too. The access to the cells of a table depends only on the writes that may alter them. So
writes go side by side only if each alters the cells of one table alone (its *lane*), and those of one table keep their order:
at every moment each table is as it was after some write of the simulation. Kinds and stages keep their order as
well, because objects of one kind need those of another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.stages import Action

THREADS = 8
"""How many writes go side by side."""

Lane = tuple[Change[Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Successive changes of a plan: `lanes` may go side by side, the changes of each one after another.

    `first` is the position of the first change. `waits`: before it, the apply waits for propagation.
    """

    first: int
    changes: tuple[Change[Any], ...]
    lanes: tuple[Lane, ...]
    waits: bool = False


def stretches(changes: Sequence[Change[Any]], waits: Collection[int]) -> Iterator[Stretch]:
    """Yield the stretches of a plan in its order; `waits` are the positions before which it waits for propagation."""
    start = 0
    for position in range(1, len(changes) + 1):
        ends = position == len(changes) or position in waits or _group(changes[position]) != _group(changes[start])
        if ends:
            part = tuple(changes[start:position])
            yield Stretch(first=start, changes=part, lanes=_lanes(part), waits=start in waits)
            start = position


def _lane(change: Change[Any]) -> str:
    return change.kind.lane(change.spec) if change.action.writes and change.spec is not None else ""


def _group(change: Change[Any]) -> tuple[object, ...]:
    removes = change.action in (Action.DELETE, Action.FORGET)
    return (change.stage, change.kind.name, removes, bool(_lane(change)))


def _lanes(changes: Sequence[Change[Any]]) -> tuple[Lane, ...]:
    lanes: dict[str, list[Change[Any]]] = {}
    for change in changes:
        lanes.setdefault(_lane(change), []).append(change)
    return tuple(tuple(lane) for lane in lanes.values())


def run_lanes(stretch: Stretch, perform: Callable[[Change[Any]], None], threads: int = THREADS) -> None:
    """Perform the changes of a stretch, lanes side by side.

    After an error nothing new begins; what has begun ends, so that it is recorded. Of several errors the one of the earliest
    change is raised, and the end of the process before any other.
    """
    if len(stretch.lanes) == 1 or threads == 1:
        for change in stretch.changes:
            perform(change)
        return
    order = {id(change): number for number, change in enumerate(stretch.changes)}
    waiting = iter(stretch.lanes)
    lock, stopped = threading.Lock(), threading.Event()
    failures: list[tuple[bool, int, BaseException]] = []

    def work() -> None:
        while True:
            with lock:
                lane = next(waiting, None)
            if lane is None:
                return
            for change in lane:
                if stopped.is_set():
                    return
                try:
                    perform(change)
                except BaseException as error:
                    stopped.set()
                    with lock:
                        failures.append((isinstance(error, Exception), order[id(change)], error))
                    return

    with ThreadPoolExecutor(max_workers=min(threads, len(stretch.lanes)), thread_name_prefix="write") as pool:
        try:
            for future in [pool.submit(work) for _ in range(min(threads, len(stretch.lanes)))]:
                future.result()
        finally:
            # Also when this thread is interrupted: the writes that have begun are awaited, and no other begins.
            stopped.set()
    if failures:
        raise min(failures, key=lambda f: f[:2])[2]
