"""The verification of test data fails for every shortfall of governance, and for no other reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.controls import TableControl
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import ColumnName, FunctionName
from lampkeeper.model.policies import Argument, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.live import Governed
from lampkeeper.remote.securables import LivePolicy
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.choice import DataChoice, banks_named
from lampkeeper.testdata.overlay_columns import OverlayColumns
from lampkeeper.testdata.verification import GovernanceCheck

pytestmark = pytest.mark.unit

CATALOG = "dev_fin"
CHOICE = DataChoice()
COLUMNS = tuple(c for c in CHOICE.sensitive if c.table.catalog == CATALOG)
EMAIL = next(c for c in COLUMNS if c.column == "email")
FLAG = next(c for c in COLUMNS if c.column == "aml_flag")
HIDE, FILTER = FunctionName(CATALOG, "lampkeeper", "hide"), FunctionName(CATALOG, "lampkeeper", "filter_aml")


def policy(name: str, kind: PolicyKind, function: FunctionName, value: str, **more: object) -> LivePolicy:
    made = Policy(
        name=name, kind=kind, securable_type=SecurableType.CATALOG, securable=(CATALOG,), to_principals=("account users",),
        function=function, match_columns=(MatchColumn(alias="c", condition=HasTagValue("pii", value)),), **more,
    )  # fmt: skip
    raw = {"on_securable_type": "CATALOG", "on_securable_fullname": CATALOG, "name": name}
    return LivePolicy(raw=raw, policy=made)


def tag(column: ColumnName, value: str) -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=column.plain, key="pii", value=value)


MASK = policy("mask", PolicyKind.COLUMN_MASK, HIDE, "masked", on_column="c")
ROWS = policy("rows", PolicyKind.ROW_FILTER, FILTER, "flag", using=(Argument(alias="c"),))
GOVERNED = Governed(
    tables=tuple(t.table for t in CHOICE.tables if t.table.name.catalog == CATALOG),
    tags=tuple(tag(c, "flag" if c == FLAG else "masked") for c in COLUMNS),
    policies=(MASK, ROWS),
    functions=tuple(
        Function(name=n, role=FunctionRole.MASK, parameters=(), returns="STRING", body="NULL") for n in (HIDE, FILTER)
    ),
)


def codes(live: Governed, columns: tuple[ColumnName, ...] = COLUMNS) -> set[tuple[str, str]]:
    return {(f.code, f.location) for f in GovernanceCheck(CATALOG, live, columns).findings()}


def test_a_governed_catalog_has_no_finding() -> None:
    assert codes(GOVERNED) == set()


@pytest.mark.parametrize("column", [EMAIL, FLAG], ids=lambda c: c.column)
def test_one_column_without_its_tag_is_an_error_although_the_others_have_theirs(column: ColumnName) -> None:
    live = replace(GOVERNED, tags=tuple(t for t in GOVERNED.tags if t.entity_name != column.plain))
    assert codes(live) == {("TESTDATA_COLUMN_TAG", str(column)), ("TESTDATA_COLUMN_MASK", str(column))}


def test_a_tag_that_no_policy_reads_masks_nothing() -> None:
    live = replace(GOVERNED, tags=(*(t for t in GOVERNED.tags if t.entity_name != EMAIL.plain), tag(EMAIL, "other")))
    assert codes(live) == {("TESTDATA_COLUMN_MASK", str(EMAIL))}


def test_without_policies_every_column_and_the_catalog_are_errors() -> None:
    found = codes(replace(GOVERNED, policies=()))
    assert {c for c, _ in found} == {"TESTDATA_COLUMN_MASK", "TESTDATA_MASKS", "TESTDATA_POLICIES"}
    assert {at for c, at in found if c == "TESTDATA_COLUMN_MASK"} == {str(c) for c in COLUMNS}


def test_without_tags_the_catalog_is_an_error_too() -> None:
    found = codes(replace(GOVERNED, tags=()))
    assert {(c, at) for c, at in found if at == CATALOG} == {
        (code, CATALOG) for code in ("TESTDATA_TAGS", "TESTDATA_MASKS", "TESTDATA_POLICIES")
    }


def test_a_policy_that_binds_only_a_pilot_group_protects_nobody_else() -> None:
    assert MASK.policy is not None
    pilot = LivePolicy(raw=MASK.raw, policy=replace(MASK.policy, to_principals=("testers",)))
    found = codes(replace(GOVERNED, policies=(pilot, ROWS)))
    assert ("TESTDATA_COLUMN_MASK", str(EMAIL)) in found
    assert ("TESTDATA_COLUMN_MASK", str(FLAG)) not in found


def test_a_mask_by_hand_counts_as_one_and_needs_no_tag() -> None:
    by_hand = TableControl(table=EMAIL.table, column=EMAIL.column, function=HIDE)
    live = replace(GOVERNED, tags=tuple(t for t in GOVERNED.tags if t.entity_name != EMAIL.plain), controls=(by_hand,))
    assert codes(live) == set()


def test_a_catalog_masked_by_hand_alone_needs_no_policy_but_a_tag() -> None:
    controls = tuple(TableControl(table=c.table, column=c.column, function=HIDE) for c in COLUMNS)
    assert codes(replace(GOVERNED, tags=(), policies=(), controls=controls)) == {("TESTDATA_TAGS", CATALOG)}
    assert codes(replace(GOVERNED, policies=(), controls=controls)) == set()


def test_a_column_that_is_gone_or_fails_is_an_error() -> None:
    gone = replace(
        GOVERNED,
        tables=tuple(replace(t, columns=tuple(c for c in t.columns if c.name != "email")) for t in GOVERNED.tables),
    )
    assert ("TESTDATA_COLUMN_MISSING", str(EMAIL)) in codes(gone)
    other = FunctionName(CATALOG, "lampkeeper", "other")
    twice = replace(GOVERNED, controls=(TableControl(table=EMAIL.table, column=EMAIL.column, function=other),))
    assert ("TESTDATA_COLUMN_MASK", str(EMAIL)) in codes(twice)


def test_the_choice_names_every_sensitive_column_of_what_it_holds() -> None:
    assert len(COLUMNS) == 11
    assert len(DataChoice(variants=tuple(Variant)).sensitive) == 44
    banks = DataChoice(banks=banks_named(["all"]), variants=tuple(Variant))
    there = {c for t in banks.tables for c in t.table.column_names()}
    assert set(banks.sensitive) <= there
    assert {c.table.table for c in banks.sensitive} == {"customers", "accounts", "transactions", "credit_cards"}
    more = DataChoice(columns=tuple(OverlayColumns)).sensitive
    assert len(set(more) - set(CHOICE.sensitive)) == 11
