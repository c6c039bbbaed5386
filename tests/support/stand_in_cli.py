"""A program in the place of the Databricks CLI, for tests of what calls it: it deploys over REST and tells what there is.

`STAND_IN_WHEEL` names the wheel to upload; `STAND_IN_PAUSE` holds a deploy up for so many seconds, its lock taken; `STAND_IN_LOG`
is a file that gets a line for each thing done.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from support.bundle_jobs import BundleJobs

TESTS = Path(__file__).parents[1]


def write_stand_in(folder: Path) -> Path:
    """Write an executable `databricks` into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "databricks"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        "from support.stand_in_cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    program.chmod(0o755)
    return program


def main(words: list[str]) -> int:
    """Do one `databricks bundle …`, or say the version; return its exit code."""
    if words == ["version"]:
        sys.stdout.write(f"Databricks CLI v{os.environ.get('STAND_IN_VERSION', '1.14.0')}\n")
        return 0
    verb, target = words[1], words[words.index("-t") + 1]
    given = dict(words[n + 1].split("=", 1) for n, word in enumerate(words) if word == "--var")
    jobs = _jobs()
    if target not in jobs.document["targets"]:
        sys.stderr.write(f"Error: {target}: no such target. Available targets: {', '.join(sorted(jobs.document['targets']))}\n")
        return 1
    for name, value in given.items():
        if name not in jobs.document["variables"]:
            sys.stderr.write(f"Error: variable {name} has not been defined\n")
            return 1
        jobs.document["variables"][name]["default"] = value
    signal.signal(signal.SIGINT, _interrupted)
    return {"validate": _validate, "deploy": _deploy, "summary": _summary, "destroy": _destroy}[verb](jobs)


def _interrupted(_number: int, _frame: object) -> None:
    _note("interrupted, lock given back")
    sys.exit(1)


def _jobs() -> BundleJobs:
    host, token = os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"]
    # As the real one does, it reads databricks.yml of the folder that it is started in.
    found = httpx.get(f"{host}/api/2.0/sql/warehouses", headers={"authorization": f"Bearer {token}"}).json()
    return BundleJobs(host, token, Path(os.environ["STAND_IN_WHEEL"]), found["warehouses"][0]["id"], root=Path.cwd())


def _validate(jobs: BundleJobs) -> int:
    sys.stdout.write(json.dumps({"resources": {"jobs": jobs.document["resources"]["jobs"]}}))
    return 0


def _deploy(jobs: BundleJobs) -> int:
    _note("deploy")
    sys.stderr.write("Deploying resources...\n")
    time.sleep(float(os.environ.get("STAND_IN_PAUSE", "0")))
    jobs.deploy()
    sys.stderr.write("Deployment complete!\n")
    return 0


def _summary(jobs: BundleJobs) -> int:
    there = {job["settings"]["name"]: job["job_id"] for job in jobs.call("GET", "/api/2.2/jobs/list").get("jobs", ())}
    known: dict[str, Any] = {
        name: {"id": there[s["name"]]} if s["name"] in there else {} for name, s in jobs.document["resources"]["jobs"].items()
    }
    sys.stdout.write(json.dumps({"resources": {"jobs": known}}))
    return 0


def _destroy(jobs: BundleJobs) -> int:
    for job in jobs.call("GET", "/api/2.2/jobs/list").get("jobs", ()):
        jobs.call("POST", "/api/2.2/jobs/delete", {"job_id": job["job_id"]})
    _note("destroy")
    return 0


def _note(what: str) -> None:
    if "STAND_IN_LOG" in os.environ:
        with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
            log.write(what + "\n")
