"""What tasks see through `spark` is what their run-as principal may see; nothing reads past the policies."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from databricks.sdk.service import jobs
from databricks.sdk.service.iam import ComplexValue
from databricks.sdk.service.workspace import ImportFormat, Language

from support.jobs import Ended, Jobs
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = [pytest.mark.server, pytest.mark.spark]

SETUP = """# Databricks notebook source
spark.sql("CREATE SCHEMA main.shop")
spark.sql("USE main.shop")
people = spark.createDataFrame([(1, "ana@bank.example", 10.5), (2, "O'Neil \\\\ \\"x\\"", None)], ["id", "email", "amount"])
people.write.saveAsTable("people")
spark.createDataFrame([{"id": 3, "email": "c@d.example", "amount": 1.0}]).write.mode("append").saveAsTable("main.shop.people")
# COMMAND ----------
# MAGIC %sql
# MAGIC CREATE FUNCTION main.shop.hide(v STRING) RETURNS STRING
# MAGIC   RETURN CASE WHEN is_account_group_member('cleared') THEN v ELSE '***' END;
# MAGIC ALTER TABLE main.shop.people ALTER COLUMN email SET MASK main.shop.hide;
# COMMAND ----------
dbutils.notebook.exit(spark.table("people").count())
"""

LOOK = """# Databricks notebook source
import json
frame = spark.table("main.shop.people").where("id < 3").orderBy("id")
frame.createOrReplaceTempView("few")
dbutils.notebook.exit(json.dumps({
    "rows": [row.asDict() for row in frame.collect()],
    "emails": [row.email for row in spark.read.table("main.shop.people").select("email").distinct().collect()],
    "view": spark.sql("SELECT max(email) AS m, count(*) AS n FROM few WHERE id >= :low", args={"low": 1}).first().asDict(),
    "columns": frame.columns,
}))
"""


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture(scope="module")
def flow(space: LocalWorkspace) -> Jobs:
    flow = Jobs(space.client())
    ended = flow.run(jobs.Task(task_key="main", notebook_task=jobs.NotebookTask(notebook_path=flow.notebook("setup", SETUP))))
    assert ended.result == "SUCCESS", ended.output().error_trace
    output = ended.output().notebook_output
    assert output is not None
    assert output.result == "3"
    return flow


def _look_as(flow: Jobs, principal: str) -> Ended:
    flow.client.workspace.mkdirs("/Shared/jobs")
    source = LOOK.encode()
    path = "/Shared/jobs/look"
    flow.client.workspace.upload(path, source, format=ImportFormat.SOURCE, language=Language.PYTHON, overwrite=True)
    task = jobs.Task(task_key="main", notebook_task=jobs.NotebookTask(notebook_path=path))
    return flow.run(task, run_as=jobs.JobRunAs(service_principal_name=principal))


def _seen(ended: Ended) -> dict[str, object]:
    assert ended.result == "SUCCESS", ended.output().error_trace
    output = ended.output().notebook_output
    assert output is not None
    assert output.result is not None
    found: dict[str, object] = json.loads(output.result)
    return found


def test_a_task_sees_what_its_principal_may_see(flow: Jobs, space: LocalWorkspace) -> None:
    made = flow.client.service_principals.create(display_name="analyst")
    assert made.application_id is not None
    grants = (
        ("catalog", "main", "USE_CATALOG", "USE CATALOG"),
        ("schema", "main.shop", "USE_SCHEMA", "USE SCHEMA"),
        ("table", "main.shop.people", "SELECT", "SELECT"),
    )
    with space.http() as http:
        for securable, name, privilege, spoken in grants:
            refused = _look_as(flow, made.application_id)
            assert refused.result == "FAILED"
            assert spoken in (refused.output().error or "").replace("_", " ")
            change = {"changes": [{"principal": made.application_id, "add": [privilege]}]}
            http.patch(f"/api/2.1/unity-catalog/permissions/{securable}/{name}", json=change).raise_for_status()
    assert _seen(_look_as(flow, made.application_id)) == {
        "rows": [{"id": 1, "email": "***", "amount": 10.5}, {"id": 2, "email": "***", "amount": None}],
        "emails": ["***"],
        "view": {"m": "***", "n": 2},
        "columns": ["id", "email", "amount"],
    }
    # Cleared by a group, the same job sees what lies in the table.
    account = space.account()
    account.groups.create(display_name="cleared", members=[ComplexValue(value=made.id)])
    seen = _seen(_look_as(flow, made.application_id))
    assert [row["email"] for row in seen["rows"]] == ["ana@bank.example", 'O\'Neil \\ "x"']  # type: ignore[attr-defined]


def test_a_sql_task_runs_on_a_warehouse_as_its_principal(flow: Jobs, space: LocalWorkspace) -> None:
    path = flow.script("numbers.sql", "SELECT :low + 1 AS next; -- two statements; one comment\nSELECT 'a;b' AS text;\n")
    file = jobs.SqlTask(warehouse_id=space.warehouse_id, file=jobs.SqlTaskFile(path=path), parameters={"low": "41"})
    ended = flow.run(jobs.Task(task_key="main", sql_task=file))
    assert ended.result == "SUCCESS", ended.output().error
    output = ended.output().sql_output
    assert output is not None
    assert output.query_output is not None
    assert len(output.query_output.sql_statements or []) == 2
    log = space.workspace.services.jobs.executor.folder_of(ended.task("main").run_id or 0) / "output.log"
    assert "|  42|" in log.read_text()
    assert "| a;b|" in log.read_text()
    other = jobs.SqlTask(warehouse_id="0123456789abcdef", file=jobs.SqlTaskFile(path=path))
    refused = flow.run(jobs.Task(task_key="main", sql_task=other))
    assert "0123456789abcdef" in (refused.output().error or "")


def test_a_sql_notebook_on_a_warehouse_needs_the_right_to_use_it(flow: Jobs, space: LocalWorkspace) -> None:
    path = flow.notebook("ask", "-- Databricks notebook source\nSELECT 1 AS one\n", Language.SQL)
    for warehouse_id, result in ((space.warehouse_id, "SUCCESS"), ("0123456789abcdef", "FAILED")):
        task = jobs.NotebookTask(notebook_path=path, warehouse_id=warehouse_id)
        ended = flow.run(jobs.Task(task_key="main", notebook_task=task))
        assert (ended.result, warehouse_id in (ended.output().error or "")) == (result, result == "FAILED")


def test_what_spark_cannot_do_here_says_so(flow: Jobs) -> None:
    source = "# Databricks notebook source\nspark.read.parquet('/tmp/x')\n"
    ended = flow.run(jobs.Task(task_key="main", notebook_task=jobs.NotebookTask(notebook_path=flow.notebook("paths", source))))
    assert "spark.read.parquet is not served" in (ended.output().error or "")
