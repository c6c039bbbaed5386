"""The wait for propagation: every read of a whole window must show the tags as written, and it ends."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import lampkeeper
from lampkeeper.deploy import wait
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import TAG
from lampkeeper.deploy.kinds.tag import tag_key
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.wait import PropagationWait, wait_for_propagation
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.tags import EntityType, TagAssignment

pytestmark = pytest.mark.unit

WRITTEN = TagAssignment(
    entity_type=EntityType.COLUMNS, entity_name="dev_fin.finance.customers.email", key="pii_level", value="masked_email"
)
CHANGE = Change(kind=TAG, key=tag_key(WRITTEN), action=Action.CREATE, stage=Stage.PROTECT, after=WRITTEN)
HOW = PropagationWait(seconds=30, poll=3, limit=120)


class Clock:
    """Time that passes by sleeping, and by each read."""

    def __init__(self) -> None:
        self.time, self.slept = 0.0, []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Place:
    """A workspace whose catalog shows the tag except in these spans of time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stale: Iterable[tuple[float, float]]) -> None:
        self.clock, self.reads, spans = Clock(), 0, tuple(stale)

        def read(*_: object) -> tuple[TagAssignment, ...]:
            self.reads += 1
            self.clock.time += 0.5
            return () if any(start <= self.clock.time < end for start, end in spans) else (WRITTEN,)

        monkeypatch.setattr(wait, "read_tags", read)

    def wait(self, how: PropagationWait = HOW) -> float:
        wait_for_propagation(self, [CHANGE], how)  # type: ignore[arg-type]
        return self.clock.time


@pytest.mark.parametrize(
    ("stale", "least"),
    [((), 30), (((0, 60),), 90), (((0, 10), (25, 40)), 70), (((29, 29.9),), 30)],
    ids=["never", "60 s", "again after it was seen", "between two reads"],
)
def test_no_access_is_given_before_a_whole_window_of_good_reads(
    monkeypatch: pytest.MonkeyPatch, stale: tuple[tuple[float, float], ...], least: float
) -> None:
    place = Place(monkeypatch, stale)
    assert least <= place.wait() <= least + 30
    assert place.reads > 3, "a window is read again and again, not slept through"
    assert max(place.clock.slept) <= 4 * HOW.poll


def test_tags_that_never_show_end_the_wait_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(monkeypatch, [(0, float("inf"))])
    with pytest.raises(RemoteError, match="after 150 s 1 tags in dev_fin do not read as written, first columns") as refused:
        place.wait()
    assert refused.value.code == "TAGS_NOT_VISIBLE"
    assert place.clock.time <= 152


def test_tags_that_come_and_go_end_the_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(monkeypatch, [(t, t + 8) for t in range(0, 1000, 20)])
    with pytest.raises(RemoteError, match="after 150 s the tags did not read as written in every read of 30 s"):
        place.wait()


def test_the_local_workspace_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(monkeypatch, ())
    place.wait(PropagationWait(seconds=0, poll=0.2))
    assert (place.reads, place.clock.slept) == (1, [])


def test_no_module_of_the_product_sleeps_for_a_fixed_time() -> None:
    """Pauses belong to the two loops of `remote`; a probe of the ledger cannot poll for an effect that must not come."""
    root = Path(lampkeeper.__file__).parent
    found = {str(p.relative_to(root)) for p in root.rglob("*.py") if "sleep(" in p.read_text(encoding="utf-8")}
    assert found == {"app/conform.py", "remote/clock.py", "remote/polling.py", "remote/retry.py"}
