"""From labels to a desired state: nothing raw for the uncleared, nothing more than needed, the same for any order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.design.synthesis.synthesize import STEPS, SynthesisRequest, synthesize
from lampkeeper.model.access import Access, AccessModel, CellState, Principal
from lampkeeper.model.groups import Group, GroupSpec
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import PolicyKind
from lampkeeper.model.schema import Snapshot, Table, TableKind
from lampkeeper.model.unreviewed import Unreviewed, is_fallback
from support.demo_tables import CUSTOMERS, TRANSACTIONS, demo_desired, demo_request, demo_snapshot, table
from support.nightly import law

TYPES = (
    "STRING",
    "VARCHAR(3)",
    "INT",
    "DECIMAL(18;2)",
    "DOUBLE",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "BINARY",
    "ARRAY<STRING>",
    "VARIANT",
)
ODD_NAMES = (
    "a",
    "Select",
    "with blank",
    "quote'd",
    'double"d',
    "back`tick",
    "dot.ted",
    "new\nline",
    "ünï",
    "\u202ertl",
    "--",
    "${x}",
)


def _states(request: SynthesisRequest, *groups: str) -> dict[ColumnName, CellState]:
    access = Access(AccessModel.of_desired(synthesize(request).desired, request.snapshot.tables))
    who = Principal(name="probe", groups=groups)
    return {c: cell.state for t in request.snapshot.tables for c, cell in access.table(who, t.name).cells.items()}


def test_an_analyst_gets_every_protected_column_masked_and_an_officer_raw() -> None:
    request = demo_request()
    analyst, officer = _states(request, "data_analysts"), _states(request, "compliance_officers")
    for label in request.labels:
        filter_column = label.subtype == "aml_flag"
        assert analyst[label.column] is (CellState.MASKED if label.protected and not filter_column else CellState.RAW)
        assert officer[label.column] is CellState.RAW


def test_somebody_in_no_group_gets_nothing() -> None:
    assert set(_states(demo_request()).values()) == {CellState.HIDDEN}


def test_flagged_rows_are_hidden_from_analysts_and_shown_to_officers() -> None:
    request = demo_request()
    access = Access(AccessModel.of_desired(demo_desired(), request.snapshot.tables))
    name = next(t.name for t in request.snapshot.tables if t.name.plain == TRANSACTIONS)
    assert [f.function.function for f in access.table(Principal(name="a", groups=("data_analysts",)), name).filters] == [
        "filter_aml"
    ]
    assert access.table(Principal(name="o", groups=("compliance_officers",)), name).filters == ()


def test_only_what_is_used_is_made_and_grants_are_the_least() -> None:
    state = demo_desired()
    assert {f.name for f in state.functions} == {p.function for p in state.policies}
    used = {(t.key, t.value) for t in state.tag_assignments}
    assert used == {(p.key, v) for p in state.tag_policies for v in p.values}
    assert {p for g in state.grants for p in g.privileges} == {"USE_CATALOG", "USE_SCHEMA", "SELECT"}
    assert state.schemas == (("dev_clinical", "lampkeeper"), ("dev_fin", "lampkeeper"))


@law(20)
@given(st.randoms(use_true_random=False))
def test_shuffled_input_gives_an_equal_state(random: object) -> None:
    request = demo_request()
    tables, labels, groups = list(request.snapshot.tables), list(request.labels), list(request.groups)
    spaces = [replace(s, tables=tuple(sorted(s.tables, reverse=True))) for s in request.spaces]
    for items in (tables, labels, groups, spaces):
        random.shuffle(items)  # type: ignore[attr-defined]
    shuffled = replace(
        request, snapshot=Snapshot(tables=tuple(tables)), labels=tuple(labels), groups=tuple(groups), spaces=tuple(spaces)
    )
    assert synthesize(shuffled) == synthesize(request)


@law(40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ODD_NAMES), st.sampled_from(TYPES), st.sampled_from(list(LabelClass)), st.sampled_from(list(Protect))
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda x: x[0].casefold(),
    )
)
def test_any_labels_on_any_types_leave_no_protected_column_raw_and_no_error(
    columns: list[tuple[str, str, LabelClass, Protect]],
) -> None:
    made = Table(
        name=demo_snapshot().tables[0].name,
        columns=tuple(replace(table("c.s.t", "x " + t).columns[0], name=n) for n, t, _, _ in columns),
    )
    labels = tuple(
        Label(
            column=ColumnName(made.name, n),
            label=c,
            protect=p,
            confidence=1.0,
            subtype="aml_flag" if c is LabelClass.COMPLIANCE else "",
        )
        for n, _, c, p in columns
    )
    request = SynthesisRequest(
        snapshot=Snapshot(tables=(made,)),
        labels=labels,
        groups=minimal_groups(),
        spaces=(SpaceRequest(name="s", tables=(made.name,)),),
    )
    made_state = synthesize(request)
    assert made_state.findings == ()
    assert [f for f in check(made_state.desired, request.snapshot) if f.severity == "error"] == []
    analyst = _states(request, "data_analysts")
    flags = {ColumnName(made.name, f"{t.entity_name}") for t in made_state.desired.tag_assignments if t.value == "aml_restricted"}
    for label in labels:
        if label.protected and ColumnName(made.name, f"{made.name.plain}.{label.column.column}") not in flags:
            assert analyst[label.column] is CellState.MASKED


def test_an_unlabelled_column_keeps_its_table_from_everybody() -> None:
    request = demo_request()
    left_out = replace(request, labels=request.labels[1:])
    made = synthesize(left_out)
    gone = request.labels[0].column.table
    assert [f.code for f in made.findings if f.severity == "error"] == ["LK010"]
    assert gone.parts not in {g.securable for g in made.desired.grants}
    assert all(gone not in s.tables for s in made.desired.spaces)


def test_a_view_with_sensitive_columns_is_not_granted_and_an_innocent_view_is_not() -> None:
    tables = (
        table("c.s.people_v", "id BIGINT, email STRING", TableKind.VIEW),
        table("c.s.counts_v", "day DATE, orders BIGINT", TableKind.VIEW),
    )
    snapshot = Snapshot(tables=tables)
    made = synthesize(SynthesisRequest(snapshot=snapshot, labels=classify(snapshot), groups=minimal_groups()))
    granted = {g.securable for g in made.desired.grants}
    assert ("c", "s", "people_v") not in granted
    assert ("c", "s", "counts_v") in granted
    assert [f.code for f in made.findings] == ["LK012"]


def test_two_aml_flags_make_one_filter_and_one_mask() -> None:
    snapshot = Snapshot(tables=(table("c.s.transactions", "id BIGINT, aml_flag BOOLEAN, aml_alert BOOLEAN"),))
    made = synthesize(SynthesisRequest(snapshot=snapshot, labels=classify(snapshot), groups=minimal_groups()))
    tagged = [p.kind for p in made.desired.policies if not is_fallback(p)]
    assert sorted(tagged) == [PolicyKind.COLUMN_MASK, PolicyKind.ROW_FILTER]
    assert check(made.desired, snapshot) == ()


def test_a_group_cleared_for_one_family_is_exempt_from_its_policies_only() -> None:
    nurses = GroupSpec(group=Group(name="nurses"), clearance=("phi_level",))
    request = replace(demo_request(), groups=(*minimal_groups(), nurses))
    states = _states(request, "nurses")
    labels = {x.column: x for x in request.labels}
    raw = {str(labels[c].label) for c, s in states.items() if s is CellState.RAW and labels[c].protected}
    assert raw == {"health", "insurance_id", "compliance"}


def test_members_are_written_for_our_groups_only() -> None:
    ours = GroupSpec(group=Group(name="ours"), members=("b@x.y", "a@x.y"))
    theirs = GroupSpec(group=Group(name="theirs", external=True), members=("c@x.y",))
    state = synthesize(replace(demo_request(), groups=(ours, theirs))).desired
    assert state.members == {"ours": ("a@x.y", "b@x.y")}


def test_too_many_policies_are_shared_without_loss_and_never_dropped() -> None:
    clinical = Snapshot(tables=tuple(t for t in demo_snapshot().tables if t.name.catalog == "dev_clinical"))
    request = demo_request(clinical)
    alone = synthesize(request).desired
    packed = synthesize(replace(request, limits=RemainingQuota(policies_per_catalog=len(alone.policies) - 1)))
    assert packed.findings == ()
    assert len(packed.desired.policies) < len(alone.policies)
    tables = request.snapshot.tables
    before, after = (Access(AccessModel.of_desired(s, tables)) for s in (alone, packed.desired))
    for groups in ((), ("data_analysts",), ("compliance_officers",)):
        who = Principal(name="x", groups=groups)
        assert [before.table(who, t.name).cells for t in tables] == [after.table(who, t.name).cells for t in tables]


def test_a_quota_that_no_packing_meets_is_an_error_and_the_policies_stay() -> None:
    made = synthesize(replace(demo_request(), limits=RemainingQuota(policies_per_catalog=2)))
    assert {f.code for f in made.findings} == {"LK020"}
    assert len(made.desired.policies) > 2


def test_more_cleared_groups_than_a_policy_takes_is_an_error() -> None:
    many = tuple(GroupSpec(group=Group(name=f"g{i}"), clearance=("*",)) for i in range(20))
    assert {f.code for f in synthesize(replace(demo_request(), groups=many)).findings} == {"LK021"}


def test_tag_permissions_are_made_only_when_asked_for() -> None:
    assert demo_desired().tag_permissions == ()
    asked = synthesize(replace(demo_request(), tag_assigners=("stewards",))).desired
    assert {p.key for p in asked.tag_permissions} == {p.key for p in asked.tag_policies}


def test_steps_are_named_and_in_order() -> None:
    names = "make_tags make_masks make_policies close_unreviewed bind_pilot make_groups make_grants make_genie"
    assert [s.__name__ for s in STEPS] == names.split()


@pytest.mark.parametrize("empty", [Snapshot(tables=()), Snapshot(tables=(table("c.s.t", "id BIGINT"),))])
def test_nothing_to_protect_makes_no_policy(empty: Snapshot) -> None:
    request = SynthesisRequest(snapshot=empty, labels=classify(empty), groups=minimal_groups(), unreviewed=Unreviewed.ALLOW)
    made = synthesize(request)
    assert made.desired.policies == made.desired.functions == made.desired.schemas == ()
    assert made.findings == ()


def test_space_content_uses_real_columns_and_says_what_is_masked() -> None:
    space = next(s for s in demo_desired().spaces if s.key == "finance_analytics")
    assert space.acl_groups == ("compliance_officers", "data_analysts")
    assert any(j.sql == "`transactions`.`customer_id` = `customers`.`customer_id`" for j in space.joins)
    assert space.title
    assert space.sample_questions
    assert space.measures
    assert "card_number" in space.instructions
    assert CUSTOMERS in {t.plain for t in space.tables}
