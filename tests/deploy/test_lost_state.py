"""A state that was lost: what carries our mark is taken up again, and a destroy shows no raw value on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import Progress, apply_plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import States, state_paths
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.layers import Layer
from support.governed_configs import ANA, CONFIGS, EVE, OLA, Config, governed
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server
OWN = (Layer.DATA_ACCESS, Layer.WORKSPACE)
CHOSEN = [c for c in CONFIGS if c.name in {"one_table", "workspace_layer", "external_group", "row_filter", "two_catalogs"}]
NOW = PropagationWait(seconds=0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        yield found


def applied(place: Place, config: Config) -> None:
    config.build(place)
    apply_plan(make_plan(config.stages[0], place.workspace, place.states()), place.workspace, place.states(), wait=NOW)


def lose(place: Place, *layers: Layer) -> None:
    for layer in layers:
        state_paths(place.folder, place.env)[layer].unlink(missing_ok=True)


def raw(place: Place, config: Config) -> set[tuple[str, str]]:
    found = {(p, c) for p in config.people for c, state in place.sight(p, config.columns).items() if state.endswith(": raw")}
    assert config.people
    return found


def destroyed(place: Place, config: Config) -> dict[str, object]:
    """Destroy without leave to widen access, and look before each step: nobody sees raw what was not seen raw before."""
    before = raw(place, config)

    def look(_: Progress) -> None:
        assert raw(place, config) <= before

    plan = plan_destroy(place.workspace, place.states(), layers=OWN)
    assert (plan.widening, plan.exposures, plan.blocked) == ((), (), False)
    apply_plan(plan, place.workspace, place.states(), progress=look, saved=False, wait=NOW)
    assert raw(place, config) <= before
    return place.world()


def test_the_sample_is_there() -> None:
    assert len(CHOSEN) >= 3, [c.name for c in CONFIGS]


@pytest.mark.parametrize("config", CHOSEN, ids=lambda c: c.name)
def test_after_a_loss_nothing_is_written_all_is_taken_up_and_a_destroy_leaves_what_it_leaves_without_one(
    config: Config, tmp_path: Path
) -> None:
    with light_place(tmp_path / "kept") as kept:
        applied(kept, config)
        expected = destroyed(kept, config)
    with light_place(tmp_path / "lost") as place:
        applied(place, config)
        owned = {layer: set(place.states()[layer].objects) for layer in OWN}
        lose(place, *OWN)
        plan = make_plan(config.stages[0], place.workspace, place.states())
        assert (plan.writes, plan.widening, plan.first_access, plan.blocked) == (0, (), (), False)
        assert {c.action for c in plan.changes} == {Action.ADOPT}
        apply_plan(plan, place.workspace, place.states(), wait=NOW)
        assert {layer: set(place.states()[layer].objects) for layer in OWN} == owned
        assert destroyed(place, config) == expected


ONE = next(c for c in CONFIGS if c.name == "one_table")
JOINED = governed(
    {"dev.s.customers": {"id": "", "email": "masked_email", "full_name": "masked_name", "amount": "masked_amount"}},
    {"analysts": (ANA, EVE), "officers": (OLA,)},
)


def test_a_loss_makes_no_first_opening_of_what_was_governed(place: Place) -> None:
    applied(place, ONE)
    lose(place, *OWN)
    plan = make_plan(JOINED, place.workspace, place.states())
    assert plan.first_access == ()
    assert {c.principal for c in plan.widening} == {EVE}


def test_with_every_state_lost_groups_stay_anothers_and_a_destroy_still_shows_nothing(place: Place) -> None:
    applied(place, ONE)
    lose(place, *state_paths(place.folder, place.env))
    plan = make_plan(ONE.stages[0], place.workspace, place.states())
    assert (plan.writes, plan.widening) == (0, ())
    apply_plan(plan, place.workspace, place.states(), wait=NOW)
    world = destroyed(place, ONE)
    assert "policy" not in world
    assert "tag" not in world


def test_a_first_apply_beside_equal_things_of_others_takes_nothing(place: Place) -> None:
    config = next(c for c in CONFIGS if c.name == "already_there")
    config.build(place)
    plan = make_plan(config.stages[0], place.workspace, place.states())
    assert plan.already_there
    assert Action.ADOPT not in {c.action for c in plan.changes}


def test_a_blank_state_is_one_on_which_nothing_was_applied(place: Place) -> None:
    assert all(States.in_folder(place.folder, "dev")[layer].blank for layer in OWN)
    applied(place, ONE)
    assert not place.states()[Layer.DATA_ACCESS].blank
