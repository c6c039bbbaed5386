"""`lampkeeper launch` from start to end: its exit code is the run's verdict, and it takes down what it brought up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lampkeeper.demo.local_jobs import make_home, seed_account_scope
from lampkeeper.demo.people import OFFICER
from lampkeeper.demo.run import bank_subject, demo_settings, seed_subject
from lampkeeper.files.settings import render_settings
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from support.bundle_jobs import BundleJobs, copy_project
from support.governed_runs import LAMPKEEPER, governance_writes, lampkeeper, let_approve, token_of
from support.localspace_server import running_localspace
from support.missing_tools import databricks_cli, report_missing
from support.stand_in_cli import write_stand_in

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]
SSN = "dev_fin.finance.customers.ssn"
REAL = databricks_cli()
if REAL is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")


@dataclass
class Launched:
    """What a launch printed and how it ended."""

    code: int
    out: str
    err: str

    def states(self) -> dict[str, str]:
        """Return the states in the last table of tasks."""
        rows = re.findall(r"^.?\s*(\w+)\s*│\s*([A-Z_]+)\s*│", self.out, re.M)
        return dict(rows)


@dataclass
class Launcher:
    """The launcher on a workspace that a test keeps up, with a CLI of one kind."""

    address: Address
    workspace: Workspace
    folder: Path
    cli: str
    wheel: Path
    jobs: BundleJobs = field(init=False)

    def __post_init__(self) -> None:
        """Look at the same bundle as the launcher."""
        self.jobs = BundleJobs(self.address.host, self.address.token, self.wheel, self.address.warehouse_id)

    @property
    def envs(self) -> str:
        """Return where the deployed job keeps its environments."""
        return self._word("--envs")

    @property
    def approvals(self) -> str:
        """Return where the deployed job looks for approvals."""
        return self._word("--approvals")

    def _word(self, flag: str) -> str:
        there = self.jobs.call("GET", "/api/2.2/jobs/list")["jobs"]
        job_id = next(j["job_id"] for j in there if j["settings"]["name"].endswith("governance"))
        settings = self.jobs.call("GET", f"/api/2.2/jobs/get?job_id={job_id}")["settings"]
        words = [w for t in settings["tasks"] for w in t.get("python_wheel_task", {}).get("parameters", ())]
        return str(words[words.index(flag) + 1])

    def __call__(self, *words: str, bundle: Path | None = None) -> Launched:
        """Run `lampkeeper launch --place existing …`, signed in as the workspace's admin."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABRICKS_")} | {
            "DATABRICKS_HOST": self.address.host, "DATABRICKS_TOKEN": self.address.token, "DATABRICKS_CONFIG_FILE": os.devnull,
            "LAMPKEEPER_DATABRICKS_CLI": self.cli, "STAND_IN_WHEEL": str(self.wheel),
        }  # fmt: skip
        done = subprocess.run(
            [*LAMPKEEPER, "launch", "--place", "existing", "--target", "local", "--bundle", str(bundle or self.folder), *words],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        return Launched(done.returncode, done.stdout, done.stderr)


@pytest.fixture(
    scope="module",
    params=["stand-in", pytest.param("real", marks=pytest.mark.skipif(REAL is None, reason="the Databricks CLI was not found"))],
)
def launch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, product_wheel: Path) -> Iterator[Launcher]:
    """Give a launcher on the bank, which it has governed once."""
    home = tmp_path_factory.mktemp("launcher")
    cli = str(write_stand_in(home / "bin")) if request.param == "stand-in" else str(REAL)
    with running_localspace() as space:
        address = space.address
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        seed_subject(workspace, bank_subject())
        seed_account_scope(workspace)
        make_home(workspace)
        found = Launcher(address, workspace, copy_project(home / "project"), cli, product_wheel)
        copied = found.folder / "envs" / "dev" / "env.auto.tfvars"
        copied.parent.mkdir()
        copied.write_text(render_settings(demo_settings(bank_subject(), address)))
        governed = found()
        assert governed.code == 0, governed.out + governed.err
        assert "verify: 0 mismatches" in governed.out
        assert set(governed.states().values()) == {"SUCCESS"}
        yield found


