"""Parts of a task process by themselves: SQL text, rows, literals, the life of the process."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from localspace.core.lexer import quote_name
from localspace.core.statement_text import attribute_path, first_word, split_statements
from localspace.jobs.task_output import OUTPUT_BYTES, blot, first_part, read_log, read_values, settle
from localspace.sql.result_rows import Field, Row, shown, value_of
from localspace.task_process.dbutils import TaskValues, Widgets, resolved
from localspace.task_process.session import SparkSession
from localspace.task_process.sql_values import literal, type_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT \"a;b\"; SELECT `c;d`", ["SELECT ';'", 'SELECT "a;b"', "SELECT `c;d`"]),
        ("-- a; b\nSELECT 1; /* ; */ ;", ["-- a; b\nSELECT 1"]),
        ("SELECT 'it\\'s; fine'; SELECT 'it''s; fine'", ["SELECT 'it\\'s; fine'", "SELECT 'it''s; fine'"]),
        ("SELECT r'\\'; SELECT 2", ["SELECT r'\\'", "SELECT 2"]),
        ("SELECT 'open; SELECT 2", ["SELECT 'open; SELECT 2"]),
        (" ; ; ", []),
    ],
)
def test_statements_are_parted_at_real_semicolons(script: str, expected: list[str]) -> None:
    assert split_statements(script) == expected


@given(st.text())
def test_a_text_literal_reads_back_as_the_text(text: str) -> None:
    parsed = sqlglot.parse_one(f"SELECT {literal(text)}", dialect="databricks").find(sqlglot.exp.Literal)
    assert parsed is not None
    assert parsed.this == text


@given(st.text(min_size=1))
def test_a_name_stays_inside_its_back_ticks(name: str) -> None:
    inside = quote_name(name)[1:-1]
    assert inside.replace("``", "").count("`") == 0
    assert inside.replace("``", "`") == name


def test_names_are_quoted_part_by_part() -> None:
    assert attribute_path("main.my schema.`a.b`") == ("main", "my schema", "a.b")
    assert first_word("/* x */ -- y\n  with a as (select 1) select 2") == "WITH"


@pytest.mark.parametrize(
    ("cell", "type_name", "expected"),
    [
        (None, "INT", None),
        ("7", "LONG", 7),
        ("1.50", "DECIMAL", Decimal("1.50")),
        ("true", "BOOLEAN", True),
        ("2026-01-02", "DATE", dt.date(2026, 1, 2)),
        ("2026-01-02T03:04:05.000Z", "TIMESTAMP", dt.datetime(2026, 1, 2, 3, 4, 5)),
        ('{"a":[1]}', "STRUCT", {"a": [1]}),
        ("x", "STRING", "x"),
    ],
)
def test_cells_become_python_values(cell: str | None, type_name: str, expected: object) -> None:
    assert value_of(cell, Field(name="c", type_text=type_name, type_name=type_name)) == expected


def test_a_row_is_read_by_name_position_and_attribute() -> None:
    row = Row(["a", "b c"], [1, "x"])
    assert (row[0], row["b c"], row.a, row.asDict()) == (1, "x", 1, {"a": 1, "b c": "x"})
    assert repr(row) == "Row(a=1, b c='x')"
    with pytest.raises(AttributeError):
        row.ghost  # noqa: B018


def test_a_table_is_shown_as_spark_shows_it() -> None:
    fields = [Field(name="id", type_text="int", type_name="INT"), Field(name="name", type_text="string", type_name="STRING")]
    text = shown(fields, [["1", "ana"], ["2", None]], 0)
    assert text == "+---+----+\n| id|name|\n+---+----+\n|  1| ana|\n|  2|NULL|\n+---+----+"


class _Recorder:
    """Stands for the workspace: keeps what a session sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def json(self, method: str, path: str, body: Any = None, query: Any = None) -> dict[str, Any]:
        del method, query
        if path.startswith("/api/2.1"):
            return {}
        self.sent.append(body)
        return {"columns": [{"name": "n", "type_text": "bigint", "type_name": "LONG"}], "rows": [["1"]]}


