"""Statements end to end on one engine: writes, shapes of tables, functions, governance, results, trouble."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest
from localspace.sql.information_schema import VIEWS
from localspace.sql.run import build_runner
from support.nightly import part_of
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.spark

ANA = "ana@bank.example"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("statements"))
    made.runner.warm()
    made.user(ANA)
    made.make_group("analysts", [ANA])
    made.sql("CREATE SCHEMA main.s")
    made.sql("GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO analysts")
    yield made
    made.close()


def fails(place: SqlWorkspace, statement: str, who: str | None = None) -> str:
    with pytest.raises(SqlError) as caught:
        place.sql(statement, who)
    return caught.value.error_class


def test_cells_are_the_platforms_strings(place: SqlWorkspace) -> None:
    found = place.sql(
        "SELECT true AS b, 1Y, 2L, 1.50BD, 1e10D, float(0.1), DATE'2024-01-02', TIMESTAMP'2024-01-02 03:04:05.678',"
        " TIMESTAMP_NTZ'2024-01-02 03:04:05', X'CAFE', array(1, NULL), map('k', 1), named_struct('a', DATE'2024-01-02'), NULL"
    )
    assert found.rows == [
        [
            "true",
            "1",
            "2",
            "1.50",
            "1.0E10",
            "0.1",
            "2024-01-02",
            "2024-01-02T03:04:05.678Z",
            "2024-01-02T03:04:05.000Z",
            "yv4=",
            "[1,null]",
            '{"k":1}',
            '{"a":"2024-01-02"}',
            None,
        ]
    ]
    assert [column[2] for column in found.columns[:6]] == ["BOOLEAN", "BYTE", "LONG", "DECIMAL", "DOUBLE", "FLOAT"]


def test_names_may_hold_anything(place: SqlWorkspace) -> None:
    place.sql(
        "CREATE TABLE main.s.odd (`Full Name` STRING, `a.b` INT, `back``tick` INT, `q'uote\"` INT, `naïve 日本` INT,"
        " `select` INT)"
    )
    place.sql("INSERT INTO main.s.odd VALUES ('x', 1, 2, 3, 4, 5)")
    place.sql("INSERT INTO main.s.odd (`naïve 日本`, `A.B`) SELECT 40, 10")
    found = place.sql(
        "SELECT `full name`, `a.b`, `back``tick`, odd.`q'uote\"`, `naïve 日本`, `select` FROM main.s.odd ORDER BY `a.b`"
    )
    assert found.rows == [["x", "1", "2", "3", "4", "5"], [None, "10", None, None, "40", None]]
    place.sql("ALTER TABLE main.s.odd RENAME COLUMN `a.b` TO `c``d`")
    assert place.rows("SELECT `c``d` FROM main.s.odd WHERE `back``tick` = 2") == [["1"]]
    assert [row[0] for row in place.rows("DESCRIBE main.s.odd")][1] == "c`d"


def test_rows_change_as_told(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.w (id INT NOT NULL, v STRING DEFAULT 'd', n BIGINT)")
    assert place.rows("INSERT INTO main.s.w (id) VALUES (1), (2), (3)") == [["3", "3"]]
    assert place.rows("UPDATE main.s.w SET v = concat(v, id), n = (SELECT max(id) FROM main.s.w) WHERE id > 1") == [["2"]]
    assert place.rows("DELETE FROM main.s.w AS t WHERE t.id IN (SELECT 1)") == [["1"]]
    assert place.rows("SELECT * FROM main.s.w ORDER BY id") == [["2", "d2", "3"], ["3", "d3", "3"]]
    assert fails(place, "INSERT INTO main.s.w SELECT NULL, 'x', 1") == "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    assert fails(place, "UPDATE main.s.w SET id = NULL") == "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    assert fails(place, "INSERT INTO main.s.w SELECT 1").startswith("INSERT_COLUMN_ARITY_MISMATCH")
    assert fails(place, "INSERT INTO main.s.w (id, n) VALUES (1, 'not a number')") == "CAST_INVALID_INPUT"
    place.sql("INSERT OVERWRITE main.s.w BY NAME SELECT 'q' AS v, 9 AS id")
    assert place.rows("SELECT id, v, n FROM main.s.w") == [["9", "q", None]]
    place.sql("TRUNCATE TABLE main.s.w")
    assert place.rows("SELECT count(*) FROM main.s.w") == [["0"]]


def test_merge_takes_the_first_clause_that_holds(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.target (id INT, v STRING)")
    place.sql("CREATE TABLE main.s.source (id INT, v STRING)")
    place.sql("INSERT INTO main.s.target VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    place.sql("INSERT INTO main.s.source VALUES (2, 'B'), (3, 'C'), (4, 'D'), (5, 'E'), (6, 'F')")
    counts = place.rows(
        "MERGE INTO main.s.target AS t USING main.s.source AS s ON t.id = s.id"
        " WHEN MATCHED AND s.id = 3 THEN DELETE WHEN MATCHED AND s.id < 4 THEN UPDATE SET v = s.v"
        " WHEN NOT MATCHED AND s.id = 5 THEN INSERT (id, v) VALUES (s.id, upper(s.v))"
        " WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'gone'"
    )
    assert counts == [["4", "2", "1", "1"]]
    assert place.rows("SELECT * FROM main.s.target ORDER BY id") == [["1", "gone"], ["2", "B"], ["4", "d"], ["5", "E"]]


def test_shapes_of_tables_change(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.shape (a INT, b STRING COMMENT 'bee') COMMENT 'it''s'")
    place.sql("INSERT INTO main.s.shape VALUES (1, 'x')")
    place.sql("ALTER TABLE main.s.shape ADD COLUMNS (c DATE AFTER a, d DECIMAL(4,1) COMMENT 'dee')")
    place.sql("ALTER TABLE main.s.shape ALTER COLUMN a TYPE BIGINT")
    place.sql("ALTER TABLE main.s.shape DROP COLUMN b")
    place.sql("ALTER TABLE main.s.shape ADD COLUMN b STRING")
    assert place.rows("SELECT * FROM main.s.shape") == [["1", None, None, None]]
    assert place.rows("DESCRIBE main.s.shape") == [
        ["a", "bigint", None],
        ["c", "date", None],
        ["d", "decimal(4,1)", "dee"],
        ["b", "string", None],
    ]
    assert fails(place, "ALTER TABLE main.s.shape ALTER COLUMN a TYPE INT").startswith("DELTA_UNSUPPORTED")
    place.sql("ALTER TABLE main.s.shape RENAME TO main.s.shaped")
    assert place.rows("SELECT count(*) FROM main.s.shaped") == [["1"]]
    place.sql("CREATE OR REPLACE TABLE main.s.shaped AS SELECT 7 AS z")
    assert place.rows("SELECT * FROM main.s.shaped") == [["7"]]
    assert fails(place, "CREATE TABLE main.s.shaped (x INT)") == "TABLE_OR_VIEW_ALREADY_EXISTS"


def test_functions_are_inlined_with_their_types(place: SqlWorkspace) -> None:
    place.sql("CREATE FUNCTION main.s.twice(x INT COMMENT 'n') RETURNS BIGINT DETERMINISTIC COMMENT 'doubles' RETURN x * 2")
    place.sql("CREATE FUNCTION main.s.four(x INT) RETURN main.s.twice(main.s.twice(x))")
    place.sql(
        "CREATE FUNCTION main.s.greet(who STRING, how STRING DEFAULT 'hi') RETURNS STRING RETURN concat(greet.how, ' ', who)"
    )
    assert place.rows(
        "SELECT main.s.four(id + 1), main.s.greet('ana'), main.s.greet(how => 'yo', who => 'bo') FROM range(1)"
    ) == [["4", "hi ana", "yo bo"]]
    assert fails(place, "SELECT main.s.twice(1, 2)").startswith("WRONG_NUM_ARGS")
    assert fails(place, "CREATE FUNCTION main.s.bad(x INT) RETURNS INT RETURN nope").startswith("UNRESOLVED_COLUMN")
    assert fails(place, "CREATE FUNCTION main.s.two(x INT) RETURNS INT RETURN x, 2") != ""
    assert fails(place, "CREATE FUNCTION main.s.py() RETURNS INT LANGUAGE PYTHON AS 'x'") != ""


def test_a_mask_of_another_type_comes_in_the_columns_type(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.typed (n DECIMAL(8,2), d DATE)")
    place.sql("INSERT INTO main.s.typed VALUES (12.34, '2020-05-06')")
    place.sql("CREATE FUNCTION main.s.year_only(d STRING) RETURNS STRING RETURN concat(left(d, 4), '-01-01')")
    place.sql("ALTER TABLE main.s.typed ALTER COLUMN d SET MASK main.s.year_only")
    found = place.sql("SELECT d, d + INTERVAL 1 DAY AS e FROM main.s.typed")
    assert found.rows == [["2020-01-01", "2020-01-02"]]
    assert found.columns[0] == ("d", "DATE", "DATE")


def test_parameters_and_row_limits(place: SqlWorkspace) -> None:
    found = (
        place.sql(
            "SELECT * FROM IDENTIFIER(:t) WHERE id < :n ORDER BY id",
            row_limit=2,
            parameters=(("t", "STRING", "main.s.many"), ("n", "INT", "5")),
        )
        if place.sql("CREATE TABLE main.s.many AS SELECT id FROM range(9)")
        else None
    )
    assert found is not None
    assert found.rows == [["0"], ["1"]]
    assert found.truncated


def test_information_schema_answers_any_query(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.seen (id INT, ssn STRING COMMENT 'number')")
    place.sql("SET TAG ON COLUMN main.s.seen.ssn `team tag` = 'x y'")
    query = (
        "SELECT c.column_name, c.full_data_type, c.comment, t.tag_value FROM main.information_schema.columns c"
        " LEFT JOIN system.information_schema.column_tags t USING (table_name, column_name)"
        " WHERE c.table_name = 'seen' ORDER BY c.ordinal_position"
    )
    assert place.rows(query, ANA) == [["id", "int", None, None], ["ssn", "string", "number", "x y"]]
    stranger = place.user("eve@bank.example")
    assert fails(place, query, stranger) == "INSUFFICIENT_PERMISSIONS"
    assert place.rows("SELECT DISTINCT table_catalog FROM system.information_schema.tables", stranger) == [["samples"]]


def test_positions_are_counted_from_one_and_rows_have_one_order(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.placed (a INT, b INT, c INT, d INT)")
    place.sql("ALTER TABLE main.s.placed DROP COLUMN b")
    place.sql("ALTER TABLE main.s.placed ALTER COLUMN d FIRST")
    place.sql("CREATE FUNCTION main.s.two(x INT, y INT) RETURNS INT RETURN x + y")
    query = "SELECT column_name, ordinal_position FROM main.information_schema.columns WHERE table_name = 'placed'"
    named = [["d", "1"], ["a", "2"], ["c", "3"]]
    # The second form needs the engine.
    for text in (query, f"SELECT * FROM ({query}) LIMIT 10", f"{query} ORDER BY ordinal_position"):
        assert place.rows(text) == named
    parameters = "SELECT parameter_name, ordinal_position FROM main.information_schema.parameters WHERE specific_name = 'two'"
    assert place.rows(parameters) == [["x", "1"], ["y", "2"]]


PLAIN = (
    "SELECT * FROM main.information_schema.{v}",
    "SELECT * FROM system.information_schema.{v} LIMIT 2",
    "SELECT count(*) FROM main.information_schema.{v}",
)
PLAIN_TAGS = (
    "SELECT 'columns' AS kind, table_name, column_name, CAST(NULL AS STRING) AS none, tag_value FROM"
    " `main`.`information_schema`.`column_tags` WHERE lower(schema_name) IN ('s', 'x') AND tag_name = 'team tag'"
    " UNION ALL SELECT 'schemas' AS kind, schema_name, CAST(NULL AS STRING) AS c, tag_name AS t, tag_value FROM"
    " main.information_schema.schema_tags",
    "SELECT DISTINCT t.table_schema AS S, T.TABLE_TYPE FROM main.information_schema.tables t WHERE (upper(table_schema) = 'S')",
    "SELECT column_name, comment FROM main.information_schema.columns WHERE table_name = 'plain' ORDER BY comment, column_name",
    "SELECT column_name, comment FROM main.information_schema.columns WHERE table_name = 'plain'"
    " ORDER BY comment DESC, column_name",
)


@pytest.mark.sampled
def test_engine_free_reads_answer_as_the_engine_does(place: SqlWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    place.sql("CREATE TABLE main.s.plain (id INT, b STRING COMMENT 'bee', a DECIMAL(4,1) COMMENT 'it''s é')")
    place.sql("SET TAG ON COLUMN main.s.plain.b `team tag` = 'x y'")
    place.sql("SET TAG ON SCHEMA main.s env = dev")
    queries = [query.format(v=view) for view in VIEWS for query in PLAIN] + list(PLAIN_TAGS)
    for who, asked in ((None, part_of(queries, every=4)), (ANA, queries)):
        quick = [place.sql(query, who) for query in asked]
        with monkeypatch.context() as patch:
            patch.setattr("localspace.sql.queries.engine_free_answer", lambda *_: None)
            for query, found in zip(asked, quick, strict=True):
                slow = place.sql(query, who)
                assert (found.columns, sorted(found.rows, key=repr)) == (slow.columns, sorted(slow.rows, key=repr)), query
    assert place.rows(PLAIN_TAGS[2])[0] == ["id", None]


def test_plain_reads_start_no_engine(tmp_path: Path) -> None:
    alone = SqlWorkspace(tmp_path, build_runner)
    alone.sql("SELECT table_name FROM main.information_schema.tables WHERE lower(table_schema) IN ('x')")
    alone.sql(PLAIN_TAGS[0])
    assert not alone.runner._engine.running
    assert alone.runner._engine.process is None
    alone.close()


def test_a_view_over_information_and_tables(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.s.base (id INT)")
    place.sql("INSERT INTO main.s.base VALUES (1), (2)")
    place.sql("CREATE VIEW main.s.v (n COMMENT 'number') AS SELECT id FROM main.s.base")
    place.sql("CREATE VIEW main.s.vv AS SELECT v.n + 1 AS m FROM main.s.v")
    assert place.rows("SELECT m FROM main.s.vv ORDER BY m", ANA) == [["2"], ["3"]]
    place.sql("DROP TABLE main.s.base")
    assert fails(place, "SELECT * FROM main.s.vv") == "TABLE_OR_VIEW_NOT_FOUND"
    assert fails(place, "DROP TABLE main.s.v") == "WRONG_COMMAND_FOR_OBJECT_TYPE"


def test_a_cancelled_statement_ends_at_once(place: SqlWorkspace) -> None:
    token = CancelToken()
    threading.Timer(0.5, token.cancel).start()
    request = StatementRequest(
        statement="SELECT count(*) FROM range(100000000000000) WHERE hash(id) = 1",
        principal_id=place.ids.admin_id,
        principal_name="admin",
    )
    started = time.monotonic()
    with pytest.raises(SqlError) as caught:
        place.runner.run(request, token)
    assert caught.value.error_class == "QUERY_CANCELED"
    assert time.monotonic() - started < 60


def test_a_dead_engine_is_started_again(place: SqlWorkspace) -> None:
    place.sql("CREATE OR REPLACE TABLE main.s.kept AS SELECT 1 AS x")
    process = place.runner._engine.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while process.alive:
        assert time.monotonic() < deadline
    assert place.rows("SELECT * FROM main.s.kept") == [["1"]]
