"""Parts of a task process by themselves: SQL text, rows, literals, the life of the process."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from localspace.core.child_process import ChildProcess
from localspace.core.lexer import quote_name
from localspace.core.statement_text import attribute_path, first_word, split_statements
from localspace.jobs.process import TaskProcesses
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


def test_a_task_process_dies_with_the_workspace(tmp_path: Path) -> None:
    task = script_task(tmp_path, "import time\ntime.sleep(600)\n")
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(task)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    time.sleep(0.4)
    os.kill(pid, 0)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.02)


_OWNER = """
import sys
from pathlib import Path
from localspace.jobs.process import TaskProcesses
folder = Path(sys.argv[1])
process = TaskProcesses(folder.parent).start(folder, {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "none"})
print(process.mark()["pid"], flush=True)
process.wait()
"""


def script_task(folder: Path, code: str, paths: tuple[Path, ...] = ()) -> Path:
    """Write a task that runs `code`; return its folder."""
    task = folder / "task"
    task.mkdir(parents=True)
    script = folder / "script.py"
    script.write_text(code)
    spec = {
        "kind": "script", "script": str(script), "directory": str(folder), "arguments": [],
        "paths": [str(path) for path in paths], "run_folder": str(folder), "context": {}, "values": {},
    }  # fmt: skip
    (task / "spec.json").write_text(json.dumps(spec))
    return task


SIGNED_IN = {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "a-secret-token"}


def ran(processes: TaskProcesses, folder: Path, code: str, paths: tuple[Path, ...] = ()) -> tuple[int, str, int]:
    """Run a task; return its exit code, its output and its process id."""
    task = script_task(folder, code, paths)
    process = processes.start(task, SIGNED_IN)
    pid = process.mark()["pid"]
    return process.wait(), (task / "output.log").read_text(), pid


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[TaskProcesses]:
    opened = TaskProcesses(tmp_path / "runs")
    yield opened
    opened.close()


def test_tasks_share_nothing_but_the_time_it_takes_to_load_packages(tmp_path: Path, processes: TaskProcesses) -> None:
    code = (
        "import builtins, os, sys\n"
        "left = getattr(builtins, 'left', 'nothing')\n"
        "print(left, os.environ['DATABRICKS_TOKEN'], os.environ['HOME'], sys.stdin.read() == '')\n"
        "builtins.left = 'something'; os.environ['LEFT'] = 'x'\n"
    )
    found = [ran(processes, tmp_path / str(number), code) for number in range(3)]
    assert len({pid for _, _, pid in found}) == 3
    for number, (exit_code, output, _) in enumerate(found):
        assert exit_code == 0, output
        assert output == f"nothing a-secret-token {tmp_path / str(number) / 'task' / 'home'} True\n"


def test_a_token_is_in_no_listing_of_processes(tmp_path: Path, processes: TaskProcesses) -> None:
    code = "print(open('/proc/self/environ').read().count('a-secret-token'), open('/proc/self/cmdline').read().count('a-secret'))"
    assert [ran(processes, tmp_path / str(number), code)[:2] for number in range(2)] == [(0, "0 0\n"), (0, "0 0\n")]


def test_a_ready_process_that_has_ended_is_replaced(tmp_path: Path, processes: TaskProcesses) -> None:
    first = ran(processes, tmp_path / "0", "print(1)")
    ready = processes._ready
    assert ready is not None
    ready.signal_group()
    ready.wait()
    second = ran(processes, tmp_path / "1", "print(2)")
    assert (first[:2], second[:2]) == ((0, "1\n"), (0, "2\n"))
    assert second[2] != ready.pid


def test_the_packages_that_a_task_brings_come_before_those_loaded_already(tmp_path: Path, processes: TaskProcesses) -> None:
    own = tmp_path / "libraries"
    (own / "databricks" / "sdk").mkdir(parents=True)
    (own / "databricks" / "__init__.py").write_text("")
    (own / "databricks" / "sdk" / "__init__.py").write_text("version = 'of the task'\n")
    code = "import databricks.sdk as found\nprint(found.version)\n"
    for number in range(2):
        time.sleep(number * 2)  # the second process has loaded its own by then
        assert ran(processes, tmp_path / str(number), code, (own,))[:2] == (0, "of the task\n")


def test_a_process_that_gets_no_task_ends(tmp_path: Path) -> None:
    code = "import localspace.task_process.__main__ as it, sys; it.WAIT_SECONDS = 0.2; sys.exit(it.main())"
    child = ChildProcess(
        lambda listening: [sys.executable, "-c", code, str(listening)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        output=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
    )
    assert child.wait(30) == 0
    child.release()
    child.stdin.close()
