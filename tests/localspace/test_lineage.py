"""Lineage: what statements read and wrote, in the system tables; who sees it; the tracing of columns against a second opinion."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from localspace.core.history import History
from localspace.core.statement_runner import SqlError, StatementRequest
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredTable
from localspace.core.stored_documents.history import LINEAGE, STATEMENTS, RecordedLineage, RecordedObject
from localspace.core.stored_documents.kind import Stream
from localspace.sql import history_tables
from localspace.sql.column_lineage import ColumnTracer, OutputColumn
from localspace.sql.parse import parse_query
from support.nightly import law
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.spark

ANA, BEN = "ana@bank.example", "ben@bank.example"
TABLES = "SELECT source_table_name, target_table_name, target_type, direct_access FROM system.access.table_lineage"
COLUMNS = (
    "SELECT concat_ws('.', source_table_name, source_column_name), concat_ws('.', target_table_name, target_column_name)"
    " FROM system.access.column_lineage WHERE direct_access"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("lineage"))
    made.user(ANA)
    made.user(BEN)
    for statement in (
        "CREATE SCHEMA main.s",
        "CREATE TABLE main.s.a (id INT, x INT, y INT)",
        "CREATE TABLE main.s.b (k INT, z INT)",
        "CREATE TABLE main.s.looked_up (v INT)",
        "CREATE VIEW main.s.v AS SELECT id AS p, x + y AS q FROM main.s.a",
        "CREATE FUNCTION main.s.hide(n INT) RETURNS INT RETURN (SELECT max(v) FROM main.s.looked_up) + n",
        "CREATE TABLE hive_metastore.default.old (n INT)",
        "CREATE TABLE main.s.masked (id INT MASK main.s.hide)",
    ):
        made.sql(statement)
    yield made
    made.close()


def edges(place: SqlWorkspace, statement: str) -> tuple[set[tuple[str | None, ...]], set[tuple[str, str]]]:
    """Return the lineage of one statement: tables (source, target, type of the target, direct) and columns (source, target)."""
    place.repositories.history.flush()
    place.store._file.connection.execute("DELETE FROM event WHERE stream = 'lineage'")
    place.sql(statement)
    columns = {(str(source), str(target)) for source, target in place.rows(COLUMNS)}
    return {tuple(row) for row in place.rows(TABLES)}, columns


WRITTEN = [
    ("INSERT INTO main.s.a VALUES (1, 2, 3)", {(None, "a", "TABLE", "true")}, set()),
    ("SELECT x FROM main.s.a WHERE y > 1", {("a", None, None, "true")}, {("a.x", "")}),
    ("SELECT q FROM main.s.v", {("v", None, None, "true"), ("a", None, None, "false")}, {("v.q", "")}),
    (
        "CREATE OR REPLACE VIEW main.s.v2 AS SELECT p + q AS r FROM main.s.v",
        {("v", "v2", "VIEW", "true"), ("a", "v2", "VIEW", "false")},
        {("v.p", "v2.r"), ("v.q", "v2.r")},
    ),
    (
        "CREATE OR REPLACE TABLE main.s.c AS WITH w AS (SELECT * FROM main.s.a) SELECT w.*, z FROM w JOIN main.s.b ON id = k",
        {("a", "c", "TABLE", "true"), ("b", "c", "TABLE", "true")},
        {("a.id", "c.id"), ("a.x", "c.x"), ("a.y", "c.y"), ("b.z", "c.z")},
    ),
    (
        "INSERT INTO main.s.b (z, k) SELECT id, x FROM main.s.a UNION ALL SELECT y, y FROM main.s.a",
        {("a", "b", "TABLE", "true")},
        {("a.id", "b.z"), ("a.y", "b.z"), ("a.x", "b.k"), ("a.y", "b.k")},
    ),
    ("INSERT INTO main.s.b SELECT z, k FROM main.s.b", {("b", "b", "TABLE", "true")}, {("b.z", "b.k"), ("b.k", "b.z")}),
    (
        "UPDATE main.s.b SET z = (SELECT max(y) FROM main.s.a) WHERE k = 1",
        {("a", "b", "TABLE", "true")},
        {("a.y", "b.z")},
    ),
    ("DELETE FROM main.s.b WHERE k IN (SELECT id FROM main.s.a WHERE x = 77)", {("a", "b", "TABLE", "true")}, set()),
    (
        "MERGE INTO main.s.b AS t USING (SELECT DISTINCT 99 AS one, x FROM main.s.a) AS s ON t.k = s.x"
        " WHEN MATCHED THEN UPDATE SET z = s.x WHEN NOT MATCHED THEN INSERT (k, z) VALUES (s.x, s.one)",
        {("a", "b", "TABLE", "true")},
        {("a.x", "b.z"), ("a.x", "b.k")},
    ),
    ("SELECT id FROM main.s.masked", {("masked", None, None, "true")}, {("masked.id", "")}),
    ("DESCRIBE main.s.a", set(), set()),
    ("SELECT n FROM hive_metastore.default.old", set(), set()),
    ("SELECT table_name FROM main.information_schema.tables WHERE length(table_name) > 1", set(), set()),
]
"""A statement, its table edges, its direct column edges; a mask's own reads are in none."""


