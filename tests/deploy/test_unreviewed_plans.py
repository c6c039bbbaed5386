"""What closing and opening the unreviewed means to a plan: who gains and who loses, and what needs leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lampkeeper.app.unreviewed import hidden_tables, left_out, unreviewed_findings
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.history import History
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.verify.unreviewed import reviewed_by_others
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import Direction, MatrixChange
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.policies import SecurableType
from support.governed_configs import ANA, CONFIGS, unreviewed_closed
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

ONE = next(c for c in CONFIGS if c.name == "one_table")
OPEN = ONE.stages[0]
CLOSED = unreviewed_closed(OPEN)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("unreviewed")) as found:
        ONE.build(found)
        yield found


def bring(place: Place, desired: Desired, *, leave: bool = True) -> Plan:
    plan = make_plan(desired, place.workspace, place.states(), adopt=True)
    apply_plan(
        plan,
        place.workspace,
        place.states(),
        allow_widening=leave,
        wait=PropagationWait(seconds=0),
        check_privileges=False,
        saved=False,
    )
    return plan


def unreviewed(changes: tuple[MatrixChange, ...]) -> set[tuple[str, str, str]]:
    return {(c.principal, c.before, c.after) for c in changes if c.of_unreviewed}


def test_to_close_narrows_for_everybody_and_to_open_again_needs_leave(place: Place) -> None:
    bring(place, OPEN)
    closing = bring(place, CLOSED, leave=False)
    assert not closing.widening
    assert ("(outsider)", "all rows", "no rows") in unreviewed(closing.narrowing)
    with pytest.raises(UnsafePlanError, match="rows of unreviewed tables of dev: no rows -> all rows"):
        bring(place, OPEN, leave=False)
    assert all(c.direction is Direction.WIDER for c in make_plan(OPEN, place.workspace, place.states()).widening)


def test_an_exemption_widens_for_those_it_names_and_nobody_else(place: Place) -> None:
    bring(place, CLOSED)
    plan = make_plan(unreviewed_closed(OPEN, exempt=("officers",)), place.workspace, place.states())
    gained = {who for who, _, _ in unreviewed(plan.widening)}
    assert "member of officers" in gained
    assert not gained & {"(outsider)", "member of analysts", ANA}
    with pytest.raises(UnsafePlanError):
        bring(place, unreviewed_closed(OPEN, exempt=("officers",)), leave=False)


def test_a_destroy_tells_of_it_and_asks_for_no_leave_because_of_it(place: Place) -> None:
    bring(place, CLOSED)
    plan = plan_destroy(place.workspace, place.states())
    assert not unreviewed(plan.widening)
    assert ("(outsider)", "no rows", "all rows") in unreviewed(plan.first_access)
    kinds = [(c.kind.name, str(c.action)) for c in plan.changes if c.action.writes and c.kind.name in ("grant", "policy")]
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
    dev = [("dev",)]
    before = {f.location for f in reviewed_by_others(CLOSED, place.workspace, dev).get(dev[0], ())}
    for name in ("leads", "coverage"):
        body = {"entity_type": "tables", "entity_name": f"dev.theirs.{name}", "tag_key": "lampkeeper_review"}
        place.workspace.write(
            "test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", body | {"tag_value": "reviewed"}
        )  # fmt: skip
    found = {f.location: str(f.severity) for f in reviewed_by_others(CLOSED, place.workspace, dev)[dev[0]]}
    assert not reviewed_by_others(CLOSED, place.workspace, [("dev", "s")])
    # The record of runs gets the tag beside the desired state: what is called like it is a warning.
    assert {p: s for p, s in found.items() if p not in before} == {"dev.theirs.leads": "error", "dev.theirs.coverage": "warning"}


def narrowed(desired: Desired) -> Desired:
    """Return the state with its row fallback on the one schema alone."""
    return replace(
        desired,
        policies=tuple(
            replace(p, securable_type=SecurableType.SCHEMA, securable=("dev", "s")) if p.name == "lk_unreviewed_rows" else p
            for p in desired.policies
        ),
    )


def test_what_a_narrower_reach_opens_again_is_listed_and_needs_leave(place: Place) -> None:
    bring(place, CLOSED)
    narrow = narrowed(CLOSED)
    plan = make_plan(narrow, place.workspace, place.states())
    reported = [str(c) for c in plan.widening]
    assert "(outsider): rows of unreviewed tables of dev: no rows -> all rows (wider)" in reported
    assert not [t for t in reported if "dev.s" in t]
    with pytest.raises(UnsafePlanError):
        bring(place, narrow, leave=False)
    bring(place, narrow)
    place.sql(
        "CREATE SCHEMA IF NOT EXISTS dev.aside", "CREATE TABLE dev.aside.notes (x STRING)", "CREATE TABLE dev.s.fresh (x STRING)"
    )
    owner = str(place.workspace.get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    seen = place.sight(owner, {"dev.aside.notes": ("x",), "dev.s.fresh": ("x",), "dev.s.customers": ("id",)})
    assert seen == {"dev.aside.notes.x": "all rows: raw", "dev.s.fresh.x": "no rows", "dev.s.customers.id": "all rows: raw"}
    back = make_plan(CLOSED, place.workspace, place.states())
    assert not back.widening
    assert [str(c) for c in back.narrowing if c.of_unreviewed and c.principal == "(outsider)"] == [
        "(outsider): rows of unreviewed tables of dev: all rows -> no rows (narrower)"
    ]
    # A schema that loses its fallback while the catalog keeps what it had is told by its name.
    gone = replace(OPEN, tables=OPEN.tables)
    assert "(outsider): rows of unreviewed tables of dev.s: no rows -> all rows (wider)" in [
        str(c) for c in make_plan(gone, place.workspace, place.states()).widening
    ]


def test_a_plan_does_not_take_rows_from_who_reads_them_unless_it_is_said_which(place: Place) -> None:
    bring(place, OPEN)
    place.sql("CREATE SCHEMA IF NOT EXISTS dev.lake", "CREATE TABLE IF NOT EXISTS dev.lake.leads (x STRING)")
    states = place.states()
    found = hidden_tables(CLOSED, place.workspace, states)
    (refused,) = [f for f in found if f.severity == "error"]
    assert "dev.lake.leads" in refused.message
    assert "--allow-hiding dev.lake.leads" in refused.fix
    names = [str(t.name) for tables in left_out(CLOSED, place.workspace).values() for t in tables]
    assert {str(f.severity) for f in hidden_tables(CLOSED, place.workspace, states, names)} == {"warning"}
    assert {str(f.severity) for f in unreviewed_findings(CLOSED, place.workspace, states)} == {"warning"}
    with pytest.raises(UsageError, match="hides no table of this name") as caught:
        hidden_tables(CLOSED, place.workspace, states, ["dev.lake.lead"])
    assert caught.value.fix.startswith("did you mean dev.lake.leads")
    # The other schema is nobody's business of an environment that covers one schema.
    assert not [f for f in hidden_tables(narrowed(CLOSED), place.workspace, states) if "lake" in f.message]
    bring(place, CLOSED)
    assert {str(f.severity) for f in hidden_tables(CLOSED, place.workspace, place.states())} == {"info"}
    # A table that we reviewed and would review no more loses its rows by this plan.
    fewer = replace(CLOSED, tag_assignments=tuple(t for t in CLOSED.tag_assignments if t.key != "lampkeeper_review"))
    (lost,) = [f for f in hidden_tables(fewer, place.workspace, place.states()) if f.severity == "error"]
    assert "dev.s.customers" in lost.message
