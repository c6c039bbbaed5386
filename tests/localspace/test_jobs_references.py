"""Dynamic value references, the operators of condition tasks, and notebook sources."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localspace.jobs.dag import Result
from localspace.jobs.operators import compare
from localspace.jobs.references import JsonValue, ReferenceContext, TaskValues, UnresolvedError, references, resolve, resolve_text
from localspace.storage.notebook_source import CellKind, Language, bare_name, notebook_language, parse

pytestmark = pytest.mark.unit

CONTEXT = ReferenceContext(
    job_id=7,
    job_name="govern",
    job_run_id=70,
    start_ms=1_700_000_000_000,
    workspace_id="123",
    workspace_url="http://127.0.0.1",
    parameters={"env": "dev", "odd name$": "x", "text": 'a "quoted"\nline {{job.id}}'},
    task_key="apply",
    task_run_id=71,
    tasks={
        "plan": TaskValues(
            run_id=69, result=Result.SUCCESS, values={"loosens": False, "n": 3, "who": "ana", "deep": {"a": [1, "b"]}}
        )
    },
    has_input=True,
    input={"table": "t1"},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("job_{{job.run_id}}", "job_70"),
        ("{{ job.id }}/{{job.name}}", "7/govern"),
        ("{{job.parameters.env}}", "dev"),
        ("{{job.parameters.`odd name$`}}", "x"),
        ("{{ job.parameters.[env] }}", "dev"),
        ('{{job["parameters"]["odd name$"]}}', "x"),
        ("{{job.parameters['odd name$']}}", "x"),
        ("{{job.parameters.[ odd name$ ]}}", "x"),
        ("{{ tasks.[plan].values.[n] }}", "3"),
        ('{{tasks["plan"].values["deep"].a}}', '[1, "b"]'),
        ("{{my.[value]}} {{[job].id}} {{job.[id}} {{job.id]}}", "{{my.[value]}} 7 {{job.[id}} {{job.id]}}"),
        ("{{tasks.plan.values.loosens}}", "false"),
        ("{{tasks.plan.values.n}}", "3"),
        ("{{tasks.plan.values.who}}", "ana"),
        ("{{tasks.plan.values.deep}}", '{"a": [1, "b"]}'),
        ("{{tasks.plan.values.deep.a}}", '[1, "b"]'),
        ("{{tasks.plan.result_state}}", "success"),
        ("{{tasks.plan.run_id}}", "69"),
        ("{{task.name}} {{task.run_id}}", "apply 71"),
        ("{{input.table}}", "t1"),
        ("{{job.start_time.iso_date}} {{job.start_time.year}} {{job.start_time.is_weekday}}", "2023-11-14 2023 true"),
        ("{{job.trigger.type}} {{job.trigger.time.timestamp_ms}}", "manual 1700000000000"),
        ("{{workspace.id}}", "123"),
        ("{{job_id}} {{run_id}} {{parent_run_id}}", "7 71 70"),
        ("{{my.value}} {{my.value} {{}}", "{{my.value}} {{my.value} {{}}"),
    ],
)
def test_a_reference_becomes_its_value(text: str, expected: str) -> None:
    assert resolve_text(text, CONTEXT) == expected


def test_a_parameter_is_text_and_is_not_resolved_again() -> None:
    assert resolve_text("{{job.parameters.text}}", CONTEXT) == 'a "quoted"\nline {{job.id}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{job.naem}}", "not a known reference"),
        ("{{job.parameters.ghost}}", "no parameter 'ghost'"),
        ("{{tasks.plan.values.ghost}}", "has set no value 'ghost'"),
        ("{{tasks.ghost.values.x}}", "task 'ghost' does not exist or has not ended"),
        ("{{job.start_time.century}}", "not a form of a time"),
        ("{{tasks.plan.values.deep.z}}", "no field 'z'"),
    ],
)
def test_a_reference_that_cannot_be_resolved_is_named(text: str, words: str) -> None:
    with pytest.raises(UnresolvedError, match=words):
        resolve_text(text, CONTEXT)


def test_input_exists_only_inside_a_loop() -> None:
    with pytest.raises(UnresolvedError, match="not a known reference"):
        resolve_text("{{input}}", dataclasses.replace(CONTEXT, has_input=False))


def test_references_are_replaced_at_every_depth() -> None:
    value: JsonValue = {"parameters": ["--env", "{{job.parameters.env}}"], "n": 1, "map": {"k": "{{task.name}}"}}
    assert resolve(value, CONTEXT) == {"parameters": ["--env", "dev"], "n": 1, "map": {"k": "apply"}}
    assert references(value) == (("job", "parameters", "env"), ("task", "name"))


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_text_without_braces_stays_as_it_is(text: str) -> None:
    assert resolve_text(text, CONTEXT) == text


@pytest.mark.parametrize(
    ("op", "left", "right", "expected"),
    [
        ("EQUAL_TO", "12.0", "12", False),
        ("EQUAL_TO", "true", "true", True),
        ("NOT_EQUAL", "a", "b", True),
        ("GREATER_THAN_OR_EQUAL", "12.0", "12", True),
        ("GREATER_THAN_OR_EQUAL", "10.0", "12", False),
        ("LESS_THAN", "-1", "0", True),
    ],
)
def test_condition_operators(op: str, left: str, right: str, expected: bool) -> None:
    assert compare(op, left, right) is expected


def test_order_needs_numbers() -> None:
    with pytest.raises(UnresolvedError, match="'many' is not a number"):
        compare("GREATER_THAN", "many", "1")


NOTEBOOK = """# Databricks notebook source
# MAGIC %md
# MAGIC # Title

