"""What closing and opening the unseen means to a plan: who gains and who loses, and what needs leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.history import History
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.verify.unseen import reviewed_by_others
from lampkeeper.deploy.wait import Settle
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import Direction, MatrixChange
from lampkeeper.model.errors import UnsafePlanError
from support.governed_configs import ANA, CONFIGS, unseen_closed
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

ONE = next(c for c in CONFIGS if c.name == "one_table")
OPEN = ONE.stages[0]
CLOSED = unseen_closed(OPEN)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("unseen")) as found:
        ONE.build(found)
        yield found


def bring(place: Place, desired: Desired, *, leave: bool = True) -> Plan:
    plan = make_plan(desired, place.workspace, place.states(), adopt=True)
    apply_plan(
        plan, place.workspace, place.states(), allow_loosening=leave, wait=Settle(seconds=0), check_rights=False, saved=False
    )
    return plan


def unseen(changes: tuple[MatrixChange, ...]) -> set[tuple[str, str, str]]:
    return {(c.principal, c.before, c.after) for c in changes if c.of_unseen}


def test_to_close_tightens_for_everybody_and_to_open_again_needs_leave(place: Place) -> None:
    bring(place, OPEN)
    closing = bring(place, CLOSED, leave=False)
    assert not closing.loosening
    assert ("(outsider)", "all rows", "no rows") in unseen(closing.tightening)
    with pytest.raises(UnsafePlanError, match="rows of unseen tables of dev: no rows -> all rows"):
        bring(place, OPEN, leave=False)
    assert all(c.direction is Direction.LOOSER for c in make_plan(OPEN, place.workspace, place.states()).loosening)


def test_an_exemption_loosens_for_those_it_names_and_nobody_else(place: Place) -> None:
    bring(place, CLOSED)
    plan = make_plan(unseen_closed(OPEN, exempt=("officers",)), place.workspace, place.states())
    gained = {who for who, _, _ in unseen(plan.loosening)}
    assert "member of officers" in gained
    assert not gained & {"(outsider)", "member of analysts", ANA}
    with pytest.raises(UnsafePlanError):
        bring(place, unseen_closed(OPEN, exempt=("officers",)), leave=False)


def test_a_destroy_tells_of_it_and_asks_for_no_leave_because_of_it(place: Place) -> None:
    bring(place, CLOSED)
    plan = plan_destroy(place.workspace, place.states())
    assert not unseen(plan.loosening)
    assert ("(outsider)", "no rows", "all rows") in unseen(plan.opening)
    kinds = [(c.kind, str(c.action)) for c in plan.changes if c.action.writes and c.kind in ("grant", "policy")]
    assert kinds.index(("policy", "delete")) > max(n for n, k in enumerate(kinds) if k[0] == "grant")


def test_the_record_of_runs_can_be_read_in_a_closed_catalog(place: Place) -> None:
    place.sql("CREATE SCHEMA dev.ops", "CREATE TABLE dev.ops.applies (x STRING)", "CREATE TABLE dev.ops.theirs (x STRING)")
    history = History(workspace=place.workspace, catalog="dev", schema="ops", env="dev")
    bring(place, CLOSED)
    columns = {"dev.ops.applies": ("x",), "dev.ops.theirs": ("x",)}
    owner = str(place.workspace.get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    assert set(place.sight(owner, columns).values()) == {"no rows"}
    assert history.review() == ()
    assert place.sight(owner, columns) == {"dev.ops.applies.x": "all rows: raw", "dev.ops.theirs.x": "no rows"}
    before = place.wire.writes
    assert history.review() == ()
    assert place.wire.writes == before


def test_a_table_that_somebody_else_has_marked_as_reviewed_is_named(place: Place) -> None:
    bring(place, CLOSED)
    place.sql(
        "CREATE SCHEMA dev.theirs", "CREATE TABLE dev.theirs.leads (ssn STRING)", "CREATE TABLE dev.theirs.coverage (x INT)"
    )
    before = {f.place for f in reviewed_by_others(CLOSED, place.workspace, ["dev"]).get("dev", ())}
    for name in ("leads", "coverage"):
        body = {"entity_type": "tables", "entity_name": f"dev.theirs.{name}", "tag_key": "lampkeeper_review"}
        place.workspace.write(
            "test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", body | {"tag_value": "reviewed"}
        )  # fmt: skip
    found = {f.place: str(f.severity) for f in reviewed_by_others(CLOSED, place.workspace, ["dev"])["dev"]}
    # The record of runs gets the tag beside the desired state: what is called like it is a warning.
    assert {p: s for p, s in found.items() if p not in before} == {"dev.theirs.leads": "error", "dev.theirs.coverage": "warning"}