@pytest.mark.parametrize(("statement", "tables", "columns"), WRITTEN, ids=lambda one: one[:40] if isinstance(one, str) else "")
def test_a_statement_leaves_its_lineage(
    place: SqlWorkspace, statement: str, tables: set[tuple[str | None, ...]], columns: set[tuple[str, str]]
) -> None:
    assert edges(place, statement) == (tables, columns)


def test_a_failed_statement_leaves_none(place: SqlWorkspace) -> None:
    place.repositories.history.flush()
    place.store._file.connection.execute("DELETE FROM event WHERE stream = 'lineage'")
    for statement in ("SELECT nothing FROM main.s.a", "INSERT INTO main.s.a SELECT z FROM main.s.b"):
        with pytest.raises(SqlError):
            place.sql(statement)
    assert place.repositories.history.events(LINEAGE) == []


def test_the_tables_are_for_admins_and_for_who_was_granted_the_schema(place: SqlWorkspace) -> None:
    place.sql("SELECT id FROM main.s.a")
    for table in ("access.table_lineage", "access.column_lineage", "query.history"):
        with pytest.raises(SqlError, match="INSUFFICIENT_PERMISSIONS"):
            place.sql(f"SELECT * FROM system.{table}", BEN)
    place.sql(f"GRANT SELECT ON SCHEMA system.access TO `{BEN}`")
    with pytest.raises(SqlError, match="USE SCHEMA"):
        place.sql("SELECT * FROM system.access.table_lineage", BEN)
    place.sql(f"GRANT USE SCHEMA ON SCHEMA system.access TO `{BEN}`")
    assert place.rows("SELECT * FROM system.access.table_lineage", BEN) == []
    place.sql(f"GRANT BROWSE ON CATALOG main TO `{BEN}`")
    assert place.rows("SELECT DISTINCT source_table_name FROM system.access.table_lineage WHERE source_table_name = 'a'", BEN)
    place.sql(f"REVOKE BROWSE ON CATALOG main FROM `{BEN}`")
    place.repositories.store.delete(kinds.SCHEMA, "system", "access")
    with pytest.raises(SqlError, match="TABLE_OR_VIEW_NOT_FOUND"):
        place.sql("SELECT * FROM system.access.table_lineage")


