"""The unmodified CLI and Terraform provider on an account whose hosts are apart, as a user and as a service principal.

They run where the programs are found, and record with LAMPKEEPER_RECORD=1, as `test_real_clients.py` does.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localspace.server.account import Account
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import databricks_cli, report_missing, terraform_and_mirror
from support.recorded import save, take
from support.terraform import prepared

pytestmark = [pytest.mark.server, pytest.mark.clients]
HERE = Path(__file__).parent
CLI, TERRAFORM = databricks_cli(), terraform_and_mirror()
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
if TERRAFORM is None:
    report_missing("Terraform provider", "terraform on PATH, its provider mirror in LAMPKEEPER_TF_MIRROR")
CALLERS = ("user", "service principal")


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(prepare=Account.separate) as running:
        running.control("DELETE", "requests", bodies="true")
        yield running


def signed_in(space: LocalWorkspace, caller: str) -> dict[str, str]:
    """Return the environment by which the clients sign in: the admin's token, or the secret of a service principal."""
    if caller == "user":
        return {"DATABRICKS_TOKEN": space.token}
    account = space.account()
    robot = account.service_principals_v2.create(display_name="ci")
    patch = {"Operations": [{"op": "add", "path": "roles", "value": [{"value": "account_admin"}]}]}
    path = f"/api/2.0/accounts/{space.account_id}/scim/v2/ServicePrincipals/{robot.id}"
    account.api_client.do("PATCH", path, body=patch)
    where = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals/{robot.id}"
    account.api_client.do("PUT", where, body={"permissions": ["ADMIN"]})
    secret = space.server.services.authenticator.new_secret(str(robot.id), 86_400)[0]
    return {"DATABRICKS_CLIENT_ID": str(robot.application_id), "DATABRICKS_CLIENT_SECRET": secret}


def environment(space: LocalWorkspace, folder: Path, caller: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1", **signed_in(space, caller)}


def record(space: LocalWorkspace, name: str, source: str) -> None:
    if os.environ.get("LAMPKEEPER_RECORD"):
        save(HERE / "recorded" / f"{name}.json", take(space), source)


@pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
@pytest.mark.parametrize("caller", CALLERS)
def test_the_cli_manages_an_account(space: LocalWorkspace, tmp_path: Path, caller: str) -> None:
    at_account = {"DATABRICKS_HOST": space.server.location.address, "DATABRICKS_ACCOUNT_ID": space.account_id}
    base = environment(space, tmp_path, caller)

    def run(words: str, body: Any = None, *, host: dict[str, str] | None = None, fails: bool = False) -> Any:
        command = [str(CLI), *words.split(), *(["--json", json.dumps(body)] if body is not None else []), "-o", "json"]
        done = subprocess.run(command, env=base | (host or at_account), capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}"
        if fails:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    role = {"credentials_name": "cross", "aws_credentials": {"sts_role": {"role_arn": "arn:aws:iam::1:role/x"}}}
    credentials = run("account credentials create", role)["credentials_id"]
    bucket = {"storage_configuration_name": "root", "root_bucket_info": {"bucket_name": "b"}}
    storage = run("account storage create", bucket)["storage_configuration_id"]
    network = run("account networks create", {"network_name": "net", "vpc_id": "vpc-1"})["network_id"]
    access = run("account private-access create", {"private_access_settings_name": "pas", "region": "us-east-1"})[
        "private_access_settings_id"
    ]
    for noun, number in (("credentials", credentials), ("storage", storage), ("networks", network), ("private-access", access)):
        run(f"account {noun} get {number}")
        run(f"account {noun} list")
    wish = {"workspace_name": "second", "credentials_id": credentials, "storage_configuration_id": storage}
    made = run("account workspaces create --no-wait", wish)
    assert made["workspace_status"] == "PROVISIONING"
    number = made["workspace_id"]
    space.control("POST", "clock/tick", {"seconds": 60})
    assert run(f"account workspaces get {number}")["workspace_status"] == "RUNNING"
    assert "is used by workspace" in run(f"account credentials delete {credentials}", fails=True)
    here = {"DATABRICKS_HOST": space.server.address_of(str(number))}
    assert "No metastore assigned" in run("catalogs list", host=here, fails=True)
    metastore = run("account metastores create", {"metastore_info": {"name": "third", "region": "us-east-1"}})
    metastore_id = metastore["metastore_info"]["metastore_id"]
    run(f"account metastore-assignments create {number} {metastore_id}")
    assert run(f"account metastore-assignments get {number}")["metastore_assignment"]["metastore_id"] == metastore_id
    assert {one["name"] for one in run("catalogs list", host=here)} == {"main", "samples", "system"}
    run("catalogs create governed", host=here)
    assert "governed" not in {one["name"] for one in run("catalogs list", host={"DATABRICKS_HOST": space.host})}
    group = run("account groups create", {"displayName": "analysts"})["id"]
    run(f"account workspace-assignment update {number} {group}", {"permissions": ["USER"]})
    assert run(f"account workspace-assignment list {number}")
    run("account network-policies create-network-policy-rpc", {"network_policy_id": "closed"})
    run("account network-policies get-network-policy-rpc closed")
    run("account network-policies delete-network-policy-rpc closed")
    assert "Endpoint not found" in run(
        "account workspaces list", host=here | {"DATABRICKS_ACCOUNT_ID": space.account_id}, fails=True
    )
    assert "not empty" in run(f"account metastores delete {metastore_id}", fails=True)
    run(f"account metastores delete {metastore_id} --force")
    run(f"account workspaces delete {number}")
    run(f"account workspaces get {number}", fails=True)
    for noun, one in (("credentials", credentials), ("storage", storage), ("networks", network), ("private-access", access)):
        run(f"account {noun} delete {one}")
    record(space, f"account_cli_{caller.replace(' ', '_')}", f"Databricks CLI 1.14.0-dev, an account, as a {caller}")


@pytest.mark.skipif(TERRAFORM is None, reason="terraform or its provider mirror was not found")
@pytest.mark.parametrize("caller", CALLERS)
def test_terraform_provisions_an_account(space: LocalWorkspace, tmp_path: Path, caller: str) -> None:
    assert TERRAFORM is not None
    variables = {"account_host": space.server.location.address, "account_id": space.account_id}
    terraform = prepared(*TERRAFORM, tmp_path, HERE / "account.tf", variables)
    terraform.environment.update(signed_in(space, caller))
    for step in ("1", "2"):
        terraform.environment["TF_VAR_step"] = step
        terraform.apply()
        assert terraform.planned() == ""
    code, output = terraform.run("output", "-json", "is_account")
    assert (code, json.loads(output)) == (0, [True, False])
    assert "Destroy complete" in terraform.destroy()
    left = space.account()
    assert [one.workspace_name for one in left.workspaces.list()] == ["localspace"]
    assert [one.name for one in left.metastores.list()] == ["localspace"]
    assert list(left.credentials.list()) == []
    record(space, f"account_terraform_{caller.replace(' ', '_')}", f"Terraform provider 1.128.0, account.tf, as a {caller}")
