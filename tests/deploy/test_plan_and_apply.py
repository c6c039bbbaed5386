"""What a plan says and an apply refuses, on a local workspace without a JVM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lampkeeper.deploy.change import changes_of
from lampkeeper.deploy.direct import Progress, apply_plan
from lampkeeper.deploy.kinds import GENIE_SPACE, GROUP, POLICY
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import Policy
from support.governed_configs import ANA, CONFIGS, EVE, KEY, OLA, column_tag, governed, mask_policy
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

NOW = PropagationWait(seconds=0)
ONE = next(c for c in CONFIGS if c.name == "one_table")
DESIRED = ONE.stages[0]
TREATED = {"id": "", "email": "masked_email", "full_name": "masked_name", "amount": "masked_amount"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        ONE.build(found)
        yield found


def plan(place: Place, desired: Desired = DESIRED, **options: object) -> Plan:
    return make_plan(desired, place.workspace, place.states(), **options)  # type: ignore[arg-type]


def run(place: Place, made: Plan, **options: object) -> None:
    apply_plan(made, place.workspace, place.states(), wait=NOW, **options)  # type: ignore[arg-type]


def applied(place: Place, desired: Desired = DESIRED) -> None:
    run(place, plan(place, desired))


def changed(made: Plan) -> list[tuple[str, str]]:
    return [(str(c.action), c.kind.name) for c in made.changes]


def test_a_first_apply_opens_and_needs_no_leave(place: Place) -> None:
    made = plan(place)
    assert made.widening == ()
    assert made.first_access
    run(place, made)
    assert place.sight(ANA, ONE.columns)["dev.s.customers.email"].startswith("all rows: dev.lampkeeper.mask_email")
    assert place.sight(OLA, ONE.columns)["dev.s.customers.email"] == "all rows: raw"
    assert place.sight(EVE, ONE.columns)["dev.s.customers.email"] == "hidden"


def test_an_analyst_who_gains_a_raw_column_is_widening_and_refused(place: Place) -> None:
    applied(place)
    loose = governed({"dev.s.customers": {**TREATED, "email": ""}}, {"analysts": (ANA,), "officers": (OLA,)})
    made = plan(place, loose)
    assert {(c.principal, c.column) for c in made.widening} >= {(ANA, "email")}
    world = place.world()
    with pytest.raises(UnsafePlanError, match="widens"):
        run(place, made)
    assert place.world() == world
    run(place, made, allow_widening=True)
    assert place.sight(ANA, ONE.columns)["dev.s.customers.email"] == "all rows: raw"


def test_a_person_who_joins_the_exempt_group_by_plan_is_widening(place: Place) -> None:
    applied(place)
    made = plan(place, replace(DESIRED, members={"analysts": (ANA,), "officers": (OLA, EVE)}))
    assert {c.principal for c in made.widening} == {EVE}


def test_a_table_that_joins_later_opens_without_leave(place: Place) -> None:
    applied(place)
    place.sql("CREATE TABLE dev.s.orders (oid BIGINT, note STRING)")
    wider = governed({"dev.s.customers": TREATED, "dev.s.orders": {"oid": "", "note": "masked_name"}}, dict(DESIRED.members))
    made = plan(place, wider)
    assert made.widening == ()
    assert {c.table.table for c in made.first_access} == {"orders"}


def test_repairing_drift_is_no_widening(place: Place) -> None:
    applied(place)
    ws = place.workspace
    change = {"changes": [{"principal": "analysts", "remove": ["SELECT"]}]}
    ws.write("test", "PATCH", "/api/2.1/unity-catalog/permissions/table/dev.s.customers", change)
    place.sql("CREATE OR REPLACE FUNCTION dev.lampkeeper.mask_email(v STRING) RETURNS STRING RETURN v")
    ws.write("test", "DELETE", "/api/2.1/unity-catalog/policies/CATALOG/dev/lk_masked_name")
    made = plan(place)
    assert sorted(changed(made)) == [("create", "grant"), ("create", "policy"), ("update", "function")]
    assert made.widening == ()
    run(place, made)
    assert plan(place).empty


def test_strangers_in_a_group_of_ours_are_removed(place: Place) -> None:
    applied(place)
    path, api_level = place.workspace.scim("Groups")
    groups = place.states()[Layer.ACCOUNT].of_kind(GROUP)
    eve = next(u for u in place.workspace.account.users_v2.list() if u.user_name == EVE)  # type: ignore[union-attr]
    operation = {"op": "add", "path": "members", "value": [{"value": eve.id}]}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    place.workspace.write("test", "PATCH", f"{path}/{groups['officers'].remote_id}", body, api_level=api_level)
    assert place.sight(EVE, ONE.columns)["dev.s.customers.email"] == "all rows: raw"
    made = plan(place)
    assert changed(made) == [("delete", "member")]
    run(place, made)
    assert place.sight(EVE, ONE.columns)["dev.s.customers.email"] == "hidden"


def test_what_others_made_is_refused_then_adopted_then_given_back(place: Place) -> None:
    ws = place.workspace
    theirs = {"tag_key": KEY, "description": "theirs", "values": [{"name": "public"}]}
    ws.write("test", "POST", "/api/2.1/tag-policies", theirs)
    body = {"entity_type": "columns", "entity_name": "dev.s.customers.email", "tag_key": KEY, "tag_value": "public"}
    ws.write("test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", body)
    world = place.world()
    refused = plan(place)
    assert {f.code for f in refused.findings if f.severity == "error"} == {"FOREIGN_OBJECT"}
    with pytest.raises(UnsafePlanError, match="errors"):
        run(place, refused)
    assert place.world() == world
    run(place, plan(place, adopt=True))
    assert plan(place).empty
    run(place, plan_destroy(ws, place.states()))
    assert place.world() == world


def test_what_another_env_marked_is_refused_even_with_adopt(place: Place) -> None:
    applied(place)
    other = replace(place, folder=place.folder / "other", env="prod")
    made = plan(other, adopt=True)
    assert {f.code for f in made.findings if f.severity == "error"} == {"OWNED_BY_OTHER"}


def test_a_lost_state_file_is_found_again_by_the_marks(place: Place) -> None:
    applied(place)
    for state in place.states().layers.values():
        state.path.unlink(missing_ok=True)
    made = plan(place)
    assert {c.action for c in made.changes} == {Action.ADOPT}
    run(place, made)
    assert plan(place).empty


def test_a_saved_plan_is_refused_when_the_workspace_has_moved_on(place: Place) -> None:
    made = plan(place)
    body = {"entity_type": "columns", "entity_name": "dev.s.customers.email", "tag_key": "owner", "tag_value": "x"}
    place.workspace.write("test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", body)
    place.group("analysts")
    with pytest.raises(UnsafePlanError, match="has changed since"):
        run(place, Plan.from_json(made.to_json()))


def test_a_damaged_plan_is_a_wrong_use_and_names_the_location() -> None:
    with pytest.raises(UsageError, match="line 1, column 2"):
        Plan.from_json("{oops")
    with pytest.raises(UsageError, match="format"):
        Plan.from_json("{}")
    with pytest.raises(UsageError, match="damaged"):
        Plan.from_json('{"format": 5, "env": "dev"}')


def test_a_table_that_is_not_there_is_named(place: Place) -> None:
    gone = governed({"dev.s.customers": TREATED, "dev.s.ghost": {"a": "masked_name"}}, dict(DESIRED.members))
    with pytest.raises(RemoteError, match=r"dev\.s\.ghost") as error:
        plan(place, gone)
    assert error.value.exit_code == 4


def test_a_tag_on_a_column_that_is_gone_is_a_finding_not_a_half_apply(place: Place) -> None:
    tags = (*DESIRED.tag_assignments, column_tag("dev.s.customers", "ghost", "masked_name"))
    made = plan(place, replace(DESIRED, tag_assignments=tags))
    assert [(f.code, f.location) for f in made.findings] == [("TAGGED_COLUMN_MISSING", "dev.s.customers.ghost")]
    assert made.blocked


def test_an_external_group_that_is_not_there_is_a_finding(place: Place) -> None:
    desired = governed({"dev.s.customers": TREATED}, {"analysts": (ANA,)}, cleared=("idp",), external=("idp",))
    assert "EXTERNAL_GROUP_MISSING" in {f.code for f in plan(place, desired).findings}


def test_members_that_do_not_exist_stop_an_apply_before_its_first_write(place: Place) -> None:
    made = plan(place, replace(DESIRED, members={"analysts": ("nobody@x.example", ANA), "officers": ("ghost@x.example",)}))
    place.wire.writes = 0
    with pytest.raises(RemoteError, match="2 requirements are not met"):
        run(place, made)
    assert place.wire.writes == 0


def test_a_runner_without_privileges_gets_all_that_it_lacks_in_one_report(place: Place, tmp_path: Path) -> None:
    made = plan(place)
    poor = place.enter(EVE)
    poor.account_id = place.space.account_id
    poor.has_account = True
    with pytest.raises(RemoteError) as error:
        apply_plan(made, poor, place.states(), wait=NOW, saved=False)
    assert error.value.status == 403
    assert {w for w in ("make policies", "assign tags", "grant", "create the schema") if w in error.value.message} == {
        "make policies", "assign tags", "grant", "create the schema",
    }  # fmt: skip


def test_foreign_access_is_shown_and_left_alone(place: Place) -> None:
    change = {"changes": [{"principal": EVE, "add": ["SELECT"]}]}
    place.workspace.write("test", "PATCH", "/api/2.1/unity-catalog/permissions/table/dev.s.customers", change)
    applied(place)
    made = plan(place)
    assert made.empty
    assert [f.location for f in made.findings if f.code == "UNMANAGED_GRANT"] == ["dev.s.customers"]


def test_a_layer_is_applied_alone_and_leaves_the_others_files_as_they_were(place: Place) -> None:
    config = next(c for c in CONFIGS if c.name == "workspace_layer")
    first, second = config.stages
    applied(place, first)
    files = {la: s.path.read_bytes() for la, s in place.states().layers.items()}
    made = plan(place, second, layers=(Layer.WORKSPACE,))
    assert {c.layer for c in made.changes} == {Layer.WORKSPACE}
    run(place, made)
    after = {la: s.path.read_bytes() for la, s in place.states().layers.items()}
    assert [la for la in files if files[la] != after[la]] == [Layer.WORKSPACE]


def test_the_id_of_each_space_of_ours_lies_beside_the_state_while_it_is_there(place: Place) -> None:
    config = next(c for c in CONFIGS if c.name == "workspace_layer")
    beside = place.states()[Layer.WORKSPACE].path.parent
    beside.mkdir(parents=True, exist_ok=True)
    foreign = beside / ".genie_space_id_of_others"
    foreign.write_text("01ef\n")
    applied(place, config.stages[0])
    (key,) = place.states().owned(GENIE_SPACE)
    file = beside / f".genie_space_id_{key}"
    assert place.workspace.w.genie.get_space(file.read_text().strip()).title
    run(place, plan(place, replace(config.stages[0], spaces=())), allow_widening=True)
    assert sorted(beside.glob(".genie_space_id_*")) == [foreign]


def test_progress_is_reported_before_each_step_and_at_each_wait(place: Place) -> None:
    reported: list[Progress] = []
    made = plan(place)
    run(place, made, progress=reported.append)
    assert [p.change for p in reported if not p.waiting] == list(made.changes)
    assert any(p.waiting for p in reported)


def test_a_policy_that_swaps_who_is_exempt_passes_through_one_that_exempts_neither(place: Place) -> None:
    applied(place)
    names = {"analysts": (ANA,), "officers": (OLA,), "auditors": (EVE,)}
    made = plan(place, governed({"dev.s.customers": TREATED}, names, cleared=("auditors",)))
    steps = [c for c in changes_of(made.changes, POLICY) if c.key.endswith("lk_masked_email")]
    assert [c.after.except_principals for c in steps if isinstance(c.after, Policy)] == [(), ("auditors",)]
    assert [str(c.stage) for c in steps] == ["protect", "switch"]


def test_when_no_order_is_safe_the_table_is_closed_for_the_time_of_the_apply(place: Place) -> None:
    """A mask's function and a column's protection change at once: some step would show the one with the other."""
    applied(place)
    moved = governed({"dev.s.customers": {**TREATED, "email": "masked_name", "full_name": "masked_email"}}, dict(DESIRED.members))
    swapped = tuple(
        replace(p, function=mask_policy("dev", "hidden", ()).function) if p.name == "lk_masked_email" else p
        for p in moved.policies
    )
    hidden = tuple(replace(f, body="'***'") for f in governed({"dev.s.customers": {"id": "", "email": "hidden"}}, {}).functions)
    made = plan(place, replace(moved, policies=swapped, functions=(*moved.functions, *hidden)))
    closed = [c for c in made.changes if c.temporary]
    assert [str(c.action) for c in closed] == ["delete", "delete", "create", "create"]
    assert made.exposures == ()
    run(place, made, allow_widening=True)


def test_protection_goes_over_a_table_that_everybody_reads_and_only_by_leave_off_again(place: Place) -> None:
    places = (("catalog", "dev", "USE_CATALOG"), ("schema", "dev.s", "USE_SCHEMA"), ("table", "dev.s.customers", "SELECT"))
    for kind, name, privilege in places:
        body = {"changes": [{"principal": "account users", "add": [privilege]}]}
        place.workspace.write("test", "PATCH", f"/api/2.1/unity-catalog/permissions/{kind}/{name}", body)
    assert place.sight(EVE, ONE.columns)["dev.s.customers.email"] == "all rows: raw"
    made = plan(place)
    assert {c.principal for c in made.narrowing} >= {"(outsider)", ANA}
    run(place, made)
    assert "mask_email" in place.sight(EVE, ONE.columns)["dev.s.customers.email"]
    with pytest.raises(UnsafePlanError, match="widens"):
        run(place, plan_destroy(place.workspace, place.states()))
