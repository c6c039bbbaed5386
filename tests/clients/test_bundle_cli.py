"""Bundles deployed and run on the local workspace by the unmodified Databricks CLI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localspace.core.stored_documents import kinds
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import databricks_cli, report_missing
from support.recorded import save, take

pytestmark = [pytest.mark.server, pytest.mark.clients]
HERE = Path(__file__).parent
BUNDLES = HERE.parent / "localspace" / "jobs_bundle"
CLI = databricks_cli()
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
needs_cli = pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")

MADE = ("job", "dashboard", "schema", "volume", "permissions", "workspace_object")


class Bundle:
    """One bundle in a folder of its own, and the CLI on it."""

    def __init__(self, space: LocalWorkspace, name: str, folder: Path) -> None:
        """Copy a sample bundle into `folder`."""
        self.folder = folder / name
        shutil.copytree(BUNDLES / name, self.folder)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DATABRICKS_HOST": space.host,
            "DATABRICKS_TOKEN": space.token,
            "DATABRICKS_CONFIG_FILE": "/dev/null",
            "BUNDLE_VAR_python": sys.executable,
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `databricks bundle …`."""
        return subprocess.run(
            [str(CLI), "bundle", *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def good(self, *words: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def actions(self, *words: str) -> Counter[str]:
        """Return how often the plan holds each action."""
        done = self("plan", "-o", "json", *words)
        assert done.returncode == 0, done.stderr
        plan: dict[str, Any] = json.loads(done.stdout)["plan"]
        return Counter(one["action"] for one in plan.values())


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture
def plain(space: LocalWorkspace, tmp_path: Path) -> Bundle:
    space.control("POST", "reset")
    return Bundle(space, "plain", tmp_path)


@pytest.fixture
def wheel(space: LocalWorkspace, tmp_path: Path) -> Bundle:
    space.control("POST", "reset")
    return Bundle(space, "wheel", tmp_path)


def _inventory(space: LocalWorkspace) -> dict[str, int]:
    # A dashboard that was deleted lies in the trash, as on the platform.
    trashed = sum(one["lifecycle_state"] == "TRASHED" for one in space.workspace.store.list(kinds.DASHBOARD))
    return {kind: space.workspace.store.count(kinds.named(kind)) - (trashed if kind == "dashboard" else 0) for kind in MADE}


@needs_cli
@pytest.mark.parametrize("target", ["local", "prod"])
def test_validate_strict_has_no_warning(plain: Bundle, target: str) -> None:
    done = plain("validate", "--strict", "-t", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Validation OK!" in done.stdout


@needs_cli
def test_deploy_plan_run_edit_and_destroy(plain: Bundle, space: LocalWorkspace) -> None:
    space.control("DELETE", "requests", bodies="true")
    target = ("-t", "prod")
    plain.good("validate", "--strict", *target)
    assert plain.actions(*target) == {"create": 6}
    plain.good("deploy", *target)
    assert plain.actions(*target) == {"skip": 6}
    assert "Name: flow" in plain.good("summary", *target)
    plain.good("deploy", *target)
    plain.good("run", "flow", "--no-wait", *target)
    job_id = space.workspace.store.list(kinds.JOB)[0]["job_id"]
    run = space.workspace.store.list(kinds.RUN)[0]
    space.workspace.services.jobs.scheduler.cancel(run["run_id"])
    plain.good("destroy", "--auto-approve", *target)
    exchanges = take(space)
    if os.environ.get("LAMPKEEPER_RECORD"):
        save(HERE / "recorded" / "bundle.json", exchanges, "Databricks CLI 1.14.0-dev: the plain bundle from validate to destroy")
    assert {one["status"] for one in exchanges} <= {200, 404}
    assert space.workspace.store.get(kinds.JOB, str(job_id)) is None


@needs_cli
def test_a_deployed_job_runs_and_prints_its_outputs(plain: Bundle) -> None:
    plain.good("deploy")
    printed = plain.good("run", "flow", "--params", "greeting=good morning")
    assert "TERMINATED SUCCESS" in printed
    assert "good morning world" in printed
    printed = plain.good("run", "flow")
    assert "hello world" in printed
    assert "['--greeting', 'hello'] has 1 word" in printed


@needs_cli
def test_one_edited_task_is_one_update(plain: Bundle) -> None:
    plain.good("deploy")
    file = plain.folder / "databricks.yml"
    file.write_text(file.read_text().replace('right: "2"', 'right: "3"'))
    assert plain.actions() == {"skip": 3, "update": 1}
    plain.good("deploy")
    assert plain.actions() == {"skip": 4}


@needs_cli
def test_destroy_leaves_nothing_behind(plain: Bundle, space: LocalWorkspace) -> None:
    before = _inventory(space)
    plain.good("deploy")
    assert _inventory(space) != before
    plain.good("destroy", "--auto-approve")
    after = _inventory(space)
    folders = [one["path"] for one in space.workspace.store.list(kinds.WORKSPACE_OBJECT) if ".bundle/" in one["path"]]
    # The client deletes its own root and leaves the folders above it.
    assert folders == ["/Users/admin@localspace.example/.bundle/localspace_plain"]
    assert {kind: after[kind] for kind in MADE[:-1]} == {kind: before[kind] for kind in MADE[:-1]}


@needs_cli
@pytest.mark.parametrize("write", [2, 6, 10, 13])
def test_a_deploy_cut_off_half_way_converges(plain: Bundle, space: LocalWorkspace, write: int) -> None:
    space.control("POST", "kill", {"at_write": write, "when": "before", "mode": "drop"})
    assert plain("deploy").returncode != 0
    space.control("POST", "revive")
    plain.good("deploy")
    assert plain.actions() == {"skip": 4}
    assert _inventory(space)["job"] == 1


@needs_cli
def test_the_lock_of_a_dead_deploy_is_taken_by_force_alone(plain: Bundle, space: LocalWorkspace) -> None:
    space.control("POST", "kill", {"at_write": 12, "when": "before", "mode": "drop"})
    assert plain("deploy", "-t", "prod").returncode != 0
    space.control("POST", "revive")
    refused = plain("deploy", "-t", "prod")
    assert (refused.returncode, "deploy lock acquired by admin@localspace.example" in refused.stderr) == (1, True)
    plain.good("deploy", "-t", "prod", "--force-lock")


@needs_cli
def test_of_two_deploys_at_once_one_is_refused(plain: Bundle, space: LocalWorkspace, tmp_path: Path) -> None:
    other = Bundle(space, "plain", tmp_path / "other machine")
    space.control("POST", "faults", {"method": "POST", "path": "/api/2.2/jobs/create", "delay_ms": 1500})
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda one: one("deploy", "-t", "prod"), (plain, other)))
    space.control("DELETE", "faults")
    assert sorted(one.returncode for one in done) == [0, 1]
    refused = next(one for one in done if one.returncode)
    assert "deploy lock acquired by admin@localspace.example" in refused.stderr


@needs_cli
def test_a_wheel_is_built_uploaded_and_run(wheel: Bundle) -> None:
    wheel.good("validate", "--strict")
    wheel.good("deploy")
    assert wheel.actions() == {"skip": 1}
    done = wheel("run", "wheel")
    assert done.returncode == 1
    assert "RuntimeError: the wheel fails on purpose" in done.stdout + done.stderr
    only = wheel.good("run", "wheel", "--only", "main")
    assert "['--name', 'quoted \"text\"'] data of the wheel" in only


@needs_cli
def test_a_bundle_of_every_kind_is_deployed_stays_still_and_runs(space: LocalWorkspace, tmp_path: Path) -> None:
    space.control("POST", "reset")
    client = space.client()
    client.groups.create(display_name="stewards")
    space.account().groups.create(display_name="stewards")
    runner = client.service_principals.create(display_name="runner").application_id
    full = Bundle(space, "full", tmp_path)
    runner_is = ("--var", f"runner={runner}")
    before = _inventory(space)
    full.good("validate", "--strict", *runner_is)
    printed = full.good("deploy", *runner_is)
    # The run that belongs to the bundle is waited for.
    assert "SUCCESS" in printed
    assert full.actions(*runner_is) == {"skip": 13}
    assert "hi world" in full.good("run", "inner", *runner_is)
    assert {run["run_as"] for run in space.workspace.store.list(kinds.RUN) if run["settings"]["name"].endswith("inner")} == {
        runner
    }
    full.good("destroy", "--auto-approve", *runner_is)
    after = _inventory(space)
    assert {kind: after[kind] for kind in MADE[:-1]} == {kind: before[kind] for kind in MADE[:-1]}


@needs_cli
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("validate", "-t", "ghost"), "ghost"),
        (("run", "ghost"), "resource not found"),
        (("validate", "--var", "ghost=1"), "ghost"),
        (("validate", "--var", "warehouse_id=", "-t", "local", "--bad"), "unknown flag"),
    ],
)
def test_wrong_use_says_what_is_wrong(plain: Bundle, words: tuple[str, ...], said: str) -> None:
    done = plain(*words)
    assert done.returncode != 0
    assert said in done.stderr
