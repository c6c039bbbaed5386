"""The catalog samples: documented columns, rows whose keys join, readable by everybody, changed by nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.governance.samples import TABLES, columns_of
from support.sql_workspace import EVE, SqlWorkspace, reported

NAMES = [(schema, table) for schema, tables in TABLES.items() for table in tables]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("samples"))
    made.user(EVE)
    yield made
    made.close()


@pytest.mark.spark
@pytest.mark.parametrize(("schema", "table"), NAMES)
def test_everybody_reads_rows_with_the_documented_columns(place: SqlWorkspace, schema: str, table: str) -> None:
    found = place.sql(f"SELECT * FROM samples.{schema}.{table}", EVE)
    assert [(name, text.lower()) for name, text, _ in found.columns] == columns_of(schema, table)
    assert found.rows
    assert not any(cell is None for row in found.rows for cell in row)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("nation.n_regionkey", "region.r_regionkey"),
        ("supplier.s_nationkey", "nation.n_nationkey"),
        ("customer.c_nationkey", "nation.n_nationkey"),
        ("orders.o_custkey", "customer.c_custkey"),
        ("lineitem.l_orderkey", "orders.o_orderkey"),
        ("lineitem.l_partkey", "part.p_partkey"),
        ("partsupp.ps_suppkey", "supplier.s_suppkey"),
    ],
)
def test_keys_join(place: SqlWorkspace, child: str, parent: str) -> None:
    (one, key), (other, target) = child.split("."), parent.split(".")
    lost = f"SELECT count(*) FROM samples.tpch.{one} LEFT ANTI JOIN samples.tpch.{other} ON {key} = {target}"
    assert place.rows(lost, EVE) == [["0"]]


@pytest.mark.spark
def test_totals_of_orders_are_those_of_their_items(place: SqlWorkspace) -> None:
    total = "sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)) AS total"
    items = f"SELECT l_orderkey, {total} FROM samples.tpch.lineitem GROUP BY 1"
    wrong = f"FROM samples.tpch.orders JOIN ({items}) ON o_orderkey = l_orderkey WHERE abs(o_totalprice - total) > 0.01"
    assert place.rows(f"SELECT count(*) {wrong}") == [["0"]]
    pairs = "SELECT count(*) FROM samples.tpch.lineitem LEFT ANTI JOIN samples.tpch.partsupp ON l_partkey = ps_partkey"
    assert place.rows(f"{pairs} AND l_suppkey = ps_suppkey") == [["0"]]


@pytest.mark.spark
@pytest.mark.parametrize("who", [None, EVE])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO samples.tpch.region VALUES (9, 'x', 'y')",
        "DELETE FROM samples.nyctaxi.trips",
        "TRUNCATE TABLE samples.tpch.region",
        "DROP TABLE samples.tpch.region",
        "DROP SCHEMA samples.tpch CASCADE",
        "DROP CATALOG samples CASCADE",
        "CREATE TABLE samples.tpch.mine (id INT)",
        "CREATE OR REPLACE TABLE samples.tpch.region AS SELECT 1 AS a",
        "CREATE SCHEMA samples.mine",
        "ALTER TABLE samples.tpch.region RENAME TO samples.tpch.other",
        "COMMENT ON TABLE samples.tpch.region IS 'x'",
        "GRANT MODIFY ON TABLE samples.tpch.region TO `account users`",
        "GRANT MODIFY ON CATALOG samples TO `account users`",
        "REVOKE SELECT ON CATALOG samples FROM `account users`",
        "ALTER CATALOG samples SET OWNER TO `account users`",
    ],
)
def test_nobody_changes_them(place: SqlWorkspace, statement: str, who: str | None) -> None:
    name = who or "admin"
    told = reported(place, statement, name) if who else reported_by_admin(place, statement)
    assert told.split()[0] in ("INSUFFICIENT_PERMISSIONS", "TABLE_OR_VIEW_ALREADY_EXISTS"), told
    assert place.rows("SELECT count(*) FROM samples.tpch.region", EVE) == [["5"]]


def reported_by_admin(place: SqlWorkspace, statement: str) -> str:
    answer = place.run(statement)
    return f"{answer.error_class} {answer.error}"


@pytest.mark.server
def test_rest_answers_them_as_tables(place: SqlWorkspace) -> None:
    status, found = place.ask("GET", "/api/2.1/unity-catalog/tables/samples.nyctaxi.trips", None, EVE)
    assert status == 200
    assert [one["type_name"] for one in found["columns"]] == ["TIMESTAMP", "TIMESTAMP", "DOUBLE", "DOUBLE", "INT", "INT"]
    status, listed = place.ask("GET", "/api/2.1/unity-catalog/schemas?catalog_name=samples", None, EVE)
    assert {"nyctaxi", "tpch"} <= {one["name"] for one in listed["schemas"]}
