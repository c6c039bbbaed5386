"""The laws of an apply, on every configuration, with tags and memberships that take effect late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.deploy.printed_plan import change_lines
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.remote.clients import Call
from support.governed_configs import CONFIGS, Config
from support.governed_laws import PROPAGATION_DELAY, bring, clean_worlds, closed, later, plan_of, seen, unprotected
from support.governed_places import Killed, Place, light_place
from support.nightly import NIGHTLY

pytestmark = pytest.mark.server

Note = Callable[[str, str, int], None]
each_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.name)


@pytest.fixture
def place(config: Config, tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        config.build(found)
        found.space.control("PUT", "lag", PROPAGATION_DELAY)
        yield found


@each_config
def test_after_an_apply_nothing_is_left_to_do_and_a_second_apply_sends_no_write(
    config: Config, place: Place, tried: Note
) -> None:
    for desired in config.stages:
        bring(place, plan_of(place, desired))
        before = {layer: state.path.read_bytes() for layer, state in place.states().layers.items() if state.path.exists()}
        place.wire.writes = 0
        again = plan_of(place, desired)
        assert [line.text for line in change_lines(again) if "no change" not in line.text] == []
        bring(place, again)
        assert place.wire.writes == 0
        assert before == {layer: state.path.read_bytes() for layer, state in place.states().layers.items() if state.path.exists()}
        tried("no drift", config.name, 1)
        tried("idempotent", config.name, 1)


@each_config
def test_a_destroy_leaves_the_world_as_it_was(config: Config, place: Place, tried: Note) -> None:
    world = place.world()
    for desired in config.stages:
        bring(place, plan_of(place, desired))
    bring(place, plan_destroy(place.workspace, place.states()))
    assert place.world() == world
    assert all(not state.objects for state in place.states().layers.values())
    tried("clean destroy", config.name, 1)


@each_config
def test_a_plan_survives_json_and_an_old_one_is_refused(config: Config, place: Place, tried: Note) -> None:
    plan = plan_of(place, config.stages[0])
    saved = Plan.from_json(plan.to_json())
    assert saved == Plan.from_json(saved.to_json())
    assert saved.to_json() == plan.to_json()
    tried("round trip", config.name, 1)
    bring(place, saved)
    world = place.world()
    with pytest.raises(UnsafePlanError, match="serial"):
        bring(place, saved)
    assert place.world() == world
    tried("saved plan", config.name, 1)


@each_config
def test_nobody_sees_on_the_way_what_shows_at_neither_end(config: Config, place: Place, tried: Note) -> None:
    for desired in (*config.stages, None):
        plan = plan_of(place, desired) if desired is not None else plan_destroy(place.workspace, place.states())
        assert not plan.exposures
        later(place)
        start = seen(place, config)
        moments: list[tuple[str, dict[str, str]]] = []

        def watch(_: int, call: Call, moments: list[tuple[str, dict[str, str]]] = moments) -> None:
            moments.append((f"{call.kind} {call.method} {call.path}", seen(place, config)))

        place.wire.watch = watch
        bring(place, plan)
        place.wire.watch = None
        later(place)
        end = seen(place, config)
        for number, (call, now) in enumerate(moments):
            assert unprotected(now, start, end) == [], f"after write {number + 1}: {call}"
            if config.steady:
                hidden = [c for c, what in now.items() if closed(what) and not closed(start[c]) and not closed(end[c])]
                assert hidden == [], f"after write {number + 1}: {call}"
        tried("no naked moment", config.name, len(moments))


_BEFORE = ("one_table", "update_mask", "workspace_layer")
_ALWAYS = ("one_table", "external_group", "already_there", "hostile_names")
"""Configurations whose kills run always; those of the others take minutes and run nightly."""
_AT_EVERY_WRITE = ("one_table",)
"""Configurations that always die at every write; the others at every third one, and nightly at every one."""


def _death(config: Config, *, after_effect: bool) -> ParameterSet:
    marks = [pytest.mark.heavy, pytest.mark.sampled, *([] if config.name in _ALWAYS else [pytest.mark.nightly])]
    return pytest.param(config, after_effect, id=f"{config.name}-{'after' if after_effect else 'before'}_effect", marks=marks)


_DEATHS = [_death(c, after_effect=True) for c in CONFIGS]
_DEATHS += [_death(c, after_effect=False) for c in CONFIGS if c.name in _BEFORE]


@pytest.mark.parametrize(("config", "after_effect"), _DEATHS)
def test_killed_at_every_write_in_turn_it_ends_in_the_same_state(
    config: Config, after_effect: bool, tmp_path: Path, tried: Note
) -> None:
    """Each run is killed at one write, the next goes on: with a stride of 1 some run died at every prefix."""
    stride = 1 if NIGHTLY or config.name in _AT_EVERY_WRITE else 3
    wanted = clean_worlds(config)
    with light_place(tmp_path / "killed") as place:
        config.build(place)
        place.space.control("PUT", "lag", PROPAGATION_DELAY)
        later(place)
        for desired, world in zip((*config.stages, None), wanted, strict=True):
            start = seen(place, config)
            kills, moments = _kill_until_done(place, config, desired, after_effect, stride)
            assert place.world() == world
            later(place)
            end = seen(place, config)
            for number, now in enumerate(moments):
                assert unprotected(now, start, end) == [], f"at kill {number + 1}"
            tried("crash anywhere", config.name, kills)


def _kill_until_done(
    place: Place, config: Config, desired: Desired | None, after_effect: bool, stride: int
) -> tuple[int, list[dict[str, str]]]:
    moments = []
    # Killed after its effect, a run moves on by `stride` writes; killed before it, the next run is let go as many further.
    for kill in range(400):
        place.wire.writes = 0
        place.wire.die_at = stride if after_effect else stride + 1
        place.wire.after_effect = after_effect
        plan = plan_of(place, desired) if desired is not None else plan_destroy(place.workspace, place.states())
        try:
            bring(place, plan)
        except Killed:
            moments.append(seen(place, config))
            continue
        place.wire.die_at = 0
        assert plan_of(place, desired).empty if desired is not None else True
        return kill, moments
    raise AssertionError("it never comes to an end")


@pytest.mark.parametrize("config", [c for c in CONFIGS if c.name == "row_filter"], ids=lambda c: c.name)
def test_killed_at_the_kth_write_of_a_clean_run_it_ends_in_the_same_state(config: Config, tmp_path: Path, tried: Note) -> None:
    wanted = clean_worlds(config)[-2]
    kill = 0
    while True:
        kill += 1
        with light_place(tmp_path / str(kill)) as place:
            config.build(place)
            for desired in config.stages[:-1]:
                bring(place, plan_of(place, desired))
            plan = plan_of(place, config.stages[-1])
            place.wire.writes, place.wire.die_at, place.wire.after_effect = 0, kill, kill % 2 == 0
            try:
                bring(place, plan)
            except Killed:
                place.wire.die_at = 0
                bring(place, plan_of(place, config.stages[-1]))
            else:
                assert kill > plan.writes
                return
            assert place.world() == wanted
            tried("crash anywhere", config.name, 1)
