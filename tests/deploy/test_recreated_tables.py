"""A table or view that another tool replaced: the plan puts back what the replacement has removed, and needs no approval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.wait import PropagationWait
from support.governed_configs import ANA, CONFIGS, EVE, OLA
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

ONE = next(c for c in CONFIGS if c.name == "one_table")
DESIRED = ONE.stages[0]
TABLE = "dev.s.customers"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        ONE.build(found)
        converge(found)
        yield found


def converge(place: Place) -> None:
    made = make_plan(DESIRED, place.workspace, place.states())
    assert made.widening == ()
    apply_plan(made, place.workspace, place.states(), wait=PropagationWait(seconds=0))


def sights(place: Place) -> dict[str, dict[str, str]]:
    return {who: place.sight(who, ONE.columns) for who in (ANA, OLA, EVE)}


def columns(place: Place) -> str:
    found = place.space.client().tables.get(TABLE).columns or []
    return ", ".join(f"{c.name} {c.type_text}" for c in found)


def test_after_drop_and_create_the_plan_puts_tags_and_grants_back(place: Place) -> None:
    before, made_of = sights(place), columns(place)
    place.sql(f"DROP TABLE {TABLE}", f"CREATE TABLE {TABLE} ({made_of})")
    assert sights(place) != before
    assert "all rows: raw" not in set(place.sight(EVE, ONE.columns).values())
    plan = make_plan(DESIRED, place.workspace, place.states())
    assert {c.kind.name for c in plan.changes} >= {"tag", "grant"}
    assert all("no longer in the workspace" in c.reasons for c in plan.changes), [str(c) for c in plan.changes]
    converge(place)
    assert sights(place) == before
    assert make_plan(DESIRED, place.workspace, place.states()).changes == ()


def test_after_create_or_replace_nothing_is_to_be_put_back(place: Place) -> None:
    before, made_of = sights(place), columns(place)
    place.sql(f"CREATE OR REPLACE TABLE {TABLE} ({made_of})")
    assert sights(place) == before
    assert make_plan(DESIRED, place.workspace, place.states()).changes == ()
