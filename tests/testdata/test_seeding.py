"""Seeding against a running local workspace: once, again without a write, on from where it stopped, never over others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.live import read_governed
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.testdata.catalogs import Variant, tables
from lampkeeper.testdata.choice import DataChoice, banks_named
from lampkeeper.testdata.lifecycle import seed_testdata, teardown_testdata
from lampkeeper.testdata.row_counts import RowCounter
from lampkeeper.testdata.seed_schema import seed_schema
from lampkeeper.testdata.seeded_catalogs import drop_catalogs
from lampkeeper.testdata.seeding import seed
from lampkeeper.testdata.verification import verify_testdata
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with running_localspace() as space:
        yield connect(space.address.signed(), warehouse_id=space.warehouse_id)


def table(catalog: str, name: str = "t", *columns: Column) -> Table:
    return Table(
        name=TableName(catalog, "s", name), columns=columns or (Column(name="Full Name", type="STRING", comment="it's"),)
    )


def writes(workspace: Workspace) -> int:
    return workspace.calls().get("seed", {}).get("reads", 0) + workspace.calls().get("seed", {}).get("writes", 0)


def test_a_second_run_sends_no_statement_and_no_write(workspace):
    seen: list[tuple[int, int]] = []
    both = DataChoice(variants=tuple(Variant))
    first = seed_testdata(workspace, both, progress=lambda _, done, total: seen.append((done, total))).report
    assert (len(first.made), len(first.kept), first.writes) == (10, 0, 32)
    assert seen[-1] == (10, 10)
    before = writes(workspace)
    again = seed_testdata(workspace, both).report
    assert (len(again.made), len(again.kept), again.writes, writes(workspace)) == (0, 10, 0, before)
    assert teardown_testdata(workspace, DataChoice(variants=(Variant.PROD,))) == 2
    assert teardown_testdata(workspace, DataChoice(variants=(Variant.PROD,))) == 0


def test_a_table_of_somebody_else_is_not_touched(workspace):
    run_sql(workspace, "CREATE CATALOG theirs")
    run_sql(workspace, "CREATE SCHEMA theirs.s")
    run_sql(workspace, "CREATE TABLE theirs.s.t (a INT)")
    before = writes(workspace)
    with pytest.raises(UsageError, match="not created by seeding"):
        seed_schema(workspace, [table("theirs", "u"), table("theirs", "t")])
    assert writes(workspace) == before
    with pytest.raises(UsageError, match="not created by seeding"):
        drop_catalogs(workspace, ["theirs"])


def test_a_catalog_of_somebody_else_with_the_same_name_is_neither_filled_nor_dropped(workspace):
    run_sql(workspace, "CREATE CATALOG dev_bank COMMENT 'Their bank'")
    chosen = DataChoice(banks=banks_named(["ANZ", "IN"]))
    before = writes(workspace)
    for doing in (seed_testdata, teardown_testdata):
        with pytest.raises(UsageError, match="'dev_bank' exists and was not created by seeding"):
            doing(workspace, chosen)
    assert writes(workspace) == before
    run_sql(workspace, "DROP CATALOG dev_bank CASCADE")


@pytest.mark.parametrize("made", ["TABLE dev_lakshmi.retail.notes (a INT)", "VOLUME dev_lakshmi.retail.files"])
def test_a_catalog_that_holds_an_object_of_somebody_else_is_not_dropped(workspace, made):
    chosen = DataChoice(banks=banks_named(["in"]))
    seed_testdata(workspace, chosen)
    run_sql(workspace, f"CREATE {made}")
    kind, name = made.split()[:2]
    with pytest.raises(UsageError, match=f"{name} was not created by seeding: its catalog is not dropped"):
        teardown_testdata(workspace, chosen)
    run_sql(workspace, f"DROP {kind} {name}")
    assert teardown_testdata(workspace, chosen) == 1


def test_a_changed_table_of_ours_is_made_anew(workspace):
    seed_schema(workspace, [table("changing")])
    wider = table("changing", "t", Column(name="a", type="INT"), Column(name="b", type="DATE"))
    assert len(seed_schema(workspace, [wider]).made) == 1
    assert seed_schema(workspace, [wider]).writes == 0


@pytest.mark.spark
def test_a_run_cut_short_goes_on_where_it_stopped(workspace):
    seed_testdata(workspace, DataChoice())
    run_sql(workspace, "DROP TABLE dev_fin.finance.customers")
    run_sql(workspace, "CREATE OR REPLACE TABLE dev_fin.finance.credit_cards (x INT) TBLPROPERTIES ('lampkeeper.seed' = 'old')")
    report = seed(workspace, tables(Variant.DEV))
    assert [t.table for t in report.made] == ["credit_cards", "customers"]
    names = [t.table.name for t in tables()]
    assert [c.found for c in RowCounter(workspace, read_governed(workspace, names)).count(names)] == [12, 10, 10, 10, 15]
    run_sql(workspace, "DELETE FROM dev_clinical.clinical.patients WHERE patient_id = 2001")
    found = {(f.location, f.message) for f in verify_testdata(workspace, DataChoice(), ["dev_clinical.*"], local=True)}
    assert ("dev_clinical.clinical.patients", "9 rows, not 10") in found
    assert not any(location.startswith("dev_fin") for location, _ in found)
