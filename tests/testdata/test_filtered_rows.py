"""A row filter hides no wrong count and causes no false one; the columns of the overlay scenarios come and go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lampkeeper.deploy.verify.identities import PROBE_PREFIX
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.catalog import read_tags
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.testdata.catalogs import CUSTOMERS, TRANSACTIONS, Variant
from lampkeeper.testdata.choice import DataChoice
from lampkeeper.testdata.lifecycle import creating_statements, seed_testdata
from lampkeeper.testdata.overlay_columns import OverlayColumns, add_overlay_columns, remove_overlay_columns, value
from lampkeeper.testdata.verification import verify_testdata
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

FILTERED = """
    CREATE FUNCTION dev_fin.finance.unflagged(flag BOOLEAN) RETURNS BOOLEAN RETURN NOT flag
    GRANT USE CATALOG ON CATALOG dev_fin TO cleared
    GRANT USE SCHEMA, SELECT ON SCHEMA dev_fin.finance TO cleared
    ALTER TABLE dev_fin.finance.transactions ALTER COLUMN aml_flag SET TAGS ('aml' = 'flag')
    CREATE POLICY unflagged ON TABLE dev_fin.finance.transactions ROW FILTER dev_fin.finance.unflagged
      TO `account users` EXCEPT cleared FOR TABLES MATCH COLUMNS has_tag_value('aml', 'flag') AS f USING COLUMNS (f)
"""
CUSTOMER_TABLE = "dev_fin.finance.customers"
PLAIN = [c.name for c in CUSTOMERS]


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as space:
        yield space


@pytest.fixture(scope="module")
def workspace(space: LocalWorkspace) -> Workspace:
    admin = connect(space.address.signed(), warehouse_id=space.warehouse_id)
    seed_testdata(admin, DataChoice())
    return admin


def rows_findings(workspace: Workspace) -> list[tuple[str, str]]:
    found = verify_testdata(workspace, DataChoice(), ["dev_fin.finance.*"], local=True)
    return [(f.location, f.message) for f in found if f.code == "TESTDATA_ROWS"]


def statements(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.replace("\n      ", " ").splitlines() if part.strip()]


def test_rows_are_counted_past_the_filter_that_binds_the_runner(space: LocalWorkspace, workspace: Workspace) -> None:
    space.account().groups_v2.create(display_name="cleared")
    path = "/api/2.1/tag-policies"
    workspace.write("tag", "POST", path, {"tag_key": "aml", "values": [{"name": "flag"}]})
    for statement in statements(FILTERED):
        run_sql(workspace, statement)
    seen = run_sql(workspace, "SELECT count(*) FROM dev_fin.finance.transactions").rows
    assert seen == (("13",),)
    assert rows_findings(workspace) == []
    listed = ", ".join({"transaction_id": "7", "aml_flag": "true"}.get(c.name, c.name) for c in TRANSACTIONS)
    one = f"SELECT {listed} FROM dev_fin.finance.transactions LIMIT 1"
    run_sql(workspace, f"INSERT INTO dev_fin.finance.transactions {one}")
    assert run_sql(workspace, "SELECT count(*) FROM dev_fin.finance.transactions").rows == seen
    assert rows_findings(workspace) == [("dev_fin.finance.transactions", "16 rows, not 15")]
    left = space.account().service_principals_v2.list()
    assert [p for p in left if (p.display_name or "").startswith(PROBE_PREFIX)] == []


def test_a_filter_that_binds_everybody_leaves_the_count_unproven(workspace: Workspace) -> None:
    run_sql(workspace, "CREATE FUNCTION dev_fin.finance.everything(i BIGINT) RETURNS BOOLEAN RETURN i > 0")
    run_sql(workspace, f"ALTER TABLE {CUSTOMER_TABLE} SET ROW FILTER dev_fin.finance.everything ON (customer_id)")
    assert dict(rows_findings(workspace))[CUSTOMER_TABLE] == (
        "its rows cannot be counted: every principal is bound by dev_fin.finance.everything"
    )
    run_sql(workspace, f"ALTER TABLE {CUSTOMER_TABLE} DROP ROW FILTER")
    assert CUSTOMER_TABLE not in dict(rows_findings(workspace))


def columns(workspace: Workspace) -> list[str]:
    return [str(c["name"]) for c in workspace.get("table", f"/api/2.1/unity-catalog/tables/{CUSTOMER_TABLE}")["columns"]]


def test_overlay_columns_are_added_once_with_their_values_and_removed_with_their_tags(workspace: Workspace) -> None:
    country, industry = OverlayColumns
    assert add_overlay_columns(workspace, [country]) == 4
    assert add_overlay_columns(workspace, [country]) == 0
    assert columns(workspace) == [*PLAIN, *country.columns]
    assert add_overlay_columns(workspace, [industry]) == 4
    assert columns(workspace) == [*PLAIN, *country.columns, "patient_id", "diagnosis_code", "loyalty_number", "member_id"]
    listed = ", ".join(columns(workspace)[len(PLAIN) :])
    found = run_sql(workspace, f"SELECT customer_id, {listed} FROM {CUSTOMER_TABLE}").dicts()
    assert all(row[c] == value(c, int(row["customer_id"])) for row in found for c in row if c != "customer_id")
    run_sql(workspace, f"ALTER TABLE {CUSTOMER_TABLE} ALTER COLUMN nric SET TAGS ('aml' = 'flag')")
    assert remove_overlay_columns(workspace) == 11
    assert remove_overlay_columns(workspace) == 0
    assert columns(workspace) == PLAIN
    assert not [t for t in read_tags(workspace, "dev_fin") if t.entity_name.endswith("nric")]


def test_a_column_of_somebody_else_is_neither_filled_nor_dropped(workspace: Workspace) -> None:
    run_sql(workspace, f"ALTER TABLE {CUSTOMER_TABLE} ADD COLUMNS (NRIC STRING)")
    with pytest.raises(UsageError, match="has a column nric that was not added for the scenarios"):
        add_overlay_columns(workspace, [OverlayColumns.COUNTRY])
    assert remove_overlay_columns(workspace) == 0
    assert columns(workspace) == [*PLAIN, "NRIC"]
    with pytest.raises(UsageError, match="does not exist"):
        add_overlay_columns(workspace, [OverlayColumns.COUNTRY], variant=Variant.PROD)


def test_the_printed_statements_create_the_same_data() -> None:
    choice = DataChoice(columns=(OverlayColumns.INDUSTRY,))
    with running_localspace() as other:
        admin = connect(other.address.signed(), warehouse_id=other.warehouse_id)
        for statement in creating_statements(choice):
            run_sql(admin, statement)
        found = verify_testdata(admin, choice, ["dev_fin.*", "dev_clinical.*"], local=True)
        assert not [f for f in found if f.code in ("TESTDATA_ROWS", "TESTDATA_COLUMN_MISSING")]
        assert seed_testdata(admin, choice).report.made == ()
