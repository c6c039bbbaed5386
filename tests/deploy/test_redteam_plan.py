"""A saved plan that was changed by hand, and a state file likewise: neither widens access without leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import GROUP
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.state import LayerState, digest, state_paths
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.layers import Layer
from support.governed_configs import ANA, CONFIGS, EVE, OLA, governed
from support.governed_places import Place, light_place

ONE = next(c for c in CONFIGS if c.name == "one_table")
DESIRED = ONE.stages[0]
OPENED = governed(
    {"dev.s.customers": {"id": "", "email": "", "full_name": "masked_name", "amount": "masked_amount"}},
    {"analysts": (ANA,), "officers": (OLA,)},
)
JOINED = governed(
    {"dev.s.customers": {"id": "", "email": "masked_email", "full_name": "masked_name", "amount": "masked_amount"}},
    {"analysts": (ANA, EVE), "officers": (OLA,)},
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        ONE.build(found)
        apply_plan(
            make_plan(DESIRED, found.workspace, found.states()), found.workspace, found.states(), wait=PropagationWait(seconds=0)
        )
        yield found


def tampered(plan: Plan, change: Callable[[dict[str, Any]], None]) -> Plan:
    document = json.loads(plan.to_json())
    change(document)
    return Plan.from_json(json.dumps(document))


def silence(document: dict[str, Any]) -> None:
    document["widening"], document["exposures"] = [], []


@pytest.mark.server
@pytest.mark.parametrize("allow", [False, True])
def test_a_saved_plan_that_hides_what_it_widens_is_refused(place: Place, allow: bool) -> None:
    made = make_plan(OPENED, place.workspace, place.states())
    assert made.widening
    world = place.world()
    with pytest.raises(UnsafePlanError, match="that it does not list"):
        apply_plan(
            tampered(made, silence), place.workspace, place.states(), wait=PropagationWait(seconds=0), allow_widening=allow
        )
    assert place.world() == world


@pytest.mark.server
def test_an_untouched_saved_plan_that_widens_goes_through_with_leave(place: Place) -> None:
    made = Plan.from_json(make_plan(OPENED, place.workspace, place.states()).to_json())
    apply_plan(made, place.workspace, place.states(), wait=PropagationWait(seconds=0), allow_widening=True)
    assert place.sight(ANA, ONE.columns)["dev.s.customers.email"] == "all rows: raw"


@pytest.mark.server
def test_a_saved_plan_cannot_point_a_change_at_another_object(place: Place) -> None:
    officers = place.states().owned(GROUP)
    ids = {owned.spec.name: owned.remote_id for owned in officers.values()}

    def redirect(document: dict[str, Any]) -> None:
        silence(document)
        group = next(key for key, owned in officers.items() if owned.spec.name == "analysts")
        template = dict(document["changes"][0])
        note = template | {"kind": "group", "key": group, "action": "adopt", "stage": "close"}
        body = GROUP.codec.encode(officers[group].spec)
        note |= {"before": body, "after": body, "managed": body, "remote_id": ids["officers"]}
        document["changes"].insert(0, note)

    made = make_plan(JOINED, place.workspace, place.states())
    world = place.world()
    with pytest.raises(UnsafePlanError, match=r"has changed|that it does not list"):
        apply_plan(
            tampered(made, redirect), place.workspace, place.states(), wait=PropagationWait(seconds=0), allow_widening=True
        )
    assert place.world() == world


def claim_raw(place: Place) -> None:
    """Write into the state file, digest and all, that the last apply left the email untagged for the mask."""
    path = state_paths(place.folder, place.env)[Layer.DATA_ACCESS]
    state = json.loads(path.read_text())
    entry = next(e for key, e in state["objects"]["tag"].items() if "email" in key)
    entry["spec"]["tag_value"] = "masked_name_of_nobody"
    entry["digest"] = digest(entry["spec"])
    path.write_text(json.dumps(state))


def forget_what_is_governed(place: Place) -> None:
    path = state_paths(place.folder, place.env)[Layer.DATA_ACCESS]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"governed": []}))


@pytest.mark.server
@pytest.mark.parametrize("tamper", [claim_raw, forget_what_is_governed])
@pytest.mark.parametrize("wanted", [OPENED, JOINED], ids=["unmasked", "joined"])
def test_whatever_a_state_file_claims_a_plan_names_every_gain(
    place: Place, tamper: Callable[[Place], None], wanted: Desired
) -> None:
    gains = {str(c) for c in make_plan(wanted, place.workspace, place.states()).widening}
    tamper(place)
    made = make_plan(wanted, place.workspace, place.states())
    named = (*made.widening, *made.first_access, *made.restoring)
    assert gains
    assert gains <= {str(c) for c in named}

    def hide(document: dict[str, Any]) -> None:
        for title in ("widening", "exposures", "first_access", "restoring"):
            document[title] = []

    world = place.world()
    with pytest.raises(UnsafePlanError, match="that it does not list"):
        apply_plan(tampered(made, hide), place.workspace, place.states(), wait=PropagationWait(seconds=0), allow_widening=True)
    assert place.world() == world


@pytest.mark.unit
def test_a_state_file_whose_records_were_changed_by_hand_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    body = {"spec": {"name": "officers"}, "digest": "0" * 16}
    path.write_text(
        json.dumps({"format": 2, "layer": "account", "lineage": "x", "serial": 1, "objects": {"group": {"officers": body}}})
    )
    with pytest.raises(UsageError, match="group officers"):
        LayerState.load(Layer.ACCOUNT, path)
