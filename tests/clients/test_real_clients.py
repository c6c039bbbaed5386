"""The unmodified Databricks CLI and the unmodified Terraform provider against the local workspace.

They run where the programs are found (`databricks` on PATH or LAMPKEEPER_DATABRICKS_CLI; terraform and a provider mirror
in LAMPKEEPER_TF_MIRROR). With LAMPKEEPER_RECORD=1 they write what they sent to `recorded/`, which `test_replay.py`
replays everywhere.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.core.stored_documents import kinds
from localspace.server.profile import write_profile
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

READS = (
    "auth describe", "current-user me", "catalogs list", "catalogs get main", "schemas list main",
    "schemas get main.default", "tables list main fin", "tables get main.fin.people", "functions list main fin",
    "functions get main.fin.mask_text", "volumes list main fin", "grants get catalog main",
    "grants get-effective schema main.fin", "groups list", "users list", "service-principals list", "warehouses list",
    "warehouses get {warehouse_id}", "permissions get warehouses {warehouse_id}", "tag-policies list-tag-policies",
    "tag-policies get-tag-policy pii", "entity-tag-assignments list columns main.fin.people.email",
    "policies list-policies SCHEMA main.fin", "genie list-spaces", "secrets list-scopes", "metastores summary",
    "metastores current", "tokens list", "serving-endpoints list", "resource-quotas list-quotas",
    "account groups list", "account workspaces list", "api get /api/2.1/unity-catalog/catalogs",
)  # fmt: skip


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


def _seed(space: LocalWorkspace) -> None:
    """Make what the reads look at, through REST, so that a recording holds it too."""
    uc = "/api/2.1/unity-catalog"
    function = {
        "name": "mask_text", "catalog_name": "main", "schema_name": "fin", "full_data_type": "STRING",
        "routine_definition": "'***'", "input_params": {"parameters": [{"name": "v", "type_text": "STRING"}]},
    }  # fmt: skip
    table = {
        "name": "people", "catalog_name": "main", "schema_name": "fin", "table_type": "EXTERNAL",
        "storage_location": "s3://bucket/people", "columns": [{"name": "email", "type_text": "string"}],
    }  # fmt: skip
    policy = {
        "name": "mask_pii", "on_securable_type": "SCHEMA", "on_securable_fullname": "main.fin",
        "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "to_principals": ["account users"],
        "match_columns": [{"alias": "c", "condition": "has_tag_value('pii', 'email')"}],
        "column_mask": {"function_name": "main.fin.mask_text", "on_column": "c"},
    }  # fmt: skip
    tag = {"entity_type": "columns", "entity_name": "main.fin.people.email", "tag_key": "pii", "tag_value": "email"}
    grant = {"changes": [{"principal": "account users", "add": ["USE_CATALOG"]}]}
    space.external_location("bucket", "s3://bucket")
    with space.http() as http:
        for method, path, body in (
            ("POST", f"{uc}/schemas", {"name": "fin", "catalog_name": "main"}),
            ("POST", f"{uc}/functions", {"function_info": function}),
            ("POST", f"{uc}/tables", table),
            ("POST", "/api/2.1/tag-policies", {"tag_key": "pii", "values": [{"name": "email"}]}),
            ("POST", f"{uc}/entity-tag-assignments", tag),
            ("POST", f"{uc}/policies", policy),
            ("PATCH", f"{uc}/permissions/catalog/main", grant),
        ):
            assert http.request(method, path, json=body).status_code == 200


def _record(space: LocalWorkspace, name: str, source: str) -> None:
    if os.environ.get("LAMPKEEPER_RECORD"):
        save(HERE / "recorded" / f"{name}.json", take(space), source)


@pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
def test_the_databricks_cli_reads_without_a_warning(space: LocalWorkspace, tmp_path: Path) -> None:
    config = tmp_path / "databrickscfg"
    write_profile(config, "local", {"host": space.host, "token": space.token, "account_id": space.account_id})
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATABRICKS_CONFIG_FILE": str(config),
        "DATABRICKS_CONFIG_PROFILE": "local",
    }  # fmt: skip
    space.control("POST", "reset")
    space.control("DELETE", "requests", bodies="true")
    _seed(space)
    for command in READS:
        words = command.format(warehouse_id=space.warehouse_id).split()
        done = subprocess.run([str(CLI), *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert "warn" not in done.stdout.lower(), command
    unknown = subprocess.run(
        [str(CLI), "api", "get", "/api/2.0/nope"], env=environment, capture_output=True, text=True, check=False
    )
    assert (unknown.returncode, "does not serve GET /api/2.0/nope" in unknown.stderr) == (1, True)
    _record(space, "cli", "Databricks CLI 1.14.0-dev, reads")


@pytest.mark.skipif(TERRAFORM is None, reason="terraform or its provider mirror was not found")
def test_terraform_applies_plans_nothing_and_destroys(space: LocalWorkspace, tmp_path: Path) -> None:
    assert TERRAFORM is not None
    variables = {
        "host": space.host, "token": space.token, "account_id": space.account_id, "workspace_id": space.workspace_id,
        "warehouse_id": space.warehouse_id,
    }  # fmt: skip
    terraform = prepared(*TERRAFORM, tmp_path, HERE / "governed.tf", variables)
    space.control("POST", "reset")
    space.control("DELETE", "requests", bodies="true")
    function = {
        "name": "mask_text", "catalog_name": "main", "schema_name": "default", "full_data_type": "STRING",
        "routine_definition": "'***'", "input_params": {"parameters": [{"name": "v", "type_text": "STRING"}]},
    }  # fmt: skip
    with space.http() as http:
        http.post("/api/2.1/unity-catalog/functions", json={"function_info": function})
    terraform.apply()
    assert terraform.planned() == ""
    assert "Resources: 13 destroyed" in terraform.destroy()
    store = space.workspace.store
    assert [store.count(kind) for kind in (kinds.POLICY, kinds.TAG_POLICY, kinds.TAG)] == [0, 0, 0]
    # The provider deactivates a service principal of the account and does not delete it.
    assert [one["active"] for one in store.list(kinds.SERVICE_PRINCIPAL)] == [False]
    assert {one["displayName"] for one in store.list(kinds.GROUP)} == {"admins", "users"}
    _record(space, "terraform", "terraform provider 1.128.0: apply, plan, destroy of governed.tf")
