"""Drift of a catalog from what an environment covers, judged by effect, and the delta that closes it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.drift.delta import delta
from lampkeeper.design.drift.drift import (
    Comparison,
    Drift,
    DriftKind,
    Protection,
    compare_states,
    find_drift,
    raw_columns,
    stale_assignments,
)
from lampkeeper.design.drift.governed import TagSource, governed_tags, refused_assignments
from lampkeeper.design.knowledge.knowledge import Knowledge, compose
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.design.knowledge.vocabulary import load_vocabulary
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.synthesize import SynthesisRequest
from lampkeeper.files.settings import read_settings
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Severity
from lampkeeper.model.labels import LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from support.demo_tables import CUSTOMERS, demo_desired, demo_request, demo_snapshot, table
from support.nightly import law

pytestmark = pytest.mark.unit

_NEW = (
    Column(name="contact_email", type="STRING"),
    Column(name="passport_number", type="STRING"),
    Column(name="latitude", type="DOUBLE"),
    Column(name="segment", type="STRING"),
    Column(name="tags", type="ARRAY<STRING>", comment="Passport number"),
)


def _live(snapshot: Snapshot, state: Desired) -> Snapshot:
    """Return the snapshot as it reads when the state has been applied."""
    return Snapshot(tables=snapshot.tables, tags=state.tag_assignments)


def _changed(column: str, *new: Column) -> Snapshot:
    """Return the demo catalog with a column of customers replaced."""

    def change(t: Table) -> Table:
        if t.name.plain != CUSTOMERS:
            return t
        return replace(t, columns=(*(c for c in t.columns if c.name != column), *new))

    return Snapshot(tables=tuple(change(t) for t in demo_snapshot().tables), tags=demo_desired().tag_assignments)


def _drift(snapshot: Snapshot, state: Desired) -> tuple[Drift, ...]:
    return find_drift(snapshot, state, classify(snapshot))


def _request(snapshot: Snapshot) -> SynthesisRequest:
    return replace(demo_request(), snapshot=snapshot, labels=classify(snapshot))


def _tag(entity: str, key: str, value: str) -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=entity, key=key, value=value)


def _forward(column: Column, knowledge: Knowledge | None = None) -> bool:
    """Say whether a column that nobody has tagged is forward drift of the customers."""
    entity = f"{CUSTOMERS}.{column.name}"
    (customers,) = (t for t in _changed(column.name, column).tables if t.name.plain == CUSTOMERS)
    tags = tuple(t for t in demo_desired().tag_assignments if t.entity_name != entity)
    snapshot = Snapshot(tables=(customers,), tags=tags)
    found = find_drift(snapshot, demo_desired(), classify(snapshot, knowledge=knowledge))
    return (DriftKind.FORWARD, entity) in {(d.kind, d.entity) for d in found}


class TestSensitiveNames:
    """What counts as sensitive when nobody has tagged it: words of a name, never parts of words."""

    @pytest.mark.parametrize(
        "name",
        [
            "ssn", "patient_ssn", "social_sec_num", "passport_number", "dob", "birth_date", "birthdate", "date_of_birth",
            "email", "email_address", "phone", "phone_number", "home_address", "mailing_address", "credit_card", "creditcard",
            "card_number", "cvv", "account_num", "diagnosis", "diagnosis_code", "medication", "medication_name", "patient_name",
            "mrn", "insurance_id", "first_name", "last_name", "treatment_notes",
        ],
    )  # fmt: skip
    def test_sensitive(self, name: str) -> None:
        assert _forward(Column(name=name, type="STRING"))

    @pytest.mark.parametrize(
        ("name", "type_text"),
        [
            ("row_id", "BIGINT"), ("created_at", "TIMESTAMP"), ("updated_at", "TIMESTAMP"), ("quantity", "INT"),
            ("status", "STRING"), ("type", "STRING"), ("category", "STRING"), ("region", "STRING"), ("country", "STRING"),
            ("currency", "STRING"), ("risk_tier", "STRING"), ("enrolled_at", "TIMESTAMP"), ("patient_count", "INT"),
            ("email_sent_count", "INT"), ("mrna_batch", "STRING"), ("classnumber", "INT"), ("company_name", "STRING"),
        ],
    )  # fmt: skip
    def test_harmless(self, name: str, type_text: str) -> None:
        assert not _forward(Column(name=name, type=type_text))

    @pytest.mark.parametrize(
        "name", ["tfn", "medicare_number", "bsb", "aadhaar", "pan_number", "voter_id", "nric", "nik", "cccd"]
    )
    def test_what_the_overlays_know_is_drift_too(self, name: str) -> None:
        assert _forward(Column(name=name, type="STRING"), compose(built_in_overlays()))


class TestManagedTables:
    """Which tables are looked at: those of the spaces and those at the top, wildcards too, each once."""

    SPACES = 'genie_spaces = [{ name = "A", uc_tables = ["c.s.*"] }, { name = "B", uc_tables = ["c.s.t", "d.s.u"] }]\n'

    @pytest.mark.parametrize(
        ("text", "patterns"),
        [
            ('uc_tables = ["c.s.t"]', ("c.s.t",)),
            (SPACES, ("c.s.*", "c.s.t", "d.s.u")),
            (SPACES + 'uc_tables = ["d.s.u", "e.s.*"]', ("c.s.*", "c.s.t", "d.s.u", "e.s.*")),
            ('uc_catalog = "c"\nuc_tables = ["s.t", "d.s.t"]', ("c.s.t", "d.s.t")),
            ("", ()),
        ],
    )
    def test_both_shapes_of_an_environment(self, text: str, patterns: tuple[str, ...]) -> None:
        assert read_settings(text, "env.auto.tfvars").settings.patterns == patterns


class TestForwardDrift:
    """A sensitive column that a person in no group would read raw."""

    def test_what_was_just_applied_has_no_drift(self) -> None:
        assert _drift(_live(demo_snapshot(), demo_desired()), demo_desired()) == ()

    def test_a_new_sensitive_column_is_drift_and_a_harmless_one_is_none(self) -> None:
        snapshot = _changed("", Column(name="passport_number", type="STRING"), Column(name="segment", type="STRING"))
        (found,) = _drift(snapshot, demo_desired())
        assert found.as_dict() == {
            "kind": "forward", "entity": f"{CUSTOMERS}.passport_number", "label": "national_id",
            "message": "national_id column (yes) is not masked for people without clearance",
        }  # fmt: skip

    def test_a_tag_without_a_policy_is_drift_all_the_same(self) -> None:
        live = _live(demo_snapshot(), demo_desired())
        policies = tuple(p for p in demo_desired().policies if "masked_email" not in p.name)
        found = find_drift(live, demo_desired(), classify(live), policies=policies)
        assert {d.entity.rsplit(".", 1)[1] for d in found} == {"email"}

    def test_a_tag_removed_behind_our_back_is_drift(self) -> None:
        live = Snapshot(tables=demo_snapshot().tables, tags=demo_desired().tag_assignments[1:])
        assert len(_drift(live, demo_desired())) == 1

    def test_a_tag_of_somebody_else_counts_where_a_policy_looks_at_it(self) -> None:
        snapshot = _changed("", Column(name="contact_email", type="STRING"))
        theirs = _tag(f"{CUSTOMERS}.contact_email", "pii_level", "masked_email")
        assert _drift(Snapshot(tables=snapshot.tables, tags=(*snapshot.tags, theirs)), demo_desired()) == ()
        idle = replace(theirs, value="public")
        assert len(_drift(Snapshot(tables=snapshot.tables, tags=(*snapshot.tags, idle)), demo_desired())) == 1

    def test_an_unclassified_column_is_drift(self) -> None:
        live = _live(demo_snapshot(), demo_desired())
        found = find_drift(live, demo_desired(), classify(live)[1:])
        assert [d.message for d in found] == ["this column has no label"]

    def test_undecided_columns_are_drift_and_those_that_a_steward_opened_are_not(self) -> None:
        live = Snapshot(tables=demo_snapshot().tables, tags=demo_desired().tag_assignments[1:])
        column = ColumnName.parse(demo_desired().tag_assignments[0].entity_name)
        for protect, expected in ((Protect.UNDECIDED, 1), (Protect.NO, 0)):
            labels = [replace(x, protect=protect) if x.column == column else x for x in classify(live)]
            assert len(find_drift(live, demo_desired(), labels)) == expected

    def test_a_view_is_no_drift_until_somebody_is_given_it(self) -> None:
        view = table("dev_fin.finance.people_v", "email STRING", TableKind.VIEW)
        live = _live(Snapshot(tables=(*demo_snapshot().tables, view)), demo_desired())
        assert _drift(live, demo_desired()) == ()
        grant = next(g for g in demo_desired().grants if "SELECT" in g.privileges)
        given_ = replace(demo_desired(), grants=(*demo_desired().grants, replace(grant, securable=view.name.parts)))
        assert [d.entity for d in _drift(live, given_)] == ["dev_fin.finance.people_v.email"]


class TestReverseDrift:
    """An assignment whose column or table is gone."""

    def test_a_renamed_column_is_drift_both_ways(self) -> None:
        found = _drift(_changed("email", Column(name="contact_email", type="STRING")), demo_desired())
        assert [(d.kind, d.entity) for d in found] == [
            (DriftKind.FORWARD, f"{CUSTOMERS}.contact_email"),
            (DriftKind.REVERSE, f"{CUSTOMERS}.email"),
        ]

    def test_a_dropped_table_is_as_many_as_it_had_tags(self) -> None:
        left = Snapshot(tables=tuple(t for t in demo_snapshot().tables if t.name.plain != CUSTOMERS))
        tags = [t for t in demo_desired().tag_assignments if t.entity_name.startswith(CUSTOMERS)]
        assert [t.entity_name for t in stale_assignments(left, demo_desired())] == [t.entity_name for t in tags]

    def test_case_is_no_difference(self) -> None:
        (first, *rest) = demo_desired().tag_assignments
        louder = replace(demo_desired(), tag_assignments=(replace(first, entity_name=first.entity_name.upper()), *rest))
        assert stale_assignments(demo_snapshot(), louder) == ()


class TestComparedStates:
    """What the files answer, what they do not, and what somebody took away."""

    NEW = Column(name="passport_number", type="STRING")

    def _compare(
        self, snapshot: Snapshot, files: Desired, live: Desired, applied: Desired | None = None, before: Snapshot | None = None
    ) -> Comparison:
        sides = [Protection(tags=s.tag_assignments, policies=s.policies) for s in (live, applied or live)]
        return compare_states(snapshot, files, classify(snapshot), live=sides[0], applied=sides[1], before=before)

    def test_what_was_just_applied_has_no_drift(self) -> None:
        assert self._compare(demo_snapshot(), demo_desired(), demo_desired()) == Comparison(drift=())

    def test_what_the_files_answer_is_not_applied_yet_and_no_drift(self) -> None:
        snapshot = _changed("", self.NEW)
        found = self._compare(snapshot, demo_desired(), demo_desired())
        assert [(d.kind, d.entity) for d in found.drift] == [(DriftKind.FORWARD, f"{CUSTOMERS}.passport_number")]
        answered = delta(demo_desired(), _request(snapshot)).desired
        found = self._compare(snapshot, answered, demo_desired())
        assert (found.drift, found.undone) == ((), ())
        assert [d.entity for d in found.not_applied] == [f"{CUSTOMERS}.passport_number"]
        assert self._compare(snapshot, answered, answered) == Comparison(drift=())

    def test_what_was_applied_and_is_gone_from_the_workspace_is_undone(self) -> None:
        gone = demo_desired().tag_assignments[0]
        live = replace(demo_desired(), tag_assignments=demo_desired().tag_assignments[1:])
        found = self._compare(demo_snapshot(), demo_desired(), live, demo_desired())
        assert (found.drift, found.not_applied) == ((), ())
        assert [d.entity for d in found.undone] == [gone.entity_name]
        assert "was applied and is gone" in found.undone[0].message

    def test_a_drop_closes_in_the_files_alone(self) -> None:
        snapshot = _changed("ssn")
        live = replace(
            demo_desired(),
            tag_assignments=tuple(t for t in demo_desired().tag_assignments if t.entity_name != f"{CUSTOMERS}.ssn"),
        )
        found = self._compare(snapshot, demo_desired(), live, demo_desired())
        assert [(d.kind, d.entity) for d in found.drift] == [(DriftKind.REVERSE, f"{CUSTOMERS}.ssn")]
        answered = delta(demo_desired(), _request(snapshot)).desired
        found = self._compare(snapshot, answered, live, demo_desired())
        assert (found.drift, found.undone) == ((), ())
        assert [d.entity for d in found.not_applied] == [f"{CUSTOMERS}.ssn"]

    def test_a_tag_of_somebody_else_on_a_missing_column_is_drift_that_its_owner_ends(self) -> None:
        theirs = _tag(f"{CUSTOMERS}.gone", "pii_level", "masked_email")
        live = replace(demo_desired(), tag_assignments=(*demo_desired().tag_assignments, theirs))
        (found,) = self._compare(demo_snapshot(), demo_desired(), live, demo_desired()).drift
        assert (found.kind, found.entity) == (DriftKind.REVERSE, theirs.entity_name)
        assert "its owner must remove it" in found.message
        elsewhere = replace(theirs, entity_name="dev_fin.finance.other.gone")
        live = replace(live, tag_assignments=(*demo_desired().tag_assignments, elsewhere))
        assert self._compare(demo_snapshot(), demo_desired(), live, demo_desired()).drift == ()

    @pytest.mark.parametrize(
        ("new", "drifts"), [("BIGINT", True), ("VARCHAR(6)", True), ("VARCHAR(300)", False), ("STRING", False)]
    )
    def test_a_mask_that_does_not_fit_is_drift(self, new: str, drifts: bool) -> None:
        snapshot = _changed("email", Column(name="email", type=new))
        found = self._compare(snapshot, demo_desired(), demo_desired(), before=demo_snapshot())
        assert [(d.kind, d.entity) for d in found.drift] == [(DriftKind.RETYPED, f"{CUSTOMERS}.email")] * drifts


class TestGovernedTags:
    """Which keys and values a delta may use, and what it is refused."""

    A, B, C = (TagPolicy(key=k, values=(k.upper(),)) for k in ("a", "b", "c"))

    def test_the_first_of_four_places_that_has_any_counts(self) -> None:
        words = load_vocabulary()
        account, draft = Desired(tag_policies=(self.A,)), Desired(tag_policies=(self.C,))
        data_access = Desired(tag_assignments=(_tag("c.s.t.x", "b", "B"), _tag("c.s.t.y", "b", "BB")))
        nothing = Desired()
        for given_, source, values in (
            ((account, data_access, draft), TagSource.ACCOUNT, {"a": {"A"}}),
            ((nothing, data_access, draft), TagSource.DATA_ACCESS, {"b": {"B", "BB"}}),
            ((nothing, nothing, draft), TagSource.DRAFT, {"c": {"C"}}),
        ):
            found = governed_tags(*given_, words)
            assert (found.source, found.values, found.findings()) == (source, values, ())
        last = governed_tags(nothing, nothing, None, words)
        assert (last.source, set(last.values)) == (TagSource.BUILT_IN, {p.key for p in words.protections()})
        assert [f.code for f in last.findings()] == ["delta/no_governed_tags"]

    @pytest.mark.parametrize(
        ("tag", "words"),
        [
            (_tag("c.s.t.new", "a", "A"), ""),
            (_tag("c.s.t.NEW", "a", "A"), ""),
            (_tag("c.s.t.new", "z", "A"), "'z' is not a governed tag (known from the account layer: a)"),
            (_tag("c.s.t.new", "a", "B"), "'B' is not a value of governed tag a"),
            (_tag("c.s.t.other", "a", "A"), "has not drifted"),
            (_tag("c.s.t.new", "e", "new"), "belongs to another owner and has no value 'new'"),
            (replace(_tag("c.s.t.new", "a", "A"), entity_type=EntityType.SCHEMAS), "assigns no tag to schemas"),
        ],
    )
    def test_what_a_delta_must_not_assign_is_refused_by_name(self, tag: TagAssignment, words: str) -> None:
        external = TagPolicy(key="e", values=("new",), external=True)
        governed = governed_tags(Desired(tag_policies=(self.A,)), Desired(), None, load_vocabulary())
        found = refused_assignments([tag], (self.A, external), governed, ["c.s.t.new"])
        assert [words in f.message for f in found] == [True] * bool(words)


class TestDelta:
    """Closing a drift adds protection, takes stale tags away, and leaves the rest as it is."""

    @pytest.mark.parametrize(
        "snapshot",
        [
            _changed("email", Column(name="contact_email", type="STRING")),
            _changed("", *_NEW),
            _changed("ssn"),
            Snapshot(tables=(*demo_snapshot().tables, table("dev_new.s.people", "id BIGINT, first_name STRING, iban STRING"))),
        ],
        ids=["renamed", "added", "dropped", "another catalog"],
    )
    def test_it_closes_the_drift_and_leaves_other_tables_alone(self, snapshot: Snapshot) -> None:
        closed = delta(demo_desired(), _request(snapshot)).desired
        assert _drift(_live(snapshot, closed), closed) == ()
        assert [f for f in check(closed, snapshot) if f.severity is Severity.ERROR] == []
        before = {t for t in demo_desired().tag_assignments if not t.entity_name.startswith(CUSTOMERS)}
        assert before <= set(closed.tag_assignments)
        assert [p for p in closed.policies if p in demo_desired().policies] == list(demo_desired().policies)
        assert demo_desired().grants == closed.grants

    def test_without_drift_nothing_changes(self) -> None:
        made = delta(demo_desired(), demo_request())
        assert made.desired == demo_desired()
        assert made.findings == ()

    @law(12)
    @given(st.sets(st.sampled_from(_NEW)), st.sampled_from(["", "email", "ssn", "date_of_birth"]))
    def test_it_is_a_fixpoint_without_doubles_and_opens_nothing(self, new: set[Column], gone: str) -> None:
        snapshot = _changed(gone, *sorted(new, key=lambda c: c.name))
        once = delta(demo_desired(), _request(snapshot)).desired
        assert delta(once, _request(snapshot)).desired == once
        spots = [(t.entity_type, t.entity_name.casefold(), t.key) for t in once.tag_assignments]
        assert len(spots) == len(set(spots))
        assert raw_columns(snapshot, once) <= raw_columns(snapshot, demo_desired())

    def test_the_order_of_columns_and_tables_does_not_matter(self) -> None:
        new = _NEW[:3]
        states = {delta(demo_desired(), _request(_changed("", *order))).desired.tag_assignments for order in permutations(new)}
        assert len(states) == 1

    def test_every_key_and_value_it_assigns_is_defined(self) -> None:
        closed = delta(demo_desired(), _request(_changed("", *_NEW))).desired
        allowed = {p.key: set(p.values) for p in closed.tag_policies}
        assert all(t.value in allowed[t.key] for t in closed.tag_assignments)

    def test_a_value_that_nothing_uses_any_more_stays_defined(self) -> None:
        spare = TagPolicy(key="pii_level", values=("kept_by_hand",))
        first = next(p for p in demo_desired().tag_policies if p.key == "pii_level")
        others = tuple(p for p in demo_desired().tag_policies if p.key != "pii_level")
        state = replace(demo_desired(), tag_policies=(*others, replace(first, values=(*first.values, *spare.values))))
        closed = delta(state, _request(_changed("ssn"))).desired
        assert "kept_by_hand" in next(p.values for p in closed.tag_policies if p.key == "pii_level")

    def test_only_stale_assignments_go(self) -> None:
        closed = delta(demo_desired(), _request(_changed("ssn"))).desired
        gone = set(demo_desired().tag_assignments) - set(closed.tag_assignments)
        assert {t.entity_name for t in gone} == {f"{CUSTOMERS}.ssn"}

    def test_a_new_table_is_protected_given_to_nobody_and_said(self) -> None:
        new = table("dev_fin.finance.leads", "id BIGINT, email STRING")
        made = delta(demo_desired(), _request(Snapshot(tables=(*demo_snapshot().tables, new))))
        assert new.name in made.desired.tables
        assert [f.code for f in made.findings] == ["LK014"]
        assert new.name.parts not in {g.securable for g in made.desired.grants}

    def test_a_policy_of_the_same_name_that_means_something_else_is_an_error(self) -> None:
        state = demo_desired()
        blocked = replace(
            state,
            policies=tuple(
                replace(p, to_principals=("data_analysts",)) if "masked_email" in p.name else p for p in state.policies
            ),
        )
        made = delta(blocked, demo_request())
        assert {f.code for f in made.findings} == {"LK015"}

    def test_names_from_hell_are_closed_as_well(self) -> None:
        name = TableName("dev_fin", "finance", "we`ird\n\"'; -- ${x}")
        hostile = Table(name=name, columns=(Column(name="e mail`\u202e", type="STRING", comment="email address"),))
        snapshot = Snapshot(tables=(*demo_snapshot().tables, hostile))
        request = _request(snapshot)
        labels = tuple(
            replace(x, label=LabelClass.EMAIL, protect=Protect.YES) if x.column.table == name else x for x in request.labels
        )
        closed = delta(demo_desired(), replace(request, labels=labels)).desired
        assert find_drift(_live(snapshot, closed), closed, labels) == ()