def test_query_history_holds_what_was_run(place: SqlWorkspace) -> None:
    def run(text: str) -> None:
        request = StatementRequest(statement=text, principal_id=place.ids.admin_id, principal_name="admin")
        place.services.statements.submit(request, place.warehouse, None).done.result()

    run("SELECT 1 AS one UNION ALL SELECT 2")
    run("SELECT nothing FROM main.s.a")
    run("CREATE OR REPLACE FUNCTION main.s.keyed(n INT) RETURNS INT RETURN n + 4711")
    found = place.rows(
        "SELECT execution_status, statement_type, produced_rows, compute.type, compute.warehouse_id, statement_text,"
        " error_message FROM system.query.history ORDER BY start_time, statement_text"
    )
    assert found[-3][:5] == ["FINISHED", "SELECT", "2", "WAREHOUSE", place.warehouse] or len(found) == 3
    shown = {(row[0], row[1]) for row in found}
    assert shown == {("FINISHED", "SELECT"), ("FAILED", "SELECT"), ("FINISHED", "CREATE")}
    assert [row[5] for row in found if row[1] == "CREATE" and "4711" in str(row)] == []
    assert any("UNRESOLVED_COLUMN" in str(row[6]) for row in found)
    lineage = place.repositories.history.events(LINEAGE)
    assert {one["statement_id"] for one in lineage} - {""} == set()


# Law: lineage names no object that the reader may not see


NAMES = [f"c{catalog}.s{schema}.t{table}" for catalog, schema, table in itertools.product((1, 2), (1, 2), (1, 2))]


def happened(sources: list[str], target: str | None) -> RecordedLineage:
    def named(name: str) -> RecordedObject:
        return RecordedObject(name=name, type="TABLE", location=f"s3://b/{name}", direct=True)

    return RecordedLineage(
        event_id=str(uuid.uuid4()),
        workspace_id="1",
        at_ms=2_000_000_000_000,
        statement_id="",
        created_by="somebody",
        sources=[named(one) for one in sources],
        target=None if target is None else named(target),
        columns=[{"source": at, "column": "c", "target": target and "d"} for at in range(len(sources))],
    )


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("wide"))
    made.user(ANA)
    for name in ("c1", "c2"):
        made.sql(f"CREATE CATALOG {name}")
        for schema in ("s1", "s2"):
            made.sql(f"CREATE SCHEMA {name}.{schema}")
    for name in NAMES:
        made.sql(f"CREATE TABLE {name} (c INT)")
    made.sql(f"GRANT USE SCHEMA, SELECT ON SCHEMA system.access TO `{ANA}`")
    yield made
    made.close()


_GRANTS = [
    *((f"{privilege} ON CATALOG {name}", privilege, name) for name in ("c1", "c2") for privilege in ("BROWSE", "USE CATALOG")),
    *((f"USE SCHEMA ON SCHEMA {n}", "USE SCHEMA", n) for n in ("c1.s1", "c1.s2", "c2.s1", "c2.s2")),
    *((f"SELECT ON TABLE {name}", "SELECT", name) for name in NAMES),
]


_SOURCES = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)


def shows(name: str, held: set[tuple[str, str]]) -> bool:
    """Return whether a table shows by these grants, said again in the words of the documentation."""
    catalog, schema, _ = name.split(".")
    used = {("USE CATALOG", catalog), ("USE SCHEMA", f"{catalog}.{schema}")} <= held
    return ("BROWSE", catalog) in held or (used and ("SELECT", name) in held)


@law(120)
@given(
    st.sets(st.sampled_from(_GRANTS)),
    st.lists(
        st.tuples(st.lists(st.sampled_from(NAMES), max_size=3, unique=True), st.none() | st.sampled_from(NAMES)), max_size=6
    ),
)
def test_lineage_names_what_shows_and_nothing_else(
    wide: SqlWorkspace, grants: set[tuple[str, str, str]], statements: list[tuple[list[str], str | None]]
) -> None:
    wide.store._file.connection.execute("DELETE FROM event WHERE stream = 'lineage'")
    wide.repositories.store.append(LINEAGE, [happened(sources, target) for sources, target in statements if sources or target])
    for text, _, _ in grants:
        wide.sql(f"GRANT {text} TO `{ANA}`")
    try:
        held = {(privilege, name) for _, privilege, name in grants}
        ana = wide.repositories.identity.by_name(ANA)
        assert ana is not None
        for table in ("table_lineage", "column_lineage"):
            rows = history_tables.rows_of(wide.repositories, ("system", "access", table), ana)
            text = repr(rows)
            assert [name for name in NAMES if name in text and not shows(name, held)] == []
            wanted = sum(
                shows(source, held)
                for sources, target in statements
                for source in sources
                if target is None or shows(target, held)
            )
            only = sum(not sources and target is not None and shows(target, held) for sources, target in statements)
            assert len(rows) == wanted + (only if table == "table_lineage" else 0)
    finally:
        for text, _, _ in grants:
            wide.sql(f"REVOKE {text} FROM `{ANA}`")


