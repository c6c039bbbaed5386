"""The names of a deployed bundle, found from its jobs; of several deployments the right one, or an error that names them."""

from __future__ import annotations

from typing import Any

import pytest

from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Call, Workspace
from lampkeeper.remote.deployment import deployment_of, environments_in, find_deployments

pytestmark = pytest.mark.unit


def job(owner: str, target: str, name: str, words: list[str], prefix: str = "") -> dict[str, Any]:
    schema = f"dev_{owner}_lampkeeper_ops" if prefix else "lampkeeper_ops"
    envs = f"/Volumes/main/{schema}/lampkeeper/envs"
    filled = [w.replace("ENVS", envs).replace("SCHEMA", schema).replace("ROOT", root(owner, target)) for w in words]
    task = {"task_key": "one", "python_wheel_task": {"package_name": "lampkeeper", "parameters": [name, *filled]}}
    return {"name": f"{prefix}{name}", "tasks": [task], "parameters": [{"name": "env", "default": target}]}


def root(owner: str, target: str) -> str:
    return f"/Workspace/Users/{owner}@bank.example/.bundle/lampkeeper/{target}/files"


PLAN = ["--envs", "ENVS", "--approvals", "/Volumes/main/SCHEMA/approvals", "--input", "ROOT/envs"]
VERIFY = ["--envs", "ENVS", "--history", "main.SCHEMA"]
ANA = [job("ana", "dev", "propose", PLAN, "[dev ana] "), job("ana", "dev", "verify", VERIFY, "[dev ana] ")]
BEN = [job("ben", "dev", "propose", PLAN, "[dev ben] ")]
PROD = [job("robot", "prod", "propose", PLAN), job("robot", "prod", "verify", VERIFY)]
OTHERS = [
    {"name": "nightly", "tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/x"}}]},
    {
        "name": "theirs",
        "tasks": [{"python_wheel_task": {"package_name": "other", "parameters": ["--envs", "/Volumes/a/b/c"]}}],
    },
    {"name": "no tasks"},
    job("ana", "dev", "Partner Connect certification", ["--evidence", "/Volumes/main/default/x"]),
]


class Jobs:
    """A workspace with these jobs, listed three a page and without parameters, as the platform lists them; and one volume."""

    def __init__(self, settings: list[dict[str, Any]]) -> None:
        self.settings = settings

    def send(self, call: Call) -> Any:
        query = call.query or {}
        if call.path.endswith("jobs/list"):
            start = int(query.get("page_token") or 0)
            listed = [
                {"job_id": n, "settings": {k: v for k, v in s.items() if k != "parameters"}} for n, s in enumerate(self.settings)
            ]
            more = {"next_page_token": str(start + 3)} if start + 3 < len(listed) else {}
            return {"jobs": listed[start : start + 3]} | more
        if call.path.endswith("jobs/get"):
            return {"settings": self.settings[int(query["job_id"])]}
        folder = call.path.partition("/envs")[2].strip("/")
        there = {
            "": [("dev", True), ("runs", True), ("half", True), ("account", True), ("lease.json", False)],
            "dev": [("env.auto.tfvars", False)], "half": [("labels.json", False)], "runs": [("env.auto.tfvars", False)],
        }[folder]  # fmt: skip
        return {"contents": [{"name": name, "is_directory": is_folder} for name, is_folder in there]}


def place(*settings: list[dict[str, Any]]) -> Workspace:
    return Workspace(Jobs([one for group in settings for one in group]))


def test_every_name_of_a_development_deploy_is_found() -> None:
    (found,) = find_deployments(place(OTHERS, ANA))
    assert found.envs == "/Volumes/main/dev_ana_lampkeeper_ops/lampkeeper/envs"
    assert found.approvals == "/Volumes/main/dev_ana_lampkeeper_ops/approvals"
    assert (found.history, found.target, found.env) == ("main.dev_ana_lampkeeper_ops", "dev", "dev")
    assert found.files == root("ana", "dev")
    assert dict(found.jobs) == {"propose": 4, "verify": 5}


@pytest.mark.parametrize(
    ("there", "near", "user", "target", "owner"),
    [
        ((ANA,), "", "", "dev", "ana"),
        ((ANA, BEN, PROD), "", "ben@bank.example", "dev", "ben"),
        ((ANA, BEN, PROD), f"{root('robot', 'prod')}/notebooks/tour", "ana@bank.example", "prod", "robot"),
        ((ANA, BEN, PROD), f"{root('ana', 'dev').removeprefix('/Workspace')}/notebooks/tour", "", "dev", "ana"),
    ],
)
def test_of_several_the_notebooks_own_is_taken_then_the_only_one_then_the_users(
    there: tuple[list[dict[str, Any]], ...], near: str, user: str, target: str, owner: str
) -> None:
    found = deployment_of(place(OTHERS, *there), near=near, user=user)
    assert (found.target, found.files) == (target, root(owner, target))


def test_none_and_several_are_errors_that_name_what_there_is() -> None:
    with pytest.raises(UsageError, match="no deployed bundle") as none:
        deployment_of(place(OTHERS))
    assert "CAN VIEW" in none.value.fix
    with pytest.raises(UsageError, match=r"several .*dev_ana_lampkeeper_ops.*, .*dev_ben_lampkeeper_ops"):
        deployment_of(place(ANA, BEN), user="carl@bank.example")


def test_an_environment_of_a_volume_has_settings_there() -> None:
    assert environments_in(place(ANA), "/Volumes/main/dev_ana_lampkeeper_ops/lampkeeper/envs") == ("dev",)