# COMMAND ----------

# DBTITLE 1,Ask
# MAGIC %sql
# MAGIC SELECT 1
# MAGIC   AS one

# COMMAND ----------

# MAGIC %run ./shared/setup

# COMMAND ----------

x = 1
print(x)

# COMMAND ----------

# MAGIC %scala
# MAGIC val a = 1
"""


def test_cells_of_a_python_notebook() -> None:
    cells = parse(NOTEBOOK, Language.PYTHON)
    assert [(one.kind, one.source) for one in cells] == [
        (CellKind.MARKDOWN, "# Title"),
        (CellKind.SQL, "SELECT 1\n  AS one"),
        (CellKind.RUN, "./shared/setup"),
        (CellKind.PYTHON, "x = 1\nprint(x)"),
        (CellKind.OTHER, "val a = 1"),
    ]
    lines = NOTEBOOK.splitlines()
    assert lines[cells[3].line - 1] == "x = 1"
    assert lines[cells[1].line - 1] == "# MAGIC SELECT 1"


def test_cells_of_a_sql_notebook() -> None:
    text = "-- Databricks notebook source\nSELECT 1\n\n-- COMMAND ----------\n\n-- MAGIC %python\n-- MAGIC print(1)\n"
    assert [(one.kind, one.source) for one in parse(text, Language.SQL)] == [
        (CellKind.SQL, "SELECT 1"),
        (CellKind.PYTHON, "print(1)"),
    ]


def test_cells_of_an_ipynb_notebook() -> None:
    markdown = {"cell_type": "markdown", "source": ["hi"]}
    code = [{"cell_type": "code", "source": source} for source in (["%sql\n", "SELECT 1"], "x = 1")]
    text = json.dumps({"cells": [markdown, *code]})
    assert notebook_language("a.ipynb", text.encode()) is Language.PYTHON
    assert [(one.kind, one.source) for one in parse(text, Language.PYTHON)] == [
        (CellKind.MARKDOWN, "hi"),
        (CellKind.SQL, "SELECT 1"),
        (CellKind.PYTHON, "x = 1"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.py", b"# Databricks notebook source\nx = 1\n", Language.PYTHON),
        ("a.py", b"# Databricks notebook source\r\nx = 1\r\n", Language.PYTHON),
        ("a.sql", b"-- Databricks notebook source\nSELECT 1", Language.SQL),
        ("a.py", b"x = 1\n# Databricks notebook source\n", None),
        ("a.sql", b"# Databricks notebook source\n", None),
        ("a.txt", b"# Databricks notebook source\n", None),
        ("a.ipynb", b"{}", None),
        ("a.bin", b"\xff\xfe", None),
    ],
)
def test_a_notebook_is_known_by_its_header(name: str, content: bytes, expected: Language | None) -> None:
    assert notebook_language(name, content) is expected


def test_a_notebook_loses_its_extension() -> None:
    assert (bare_name("a.b.py"), bare_name("a"), bare_name(".py")) == ("a.b", "a", ".py")