# Law: the columns of a query come from where a second tracer says


LEAVES = {"a": ("a1", "a2", "a3"), "b": ("b1", "b2"), "c": ("c1",)}
VIEWS = {
    "v": ("v1", "v2", "SELECT a1 + a2, b1 FROM a JOIN b ON a1 = b1"),
    "w": ("w1", "SELECT x.v1 * 2 FROM (SELECT * FROM v) AS x"),
}


class Writer:
    """Writes a random query; every name of a column is new, so that `*` is never ambiguous."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.names = itertools.count(1)

    def query(self, depth: int, common: dict[str, tuple[str, ...]] | None = None) -> tuple[str, tuple[str, ...]]:
        shape = self.draw(st.sampled_from(("select", "select", "union", "with"))) if depth else "select"
        known = common or {}
        if shape == "union":
            (left, names), (right, others) = self.query(depth - 1, known), self.query(depth - 1, known)
            count = min(len(names), len(others))
            picked = (", ".join(names[:count]), ", ".join(others[:count]))
            return f"SELECT {picked[0]} FROM ({left}) AS l UNION ALL SELECT {picked[1]} FROM ({right}) AS r", names[:count]
        if shape == "with":
            inner, names = self.query(depth - 1, known)
            name = f"w{next(self.names)}"
            outer, shown = self.select(depth - 1, known | {name: names}, must=name)
            return f"WITH {name} AS ({inner}) {outer}", shown
        return self.select(depth, known)

    def relation(self, depth: int, common: dict[str, tuple[str, ...]], must: str = "") -> tuple[str, tuple[str, ...], str]:
        alias = f"r{next(self.names)}"
        tables = dict(LEAVES) | {n: tuple(v[:-1]) for n, v in VIEWS.items()} | common
        if must or not depth or self.draw(st.booleans()):
            name = must or self.draw(st.sampled_from(sorted(tables)))
            return f"{name} AS {alias}", tables[name], alias
        text, names = self.query(depth - 1, common)
        return f"({text}) AS {alias}", names, alias

    def select(self, depth: int, common: dict[str, tuple[str, ...]], must: str = "") -> tuple[str, tuple[str, ...]]:
        first, names, alias = self.relation(depth, common, must)
        columns = [f"{alias}.{name}" for name in names]
        from_ = first
        if self.draw(st.booleans()):
            second, others, other = self.relation(depth, common)
            columns += [f"{other}.{name}" for name in others]
            from_ += f" JOIN {second} ON {alias}.{names[0]} = {other}.{others[0]}"
        elif self.draw(st.integers(0, 3)) == 0:
            return f"SELECT * FROM {from_}", names
        items = [self.item(columns) for _ in range(self.draw(st.integers(1, 3)))]
        shown = tuple(f"o{next(self.names)}" for _ in items)
        listed = ", ".join(f"{item} AS {name}" for item, name in zip(items, shown, strict=True))
        where = f" WHERE {columns[-1]} > 1" if self.draw(st.booleans()) else ""
        return f"SELECT {listed} FROM {from_}{where}", shown

    def item(self, columns: list[str]) -> str:
        one, other = self.draw(st.sampled_from(columns)), self.draw(st.sampled_from(columns))
        return self.draw(
            st.sampled_from(
                (
                    one,
                    one.split(".")[1] if sum(c.split(".")[1] == one.split(".")[1] for c in columns) == 1 else one,
                    f"{one} + {other}",
                    f"CASE WHEN {one} > 1 THEN {other} END",
                    f"coalesce({one}, (SELECT max(s.b2) FROM b AS s WHERE s.b1 = {other}))",
                    f"sum({one}) OVER (PARTITION BY {other})",
                    "7",
                )
            )
        )


@st.composite
def queries(draw: st.DrawFn) -> str:
    return Writer(draw).query(draw(st.integers(0, 2)))[0]


def document(name: str) -> StoredTable:
    columns = LEAVES.get(name) or tuple(VIEWS[name][:-1])
    body: dict[str, Any] = {"catalog_name": "main", "schema_name": "s", "name": name, "full_name": f"main.s.{name}"}
    body |= {"columns": [{"name": one} for one in columns], "table_type": "VIEW" if name in VIEWS else "MANAGED"}
    more = {"view_definition": VIEWS[name][-1]} if name in VIEWS else {}
    return cast(StoredTable, body | more)


DOCUMENTS = {("main", "s", name): document(name) for name in (*LEAVES, *VIEWS)}
PARSED = {view[-1]: parse_query(view[-1]) for view in VIEWS.values()}


def traced(query: str) -> tuple[OutputColumn, ...]:
    return ColumnTracer(DOCUMENTS, PARSED | {query: parse_query(query)}).columns(query, "main", "s")


def second_opinion(query: str) -> dict[str, set[str]]:
    """Return each column with the columns of tables that it comes from, as sqlglot's own tracer finds them over the views."""
    schema = {table: dict.fromkeys(columns, "int") for table, columns in LEAVES.items()}
    views = {n: f"SELECT * FROM ({v[-1]}) AS t({', '.join(v[:-1])})" for n, v in VIEWS.items()}
    nodes = lineage(None, query, schema, sources=views, dialect="databricks")
    assert isinstance(nodes, dict)
    return {name: {f"{one.source.name}.{one.name.split('.')[-1]}" for one in ends(node)} for name, node in nodes.items()}