@pytest.fixture(scope="module")
def stopped(launch: Launcher) -> Launched:
    """Give the launch after a steward has opened a column; the request log holds what it wrote."""
    decision = ("labels", "set", SSN, "none", "--protect", "no", "--reason", "a test", "--by", "steward")
    decided = lampkeeper(launch.jobs, launch.jobs.token, *decision, "--envs", launch.envs)
    assert decided.returncode == 0, decided.stderr
    launch.workspace.write("log", "DELETE", "/_localspace/requests")
    return launch()


def reports_of(launched: Launched) -> Path:
    line = next(one for one in launched.out.splitlines() if one.startswith("reports in "))
    return Path(line.removeprefix("reports in "))


def plan_hash_of(launched: Launched) -> str:
    verdict: dict[str, Any] = json.loads((reports_of(launched) / "verdict.json").read_text())
    return str(next(s["facts"]["plan_hash"] for s in verdict["steps"] if s["step"] == "plan"))


def _approving(launch: Launcher, stopped: Launched) -> str:
    return f"lampkeeper approve {plan_hash_of(stopped)} --env dev --envs {launch.envs}"


def test_a_plan_that_widens_ends_with_3_and_nothing_is_written(launch: Launcher, stopped: Launched) -> None:
    states = stopped.states()
    assert stopped.code == 3, stopped.out
    assert [states[t] for t in ("may_apply", "apply", "verify", "report")] == ["SUCCESS", "EXCLUDED", "EXCLUDED", "SUCCESS"]
    sentence = (
        r"Unsafe: plan, environment dev: the plan widens access to \d+ cells, first .*customers\.ssn.*\. Plan hash: [0-9a-f]{64}"
    )
    assert len(re.findall(sentence, stopped.out)) == stopped.out.count("widens access") == 1, stopped.out
    assert f"Fix: if this is intended, a principal other than admin@localspace.example runs: {_approving(launch, stopped)}." in (
        stopped.out
    )
    assert governance_writes(launch.workspace) == []
    assert (reports_of(stopped) / "report.html").is_file()
    assert plan_hash_of(stopped) in stopped.out, "what to approve is not told"


def test_the_proposers_own_approval_opens_nothing_and_anothers_does(launch: Launcher, stopped: Launched) -> None:
    jobs, workspace, plan_hash = launch.jobs, launch.workspace, plan_hash_of(stopped)
    words = ("approve", plan_hash, "--yes", "--envs", launch.envs, "--approvals", launch.approvals)
    own = lampkeeper(jobs, jobs.token, *words)
    assert (own.returncode, "cannot approve it too" in own.stderr) == (3, True), own.stderr

    # A record that names the proposer counts for nothing, however it came there; it is made of a real one.
    let_approve(jobs, launch.approvals)
    other = lampkeeper(jobs, token_of(workspace, OFFICER), *words)
    assert (other.returncode, "customers.ssn" in other.stdout) == (0, True), other.stderr
    record = f"{launch.approvals}/dev/{plan_hash}.approval.json"
    real = jobs.read(record)
    jobs.write(record, real.replace(OFFICER, "admin@localspace.example"))
    workspace.write("log", "DELETE", "/_localspace/requests")
    assert launch().code == 3
    assert governance_writes(workspace) == []

    jobs.write(record, real)
    goes_on = launch()
    assert (goes_on.code, goes_on.states()["apply"]) == (0, "SUCCESS"), goes_on.out
    table = ".".join([*launch.envs.split("/")[2:4], "applies"])
    rows = run_sql(workspace, f"SELECT approver, widened > 0 FROM {table} ORDER BY recorded_at").rows
    assert rows[-1] == (OFFICER, "true")


