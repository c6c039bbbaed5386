"""Measures the bundle on the local workspace: first and second deploy, the job against the same steps in one process.

`python benchmarks/bundle.py`. Needs the Databricks CLI (`databricks` on PATH or LAMPKEEPER_DATABRICKS_CLI).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lampkeeper.app.auditing import audit
from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.app.validating import validate
from lampkeeper.app.verifying import verify_env, verify_options
from lampkeeper.demo.local_jobs import job_envs, make_home, put_settings, seed_account_scope
from lampkeeper.demo.run import bank_subject, seed_subject, write_env
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import EnvFolder
from lampkeeper.places.bundle import Bundle, find_cli, sign_in
from lampkeeper.places.job_run import follow, start_run
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address, running
from lampkeeper.remote.clients import Workspace, connect

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Print one table."""
    cli = find_cli(os.environ)
    print(f"{'what':46} {'seconds':>8}")
    with tempfile.TemporaryDirectory() as folder:
        with running(LocalPlace(folder=Path(folder) / "job")) as address:
            tasks, wall = _job(cli, address, Path(folder) / "job" / "cli")
        with running(LocalPlace(folder=Path(folder) / "process")) as address:
            alone = _process(address, Path(folder) / "env")
    print(f"{'overhead of a task, of ' + str(tasks):46} {(wall - alone) / tasks:8.2f}")


def _row(name: str, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    print(f"{name:46} {took:8.2f}")
    sys.stdout.flush()
    return took


def _ready(address: Address) -> Workspace:
    workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
    seed_subject(workspace, bank_subject())
    seed_account_scope(workspace)
    make_home(workspace)
    return workspace


def _job(cli: str, address: Address, scratch: Path) -> tuple[int, float]:
    """Return how many tasks ran a process, and the wall time of the first run."""
    workspace = _ready(address)
    bundle = Bundle(folder=ROOT, target="local", environment=sign_in(address, scratch), cli=cli)
    _row("first deploy, wheel built", bundle.deploy)
    _row("second deploy, nothing changed", bundle.deploy)
    job_id = bundle.job_id("governance")
    put_settings(workspace, *job_envs(workspace, job_id), bank_subject(), address)
    times: dict[str, float] = {}

    def run() -> None:
        found = follow(workspace, start_run(workspace, job_id, {}), lambda _: None, poll=0.1)
        times.update({task.key: task.seconds for task in found.tasks})

    wall = _row("governance, first run", run)
    ran = sum(1 for seconds in times.values() if seconds > 0.1)
    for key, seconds in times.items():
        print(f"  {key:44} {seconds:8.2f}")
    _row("governance, nothing to do", run)
    wheel = max((ROOT / "dist").glob("*.whl"), key=lambda p: p.stat().st_mtime)
    synced = [p for part in ("notebooks", "envs") for p in (ROOT / part).rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in synced)
    print(f"uploaded: wheel {wheel.stat().st_size} bytes, {len(synced)} files of {size} bytes together")
    return ran, wall


def _process(address: Address, home: Path) -> float:
    workspace = _ready(address)
    folder = EnvFolder(home, "dev")
    write_env(folder, bank_subject(), address)

    def steps() -> None:
        take_snapshot(EnvInputs(folder), workspace)
        generate(EnvInputs(folder))
        validate(EnvInputs(folder))
        plan, states = make_env_plan(EnvInputs(folder), workspace)
        apply_plan(plan, workspace, states, saved=False, wait=PropagationWait(seconds=0))
        verify_env(EnvInputs(folder), workspace, verify_options(folder.settings(), {}, create_test_principals=True, local=True))
        audit(EnvInputs(folder), workspace)

    return _row("the same steps in one process", steps)


if __name__ == "__main__":
    main()
