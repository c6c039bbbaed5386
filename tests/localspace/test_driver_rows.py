"""Statements on a few rows run without a Spark job: they answer what a job answers, and what seals a row filter stays."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localspace.core.statement_runner import CancelToken, SqlError
from localspace.sql.driver_rows import FEW_ROWS, few_rows
from localspace.sql.engine import EngineError
from localspace.sql.storage import ViewSpec
from support.shared_engine import shared_engine

DDL = (
    "id BIGINT, part INT, small SMALLINT, tiny TINYINT, name STRING, paid DECIMAL(10,2), wide DECIMAL(38,6), day DATE,"
    " at TIMESTAMP, local TIMESTAMP_NTZ, real DOUBLE, half FLOAT, yes BOOLEAN, raw BINARY"
)
ROWS = (
    "SELECT id, CAST(id % 3 AS INT) AS part, CAST(id AS SMALLINT) AS small, CAST(id AS TINYINT) AS tiny,"
    " IF(id % 5 = 0, NULL, concat('näme ', id)) AS name, CAST(id / 3 AS DECIMAL(10,2)) AS paid,"
    " CAST(id AS DECIMAL(38,6)) / 7 AS wide, date_add(DATE'1500-01-01', CAST(id * 9999 AS INT)) AS day,"
    " TIMESTAMP'0001-01-01 00:00:00' + make_interval(CAST(id * 400 AS INT)) AS at,"
    " CAST(TIMESTAMP'2021-02-03 04:05:06.789' AS TIMESTAMP_NTZ) AS local, CAST(id AS DOUBLE) / 7 AS real,"
    " CAST(id / 3 AS FLOAT) AS half, id % 2 = 0 AS yes, CAST(concat('x', id) AS BINARY) AS raw FROM range(24)"
)
QUERIES = [
    "SELECT * FROM {} ORDER BY id",
    "SELECT part, count(*), sum(paid), avg(real), max(name), min(day), max(at), sum(wide) FROM {} GROUP BY part ORDER BY part",
    "SELECT count(*), count(DISTINCT part), sort_array(collect_list(name)), bit_xor(xxhash64(name, paid, raw)) FROM {}",
    "SELECT a.id, b.name FROM {} a JOIN {} b ON a.id = b.id + 1 WHERE b.part = 1 ORDER BY a.id",
    "SELECT a.id, b.name FROM {} a LEFT JOIN {} b ON a.part = b.id ORDER BY a.id LIMIT 7",
    "SELECT id FROM {} WHERE id IN (SELECT part FROM {}) ORDER BY id",
    "SELECT id FROM {} WHERE id NOT IN (SELECT part FROM {}) ORDER BY id DESC LIMIT 3",
    "SELECT id, (SELECT max(id) FROM {}) FROM {} WHERE id < 3 ORDER BY id",
    "SELECT id, row_number() OVER (PARTITION BY part ORDER BY id DESC) AS n FROM {} ORDER BY n, id",
    "SELECT part, yes, count(*) FROM {} GROUP BY CUBE (part, yes) ORDER BY 1, 2, 3",
    "SELECT DISTINCT name IS NULL, yes FROM {} ORDER BY 1, 2",
    "SELECT count(*) FROM {} a CROSS JOIN {} b WHERE a.id < b.id",
    "SELECT 1 AS x, max(id) FROM {} UNION ALL SELECT 2, min(id) FROM {} UNION ALL SELECT 3, id FROM {} WHERE false",
    "SELECT transform(array(id, part), x -> x + 1), map('k', name), named_struct('a', paid) FROM {} ORDER BY id LIMIT 5",
    "SELECT r.id, t.id FROM range(5) r JOIN {} t ON t.id = r.id ORDER BY 1",
    "WITH v AS (SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v(n, s)) SELECT s, count(*) FROM v JOIN {} ON part = n GROUP BY s"
    " ORDER BY s",
    "SELECT id, posexplode(array(1, 2)) FROM {} ORDER BY 1, 2 LIMIT 4",
    "SELECT b, p, count(v), sum(CAST(xxhash64('s', v) AS DECIMAL(20,0))), count(DISTINCT v) FILTER (WHERE b = 0 AND p = 1) FROM ("
    "SELECT 0 AS b, posexplode(array('', name, CAST(paid AS STRING), hex(raw))) AS (p, v) FROM {} UNION ALL"
    " SELECT 1 AS b, posexplode(array('', CAST(day AS STRING))) AS (p, v) FROM {} WHERE part = 1) GROUP BY b, p ORDER BY b, p",
]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[ViewSpec, ViewSpec]:
    """Return the same rows as a relation in memory and as one on files."""
    folder = tmp_path_factory.mktemp("few") / "rows"
    shared_engine().write(ROWS, folder, (), "ana", CancelToken())
    files = folder.with_name("linked")
    files.mkdir()
    for file in folder.glob("*.parquet"):
        # A file of another name keeps a relation out of memory, and Spark reads it all the same.
        (files / f"{file.stem}.rows").hardlink_to(file)
    return ViewSpec("ls_few_held", str(folder), DDL), ViewSpec("ls_few_files", str(files), DDL)


def rows(sql: str, *views: ViewSpec) -> list[list[str | None]]:
    return shared_engine().query(sql, views, "ana", CancelToken()).rows


def plan(sql: str, *views: ViewSpec) -> str:
    return shared_engine().explain(sql, views, "ana", CancelToken())


@pytest.mark.spark
@pytest.mark.parametrize("query", QUERIES)
def test_rows_in_memory_answer_as_files_do(query: str, few: tuple[ViewSpec, ViewSpec]) -> None:
    held, files = few
    assert "ExistingRDD" in plan(f"SELECT * FROM {held.name}", held)
    assert "FileScan" in plan(f"SELECT * FROM {files.name}", files)
    assert rows(query.replace("{}", held.name), held) == rows(query.replace("{}", files.name), files)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT 1 / part FROM {}", "DIVIDE_BY_ZERO"),
        ("SELECT CAST(name AS INT) FROM {}", "CAST_INVALID_INPUT"),
        ("SELECT sum(CAST(9223372036854775807 AS BIGINT) + id) FROM {}", "ARITHMETIC_OVERFLOW"),
        ("SELECT raise_error(name) FROM {} WHERE id = 1", "USER_RAISED_EXCEPTION"),
        ("SELECT nothing FROM {}", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ],
)
def test_errors_are_those_of_a_job(query: str, error: str, few: tuple[ViewSpec, ViewSpec]) -> None:
    found = []
    for view in few:
        with pytest.raises(EngineError) as failed:
            rows(query.replace("{}", view.name), view)
        found.append((failed.value.error_class, failed.value.sql_state, failed.value.analysis))
    assert found[0] == found[1]
    assert found[0][0] == error


@pytest.mark.spark
def test_the_limit_that_seals_a_row_filter_stays_in_the_plan(few: tuple[ViewSpec, ViewSpec]) -> None:
    """A leaf whose number of rows the optimizer knows would lose the limit, and the caller's predicate could come first."""
    held, _ = few
    sealed = f"(SELECT * FROM {held.name} WHERE id < 3 LIMIT 2147483647)"
    found = plan(f"SELECT id FROM {sealed} WHERE 1 / (id - 7) < 5", held)
    assert "GlobalLimit 2147483647" in found
    assert found.index("/ cast((id") < found.index("GlobalLimit") < found.index("< 3)")
    assert rows(f"SELECT count(*) FROM {sealed} WHERE 1 / (id - 7) < 5", held) == [["3"]]