def test_a_unprotected_column_planted_after_apply_ends_with_1_and_is_named(launch: Launcher, tmp_path: Path) -> None:
    bundle = copy_project(tmp_path / "project")
    plant = "from databricks.sdk.runtime import spark\n\nspark.sql({!r})\n".format(
        "ALTER TABLE dev_fin.finance.customers ALTER COLUMN email UNSET TAGS ('pii_level')"
    )
    (bundle / "notebooks" / "plant.py").write_text(plant)
    file = bundle / "resources" / "governance.job.yml"
    document = yaml.safe_load(file.read_text())
    tasks = document["targets"]["local"]["resources"]["jobs"]["governance"]["tasks"]
    next(t for t in tasks if t["task_key"] == "verify")["depends_on"] = [{"task_key": "plant"}]
    script = "${workspace.file_path}/notebooks/plant.py"
    tasks.append(
        {"task_key": "plant", "depends_on": [{"task_key": "apply"}], "environment_key": "default",
         "spark_python_task": {"python_file": script}}
    )  # fmt: skip
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    done = launch(bundle=bundle)
    assert done.code == 1, done.out + done.err
    assert done.states()["plant"] == "SUCCESS"
    assert done.states()["run"] == "FAILED"
    reported = [line for line in done.out.splitlines() if "dev_fin.finance.customers.email" in line]
    assert any("analyst" in line for line in reported), done.out
    assert "verdict: failed" in done.out
    assert done.out.count("Failed: verify, environment dev: ") == 1


def test_a_variable_that_is_not_there_and_a_target_are_wrong_use(launch: Launcher) -> None:
    unknown = launch("--var", "ghost=1")
    assert (unknown.code, "ghost" in unknown.err) == (2, True), unknown.err
    target = launch("--target", "ghost")
    assert (target.code, "no such target" in target.err) == (2, True), target.err
    job = launch("--job", "ghost")
    there = "no job 'ghost' in the bundle's target local (there are: apply_approved, governance"
    assert (job.code, there in job.err) == (2, True), job.err
    parameter = launch("--param", "ghost=1")
    assert (parameter.code, "no parameter 'ghost' of the job" in parameter.err) == (2, True), parameter.err
    # All of it before anything is built or uploaded.
    assert not any("Deploy" in one.out or "Building" in one.out for one in (unknown, target, job, parameter))


def processes_of(folder: Path) -> list[str]:
    """Return the processes that a folder is named by, or is the place of."""
    found = []
    for one in Path("/proc").iterdir():
        try:
            command = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            there = command + " " + str((one / "cwd").readlink())
        except (OSError, ValueError):
            continue
        if one.name.isdigit() and one.name != str(os.getpid()) and str(folder) in there:
            found.append(command)
    return found


def _hear_ctrl_c() -> None:
    """A suite that runs in the background of a shell ignores Ctrl-C, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("moment", "numbers"),
    [
        ("snapshot", [signal.SIGINT]),
        ("snapshot", [signal.SIGTERM, signal.SIGTERM]),
        ("Deploying", [signal.SIGTERM]),
        ("seeding", [signal.SIGHUP]),
    ],
    ids=["ctrl-c in a run", "two SIGTERM in a run", "SIGTERM in a deploy", "SIGHUP while seeding"],
)
def test_whoever_stops_it_leaves_nothing_running(
    moment: str, numbers: list[signal.Signals], product_wheel: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABRICKS_")} | {
        "LAMPKEEPER_DATABRICKS_CLI": str(write_stand_in(tmp_path / "bin")), "STAND_IN_WHEEL": str(product_wheel),
        "STAND_IN_LOG": str(log), "STAND_IN_PAUSE": "60" if moment == "Deploying" else "0",
    }  # fmt: skip
    process = subprocess.Popen(
        [*LAMPKEEPER, "launch", "--bundle", str(copy_project(tmp_path / "project")), "--dir", str(tmp_path / "place")],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=_hear_ctrl_c,
    )  # fmt: skip
    assert process.stdout is not None
    host, seen = "", ""
    for line in process.stdout:
        seen += line
        host = line.split()[-1] if line.startswith("place local:") else host
        if moment in line and (moment != "snapshot" or "RUNNING" in line):
            break
        if moment == "Deploying" and "demo data:" in line:
            while "deploy" not in (log.read_text() if log.exists() else ""):
                time.sleep(0.05)
            break
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.3)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, seen + said
    again = "before its apply: nothing that governs has changed, and a new run begins with the first task"
    assert (re.search(rf"cancelled run \d+ {again}", said) is not None) == (moment == "snapshot"), said
    if moment == "Deploying":
        assert log.read_text().splitlines()[-1] == "interrupted, lock given back"
    assert host.startswith("http://127.0.0.1:"), seen
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{host}/_localspace/health")
    assert processes_of(tmp_path) == []
