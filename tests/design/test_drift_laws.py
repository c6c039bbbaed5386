"""Drift by effective coverage, and the delta that closes it."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.design.check import check
from lampkeeper.design.delta import delta
from lampkeeper.design.drift import Drift, DriftKind, find_drift
from lampkeeper.design.offline import classify
from lampkeeper.design.synthesize import SynthesisRequest
from lampkeeper.model.desired import Desired
from lampkeeper.model.schema import Column, Snapshot, Table
from support.demo_tables import CUSTOMERS, demo_desired, demo_request, demo_snapshot, table


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


def test_what_was_just_applied_has_no_drift() -> None:
    assert _drift(_live(demo_snapshot(), demo_desired()), demo_desired()) == ()


def test_a_new_sensitive_column_is_forward_drift_and_a_harmless_one_is_none() -> None:
    snapshot = _changed("", Column(name="passport_number", type="STRING"), Column(name="segment", type="STRING"))
    found = _drift(snapshot, demo_desired())
    assert [(d.kind, d.entity, d.label) for d in found] == [(DriftKind.FORWARD, f"{CUSTOMERS}.passport_number", "national_id")]


def test_a_renamed_column_is_drift_both_ways() -> None:
    found = _drift(_changed("email", Column(name="contact_email", type="STRING")), demo_desired())
    assert [(d.kind, d.entity) for d in found] == [
        (DriftKind.FORWARD, f"{CUSTOMERS}.contact_email"),
        (DriftKind.REVERSE, f"{CUSTOMERS}.email"),
    ]


def test_a_tag_without_a_policy_is_drift_all_the_same() -> None:
    live = _live(demo_snapshot(), demo_desired())
    policies = tuple(p for p in demo_desired().policies if "masked_email" not in p.name)
    found = find_drift(live, demo_desired(), classify(live), policies=policies)
    assert {d.entity.rsplit(".", 1)[1] for d in found} == {"email"}


def test_a_tag_removed_behind_our_back_is_drift() -> None:
    live = Snapshot(tables=demo_snapshot().tables, tags=demo_desired().tag_assignments[1:])
    assert len(_drift(live, demo_desired())) == 1


def test_an_unclassified_column_is_drift() -> None:
    live = _live(demo_snapshot(), demo_desired())
    found = find_drift(live, demo_desired(), classify(live)[1:])
    assert [d.message for d in found] == ["nobody has classified this column"]


def test_the_delta_closes_the_drift_and_leaves_other_tables_alone() -> None:
    for snapshot in (
        _changed("email", Column(name="contact_email", type="STRING")),
        _changed(
            "", Column(name="latitude", type="DOUBLE"), Column(name="tags", type="ARRAY<STRING>", comment="Passport number")
        ),
        _changed("ssn"),
        Snapshot(tables=(*demo_snapshot().tables, table("dev_new.s.people", "id BIGINT, first_name STRING, iban STRING"))),
    ):
        closed = delta(demo_desired(), _request(snapshot)).desired
        assert _drift(_live(snapshot, closed), closed) == ()
        assert [f for f in check(closed, snapshot) if f.severity == "error"] == []
        before = {t for t in demo_desired().tag_assignments if not t.entity_name.startswith(CUSTOMERS)}
        assert before <= set(closed.tag_assignments)
        assert [p for p in closed.policies if p in demo_desired().policies] == list(demo_desired().policies)
        assert demo_desired().grants == closed.grants


def test_a_delta_without_drift_changes_nothing() -> None:
    made = delta(demo_desired(), demo_request())
    assert made.desired == demo_desired()
    assert made.findings == ()


def test_a_new_table_is_protected_given_to_nobody_and_said() -> None:
    new = table("dev_fin.finance.leads", "id BIGINT, email STRING")
    made = delta(demo_desired(), _request(Snapshot(tables=(*demo_snapshot().tables, new))))
    assert new.name in made.desired.tables
    assert [f.code for f in made.findings] == ["LK014"]
    assert new.name.parts not in {g.securable for g in made.desired.grants}


def test_a_delta_that_a_policy_of_the_same_name_blocks_is_an_error() -> None:
    state = demo_desired()
    blocked = replace(
        state,
        policies=tuple(replace(p, to_principals=("data_analysts",)) if "masked_email" in p.name else p for p in state.policies),
    )
    made = delta(blocked, demo_request())
    assert {f.code for f in made.findings} == {"LK015"}
