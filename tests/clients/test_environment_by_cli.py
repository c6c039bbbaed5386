"""An environment as people bring it to a workspace: `lampkeeper setup`, two files edited, deployed and run by the real CLI."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.demo.local_jobs import make_home, seed_account_scope
from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.volumes import VolumeFolder
from lampkeeper.remote.warehouse import run_sql
from support.bank_places import PEOPLE, ROWS
from support.bundle_jobs import ROOT
from support.env_folders import SETTINGS
from support.governed_runs import LAMPKEEPER
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import report_missing
from support.product_cli import CLI, Product

pytestmark = [pytest.mark.server, pytest.mark.clients, pytest.mark.spark, pytest.mark.heavy]
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
needs_cli = pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
SECRET = "dapi-of-this-laptop"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        for person in PEOPLE:
            running.account().users_v2.create(user_name=person)
        workspace = reached(running)
        for statement in ROWS:
            run_sql(workspace, statement)
        seed_account_scope(workspace)
        make_home(workspace)
        yield running


def reached(space: LocalWorkspace) -> Workspace:
    auth = Auth(workspace_host=space.host, token=space.token, account_id=space.account_id, workspace_id=space.workspace_id)
    return connect(auth, warehouse_id=space.warehouse_id)


@needs_cli
@pytest.mark.timeout(900)
def test_from_setup_to_a_governed_run(space: LocalWorkspace, tmp_path: Path) -> None:
    workspace = reached(space)
    product = Product(space, tmp_path)
    shutil.copy(ROOT / ".gitignore", product.folder)
    subprocess.run(["git", "init", "--quiet"], cwd=product.folder, check=True)

    made = subprocess.run([*LAMPKEEPER, "setup", "--env", "dev"], cwd=product.folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    env = product.folder / "envs" / "dev"
    (env / "env.auto.tfvars").write_text(SETTINGS + f'sql_warehouse_id = "{space.warehouse_id}"\n')
    (env / "auth.auto.tfvars").write_text(f'databricks_token = "{SECRET}"\n')
    (env / "state.json").write_text("{}")
    decisions = "decisions: []\n"
    (env / "decisions.yaml").write_text(decisions)

    product.good("deploy", "-t", "dev")
    summary = json.loads(product.good("summary", "-t", "dev", "-o", "json"))
    files = summary["workspace"]["file_path"]
    listed = workspace.get("files", "/api/2.0/workspace/list", {"path": f"{files}/envs/dev"})["objects"]
    assert {o["path"].rsplit("/", 1)[-1] for o in listed} == {"env.auto.tfvars", "decisions.yaml"}

    done = product("run", "governance", "-t", "dev")
    # Mode development puts the deployer's name before the schema's.
    schema = summary["resources"]["schemas"]["ops"]["name"]
    envs = VolumeFolder(workspace, f"/Volumes/main/{schema}/lampkeeper/envs")
    reported = [envs.read(name) or b"" for name in envs.names("runs/dev") if name.endswith("verdict.json")]
    assert done.returncode == 0, f"{reported}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert envs.read("dev/env.auto.tfvars") == (env / "env.auto.tfvars").read_bytes()
    assert envs.read("dev/decisions.yaml") == decisions.encode()
    assert SECRET.encode() not in b"".join(envs.read(name) or b"" for name in envs.names("dev"))
    assert b"customers" in (envs.read("dev/data_access/state.json") or b"")
    assert (env / "state.json").read_text() == "{}"
