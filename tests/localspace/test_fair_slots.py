"""Slots of statements: whatever others hold, a principal with nothing running has its turn."""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from localspace.sql.fair_slots import FairSlots
from support.nightly import law

_DEADLINE = 60


class Hall:
    """Work that stays until it is let go, and who is inside."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.open = threading.Event()
        self.inside: Counter[str] = Counter()
        self.order: list[str] = []
        self._changed = threading.Condition()

    def enter(self, who: str) -> None:
        self.slots.submit(who, lambda: self._stay(who))

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.order) >= count, _DEADLINE)

    def leave(self) -> None:
        self.open.set()
        self.slots.close()

    def _stay(self, who: str) -> None:
        with self._changed:
            self.inside[who] += 1
            self.order.append(who)
            self._changed.notify_all()
        self.open.wait(_DEADLINE)


@law(80)
@given(st.lists(st.sampled_from("abcde"), max_size=60))
def test_who_has_nothing_running_starts_at_once(arrivals: list[str]) -> None:
    hall = Hall(FairSlots(total=12, each=3, kept=5))
    try:
        for who in arrivals:
            hall.enter(who)
        hall.wait_for(len(set(arrivals)))
        hall.enter("late")
        hall.wait_for(len(set(arrivals)) + 1)
        with hall._changed:
            assert hall._changed.wait_for(lambda: set(hall.inside) == set(arrivals) | {"late"}, _DEADLINE)
        assert max(hall.inside.values()) <= 3
    finally:
        hall.leave()


def test_freed_slots_go_round_and_work_of_one_principal_keeps_its_order() -> None:
    slots, done, ran = FairSlots(total=1, each=1, kept=0), threading.Event(), list[str]()
    gate = threading.Event()
    slots.submit("first", lambda: gate.wait(_DEADLINE) and None)  # type: ignore[func-returns-value]
    for name in ("a1", "a2", "b1", "b2"):
        slots.submit(name[0], lambda name=name: ran.append(name))  # type: ignore[misc]
    slots.submit("z", done.set)
    gate.set()
    assert done.wait(_DEADLINE)
    slots.submit("end", lambda: None)
    while len(ran) < 4:
        threading.Event().wait(0.01)
    slots.close()
    assert ran == ["a1", "b1", "a2", "b2"]


def test_closing_drops_what_waits() -> None:
    hall = Hall(FairSlots(total=1, each=1, kept=0))
    hall.enter("a")
    hall.enter("a")
    hall.wait_for(1)
    hall.open.set()
    hall.slots.close()
    assert len(hall.order) in (1, 2)
