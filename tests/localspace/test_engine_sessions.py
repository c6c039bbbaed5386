"""The engine's sessions and processes: plans over much data are compiled, and nothing else is different."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from localspace.core.statement_runner import CancelToken, SqlError
from localspace.sql import engine_session
from localspace.sql.builtin_functions import ADMITTED, ENGINE_KEEPS, LIMITED
from localspace.sql.engine import Engine, EngineError
from localspace.sql.engine_session import LARGE_BYTES, is_huge, is_large
from localspace.sql.storage import ViewSpec
from support.shared_engine import shared_engine

pytestmark = pytest.mark.spark

LARGE = "range(1000000)"
MANY = ViewSpec("ls_sessions_many", "", "id BIGINT, name STRING, part INT, paid DECIMAL(10,2), day DATE, at TIMESTAMP")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> ViewSpec:
    folder = tmp_path_factory.mktemp("sessions") / "rows"
    rows = (
        "SELECT id, concat('name ', sha2(CAST(id AS STRING), 256)) AS name, CAST(id % 7 AS INT) AS part,"
        " CAST(id / 3 AS DECIMAL(10,2)) AS paid, date_add(DATE'2020-01-01', CAST(id % 900 AS INT)) AS day,"
        " TIMESTAMP'2021-02-03 04:05:06.789' + make_interval(0, 0, 0, 0, CAST(id % 50 AS INT)) AS at FROM range(40000)"
    )
    shared_engine().write(rows, folder, (), "ana", CancelToken())
    spec = ViewSpec(MANY.name, str(folder), MANY.ddl)
    assert is_large({"views": [[spec.name, spec.folder, spec.ddl]], "sql": ""})
    return spec


def rows(sql: str, *views: ViewSpec, user: str = "ana") -> list[list[str | None]]:
    return shared_engine().query(sql, views, user, CancelToken()).rows


def plan(sql: str, *views: ViewSpec) -> str:
    return shared_engine().explain(sql, views, "ana", CancelToken())


def test_the_size_of_the_files_decides(tmp_path: Path, many: ViewSpec) -> None:
    few = tmp_path / "few"
    shared_engine().write("SELECT id FROM range(10)", few, (), "ana", CancelToken())
    small = ViewSpec("ls_sessions_few", str(few), "id BIGINT")
    query = "SELECT sum(id) FROM {}"
    assert "*(1)" not in plan(query.format(small.name), small)
    assert "*(1)" in plan(query.format(many.name), many)
    assert "*(1)" in plan(f"SELECT sum(id) FROM {LARGE}")
    assert "*(1)" not in plan("SELECT sum(id) FROM range(100)")
    assert sum(file.stat().st_size for file in Path(many.folder).glob("*.parquet")) >= LARGE_BYTES


def test_the_session_for_much_data_has_no_function_that_the_workspace_does_not_admit() -> None:
    removed = shared_engine().functions() - ADMITTED - frozenset(LIMITED) - ENGINE_KEEPS
    assert {"input_file_name", "java_method"} & removed
    for name in sorted(removed):
        with pytest.raises(EngineError) as failed:
            rows(f"SELECT `{name}`() FROM {LARGE} LIMIT 0")
        assert failed.value.error_class == "UNRESOLVED_ROUTINE", (name, failed.value)


@pytest.mark.parametrize("source", ["range(1)", LARGE])
def test_settings_hold_in_both_sessions(source: str) -> None:
    assert rows(f"SELECT current_user() FROM {source} LIMIT 1", user="ben") == [["ben"]]
    for wrong, error in (
        ("SELECT id / 0 FROM {}", "DIVIDE_BY_ZERO"),
        ("SELECT CAST('x' AS INT) + id FROM {}", "CAST_INVALID_INPUT"),
        ("SELECT p.id FROM {} r JOIN parquet.`/tmp` p ON p.id = r.id", ""),
    ):
        with pytest.raises(EngineError) as failed:
            rows(wrong.format(source) + " LIMIT 1")
        assert str(failed.value.error_class).startswith(error or ("TABLE_OR_VIEW_NOT_FOUND", "UNSUPPORTED_DATASOURCE"))


SAME = [
    "SELECT part, count(*), sum(paid), avg(paid), max(name), min(day), max(at) FROM {} GROUP BY part ORDER BY part",
    "SELECT id, name, paid, day, at FROM {} WHERE name LIKE '%a1' AND part IN (1, 2) ORDER BY id LIMIT 50",
    "SELECT id, row_number() OVER (PARTITION BY part ORDER BY id DESC) AS n FROM {} ORDER BY n, id LIMIT 20",
    "SELECT concat('***', right(name, 4)) AS masked, count(*) FROM {} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
    "SELECT CASE WHEN paid > 100 THEN sha2(name, 256) END AS h, regexp_replace(name, '[0-9]', '#') FROM {} ORDER BY id LIMIT 9",
    "SELECT CAST(paid AS DOUBLE) / 7, id * 1.5D, CAST(id AS FLOAT) / 3, CAST(at AS STRING), CAST(day AS STRING) FROM {}"
    " ORDER BY id LIMIT 30",
    "SELECT a.part, count(DISTINCT b.day) FROM {} a JOIN {} b ON a.id = b.id + 1 GROUP BY a.part ORDER BY 1",
    "SELECT id, transform(array(id, part), x -> x + 1), map('k', name), named_struct('a', paid) FROM {} ORDER BY id LIMIT 5",
]


@pytest.mark.parametrize("query", SAME)
def test_both_sessions_answer_the_same(query: str, many: ViewSpec) -> None:
    # Under names without the suffix the files count for nothing, and the session for small statements reads them.
    names = Path(many.folder).with_name("linked")
    names.mkdir(exist_ok=True)
    for file in Path(many.folder).glob("*.parquet"):
        link = names / f"{file.stem}.rows"
        if not link.exists():
            link.hardlink_to(file)
    small = ViewSpec("ls_sessions_linked", str(names), many.ddl)
    assert not is_large({"views": [[small.name, small.folder, small.ddl]], "sql": query})
    assert rows(query.replace("{}", many.name), many) == rows(query.replace("{}", small.name), small)


def test_a_request_over_much_data_is_cancelled_like_any_other() -> None:
    cancel = CancelToken()
    threading.Timer(2, cancel.cancel).start()
    started = time.monotonic()
    with pytest.raises(SqlError, match="QUERY_CANCELED"):
        shared_engine().query("SELECT sum(id % 7) FROM range(400000000000000)", (), "ana", cancel)
    assert time.monotonic() - started < 7
    assert rows("SELECT 1 FROM range(1)") == [["1"]]


def test_an_engine_of_its_own_starts_with_one_session(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    try:
        assert engine.query("SELECT count(*) FROM range(3)", (), "ana", CancelToken()).rows == [["3"]]
        assert engine.query(f"SELECT count(*) FROM {LARGE}", (), "ana", CancelToken()).rows == [["1000000"]]
    finally:
        engine.close()


@pytest.mark.heavy
def test_most_data_is_read_in_a_process_of_its_own_that_may_die_without_harm(
    many: ViewSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = shared_engine()
    here = {query: rows(query.replace("{}", many.name), many) for query in SAME[::3]}
    main = engine.process
    assert not is_huge({"op": "query", "views": [[many.name, many.folder, many.ddl]]})
    monkeypatch.setattr(engine_session, "HUGE_BYTES", LARGE_BYTES)
    assert {query: rows(query.replace("{}", many.name), many) for query in SAME[::3]} == here
    other = engine.process_for_much_data
    assert other is not None
    assert main is not None
    assert other.pid != main.pid
    removed = engine.functions() - ADMITTED - frozenset(LIMITED) - ENGINE_KEEPS
    for name in ("input_file_name", *sorted(removed)[::12]):
        with pytest.raises(EngineError, match="UNRESOLVED_ROUTINE"):
            rows(f"SELECT `{name}`() FROM {many.name}", many)
    assert rows(f"SELECT current_user() FROM {many.name} LIMIT 1", many, user="ben") == [["ben"]]
    other.end("a test ended it", replaced=False)
    assert rows(f"SELECT count(*) FROM {many.name}", many) == [["40000"]]
    assert engine.process_for_much_data is not other
    assert engine.process is main


@pytest.mark.heavy
def test_a_cancelled_statement_over_most_data_ends_or_its_process_does(many: ViewSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_session, "HUGE_BYTES", LARGE_BYTES)
    assert rows(f"SELECT count(*) FROM {many.name}", many) == [["40000"]]
    cancel = CancelToken()
    threading.Timer(1, cancel.cancel).start()
    started = time.monotonic()
    join = f"SELECT count(*) FROM {many.name} a JOIN {many.name} b ON a.id % 2 = b.id % 2 JOIN {many.name} c ON c.id <> b.id"
    with pytest.raises(SqlError, match="QUERY_CANCELED"):
        shared_engine().query(join, (many,), "ana", cancel)
    assert time.monotonic() - started < 6
    assert rows(f"SELECT count(*) FROM {many.name}", many) == [["40000"]]
