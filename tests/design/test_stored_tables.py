"""Materialized views and streaming tables are governed like tables, and are told of when they store what is masked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.synthesis.synthesize import synthesize
from lampkeeper.model.exemptions import Exemption, ExemptionKind
from lampkeeper.model.groups import Group, GroupSpec
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from support.demo_tables import demo_request

pytestmark = pytest.mark.unit

NAME = TableName("c", "s", "mail_mv")
STAFF = GroupSpec(group=Group(name="analysts"))
OFFICERS = GroupSpec(group=Group(name="officers"), clearance=("*",), members=("etl@x.example",))


def made(kind: TableKind, owner: str, exemptions: tuple[Exemption, ...] = ()) -> tuple[set[str], bool, bool]:
    """Return the codes of warnings, whether the email is tagged, and whether a group is given the table."""
    columns = (Column(name="id", type="BIGINT"), Column(name="email", type="STRING"))
    snapshot = Snapshot(tables=(Table(name=NAME, columns=columns, kind=kind, owner=owner),))
    request = replace(
        demo_request(snapshot), labels=classify(snapshot), groups=(STAFF, OFFICERS), spaces=(), exemptions=exemptions
    )
    found = synthesize(request)
    tagged = any(t.entity_name == f"{NAME.plain}.email" for t in found.desired.tag_assignments)
    granted = any(g.securable == NAME.parts and g.securable_type is SecurableType.TABLE for g in found.desired.grants)
    return {f.code for f in found.findings if f.severity == "warning"}, tagged, granted


def exempt(*families: str) -> Exemption:
    return Exemption(
        principal="loader", kind=ExemptionKind.PIPELINE, reason="loads", owner="olga", expires=date(2999, 1, 1), families=families
    )


@pytest.mark.parametrize("kind", [TableKind.MATERIALIZED_VIEW, TableKind.STREAMING_TABLE])
def test_a_stored_table_is_governed_and_its_identity_has_to_be_unmasked_on_purpose(kind: TableKind) -> None:
    assert made(kind, "loader") == ({"LK029"}, True, True)
    assert made(kind, "") == ({"LK029"}, True, True)
    assert made(kind, "loader", (exempt(),)) == (set(), True, True)
    assert made(kind, "loader", (exempt("unreviewed"),)) == ({"LK029"}, True, True)
    assert made(kind, "etl@x.example")[0] == {"LK029"}  # cleared for every class, and still bound by the row fallback
    assert made(kind, "etl@x.example", (replace(exempt("unreviewed"), principal="officers"),)) == (set(), True, True)


def test_a_view_stays_not_granted_and_a_table_is_no_stored_one() -> None:
    assert made(TableKind.VIEW, "loader") == ({"LK012"}, False, False)
    assert made(TableKind.TABLE, "loader") == (set(), True, True)
