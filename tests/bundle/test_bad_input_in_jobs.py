"""Bad input by way of the product's own jobs: the run fails, what was wrong is named, and nothing after it runs."""

from __future__ import annotations

import base64
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.bundle_jobs import BundleJobs, states
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = [pytest.mark.server, pytest.mark.heavy]
SETTINGS = 'uc_tables = ["main.default.*"]\n'
SCOPE = {"account_id": "a", "client_id": "c", "client_secret": "s"}


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        client = running.client()
        client.secrets.create_scope("lampkeeper")
        for key, value in SCOPE.items():
            client.secrets.put_secret("lampkeeper", key, string_value=value)
        yield running


@pytest.fixture(scope="module")
def jobs(space: LocalWorkspace, product_wheel: Path) -> BundleJobs:
    with space.http() as http:
        http.post("/api/2.0/workspace/mkdirs", json={"path": "/Users/admin@localspace.example"})
    found = BundleJobs(space.host, space.token, product_wheel, space.warehouse_id).deploy()
    found.write(f"{found.envs}/dev/env.auto.tfvars", SETTINGS)
    return found


def said(jobs: BundleJobs, run: dict[str, Any], task: str) -> str:
    """Return what a task printed and why it failed, on one line."""
    found = jobs.output(run, task)
    return " ".join(f"{found.get('logs', '')} {found.get('error', '')} {found.get('error_trace', '')}".split())


@pytest.mark.parametrize(
    ("parameters", "reported"),
    [
        ({"warehouse": "of-another-workspace"}, "no warehouse 'of-another-workspace' in http://127.0.0.1"),
        ({"account_secret_scope": "ghost"}, "no secret scope 'ghost' that may be read (there are: lampkeeper)"),
        ({"env": "a\"b\n'c' $(id) \\"}, "'a\"b\\n\\'c\\' $(id) \\\\' cannot be an environment's name"),
        ({"env": "../../approvals"}, "'../../approvals' cannot be an environment's name"),
        ({"env": "ghost"}, "/envs/ghost/env.auto.tfvars does not exist"),
    ],
    ids=["warehouse of another workspace", "secret scope", "quotes and newlines", "path with ..", "environment"],
)
def test_a_parameter_that_is_wrong_is_named(jobs: BundleJobs, parameters: dict[str, str], reported: str) -> None:
    run = jobs.run("value_profiles", **parameters)
    found = states(run)
    assert (found["snapshot"], found["profile"], run["state"]["result_state"]) == ("FAILED", "UPSTREAM_FAILED", "FAILED")
    output = jobs.output(run, "snapshot")
    error = output["error"]
    assert reported in error
    assert re.match(r"WrongUse: snapshot, environment .+: .+\. Fix: .+\.\Z", error), error
    assert output["error_trace"] == "lampkeeper snapshot ended with exit code 2"
    assert "Traceback" not in output["logs"]
    # A name that no environment can have has no record either: outcome says the same of its own.
    own = jobs.output(run, "outcome")["error"]
    assert own == error or own == error.replace("snapshot", "outcome")


def test_a_wheel_that_does_not_import_fails_every_task_with_the_line(
    space: LocalWorkspace, product_wheel: Path, tmp_path: Path
) -> None:
    broken = tmp_path / product_wheel.name.replace("-0.", "-9.")
    with zipfile.ZipFile(product_wheel) as whole, zipfile.ZipFile(broken, "w") as target:
        for name in whole.namelist():
            content = whole.read(name)
            target.writestr(name, content + b"\ndef half(:\n" if name == "lampkeeper/cli/main.py" else content)
    jobs = BundleJobs(space.host, space.token, broken, space.warehouse_id)
    jobs._upload(broken, f"{jobs.files}/{broken.name}")
    run = jobs.run(jobs.make_job(jobs.document["resources"]["jobs"]["value_profiles"] | {"name": "broken wheel"}))
    assert set(states(run).values()) == {"FAILED", "UPSTREAM_FAILED"}
    assert run["state"]["result_state"] == "FAILED"
    message = said(jobs, run, "snapshot")
    assert "SyntaxError" in message
    assert "lampkeeper/cli/main.py" in message
    assert "def half(:" in message


def test_a_page_with_a_syntax_error_is_reported_by_its_line(jobs: BundleJobs) -> None:
    path = f"{jobs.files}/notebooks/broken"
    source = "# Databricks notebook source\nprint('begun')\n\n# COMMAND ----------\n\nshow(\n"
    body = {"path": path, "format": "SOURCE", "language": "PYTHON", "content": base64.b64encode(source.encode()).decode()}
    jobs.call("POST", "/api/2.0/workspace/import", body)
    environment = jobs.settings("governance")["environments"]
    task = {
        "task_key": "page", "environment_key": "default",
        "notebook_task": {"notebook_path": path, "base_parameters": {"envs": jobs.envs}},
    }  # fmt: skip
    run = jobs.run(jobs.make_job({"name": "a broken page", "environments": environment, "tasks": [task]}))
    assert states(run) == {"page": "FAILED"}
    message = said(jobs, run, "page")
    assert "SyntaxError" in message
    assert "show(" in message


def test_a_task_value_that_was_never_set_stops_the_run_and_is_named(jobs: BundleJobs) -> None:
    settings = jobs.document["resources"]["jobs"]["governance"]
    by_key = {task["task_key"]: task for task in settings["tasks"]}
    # A command that sets no value, in the place of the plan that apply waits for.
    wheel = by_key["plan"]["python_wheel_task"] | {"parameters": ["status"]}
    plan = {"task_key": "plan", "environment_key": "default", "python_wheel_task": wheel}
    run = jobs.run(jobs.make_job(settings | {"name": "no value", "tasks": [plan, by_key["may_apply"], by_key["apply"]]}))
    found = states(run)
    assert (found["plan"], found["may_apply"], found["apply"]) == ("SUCCESS", "FAILED", "UPSTREAM_FAILED")
    assert run["state"]["result_state"] == "FAILED"
    failed = next(t for t in run["tasks"] if t["task_key"] == "may_apply")
    assert "tasks.plan.values.verdict" in failed["state"]["state_message"]