@pytest.mark.spark
def test_a_new_version_of_the_rows_is_read_at_once(tmp_path: Path) -> None:
    for version in range(3):
        folder = tmp_path / str(version)
        folder.mkdir()
        pq.write_table(pa.table({"id": pa.array([version], pa.int64())}), folder / "part.parquet")
        view = ViewSpec(f"ls_few_version_{version}", str(folder), "id BIGINT")
        assert rows(f"SELECT id FROM {view.name}", view) == [[str(version)]]
    (tmp_path / "none").mkdir()
    empty = ViewSpec("ls_few_empty", str(tmp_path / "none"), "id BIGINT")
    assert rows(f"SELECT count(*), max(id) FROM {empty.name}", empty) == [["0", None]]


@pytest.mark.spark
def test_a_large_result_of_few_rows_is_fetched_by_a_job(few: tuple[ViewSpec, ViewSpec]) -> None:
    held, _ = few
    found = rows(f"SELECT id, repeat('x', 400000) FROM {held.name} ORDER BY id", held)
    assert [(row[0], len(row[1] or "")) for row in found] == [(str(at), 400000) for at in range(24)]


@pytest.mark.spark
def test_a_statement_without_a_job_is_cancelled_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    shared_engine().write(f"SELECT id, 1 AS k FROM range({FEW_ROWS})", folder, (), "ana", CancelToken())
    view = ViewSpec("ls_few_product", str(folder), "id BIGINT, k INT")
    n = view.name
    product = f"SELECT max(a.id + b.id + c.id) FROM {n} a JOIN {n} b ON a.k = b.k JOIN {n} c ON b.k = c.k"
    cancel = CancelToken()
    threading.Timer(1, cancel.cancel).start()
    started = time.monotonic()
    with pytest.raises(SqlError, match="QUERY_CANCELED"):
        shared_engine().query(product, (view,), "ana", cancel)
    assert time.monotonic() - started < 6
    assert rows("SELECT 1") == [["1"]]


FIELDS: list[dict[str, Any]] = [{"name": "a", "type": "long"}, {"name": "b", "type": "decimal(5,2)"}]
A, B = pa.array([1, 2], pa.int64()), pa.array([None, None], pa.decimal128(5, 2))


@pytest.mark.unit
def test_only_few_rows_of_plain_types_are_held(tmp_path: Path) -> None:
    def folder(name: str, *tables: pa.Table) -> Path:
        made = tmp_path / name
        made.mkdir()
        for at, table in enumerate(tables):
            pq.write_table(table, made / f"{at}.parquet")
        return made

    both = pa.table({"a": A, "b": B})
    assert few_rows(folder("both", both, both), FIELDS) == pa.concat_tables([both, both])
    assert few_rows(folder("none"), FIELDS) == both.slice(0, 0)
    added = few_rows(folder("added", pa.table({"a": A})), FIELDS)
    assert added == both, "a column that was added later is null"
    assert few_rows(folder("widened", pa.table({"a": A.cast(pa.int32()), "b": B})), FIELDS) is None
    assert few_rows(folder("many", pa.table({"a": pa.array(range(FEW_ROWS + 1))})), FIELDS[:1]) is None
    assert few_rows(folder("halves", *[pa.table({"a": pa.array(range(FEW_ROWS - 1))})] * 2), FIELDS[:1]) is None
    assert few_rows(folder("nested", both), [{"name": "a", "type": {"type": "array"}}]) is None
    assert few_rows(tmp_path / "gone", FIELDS) is None, "Spark says that there is no such folder"
    other = folder("other", both)
    (other / "rows").write_bytes(b"")
    assert few_rows(other, FIELDS) is None, "Spark reads a file of any name"
    (other / "rows").rename(other / "_SUCCESS")
    assert few_rows(other, FIELDS) == both
