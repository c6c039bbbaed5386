"""The governance job on the demo data: it proves, it stops what loosens, it fails when a column is naked."""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.launch.people import ANALYST, OFFICER
from lampkeeper.launch.place import Address
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import run_sql
from support.bundle_jobs import BundleJobs, states
from support.laptop import Laptop, make_laptop
from support.page_worlds import SHOWN, make_page_world

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]
SSN = "dev_fin.finance.customers.ssn"


def verdict(jobs: BundleJobs, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jobs.read(f"{jobs.envs}/runs/dev/{run['run_id']}/verdict.json"))
    return found


def lampkeeper(jobs: BundleJobs, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABRICKS_HOST": jobs.host, "DATABRICKS_TOKEN": token, "DATABRICKS_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", *words],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def token_of(workspace: Workspace, principal: str) -> str:
    return str(workspace.write("token", "POST", "/_localspace/tokens", {"principal": principal})["token"])


def governance_writes(workspace: Workspace) -> list[str]:
    """Return the writes to what governs since the log was cleared: not files, runs, tables of the history."""
    logged = workspace.get("log", "/_localspace/requests", {"mutating": "true"})["requests"]
    ours = (
        "/tag-policies",
        "/entity-tag-assignments",
        "/policies",
        "/scim/",
        "/permissions/",
        "/genie/",
        "/permissionassignments",
    )
    return [f"{one['method']} {one['path']}" for one in logged if any(part in one["path"] for part in ours)]


@pytest.fixture(scope="module")
def governed(product_jobs: BundleJobs) -> dict[str, Any]:
    """Return the first run, which governs."""
    return product_jobs.run("governance", seconds=240)


def test_it_succeeds_and_leaves_verdict_report_and_history(
    product_jobs: BundleJobs, governed: dict[str, Any], bank_workspace: Workspace
) -> None:
    assert set(states(governed).values()) == {"SUCCESS"}, states(governed)
    found = verdict(product_jobs, governed)
    assert (found["verdict"], found["exit_code"]) == ("ok", 0)
    steps = {s["step"]: s["facts"] for s in found["steps"]}
    assert steps["verify"]["mismatches"] == 0
    assert steps["verify"]["cells"] > 200
    assert "step verify" in product_jobs.read(f"{product_jobs.envs}/dev/report.html")
    told = "SELECT outcome, actor, approver, plan_hash, writes FROM main.lampkeeper_ops.applies ORDER BY recorded_at"
    who = ("admin@localspace.example", "", steps["plan"]["plan_hash"])
    expected = (("began", *who, "0"), ("done", *who, str(steps["apply"]["writes"])))
    assert run_sql(bank_workspace, told).rows == expected
    assert run_sql(bank_workspace, "SELECT ok, mismatches FROM main.lampkeeper_ops.verifications").rows == (("true", "0"),)
    assert run_sql(bank_workspace, "SELECT columns FROM main.lampkeeper_ops.coverage").rows == (("71",),)
    assert run_sql(bank_workspace, "SELECT forward, reverse FROM main.lampkeeper_ops.drift").rows == (("0", "0"),)


PAGES = {
    "quickstart": ("5 tables", "layer data_access"),
    "who_sees_what": ("masked for somebody", "masked by dev_fin.lampkeeper.mask_", "<svg"),
    "labels": ("71 columns", "dev_fin.finance.customers.email", "<svg"),
    "review_plan": ("writes; loosens", "<svg"),
    "verify_report": ("1 on record; last: 0 mismatches", "<svg"),
    "drift_report": ("1 on record; last: 0 forward, 0 reverse", "<svg"),
}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_shows_what_the_jobs_have_left(product_jobs: BundleJobs, governed: dict[str, Any], page: str) -> None:
    assert states(governed)["snapshot"] == "SUCCESS"
    environment = product_jobs.settings("governance")["environments"]
    body = {"notebook_path": f"{product_jobs.files}/notebooks/{page}", "base_parameters": {"envs": product_jobs.envs}}
    task = {"task_key": page, "environment_key": "default", "notebook_task": body}
    run = product_jobs.run(product_jobs.make_job({"name": page, "environments": environment, "tasks": [task]}))
    assert states(run) == {page: "SUCCESS"}, product_jobs.output(run, page).get("error_trace")
    views = product_jobs.call("GET", f"/api/2.2/jobs/runs/export?run_id={run['tasks'][0]['run_id']}")["views"]
    shown = html.unescape(views[0]["content"])
    for told in PAGES[page]:
        assert told in shown, shown[:2000]


@pytest.fixture(scope="module")
def laptop(product_wheel: Path, product_jobs: BundleJobs, tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """Return an environment with the wheel's extra `connect`, which has no pyspark of its own."""
    roots = product_jobs.call("GET", "/_localspace/info")["connect_roots"]
    return make_laptop(product_wheel, tmp_path_factory.mktemp("laptop"), product_jobs.host, roots)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_shows_the_same_on_a_laptop_with_databricks_connect(
    laptop: Laptop, product_jobs: BundleJobs, governed: dict[str, Any], page: str
) -> None:
    assert states(governed)["snapshot"] == "SUCCESS"
    done, shown = laptop.page(product_jobs.token, page, envs=product_jobs.envs, env="dev")
    assert done.returncode == 0, done.stderr[-2000:]
    for told in PAGES[page]:
        assert told in html.unescape(shown), shown[:2000]


def test_a_certification_shows_on_a_laptop_too(laptop: Laptop, product_jobs: BundleJobs) -> None:
    world = make_page_world(laptop.home)
    done, shown = laptop.page(product_jobs.token, "partner_connect", **world.inputs("partner_connect"))
    assert done.returncode == 0, done.stderr[-2000:]
    for told in SHOWN["partner_connect"]:
        assert told in shown


LOOK = """
from databricks.connect import DatabricksSession
spark = DatabricksSession.builder.serverless(True).getOrCreate()
people = spark.table("dev_fin.finance.customers")
print("emails", sorted({row.email for row in people.select("email").limit(50).collect()})[:2])
print("frame", people.select("customer_id", "email").toPandas().shape[1], people.filter("email is not null").count() > 0)
for refused in (spark.table("main.lampkeeper_ops.applies"), people.join(people, "customer_id")):
    try:
        print("read", refused.collect())
    except Exception as error:
        print("refused", str(error).splitlines()[0])
"""


def test_databricks_connect_reads_as_its_principal(laptop: Laptop, governed: dict[str, Any], bank_workspace: Workspace) -> None:
    assert states(governed)["apply"] == "SUCCESS"
    seen = {who: laptop.run(token_of(bank_workspace, who), "-c", LOOK).stdout for who in (ANALYST, OFFICER)}
    assert "***@" in seen[ANALYST].splitlines()[0], seen[ANALYST]
    assert "***@" not in seen[OFFICER].splitlines()[0], seen[OFFICER]
    assert "@" in seen[OFFICER].splitlines()[0]
    for out in seen.values():
        assert out.splitlines()[1] == "frame 2 True"
        assert "refused [INSUFFICIENT_PERMISSIONS]" in out
        assert "does not serve the relation join" in out


def test_without_rights_a_page_on_a_laptop_says_which(
    laptop: Laptop, product_jobs: BundleJobs, bank_workspace: Workspace
) -> None:
    token = token_of(bank_workspace, ANALYST)
    for page in ("drift_report", "quickstart"):
        done, _ = laptop.page(token, page, envs=product_jobs.envs, env="dev")
        assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr
        assert "USE CATALOG" in done.stderr or "READ VOLUME" in done.stderr, done.stderr


def test_the_command_line_runs_where_there_is_no_pyspark_of_ours(laptop: Laptop, product_jobs: BundleJobs) -> None:
    call = "from lampkeeper.cli.main import run; run()"
    told = laptop.run(product_jobs.token, "-c", call, "status", "--envs", str(laptop.home / "envs"))
    assert (told.returncode, "dev" in told.stdout) == (0, True), told.stderr
    local = laptop.run(product_jobs.token, "-c", call, "demo")
    assert (local.returncode, "lampkeeper[local]" in local.stderr) == (2, True), local.stderr


def test_a_plan_that_loosens_stops_before_apply_until_another_principal_approves(
    product_jobs: BundleJobs, governed: dict[str, Any], bank_workspace: Workspace
) -> None:
    assert states(governed)["outcome"] == "SUCCESS"
    decision = ("labels", "set", SSN, "none", "--protect", "no", "--reason", "a test", "--by", "steward")
    decided = lampkeeper(product_jobs, product_jobs.token, *decision, "--envs", product_jobs.envs)
    assert decided.returncode == 0, decided.stderr
    bank_workspace.write("log", "DELETE", "/_localspace/requests")

    stopped = product_jobs.run("governance")
    found = states(stopped)
    assert [found[t] for t in ("may_apply", "apply", "verify", "audit")] == ["SUCCESS", "EXCLUDED", "EXCLUDED", "EXCLUDED"]
    assert (found["report"], found["outcome"], stopped["state"]["result_state"]) == ("SUCCESS", "FAILED", "FAILED")
    came_to = verdict(product_jobs, stopped)
    assert (came_to["verdict"], came_to["exit_code"], came_to["step"]) == ("unsafe", 3, "plan")
    assert governance_writes(bank_workspace) == []

    plan_hash = next(s["facts"]["plan_hash"] for s in came_to["steps"] if s["step"] == "plan")
    words = ("approve", plan_hash, "--envs", product_jobs.envs, "--approvals", product_jobs.approvals)
    own = lampkeeper(product_jobs, product_jobs.token, *words)
    assert (own.returncode, "cannot approve it too" in own.stderr) == (3, True), own.stderr
    assert states(product_jobs.run("governance"))["apply"] == "EXCLUDED"

    for kind, name, privilege in (
        ("catalog", "main", "USE_CATALOG"), ("schema", "main.lampkeeper_ops", "USE_SCHEMA"),
        ("volume", "main.lampkeeper_ops.lampkeeper", "READ_VOLUME"), ("volume", "main.lampkeeper_ops.approvals", "READ_VOLUME"),
        ("volume", "main.lampkeeper_ops.approvals", "WRITE_VOLUME"),
    ):  # fmt: skip
        path = f"/api/2.1/unity-catalog/permissions/{kind}/{name}"
        product_jobs.call("PATCH", path, {"changes": [{"principal": OFFICER, "add": [privilege]}]})
    other = lampkeeper(product_jobs, token_of(bank_workspace, OFFICER), *words)
    assert (other.returncode, f"approved by {OFFICER}" in other.stdout) == (0, True), other.stderr
    assert "customers.ssn" in other.stdout

    goes_on = product_jobs.run("governance")
    assert set(states(goes_on).values()) == {"SUCCESS"}, states(goes_on)
    rows = run_sql(bank_workspace, "SELECT approver, loosened > 0 FROM main.lampkeeper_ops.applies ORDER BY recorded_at").rows
    assert rows[-1] == (OFFICER, "true")


def test_a_naked_column_planted_after_apply_fails_the_run_by_principal_and_column(
    product_jobs: BundleJobs, governed: dict[str, Any]
) -> None:
    assert states(governed)["outcome"] == "SUCCESS"
    settings = product_jobs.settings("governance")
    script = f"{product_jobs.files}/plant.py"
    source = "spark.sql(\"ALTER TABLE dev_fin.finance.customers ALTER COLUMN email UNSET TAGS ('pii_level')\")\n"
    head = "from databricks.sdk.runtime import spark\n"
    product_jobs.call(
        "POST", "/api/2.0/workspace/import",
        {"path": script, "format": "RAW", "content": base64.b64encode((head + source).encode()).decode()},
    )  # fmt: skip
    plant = {
        "task_key": "plant", "depends_on": [{"task_key": "apply"}], "environment_key": "default",
        "spark_python_task": {"python_file": script},
    }  # fmt: skip
    for task in settings["tasks"]:
        if task["task_key"] == "verify":
            task["depends_on"] = [{"task_key": "plant"}]
    run = product_jobs.run(product_jobs.make_job(settings | {"tasks": [*settings["tasks"], plant]}))
    assert states(run)["plant"] == "SUCCESS", product_jobs.output(run, "plant")
    assert (states(run)["verify"], run["state"]["result_state"]) == ("SUCCESS", "FAILED")
    found = verdict(product_jobs, run)
    assert (found["exit_code"], found["step"]) == (1, "verify")
    told = " ".join(next(s["facts"]["findings"] for s in found["steps"] if s["step"] == "verify"))
    assert ANALYST in told or "data_analysts" in told
    assert "dev_fin.finance.customers.email" in told


def test_a_lease_left_by_a_dead_run_is_taken_over_with_a_message(product_jobs: BundleJobs, bank_place: Address) -> None:
    assert bank_place.host == product_jobs.host
    dead = {"token": "t", "holder": "somebody, run 7", "since": "2026-01-01 00:00:00Z", "until": 0}
    product_jobs.write(f"{product_jobs.envs}/lease.json", json.dumps(dead))
    done = lampkeeper(product_jobs, product_jobs.token, "setup", "--envs", product_jobs.envs, "--env", "dev")
    assert (done.returncode, "took over the lease of somebody, run 7" in done.stderr) == (0, True), done.stderr
