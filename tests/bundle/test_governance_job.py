"""The governance job on the demo data: it proves, keeps its history, fills its pages. Its verdicts: test_launcher.py."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.demo.people import ANALYST, OFFICER
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import run_sql
from support.bundle_jobs import ROOT, BundleJobs, states
from support.governed_runs import lampkeeper, token_of
from support.laptop import Laptop, make_laptop
from support.missing_tools import report_missing
from support.nightly import sampled
from support.page_worlds import SHOWN, make_page_world

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]


def verdict(jobs: BundleJobs, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jobs.read(f"{jobs.envs}/runs/dev/{run['run_id']}/verdict.json"))
    return found


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
    reported = "SELECT outcome, actor, approver, plan_hash, writes FROM main.lampkeeper_ops.applies ORDER BY recorded_at"
    who = ("admin@localspace.example", "", steps["plan"]["plan_hash"])
    expected = (("began", *who, "0"), ("done", *who, str(steps["apply"]["writes"])))
    assert run_sql(bank_workspace, reported).rows == expected
    assert run_sql(bank_workspace, "SELECT ok, mismatches FROM main.lampkeeper_ops.verifications").rows == (("true", "0"),)
    assert run_sql(bank_workspace, "SELECT columns FROM main.lampkeeper_ops.coverage").rows == (("71",),)
    assert run_sql(bank_workspace, "SELECT forward, reverse FROM main.lampkeeper_ops.drift").rows == (("0", "0"),)


PAGES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "tour": (
        {"table": "dev_fin.finance.customers", "principal_1": ANALYST},
        ("1 applied plan changed", "email: the name contains email", "masked by dev_fin.lampkeeper.mask_email", "***"),
    ),
    "explore": (
        {"principal_a": ANALYST, "principal_b": OFFICER, "table": "dev_fin.finance.customers", "column": "email"},
        (
            "columns of dev_fin.finance.customers differently",
            f"{ANALYST} sees dev_fin.finance.customers.email: masked by",
            "FROM",
        ),
    ),
    "decide": ({"reason": "read it", "by": "olga"}, ("undecided or disputed in dev: 1 column", "nothing is written")),
    "plan": ({}, ("writes; ", "first access", "lampkeeper approve", "<svg")),
    "verify": ({}, ("1 verification of dev; the last found 0 mismatches", "<svg")),
    "drift": ({"look": "yes"}, ("1 audit of dev; the last found 0 unprotected columns", "0 drifted", "<svg")),
}
"""Widgets of each notebook and what it shows then."""


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_shows_what_the_jobs_have_left(product_jobs: BundleJobs, governed: dict[str, Any], page: str) -> None:
    assert states(governed)["snapshot"] == "SUCCESS"
    widgets, expected = PAGES[page]
    body = {"notebook_path": f"{product_jobs.files}/notebooks/{page}", "base_parameters": widgets}
    task = {"task_key": page, "notebook_task": body}
    run = product_jobs.run(product_jobs.make_job({"name": page, "tasks": [task]}))
    assert states(run) == {page: "SUCCESS"}, product_jobs.output(run, page).get("error_trace")
    views = product_jobs.call("GET", f"/api/2.2/jobs/runs/export?run_id={run['tasks'][0]['run_id']}")["views"]
    shown = html.unescape(html.unescape(views[0]["content"]))
    for reported in expected:
        assert reported in shown, shown[:2000]


@pytest.fixture(scope="module")
def laptop(product_wheel: Path, product_jobs: BundleJobs, tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """Return an environment with the wheel's extra `connect`, which has no pyspark of its own."""
    roots = product_jobs.call("GET", "/_localspace/info")["connect_roots"]
    return make_laptop(product_wheel, tmp_path_factory.mktemp("laptop"), product_jobs.host, roots)


@pytest.mark.parametrize("page", sampled(sorted(PAGES), every=3))
def test_a_page_shows_the_same_on_a_laptop_with_databricks_connect(
    laptop: Laptop, product_jobs: BundleJobs, governed: dict[str, Any], page: str
) -> None:
    assert states(governed)["snapshot"] == "SUCCESS"
    widgets, expected = PAGES[page]
    done, shown = laptop.page(product_jobs.token, page, envs=product_jobs.envs, env="dev", **widgets)
    assert done.returncode == 0, done.stderr[-2000:]
    for reported in expected:
        assert reported in html.unescape(shown) + done.stdout, shown[:2000]


def test_a_certification_shows_on_a_laptop_too(laptop: Laptop, product_jobs: BundleJobs) -> None:
    world = make_page_world(laptop.home)
    done, shown = laptop.page(product_jobs.token, "partner_connect", **world.inputs("partner_connect"))
    assert done.returncode == 0, done.stderr[-2000:]
    for reported in SHOWN["partner_connect"]:
        assert reported in shown + done.stdout