def ends(node: Node) -> Iterator[Node]:
    if not node.downstream and isinstance(node.source, exp.Table):
        yield node
    for one in node.downstream:
        yield from ends(one)


@law(400)
@given(queries())
def test_columns_come_from_where_a_second_tracer_says(query: str) -> None:
    columns = traced(query)
    own = [{f"{one.path[2]}.{one.column}" for one in column.origins if one.path[2] in LEAVES} for column in columns]
    second = second_opinion(query)
    assert dict(zip((column.name for column in columns), own, strict=True)) == second


NAMED = [
    ("SELECT * FROM a JOIN a AS d USING (a1)", ["a.a1", "a.a2", "a.a3", "a.a2", "a.a3"]),
    ("SELECT b1 FROM a RIGHT JOIN b ON a1 = b1", ["b.b1"]),
    ("SELECT e FROM a LATERAL VIEW explode(array(a2, a3)) t AS e", ["a.a2 a.a3"]),
    ("SELECT * EXCEPT (a2) FROM a", ["a.a1", "a.a3"]),
    ("SELECT transform(array(a1), i -> i + a2) AS t FROM a", ["a.a1 a.a2"]),
    ("SELECT a1 + 1 AS n, n * 2 AS m FROM a", ["a.a1", "a.a1"]),
    ("SELECT main.s.a.a1, s.a.a2, a.a3 FROM main.s.a", ["a.a1", "a.a2", "a.a3"]),
    ("SELECT b1.field.part AS p FROM b", ["b.b1"]),
    ("SELECT a1 FROM a LEFT ANTI JOIN b ON a1 = b1", ["a.a1"]),
    ("SELECT a1 FROM a EXCEPT SELECT b1 FROM b", ["a.a1"]),
    ("SELECT a1 AS n FROM a UNION BY NAME SELECT b2 AS m, b1 AS n FROM b", ["a.a1 b.b1", "b.b2"]),
    ("WITH RECURSIVE r(n) AS (SELECT a1 FROM a UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r", ["a.a1"]),
    ("SELECT count(*) FROM a", [""]),
    ("SELECT t.col1 FROM VALUES (1, 2) AS t", [""]),
    ("SELECT k FROM (SELECT a1, a2 FROM a) AS t(j, k)", ["a.a2"]),
    ("FROM a SELECT a3", ["a.a3"]),
]


