"""The product's bundle without the Databricks CLI: its files read, variables filled in, resources made over REST."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from support.bundle_sync import uploaded

ROOT = Path(__file__).parents[2]
PARTS = (
    "databricks.yml",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "resources",
    "notebooks",
    "dashboards",
    "src",
    "terraform",
    "envs/README.md",
    "examples/partner.json",
)
_REFERENCE = re.compile(r"\$\{([^}]+)\}")
_OVER = {"TERMINATED", "INTERNAL_ERROR", "SKIPPED"}


def copy_project(folder: Path) -> Path:
    """Copy what a deploy of the bundle needs into a folder, and return it."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def bundle_document(root: Path = ROOT, target: str = "local") -> dict[str, Any]:
    """Return databricks.yml with everything that it includes; resources that a target alone has are those of `target`."""
    document: dict[str, Any] = yaml.safe_load((root / "databricks.yml").read_text())
    resources: dict[str, Any] = {}
    for pattern in document["include"]:
        for path in sorted(root.glob(pattern)):
            part = yaml.safe_load(path.read_text())
            document["variables"].update(part.get("variables") or {})
            own = (part.get("targets") or {}).get(target) or {}
            for kind, found in [*(part.get("resources") or {}).items(), *(own.get("resources") or {}).items()]:
                resources.setdefault(kind, {}).update(found)
    return document | {"target": target, "resources": resources}


STATED: dict[str, Any] = {"failure_emails": ["platform@bank.example"], "cost_center": "4711"}
"""What production must be told beside its principals; see `target_document`."""


def target_document(target: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as a target makes it: its variables, its resources, its `run_as`, permissions as access lists."""
    document = bundle_document(target=target)
    if target == "prod":
        variables = STATED | dict(variables)
    chosen = document["targets"][target]
    for name, given in {**(chosen.get("variables") or {}), **variables}.items():
        default = given.get("default") if isinstance(given, dict) else given
        document["variables"].setdefault(name, {})["default"] = default
    resources = _over(document["resources"], chosen.get("resources") or {})
    for job in resources["jobs"].values():
        job.setdefault("run_as", chosen.get("run_as"))
        job["access_control_list"] = _levels(chosen, {"CAN_RUN": "CAN_MANAGE_RUN"})
    return document | {"target": target, "resources": resources, "folder": _levels(chosen, {"CAN_VIEW": "CAN_READ"})}


def _levels(target: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a target's permissions as an access list; who deploys owns everything already."""
    found = [dict(one) for one in target.get("permissions") or () if "user_name" not in one]
    return [{"permission_level": names.get(level := one.pop("level"), level), **one} for one in found]


def _over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _over(below.get(key), value) for key, value in above.items()}
    return above


def build_wheel(folder: Path, epoch: str = "1700000000", *, source: Path = ROOT) -> Path:
    """Build the wheel as the bundle does, and return it."""
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), "build", "--wheel", "--quiet", "--out-dir", str(folder)],
        cwd=source, env=os.environ | {"SOURCE_DATE_EPOCH": epoch}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@dataclass(slots=True)
