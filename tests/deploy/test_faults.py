"""Faults around an apply: two appliers, a token that expires in the middle, a dropped catalog, a state that was edited."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.preflight import preflight, unmet
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.findings import Severity
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Call, Wire, Workspace, connect
from lampkeeper.remote.credentials import expiry_of
from support.governed_configs import ANA, CONFIGS, EVE
from support.governed_places import Place, Tripwire, light_place

pytestmark = pytest.mark.server

NOW = PropagationWait(seconds=0)
ONE = next(c for c in CONFIGS if c.name == "one_table")
DESIRED = ONE.stages[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        ONE.build(found)
        yield found


def run(place: Place, made: Plan, workspace: Workspace | None = None) -> None:
    apply_plan(made, workspace or place.workspace, place.states(), wait=NOW)


def converge(place: Place) -> None:
    """Apply as a new process would, and require that nothing is left to do."""
    run(place, make_plan(DESIRED, place.workspace, place.states()))
    assert make_plan(DESIRED, place.workspace, place.states()).changes == ()


def test_of_two_appliers_the_one_that_planned_before_is_refused_and_then_has_nothing_to_do(place: Place) -> None:
    early = place.states()
    made = make_plan(DESIRED, place.workspace, early)
    converge(place)
    before, written = place.world(), place.wire.writes
    with pytest.raises(UnsafePlanError, match="another run has changed the state since it was read"):
        apply_plan(made, place.workspace, early, wait=NOW, saved=False)
    assert (place.world(), place.wire.writes) == (before, written)
    converge(place)
    assert place.wire.writes == written


def short_token(place: Place, seconds: int) -> Workspace:
    """Return the workspace, signed in with a token of the admin that lives for these seconds."""
    made = place.space.client().tokens.create(lifetime_seconds=seconds)
    auth = Auth(
        workspace_host=place.space.host, token=str(made.token_value), account_id=place.space.account_id,
        workspace_id=place.space.workspace_id,
    )  # fmt: skip
    return connect(auth, warehouse_id=place.space.warehouse_id, clock=place.workspace.clock)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_token_that_expires_in_the_middle_ends_the_apply_by_name_and_the_next_one_resumes(place: Place, after: int) -> None:
    signed_in = short_token(place, 3600)

    def age(number: int, _: Call) -> None:
        if number == after:
            place.space.workspace.repositories.clock.tick(4000)

    wire = Tripwire(signed_in.wire, watch=age)
    signed_in.wire = wire
    states = place.states()
    made = make_plan(DESIRED, signed_in, states)
    with pytest.raises(RemoteError) as refused:
        apply_plan(made, signed_in, states, wait=NOW, check_privileges=False)
    assert refused.value.status == 401
    assert "renew it in auth.auto.tfvars or in your profile" in refused.value.fix
    assert wire.writes == after < made.writes
    seen = {who: place.sight(who, ONE.columns)["dev.s.customers.email"] for who in (ANA, EVE)}
    assert all(what != "all rows: raw" for what in seen.values()), "nothing is given before it is masked"
    converge(place)


def test_a_plan_lists_as_warnings_what_an_apply_would_refuse(place: Place) -> None:
    someone = place.enter("someone@bank.example")
    made = make_plan(DESIRED, place.workspace, place.states())
    refused, listed = preflight(made, someone), unmet(made, someone)
    assert len(refused) > 3
    assert {f.severity for f in listed} == {Severity.WARNING}
    assert {(f.code, f.location, f.message, f.fix) for f in listed} == {(f.code, f.location, f.message, f.fix) for f in refused}


class OnlyDated:
    """A wire that lists only the tokens that expire, as for a principal whose tokens all do."""

    def __init__(self, inner: Wire) -> None:
        self.inner = inner

    def send(self, call: Call) -> object:
        answer = self.inner.send(call)
        if call.path.endswith("/token/list"):
            answer["token_infos"] = [t for t in answer["token_infos"] if int(t.get("expiry_time", -1)) > 0]
        return answer


def test_a_token_that_will_not_last_is_reported_before_the_first_write(place: Place) -> None:
    made = make_plan(DESIRED, place.workspace, place.states())
    brief = short_token(place, 30)
    assert expiry_of(brief) is None, "one of the caller's tokens does not expire, and it may be the one in use"
    brief.wire = OnlyDated(brief.wire)
    codes = {f.code: f for f in preflight(made, brief)}
    assert "needs about" in codes["CREDENTIAL_EXPIRES"].message
    assert {f.code: f.severity for f in unmet(made, brief)}["CREDENTIAL_EXPIRES"] is Severity.WARNING
    longer = short_token(place, 7200)
    longer.wire = OnlyDated(longer.wire)
    assert "CREDENTIAL_EXPIRES" not in {f.code for f in preflight(made, longer)}


def test_a_token_of_a_federation_tells_its_own_expiry(place: Place) -> None:
    def jwt(claims: dict[str, object]) -> str:
        parts = ({"alg": "none"}, claims, {})
        return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)

    for ends in (time.time() - 5, time.time() + 5):
        workspace = connect(Auth(workspace_host=place.space.host, token=jwt({"exp": ends})))
        assert expiry_of(workspace) == ends


def test_a_catalog_dropped_before_the_destroy_leaves_nothing_behind(place: Place) -> None:
    world = place.world()
    converge(place)
    place.sql("DROP CATALOG dev CASCADE")
    made = plan_destroy(place.workspace, place.states())
    run(place, made)
    assert all(not state.objects for state in place.states().layers.values())
    left = place.world()
    assert {kind: left.get(kind) for kind in ("group", "tag_policy", "policy", "genie_space", "function")} == {
        kind: world.get(kind) for kind in ("group", "tag_policy")
    } | dict.fromkeys(("policy", "genie_space", "function"))


def test_a_catalog_dropped_before_an_apply_is_named(place: Place) -> None:
    converge(place)
    place.sql("DROP CATALOG dev CASCADE")
    with pytest.raises(
        RemoteError, match="the catalog dev does not exist, and the environment governs 1 tables in it"
    ) as refused:
        make_plan(DESIRED, place.workspace, place.states())
    assert (refused.value.code, refused.value.exit_code) == ("CATALOG_NOT_FOUND", 4)
    assert "`lampkeeper destroy` works without the catalog" in refused.value.fix


def test_a_state_that_was_edited_by_hand_is_refused_with_the_object(place: Place) -> None:
    converge(place)
    path = place.states()[Layer.DATA_ACCESS].path
    data = json.loads(path.read_text())
    kind, key = next((k, n) for k, named in data["objects"].items() for n in named)
    data["objects"][kind][key]["spec"] |= {"comment": "edited"}
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=f"not a valid state file: the record of {kind} .* was changed by hand"):
        place.states()
