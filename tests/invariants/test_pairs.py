"""Two environments of one workspace, over all pairs of configurations: neither notices when the other comes or goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.state import States
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import LAYERS, Layer
from support.governed_configs import CONFIGS, Config, account_union, in_own_catalogs
from support.governed_places import Place, light_place
from support.nightly import sampled

pytestmark = pytest.mark.server

Note = Callable[[str, str, int], None]
SETTLE = PropagationWait(seconds=0)
LOCAL = tuple(la for la in LAYERS if la is not Layer.ACCOUNT)


@dataclass
class Env:
    """One environment: its configuration, its name, and the folder of its clone."""

    config: Config
    name: str
    folder: Path
    place: Place

    def states(self) -> States:
        return States.in_folder(self.folder, self.name)

    def plan(self, desired: Desired) -> Plan:
        return make_plan(desired, self.place.workspace, self.states(), adopt=True)

    def apply(self, desired: Desired) -> None:
        self.run(self.plan(desired))

    def destroy(self, layers: tuple[Layer, ...] = LAYERS) -> None:
        self.run(plan_destroy(self.place.workspace, self.states(), layers=layers))

    def run(self, plan: Plan) -> None:
        apply_plan(plan, self.place.workspace, self.states(), allow_widening=True, wait=SETTLE, check_privileges=False)

    def seen(self) -> dict[str, str]:
        found = ((who, self.place.sight(who, self.config.columns)) for who in self.config.people)
        return {f"{who} {cell}": what for who, cells in found for cell, what in cells.items()}


@dataclass
class Pair:
    first: Env
    second: Env
    one_folder: bool

    def wanted(self, env: Env, *present: Env) -> Desired:
        """Return what an environment asks for; beside another one in one folder the account layer is that of both."""
        own = env.config.stages[-1]
        return account_union(own, *(e.config.stages[-1] for e in present)) if self.one_folder else own


_RICHEST_FIRST = sorted(CONFIGS, key=lambda c: c.name != "workspace_layer")
PAIRS = [(a, b, one) for one in (False, True) for a in _RICHEST_FIRST for b in _RICHEST_FIRST]


def _name(case: tuple[Config, Config, bool]) -> str:
    return f"{case[0].name}-{case[1].name}-{'one_folder' if case[2] else 'two_clones'}"


@pytest.fixture
def pair(case: tuple[Config, Config, bool], tmp_path: Path) -> Iterator[Pair]:
    with light_place(tmp_path / "place") as place:
        yield make_pair(case, place, tmp_path)


def make_pair(case: tuple[Config, Config, bool], place: Place, folder: Path) -> Pair:
    a, b, one_folder = case
    b = in_own_catalogs(b)
    for config in (a, b):
        config.build(place)
    first, second = folder / "one", folder / ("one" if one_folder else "two")
    # Two clones call their environment alike more often than not.
    names = ("dev", "test") if one_folder else ("dev", "dev")
    return Pair(Env(a, names[0], first, place), Env(b, names[1], second, place), one_folder)


@pytest.mark.parametrize("case", sampled(PAIRS, name=_name, every=49))
def test_an_environment_does_not_notice_when_another_one_comes_or_goes(pair: Pair, tried: Note) -> None:
    a, b, place = pair.first, pair.second, pair.first.place
    world = place.world()
    a.apply(pair.wanted(a))
    b.apply(pair.wanted(b, a))
    a.apply(pair.wanted(a, b))
    wanted = pair.wanted(b, a)
    assert b.plan(wanted).empty, plan_lines(b.plan(wanted))
    assert a.plan(pair.wanted(a, b)).empty
    seen, objects = b.seen(), shared_objects(b)

    a.destroy(LOCAL)
    assert b.plan(wanted).empty, plan_lines(b.plan(wanted))
    assert b.seen() == seen
    a.destroy()
    assert b.plan(wanted).empty, plan_lines(b.plan(wanted))
    left = b.seen()
    assert shared_objects(b) == objects

    b.destroy()
    assert place.world() == world
    assert owner_files(place) == []
    # Who was in a shared group by the other environment's wish alone is out of it now, and sees what that group saw no more.
    b.apply(wanted)
    assert b.seen() == left
    tried("pairs", _name((a.config, b.config, pair.one_folder)), 1)


def shared_objects(env: Env) -> set[tuple[str, str]]:
    return {place for state in env.states().layers.values() for place in state.objects}


def owner_files(place: Place) -> list[dict[str, Any]]:
    listed = place.workspace.find("test", "/api/2.0/workspace/list", {"path": "/Shared/lampkeeper/owners"}) or {}
    return [o for o in listed.get("objects") or () if str(o["path"]).endswith(".json")]
