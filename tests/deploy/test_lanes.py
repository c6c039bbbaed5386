"""Writes side by side: which ones may be, in which order they go, and what becomes of the others after an error."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GRANT, TAG
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.lanes import Stretch, run_lanes, stretches
from lampkeeper.deploy.order import barriers
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.safety import PlanSimulation
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment
from support.governed_configs import CONFIGS, Config
from support.governed_places import Killed, Place, light_place
from support.nightly import NIGHTLY

unit = pytest.mark.unit


def change(kind: Kind[Any], spec: Any, action: Action = Action.CREATE, stage: Stage = Stage.PROTECT) -> Change[Any]:
    before, after = (spec, None) if action is Action.DELETE else (None, spec)
    return Change(kind=kind, key=str(spec), action=action, stage=stage, before=before, after=after)


def tag(column: str, table: str = "main.s.t") -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{table}.{column}", key="pii", value="email")


def grant(*securable: str) -> Grant:
    kind = (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.TABLE)[len(securable) - 1]
    return Grant(securable_type=kind, securable=securable, principal="analysts", privileges=("SELECT",))


@unit
def test_columns_of_one_table_go_one_after_another_and_tables_side_by_side() -> None:
    changes = [change(TAG, tag(c, t)) for t in ("main.s.t", "MAIN.s.T", "main.s.u") for c in ("a", "b")]
    (stretch,) = stretches(changes, ())
    assert [[c.spec.entity_name for c in lane] for lane in stretch.lanes] == [
        ["main.s.t.a", "main.s.t.b", "MAIN.s.T.a", "MAIN.s.T.b"],
        ["main.s.u.a", "main.s.u.b"],
    ]


@unit
def test_what_many_tables_inherit_goes_alone() -> None:
    schema = TagAssignment(entity_type=EntityType.SCHEMAS, entity_name="main.s", key="pii", value="email")
    dotted = TagAssignment(entity_type=EntityType.COLUMNS, entity_name="main.s.t.a.b", key="pii", value="email")
    for spec, kind in ((schema, TAG), (dotted, TAG), (grant("main"), GRANT), (grant("main", "s"), GRANT)):
        assert kind.lane(spec) == ""
    assert GRANT.lane(grant("main", "s", "T")) == "main.s.t"
    found = list(stretches([change(GRANT, grant("main")), change(GRANT, grant("main", "s", "t"))], ()))
    assert [len(s.changes) for s in found] == [1, 1]


@unit
def test_a_stretch_ends_at_another_stage_kind_direction_and_barrier() -> None:
    tags = [change(TAG, tag(c, f"main.s.{c}")) for c in "abcdef"]
    gone = change(TAG, tag("g", "main.s.g"), Action.DELETE)
    opened = change(GRANT, grant("main", "s", "t"), stage=Stage.OPEN)
    changes = [gone, *tags, opened]
    found = list(stretches(changes, {4, 7}))
    assert [(s.first, len(s.changes), s.waits) for s in found] == [(0, 1, False), (1, 3, False), (4, 3, True), (7, 1, True)]
    assert [c for s in found for c in s.changes] == changes
    assert list(stretches((), ())) == []


def many(tables: int, columns: int) -> Stretch:
    changes = [change(TAG, tag(f"c{c}", f"main.s.t{t}")) for t in range(tables) for c in range(columns)]
    (stretch,) = stretches(changes, ())
    return stretch


@unit
def test_at_most_so_many_go_at_once_and_each_lane_keeps_its_order() -> None:
    stretch, lock, running, most, done = many(40, 5), threading.Lock(), 0, 0, []
    together = threading.Barrier(8, timeout=30)
    first = set(map(id, (lane[0] for lane in stretch.lanes[:8])))

    def perform(one: Change[Any]) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if id(one) in first:
            together.wait()  # it ends only if eight run at once
        with lock:
            running -= 1
            done.append(one)

    run_lanes(stretch, perform, 8)
    assert most == 8
    assert len(done) == 200
    for lane in stretch.lanes:
        assert [c for c in done if c in lane] == list(lane)


@unit
def test_after_an_error_nothing_new_begins_and_the_earliest_is_raised() -> None:
    stretch, performed, both = many(20, 3), [], threading.Barrier(2, timeout=30)
    bad = {id(stretch.lanes[0][1]): "first", id(stretch.lanes[1][1]): "second"}

    def perform(one: Change[Any]) -> None:
        performed.append(one)
        if id(one) in bad:
            both.wait()
            raise RemoteError(bad[id(one)])

    with pytest.raises(RemoteError, match="first"):
        run_lanes(stretch, perform, 2)
    assert len(performed) == 4


@unit
def test_the_end_of_the_process_is_raised_before_any_error() -> None:
    stretch, both = many(2, 1), threading.Barrier(2, timeout=30)

    def perform(one: Change[Any]) -> None:
        both.wait()
        raise RemoteError("no") if one is stretch.changes[0] else Killed

    with pytest.raises(Killed):
        run_lanes(stretch, perform, 2)


def interleaved(changes: Sequence[Change[Any]], chance: random.Random) -> list[Change[Any]]:
    """Return the changes in an order in which threads may perform them."""
    order: list[Change[Any]] = []
    for stretch in stretches(changes, barriers(changes)):
        lanes = [list(lane) for lane in stretch.lanes]
        while lanes:
            lane = chance.choice(lanes)
            order.append(lane.pop(0))
            lanes = [left for left in lanes if left]
    return order


@pytest.fixture
def place(config: Config, tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        config.build(found)
        yield found


@pytest.mark.server
@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.name)
def test_no_order_of_the_threads_exposes_what_the_plans_order_does_not(config: Config, place: Place) -> None:
    from lampkeeper.deploy.direct import apply_plan
    from lampkeeper.deploy.live_reading import read_live_state, scope_of
    from lampkeeper.deploy.wait import PropagationWait

    def check(plan: Plan, live: SimulatedAccess) -> None:
        assert PlanSimulation(live, plan.changes).exposures() == ()
        after = live.copy()
        for one in plan.changes:
            one.simulate(after)
            table = one.kind.lane(one.spec) if one.action.writes and one.spec is not None else ""
            assert not table or {t.plain.casefold() for t in one.touched(after)} <= {table}
        for seed in range(30 if NIGHTLY else 3):
            order = interleaved(plan.changes, random.Random(seed))
            assert sorted(map(id, order)) == sorted(map(id, plan.changes))
            assert PlanSimulation(live, order).exposures() == ()
            other = live.copy()
            for one in order:
                one.simulate(other)
            assert (set(other.grants.values()), other.tags, other.policies) == (
                set(after.grants.values()),
                after.tags,
                after.policies,
            )
            assert (other.functions, other.members, other.controls) == (after.functions, after.members, after.controls)

    for desired in (*config.stages, None):
        if desired is None:
            plan = plan_destroy(place.workspace, place.states())
        else:
            plan = make_plan(desired, place.workspace, place.states(), adopt=True)
        view = read_live_state(
            place.workspace, scope_of(desired or config.stages[-1], place.states(), plan.changes), place.states()
        )
        check(plan, SimulatedAccess(view.governed.access.model))
        apply_plan(
            plan, place.workspace, place.states(), allow_widening=True, wait=PropagationWait(seconds=40), check_privileges=False
        )
