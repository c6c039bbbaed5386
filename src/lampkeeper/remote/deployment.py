"""The deployed bundle as its jobs name it: volumes, history, jobs. Mode development puts `dev_<user>_` before names of schemas.

A workspace keeps no list of bundles, so the names come from the settings of the deployed jobs. A principal sees the deployments
whose jobs it may view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.volumes import ROOT, VolumeFolder

SETTINGS = "env.auto.tfvars"
_NO_ENVIRONMENTS = frozenset({"runs", "account"})
_PREFIX = re.compile(r"\[[^\]]*\] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed bundle: its folder in the workspace, its volumes, the schema of its history, its jobs by name with their ids.

    `envs` and `approvals` are folders in volumes, `history` is `catalog.schema`, `env` the environment that a run takes without
    a parameter, `files` the folder of the uploaded files, such as `/Workspace/Users/ana@…/.bundle/lampkeeper/dev/files`.
    """

    envs: str
    approvals: str
    history: str
    files: str
    env: str
    jobs: Mapping[str, int]

    @property
    def target(self) -> str:
        """Return the bundle's target, which is the name of the folder above the files; empty if the files are not known."""
        return self.files.rstrip("/").split("/")[-2] if self.files.count("/") > 1 else ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "target": self.target, "files": self.files, "envs": self.envs, "approvals": self.approvals, "history": self.history,
            "env": self.env, "jobs": dict(self.jobs),
        }  # fmt: skip


def find_deployments(workspace: Workspace) -> tuple[Deployment, ...]:
    """Return the bundles whose jobs the signed-in principal may view, sorted by their environments' folder."""
    found: dict[str, dict[str, Any]] = {}
    for job_id, settings in _jobs(workspace):
        words = _words(settings)
        envs = words.get("--envs", "")
        if not envs.startswith(ROOT):
            continue
        known = found.setdefault(envs, {"envs": envs, "jobs": {}})
        known["jobs"][_PREFIX.sub("", str(settings.get("name") or ""), count=1)] = job_id
        for flag, name in (("--approvals", "approvals"), ("--history", "history"), ("--input", "files")):
            known[name] = known.get(name) or words.get(flag, "")
        defaults = {str(p.get("name")): str(p.get("default") or "") for p in settings.get("parameters") or ()}
        known["env"] = known.get("env") or defaults.get("env", "")
    return tuple(
        Deployment(**known | {"files": known["files"].removesuffix("/envs"), "jobs": dict(sorted(known["jobs"].items()))})
        for _, known in sorted(found.items())
    )


def deployment_of(workspace: Workspace, *, near: str = "", user: str = "") -> Deployment:
    """Return the deployed bundle to use; raise UsageError if there is none, or if several fit.

    Of several, the one whose files hold `near` (the path of a notebook) is taken, else the only one in the folder of `user`.
    """
    there = find_deployments(workspace)
    place = near if near.startswith("/Workspace/") or not near else f"/Workspace{near}"
    for fitting in (
        [d for d in there if place and d.files and place.startswith(d.files + "/")],
        list(there),
        [d for d in there if user and f"/Users/{user}/" in d.files],
    ):
        if len(fitting) == 1:
            return fitting[0]
    if not there:
        raise UsageError(
            "no deployed bundle is visible here", fix="databricks bundle deploy; or ask for CAN VIEW on its jobs, or give --envs"
        )
    raise UsageError(
        f"several bundles are deployed here: {', '.join(d.envs for d in there)}", fix="name one by its folder, --envs"
    )


def environments_in(workspace: Workspace, envs: str) -> tuple[str, ...]:
    """Return the names of the environments in a volume, sorted; each has an env.auto.tfvars there."""
    volume = VolumeFolder(workspace, envs)
    names = [name for name, is_folder in volume.entries() if is_folder and name not in _NO_ENVIRONMENTS]
    return tuple(sorted(name for name in names if (SETTINGS, False) in _bare(volume, name)))


def _bare(volume: VolumeFolder, folder: str) -> list[tuple[str, bool]]:
    return [(name.rsplit("/", 1)[-1], is_folder) for name, is_folder in volume.entries(folder)]


def _jobs(workspace: Workspace) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the ids and settings of all visible jobs that have a task of lampkeeper."""
    token = ""
    while True:
        query = {"expand_tasks": "true", "limit": "100"} | ({"page_token": token} if token else {})
        page = workspace.get("job", "/api/2.2/jobs/list", query)
        for job in page.get("jobs") or ():
            settings = job.get("settings") or {}
            if any((t.get("python_wheel_task") or {}).get("package_name") == "lampkeeper" for t in settings.get("tasks") or ()):
                # The list leaves out parameters of a job.
                yield int(job["job_id"]), workspace.get("job", "/api/2.2/jobs/get", {"job_id": job["job_id"]})["settings"]
        token = str(page.get("next_page_token") or "")
        if not token:
            return


def _words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the flags of a job's tasks; of a flag that several tasks have, the first value."""
    found: dict[str, str] = {}
    for task in settings.get("tasks") or ():
        words = [str(w) for w in (task.get("python_wheel_task") or {}).get("parameters") or ()]
        for flag, value in pairwise(words):
            if flag.startswith("--") and not value.startswith("--"):
                found.setdefault(flag, value)
    return found
