"""Measures jobs on the local workspace: overhead of a task, chains and fans, and deploys of a bundle.

`python benchmarks/jobs.py [--rounds N]`. Without the Databricks CLI (`databricks` on PATH or LAMPKEEPER_DATABRICKS_CLI)
the rows of deploys are left out and it says so. Goal: a task that does nothing takes at most 1.5 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from databricks.sdk.service import jobs  # noqa: E402

from support.fake_runner import fake_runner  # noqa: E402
from support.jobs import Jobs  # noqa: E402
from support.localspace_server import LocalWorkspace, running_localspace  # noqa: E402
from support.missing_tools import databricks_cli  # noqa: E402

NOTHING = "# Databricks notebook source\npass\n"


def main() -> None:
    """Print one table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    print(f"{'what':44} {'median s':>9} {'min':>7} {'max':>7}")
    with running_localspace(build_runner=fake_runner) as space:
        flow = Jobs(space.client())
        path = flow.notebook("nothing", NOTHING)
        wheel_free = flow.python("script", "pass\n")
        _row("run of one notebook that does nothing", rounds, lambda: flow.run(_task(path, 0)))
        _row("run of one script that does nothing", rounds, lambda: flow.run(wheel_free))
        _row("chain of 8 notebooks", rounds, lambda: flow.run(*(_task(path, at, at - 1) for at in range(8))))
        _row("fan of 8 notebooks", rounds, lambda: flow.run(*(_task(path, at) for at in range(8))))
        _row("100 conditions, no process", rounds, lambda: flow.run(*(_condition(at) for at in range(100))))
        _deploys(space, rounds)


def _row(name: str, rounds: int, work: Callable[[], object]) -> None:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"{name:44} {statistics.median(times):9.2f} {min(times):7.2f} {max(times):7.2f}")


def _task(path: str, at: int, after: int = -1) -> jobs.Task:
    above = [jobs.TaskDependency(task_key=f"t{after}")] if after >= 0 else []
    return jobs.Task(task_key=f"t{at}", depends_on=above, notebook_task=jobs.NotebookTask(notebook_path=path))


def _condition(at: int) -> jobs.Task:
    check = jobs.ConditionTask(left="1", op=jobs.ConditionTaskOp.EQUAL_TO, right="1")
    return jobs.Task(task_key=f"t{at}", condition_task=check)


def _deploys(space: LocalWorkspace, rounds: int) -> None:
    cli = databricks_cli()
    if cli is None:
        print("deploys: the Databricks CLI was not found")
        return
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        shutil.copytree(TESTS / "localspace" / "jobs_bundle" / "plain", bundle)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "DATABRICKS_HOST": space.host,
            "DATABRICKS_TOKEN": space.token,
            "DATABRICKS_CONFIG_FILE": "/dev/null",
        }

        def bundle_does(*words: str) -> None:
            subprocess.run([cli, "bundle", *words], cwd=bundle, env=environment, check=True, capture_output=True)

        space.control("DELETE", "requests", bodies="true")
        _row("bundle deploy, nothing there", 1, lambda: bundle_does("deploy"))
        sent = [one for one in space.control("GET", "requests")["requests"] if "/import-file/" in one["path"]]
        print(f"  uploaded: {len(sent)} files, {sum(len(one['body'] or '') for one in sent)} bytes")
        _row("bundle deploy, nothing changed", rounds, lambda: bundle_does("deploy"))
        _row("bundle plan", rounds, lambda: bundle_does("plan"))
        _row("bundle run", 1, lambda: bundle_does("run", "flow"))
        _row("bundle destroy", 1, lambda: bundle_does("destroy", "--auto-approve"))


if __name__ == "__main__":
    main()