JUPYTER = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
compare = next(cell.source for cell in cells if "side_by_side, page" in cell.source)
given = f"GIVEN = {{'envs': {sys.argv[2]!r}, 'env': 'dev', 'table': 'dev_fin.finance.customers'}}"
sources = [given, *(cell.source for cell in cells[:4]), "page.set('table', 'dev_fin.finance.transactions')", compare]
sources += ["page['colour']", "display(spark_rows := page.sql('SELECT :table AS chosen'))"]
notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120).execute()
for cell in notebook.cells:
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/html") or "\\n".join(output.get("traceback", ()))
        print(output.output_type, text or sorted(output.get("data", {})))
"""


def test_in_jupyter_a_changed_widget_changes_the_result_and_a_failure_is_one_sentence(
    laptop: Laptop, product_jobs: BundleJobs, governed: dict[str, Any]
) -> None:
    assert states(governed)["apply"] == "SUCCESS"
    uv = Path(sys.executable).parent / "uv"
    more = [str(uv), "pip", "install", "--quiet", "--python", str(laptop.python), "nbclient", "ipykernel", "ipywidgets"]
    if subprocess.run(more, check=False, timeout=300).returncode != 0:
        report_missing("nbclient", "a package index that has it")
        pytest.skip("Jupyter could not be installed")
    subprocess.run([str(laptop.python), "-m", "ipykernel", "install", "--prefix", str(laptop.home / "venv")], check=True)
    done = laptop.run(product_jobs.token, "-c", JUPYTER, str(ROOT / "notebooks" / "explore.ipynb"), product_jobs.envs)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "application/vnd.jupyter.widget-view+json" in done.stdout
    for reported in ("of dev_fin.finance.customers differently", "of dev_fin.finance.transactions differently"):
        assert reported in done.stdout, done.stdout
    (failure,) = [line for line in done.stdout.splitlines() if line.startswith("error ")]
    assert failure.startswith("error colour: not an input of this notebook")
    assert "Traceback" not in done.stdout
    assert "dev_fin.finance.transactions" in done.stdout.split("chosen")[1]


LOOK = """
from databricks.connect import DatabricksSession
spark = DatabricksSession.builder.serverless(True).getOrCreate()
people = spark.table("dev_fin.finance.customers")
print("emails", sorted({row.email for row in people.select("email").limit(50).collect()})[:2])
print("frame", people.select("customer_id", "email").toPandas().shape[1], people.filter("email is not null").count() > 0)
pairs = people.select("customer_id").join(people.select("customer_id", "email"), "customer_id")
print("joined", sorted({row.email for row in pairs.limit(50).collect()})[:2])
for refused in (spark.table("main.lampkeeper_ops.applies"), people.sample(0.5)):
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
        assert "does not serve the relation sample" in out
        assert out.splitlines()[2] == out.splitlines()[0].replace("emails", "joined")


def test_without_privileges_a_page_on_a_laptop_names_them(
    laptop: Laptop, product_jobs: BundleJobs, bank_workspace: Workspace
) -> None:
    token = token_of(bank_workspace, ANALYST)
    for page in ("drift", "explore"):
        done, _ = laptop.page(token, page, envs=product_jobs.envs, env="dev")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert "USE CATALOG" in done.stderr or "READ VOLUME" in done.stderr, done.stderr


def test_the_command_line_runs_where_there_is_no_pyspark_of_ours(laptop: Laptop, product_jobs: BundleJobs) -> None:
    call = "from lampkeeper.cli.main import run; run()"
    reported = laptop.run(product_jobs.token, "-c", call, "status", "--envs", str(laptop.home / "envs"))
    assert (reported.returncode, "dev" in reported.stdout) == (0, True), reported.stderr
    local = laptop.run(product_jobs.token, "-c", call, "demo")
    assert (local.returncode, "pip install '.[local]'" in local.stderr) == (2, True), local.stderr


def test_a_lease_left_by_a_dead_run_is_taken_over_with_a_message(product_jobs: BundleJobs, bank_place: Address) -> None:
    assert bank_place.host == product_jobs.host
    dead = {"token": "t", "holder": "somebody, run 7", "since": "2026-01-01 00:00:00Z", "until": 0}
    product_jobs.write(f"{product_jobs.envs}/lease.json", json.dumps(dead))
    done = lampkeeper(product_jobs, product_jobs.token, "setup", "--envs", product_jobs.envs, "--env", "dev")
    assert (done.returncode, "took over the expired lease of somebody, run 7" in done.stderr) == (0, True), done.stderr