class BundleJobs:
    """The bundle's jobs at a local workspace, with variables filled in as target `local` does."""

    host: str
    token: str
    wheel: Path
    warehouse_id: str
    jobs: dict[str, int] = field(default_factory=dict)
    root: Path = ROOT
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the bundle."""
        self.document = self.document or bundle_document(self.root)

    @staticmethod
    def no_wheel() -> Path:
        """Return the path that stands for a wheel where no job is to run."""
        return Path(os.devnull)

    def deploy(self) -> BundleJobs:
        """Make schema, volumes and jobs where they are missing, change the jobs that are there, upload wheel and notebooks."""
        for kind in ("schema", "volume"):
            for body in self._filled(self.document["resources"][f"{kind}s"]).values():
                body.pop("lifecycle", None)
                grants, more = body.pop("grants", ()), {"volume_type": "MANAGED"} if kind == "volume" else {}
                full_name = ".".join(body[part] for part in ("catalog_name", "schema_name", "name") if part in body)
                if self._http("GET", f"/api/2.1/unity-catalog/{kind}s/{full_name}").status_code == 404:
                    self.call("POST", f"/api/2.1/unity-catalog/{kind}s", body | more)
                changes = [{"principal": one["principal"], "add": one["privileges"]} for one in grants]
                if changes:
                    self.call("PATCH", f"/api/2.1/unity-catalog/permissions/{kind}/{full_name}", {"changes": changes})
        self._upload(self.wheel, f"{self.files}/{self.wheel.name}")
        # Where the CLI keeps a wheel, and where the notebooks look for it.
        self._upload(self.wheel, f"{self.files.removesuffix('files')}artifacts/.internal/{self.wheel.name}")
        for name in uploaded(self.root, self.document["sync"]):
            # Of this very folder no environment that somebody works with.
            if self.root != ROOT or not name.startswith("envs/"):
                self._upload(self.root / name, f"{self.files}/{name}")
        if rows := self._filled(self.document.get("folder")):
            folder = self.call("GET", f"/api/2.0/workspace/get-status?path={self.files}")["object_id"]
            self.call("PUT", f"/api/2.0/permissions/directories/{folder}", {"access_control_list": rows})
        there = {job["settings"]["name"]: job["job_id"] for job in self.call("GET", "/api/2.2/jobs/list").get("jobs", ())}
        jobs = self.document["resources"]["jobs"]
        # A job that calls another one comes after it.
        for name in sorted(jobs, key=lambda n: ("${resources.jobs." in str(jobs[n]), n)):
            if jobs[name]["name"] in there:
                self.jobs[name] = there[jobs[name]["name"]]
                self.call("POST", "/api/2.2/jobs/reset", {"job_id": self.jobs[name], "new_settings": self._job(jobs[name])})
            else:
                self.jobs[name] = self.make_job(jobs[name])
        return self

    @property
    def files(self) -> str:
        """Return the folder of the bundle's files."""
        return "/Workspace/Users/admin@localspace.example/.bundle/lampkeeper/local/files"

    @property
    def envs(self) -> str:
        """Return where the jobs keep their environments."""
        return "/Volumes/main/lampkeeper_ops/lampkeeper/envs"

    @property
    def approvals(self) -> str:
        """Return where approvals are kept."""
        return "/Volumes/main/lampkeeper_ops/approvals"

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings of a job as they are deployed."""
        found: dict[str, Any] = self._job(self.document["resources"]["jobs"][name])
        return found

    def make_job(self, settings: Mapping[str, Any]) -> int:
        """Create a job and return its id."""
        return int(self.call("POST", "/api/2.2/jobs/create", self._job(settings))["job_id"])

    def run(self, job: str | int, seconds: float = 150, **parameters: str) -> dict[str, Any]:
        """Run a job to its end and return the run."""
        job_id = self.jobs[job] if isinstance(job, str) else job
        run_id = self.call("POST", "/api/2.2/jobs/run-now", {"job_id": job_id, "job_parameters": parameters})["run_id"]
        end = time.monotonic() + seconds
        while True:
            run = self.call("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
            if run["state"]["life_cycle_state"] in _OVER:
                return run
            assert time.monotonic() < end, f"run {run_id} did not end: {states(run)}"
            time.sleep(0.2)

    def output(self, run: Mapping[str, Any], task: str) -> dict[str, Any]:
        """Return the output of a task."""
        run_id = next(t["run_id"] for t in run["tasks"] if t["task_key"] == task)
        return self.call("GET", f"/api/2.2/jobs/runs/get-output?run_id={run_id}")

    def read(self, path: str) -> str:
        """Return a file of a volume."""
        answer = self._http("GET", f"/api/2.0/fs/files{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def write(self, path: str, text: str) -> None:
        """Write a file of a volume."""
        answer = self._http("PUT", f"/api/2.0/fs/files{path}?overwrite=true", content=text.encode())
        assert answer.status_code == 204, answer.text

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call the workspace, which must say yes."""
        answer = self._http(method, path, json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def _http(self, method: str, path: str, **how: Any) -> httpx.Response:
        return httpx.request(
            method, self.host + path, headers={"authorization": f"Bearer {self.token}"}, timeout=60,
            **{k: v for k, v in how.items() if v is not None},
        )  # fmt: skip

    def _upload(self, source: Path, target: str) -> None:
        self.call("POST", "/api/2.0/workspace/mkdirs", {"path": target.rsplit("/", 1)[0]})
        answer = self._http("POST", f"/api/2.0/workspace-files/import-file{target}?overwrite=true", content=source.read_bytes())
        assert answer.status_code == 200, answer.text

    def _job(self, settings: Mapping[str, Any]) -> Any:
        filled = self._filled(settings)
        filled["tags"] = self._filled(self.document["presets"]["tags"]) | filled.get("tags", {})
        # The CLI leaves out what is empty, and lets no trigger of mode development run.
        if not filled.get("budget_policy_id"):
            filled.pop("budget_policy_id", None)
        for kind in {"schedule", "trigger"} & set(filled) if self.document["target"] != "prod" else ():
            filled[kind] = {"pause_status": "PAUSED"} | filled[kind]
        for environment in filled.get("environments", ()):
            listed = environment["spec"]["dependencies"]
            environment["spec"]["dependencies"] = [
                one.replace("../dist/*.whl", f"{self.files}/{self.wheel.name}").replace("-r ../", f"-r {self.files}/")
                for one in listed
            ]
        return filled

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, str):
            whole = _REFERENCE.fullmatch(value)
            if whole is not None:
                return self._value(whole.group(1))
            return _REFERENCE.sub(lambda match: str(self._value(match.group(1))), value)
        return value

    def _value(self, name: str) -> Any:
        if name == "workspace.file_path":
            return self.files
        if name == "bundle.target":
            return self.document["target"]
        if name == "var.warehouse_id":
            return self.warehouse_id
        kind, _, rest = name.partition(".")
        if kind == "var":
            variable = self.document["variables"][rest]
            own = (self.document["targets"][self.document["target"]].get("variables") or {}).get(rest)
            if "default" not in variable and own is None:
                raise LookupError(f"no value assigned to required variable {rest}")
            return self._filled(variable.get("default", own))
        assert kind == "resources", name
        where, key, attribute = rest.split(".")
        if (where, attribute) == ("jobs", "id"):
            return self.jobs[key]
        return str(self._filled(self.document["resources"][where][key][attribute]))


def states(run: Mapping[str, Any]) -> dict[str, str]:
    """Return the result of each task of a run."""
    return {t["task_key"]: str(t["state"].get("result_state") or t["state"]["life_cycle_state"]) for t in run["tasks"]}