@pytest.mark.parametrize(("query", "wanted"), NAMED, ids=[one[0] for one in NAMED])
def test_each_form_of_a_query(query: str, wanted: list[str]) -> None:
    found = [" ".join(sorted(f"{one.path[2]}.{one.column}" for one in column.origins)) for column in traced(query)]
    assert found == wanted


# The history


def test_events_are_kept_in_order_across_lives_and_the_oldest_go(tmp_path: Path) -> None:
    stream = Stream(name="lineage", fields=RecordedLineage, most_bytes=60_000)
    store = Store(tmp_path / "store.db")
    history = History(store)
    for number in range(1000):
        history.add(stream, lambda number=number: happened([f"main.s.t{number}"], None))  # type: ignore[misc]
    history.add(STATEMENTS, lambda: None)
    found = [int(one["sources"][0]["name"].rpartition("t")[2]) for one in history.events(stream)]
    assert found == list(range(found[0], 1000))
    assert found[0] > 0
    version = store.version
    store.close()
    again = Store(tmp_path / "store.db")
    assert len(History(again).events(stream)) == len(found)
    assert History(again.within("1", "another")).events(stream) == []
    assert again.version == version == 0
    again.close()


def test_an_event_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    store = Store(None)
    history = History(store)

    def broken() -> RecordedLineage:
        raise ValueError("no")

    history.add(LINEAGE, broken)
    history.add(LINEAGE, lambda: happened(["main.s.t"], None))
    assert len(history.events(LINEAGE)) == 1
    store.close()


# REST


def test_the_rest_calls_answer_the_nearest_on_each_side(place: SqlWorkspace) -> None:
    place.sql("CREATE OR REPLACE TABLE main.s.up (n INT)")
    place.sql("CREATE OR REPLACE TABLE main.s.mid AS SELECT n AS m FROM main.s.up")
    place.sql("CREATE OR REPLACE VIEW main.s.down AS SELECT m + 1 AS d FROM main.s.mid")
    status, found = place.ask("GET", "/api/2.0/lineage-tracking/table-lineage", {"table_name": "main.s.mid"}, None)
    place_of = {"catalog_name": "main", "schema_name": "s"}
    up, down = place_of | {"name": "up", "table_type": "TABLE"}, place_of | {"name": "down", "table_type": "VIEW"}
    assert (status, found) == (200, {"upstreams": [{"tableInfo": up}], "downstreams": [{"tableInfo": down}]})
    query = "table_name=main.s.MID&column_name=M"
    status, found = place.ask("GET", f"/api/2.0/lineage-tracking/column-lineage?{query}", None, None)
    assert [(one["table_name"], one["name"]) for one in found["upstream_cols"]] == [("up", "n")]
    assert [(one["table_name"], one["name"]) for one in found["downstream_cols"]] == [("down", "d")]
    place.sql(f"GRANT USE CATALOG ON CATALOG main TO `{ANA}`")
    place.sql(f"GRANT USE SCHEMA ON SCHEMA main.s TO `{ANA}`")
    place.sql(f"GRANT SELECT ON TABLE main.s.mid TO `{ANA}`")
    assert place.ask("GET", "/api/2.0/lineage-tracking/table-lineage?table_name=main.s.mid", None, ANA) == (200, {})
    assert place.ask("GET", f"/api/2.0/lineage-tracking/column-lineage?{query}", None, ANA) == (200, {})
    assert place.ask("GET", "/api/2.0/lineage-tracking/table-lineage?table_name=main.s.up", None, ANA)[0] in (403, 404)
    assert place.ask("GET", "/api/2.0/lineage-tracking/column-lineage?table_name=main.s.mid", None, None)[0] == 400
