"""Masks and filters that stand already: read, named, never doubled, and taken over only on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import TABLE_CONTROL
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.verify.structure import StructureCheck
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.access import Principal
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.explain import explain
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.live import read_governed
from support.governed_configs import ANA, CONFIGS, OLA
from support.governed_places import Killed, Place, light_place

pytestmark = pytest.mark.server

CONFIG = next(c for c in CONFIGS if c.name == "row_filter")
DESIRED = CONFIG.stages[-1]
TABLE = TableName("dev", "s", "customers")
EMAIL = ColumnName(TABLE, "email")
OLD = "dev.old"
MASK = f"ALTER TABLE {TABLE.sql} ALTER COLUMN email SET MASK {OLD}.hide"
FILTER = f"ALTER TABLE {TABLE.sql} SET ROW FILTER {OLD}.none ON (id)"
DROPS = (f"ALTER TABLE {TABLE.sql} ALTER COLUMN email DROP MASK", f"ALTER TABLE {TABLE.sql} DROP ROW FILTER")
LEGACY = {
    "on_securable_type": "CATALOG", "on_securable_fullname": "dev", "name": "legacy_mail",
    "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "to_principals": ["account users"],
    "match_columns": [{"condition": "has_tag_value('legacy_pii', 'mail')", "alias": "c"}],
    "column_mask": {"function_name": f"{OLD}.hide", "on_column": "c"},
}  # fmt: skip
LEGACY_TAG = {"entity_type": "columns", "entity_name": EMAIL.plain, "tag_key": "legacy_pii", "tag_value": "mail"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("controls")) as found:
        CONFIG.build(found)
        found.sql(
            f"CREATE SCHEMA {OLD}",
            f"CREATE FUNCTION {OLD}.hide(v STRING) RETURNS STRING RETURN 'xxx'",
            f"CREATE FUNCTION {OLD}.none(i BIGINT) RETURNS BOOLEAN RETURN i > 5",
            f"CREATE FUNCTION {OLD}.blur(v DOUBLE, m STRING) RETURNS DOUBLE RETURN 0",
        )
        found.workspace.write("test", "POST", "/api/2.1/tag-policies", {"tag_key": "legacy_pii", "values": [{"name": "mail"}]})
        yield found


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    yield shared
    shared.wire.watch, shared.wire.die_at = None, 0
    shared.sql(*DROPS, f"ALTER TABLE {TABLE.sql} ALTER COLUMN amount DROP MASK")
    policies = "/api/2.1/unity-catalog/policies/CATALOG/dev"
    listed = shared.workspace.get("test", policies).get("policies") or ()
    if any(p["name"] == "legacy_mail" for p in listed):
        shared.workspace.write("test", "DELETE", f"{policies}/legacy_mail")
        shared.workspace.write(
            "test", "DELETE", f"/api/2.1/unity-catalog/entity-tag-assignments/columns/{EMAIL.plain}/tags/legacy_pii"
        )
    states = shared.states()
    bring(shared, plan_destroy(shared.workspace, states))


def plan(place: Place, desired: Desired = DESIRED, *, adopt: bool = False) -> Plan:
    return make_plan(desired, place.workspace, place.states(), adopt=adopt)


def bring(place: Place, made: Plan) -> None:
    apply_plan(
        made,
        place.workspace,
        place.states(),
        allow_widening=True,
        wait=PropagationWait(seconds=0),
        check_privileges=False,
        saved=False,
    )


def errors(made: Plan) -> dict[str, str]:
    return {f.location: f"{f.code}: {f.message}; {f.fix}" for f in made.findings if f.severity == "error"}


def legacy(place: Place) -> None:
    place.workspace.write("test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", LEGACY_TAG)
    place.workspace.write("test", "POST", "/api/2.1/unity-catalog/policies", LEGACY)


def mask(place: Place) -> None:
    place.sql(MASK)


def row_filter(place: Place) -> None:
    place.sql(FILTER)


def reads_masked(place: Place) -> None:
    place.sql(f"ALTER TABLE {TABLE.sql} ALTER COLUMN amount SET MASK {OLD}.blur USING COLUMNS (email)")


CASES = {
    "a mask set on the table": (mask, EMAIL.plain, "SECOND_MASK", "dev.old.hide is set on the table itself (the table's owner: "),
    "a row filter set on the table": (row_filter, TABLE.plain, "SECOND_FILTER", "dev.old.none is set on the table itself"),
    "a policy of others": (legacy, EMAIL.plain, "SECOND_MASK", "dev.old.hide by policy legacy_mail on catalog dev (made by "),
    "a function that reads what we mask": (reads_masked, EMAIL.plain, "MASKED_INPUT", "dev.old.blur is set on the table itself"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("late", [False, True], ids=["before our first apply", "after our apply"])
def test_a_second_control_is_refused_and_named_with_its_owner(place: Place, case: str, late: bool) -> None:
    build, where, code, reported = CASES[case]
    if late:
        bring(place, plan(place))
    build(place)
    made = plan(place)
    found = errors(made)
    assert found[where].startswith(f"{code}: ")
    assert reported in found[where]
    owner = str(place.workspace.get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    assert owner in found[where]
    assert made.refused
    before = place.wire.writes
    with pytest.raises(UnsafePlanError):
        bring(place, made)
    assert place.wire.writes == before
    # Where nothing of ours meets it, it is left alone.
    assert not plan_destroy(place.workspace, place.states()).refused


def test_a_saved_plan_does_not_go_over_what_has_been_set_since(place: Place) -> None:
    made = plan(place)
    mask(place)
    with pytest.raises(UnsafePlanError, match="would conflict, and every query fail"):
        apply_plan(made, place.workspace, place.states(), wait=PropagationWait(seconds=0), check_privileges=False, saved=True)


@pytest.mark.parametrize("build", [mask, row_filter])
def test_the_live_model_sees_what_the_platform_enforces(place: Place, build: object) -> None:
    bring(place, plan(place))
    assert callable(build)
    build(place)
    live = read_governed(place.workspace, [TABLE], groups=["analysts", "officers"])
    access = live.access
    real = {who: place.sight(who, {TABLE.plain: ("id", "email")}) for who in (ANA, OLA)}
    for who in (ANA, OLA):
        for column in ("id", "email"):
            cell = access.table(Principal(name=who), TABLE).cells[ColumnName(TABLE, column)]
            enforced = real[who][f"{TABLE.plain}.{column}"]
            # A mask conflict fails the queries of its column, the resolution of the whole table tells of it.
            assert (str(cell.state) == "failing") == (enforced == "failing") or column == "id"
    found = explain(access, Principal(name=ANA), EMAIL)
    assert str(found.cell.state) == "failing"
    assert len(found.as_dict()["set_on_table"]) == 1  # type: ignore[arg-type]
    structure = StructureCheck(DESIRED, live, ()).run(())
    (reported,) = [f for f in structure.findings if f.code in ("verify/second_mask", "verify/second_filter")]
    assert "plan --adopt" in reported.fix


@pytest.mark.parametrize(("build", "gone"), [(mask, "DROP MASK"), (row_filter, "DROP ROW FILTER")])
def test_a_takeover_is_closed_on_the_way_and_undone_by_a_destroy(place: Place, build: object, gone: str) -> None:
    assert callable(build)
    build(place)
    before = plan(place)
    assert before.refused
    made = plan(place, adopt=True)
    assert not errors(made)
    (reported,) = [f.message for f in made.findings if f.code == "TAKEN_OVER"]
    assert f"then {gone}" in reported
    seen: list[dict[str, str]] = []
    place.wire.watch = lambda number, call: seen.append(place.sight(ANA, {TABLE.plain: ("email",)}))
    bring(place, made)
    assert not [s for s in seen if s[EMAIL.plain].endswith(": raw")]
    assert plan(place).empty
    after = place.sight(ANA, {TABLE.plain: ("email",)})[EMAIL.plain]
    assert "dev.old" not in after
    seen.clear()
    bring(place, plan_destroy(place.workspace, place.states()))
    assert not [s for s in seen if s[EMAIL.plain].endswith(": raw")]
    live = read_governed(place.workspace, [TABLE])
    assert [c.function.plain for c in live.controls] == ["dev.old.hide" if build is mask else "dev.old.none"]
    assert not place.states().owned(TABLE_CONTROL)


def test_a_takeover_that_dies_at_any_write_goes_on_and_keeps_the_original(place: Place) -> None:
    total = 0
    for step in range(1, 40):
        mask(place)
        made = plan(place, adopt=True)
        total = made.writes
        # The last writes: the drop of the mask is among them.
        at = max(1, total - step + 1)
        place.wire.writes, place.wire.die_at, place.wire.after_effect = 0, at, bool(step % 2)
        with pytest.raises(Killed):
            bring(place, made)
        place.wire.die_at = 0
        again = plan(place, adopt=True)
        bring(place, again)
        assert plan(place).empty
        bring(place, plan_destroy(place.workspace, place.states()))
        assert [c.function.plain for c in read_governed(place.workspace, [TABLE]).controls] == ["dev.old.hide"]
        place.sql(DROPS[0])
        if step >= 8 or at == 1:
            break
    assert total > 8


def test_a_column_that_is_protected_no_more_gets_its_old_mask_back_first(place: Place) -> None:
    mask(place)
    bring(place, plan(place, adopt=True))
    less = replace(DESIRED, tag_assignments=tuple(t for t in DESIRED.tag_assignments if t.entity_name != EMAIL.plain))
    made = plan(place, less)
    kinds = [(c.kind.name, str(c.action)) for c in made.changes if c.kind.name in ("table_control", "tag") and c.action.writes]
    assert kinds[0] == ("table_control", "update")
    bring(place, made)
    live = read_governed(place.workspace, [TABLE])
    assert [str(c) for c in live.controls] == ["column mask dev.old.hide(email) on dev.s.customers.email"]
    assert live.access.table(OUTSIDER, TABLE).masks[EMAIL]
    assert plan(place, less).empty


def test_what_somebody_sets_again_after_a_takeover_is_refused_and_stays_at_a_destroy(place: Place) -> None:
    mask(place)
    bring(place, plan(place, adopt=True))
    place.sql(f"CREATE OR REPLACE FUNCTION {OLD}.newer(v STRING) RETURNS STRING RETURN 'yyy'")
    place.sql(MASK.replace("hide", "newer"))
    assert plan(place).refused
    bring(place, plan_destroy(place.workspace, place.states()))
    assert [c.function.plain for c in read_governed(place.workspace, [TABLE]).controls] == ["dev.old.newer"]