def _session() -> tuple[SparkSession, list[dict[str, Any]]]:
    recorder = _Recorder()
    return SparkSession(recorder), recorder.sent  # type: ignore[arg-type]


def test_queries_are_lazy_and_commands_are_not() -> None:
    spark, sent = _session()
    frame = spark.sql("SELECT 1 AS n")
    assert sent == []
    spark.sql("CREATE SCHEMA main.s")
    assert len(sent) == 1
    assert frame.collect()[0].n == 1
    assert frame.count() == 1


def test_use_moves_names_and_parameters_keep_their_types() -> None:
    spark, sent = _session()
    spark.sql("USE CATALOG main")
    spark.sql("use schema `my s`;")
    spark.sql("SELECT :a, :b, :c", args={"a": 1, "b": True, "c": "x"}).collect()
    assert (sent[0]["catalog"], sent[0]["schema"]) == ("main", "my s")
    assert [(one["value"], one["type"]) for one in sent[0]["parameters"]] == [
        ("1", "BIGINT"),
        ("true", "BOOLEAN"),
        ("x", "STRING"),
    ]


def test_local_rows_become_literals() -> None:
    spark, sent = _session()
    spark.createDataFrame([(1, "a'b"), (2, None)], "id INT, `the name` STRING").write.mode("overwrite").saveAsTable("main.s.t")
    assert sent[0]["statement"] == (
        "CREATE OR REPLACE TABLE `main`.`s`.`t` AS SELECT CAST(`id` AS int) AS `id`, CAST(`the name` AS string) AS "
        "`the name` FROM VALUES (1, 'a\\'b'), (2, NULL) AS _local(`id`, `the name`)"
    )
    assert type_of([None, [Decimal("1")]]) == "ARRAY<DECIMAL(38,18)>"


def test_widgets_given_by_the_job_win_over_defaults() -> None:
    widgets = Widgets({"a": "given"})
    widgets.text("a", "default")
    widgets.dropdown("b", "x", ["x", "y"])
    assert widgets.getAll() == {"a": "given", "b": "x"}
    with pytest.raises(KeyError, match="No input widget named ghost"):
        widgets.get("ghost")
    with pytest.raises(ValueError, match="not one of its choices"):
        widgets.dropdown("c", "z", ["x"])


def test_task_values_have_a_limit_and_the_last_one_counts(tmp_path: Path) -> None:
    values = TaskValues(tmp_path / "values.jsonl", {"plan": {"ok": False}})
    values.set("a", 1)
    values.set("a", {"b": [2]})
    with (tmp_path / "values.jsonl").open("a") as file:
        file.write('{"key": "half')
    assert read_values(tmp_path) == {"a": {"b": [2]}}
    assert values.get("plan", "ok") is False
    assert values.get("plan", "ghost", default=7) == 7
    with pytest.raises(ValueError, match="has set no task value 'ghost'"):
        values.get("plan", "ghost")
    with pytest.raises(ValueError, match="larger than"):
        values.set("big", "x" * 60_000)


@pytest.mark.parametrize(
    ("path", "expected"), [("./x", "/a/x"), ("../x/y", "/x/y"), ("/abs", "/abs"), ("x", "/a/x"), ("../../../x", "/x")]
)
def test_notebook_paths_are_relative_to_the_notebook(path: str, expected: str) -> None:
    assert resolved(path, "/a/b") == expected


def test_a_log_is_cut_at_its_start_and_secrets_vanish_across_the_cut(tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    tail = secret + "x" * (OUTPUT_BYTES - 5)
    (tmp_path / "output.log").write_text("start" + tail)
    settle(tmp_path, [secret])
    text, cut = read_log(tmp_path)
    assert cut
    assert "hunter" not in text
    assert len(text) == OUTPUT_BYTES
    assert first_part("ü" * OUTPUT_BYTES)[0] == "ü" * (OUTPUT_BYTES // 2)
    assert blot("a-abc-b", ["a", "abc"]) == "[REDACTED]-[REDACTED]-b"
