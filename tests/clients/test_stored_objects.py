"""The unmodified Terraform provider, as a service principal, on the objects that the local workspace stores and checks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from localspace.core.stored_documents import kinds
from support.callers import CALLERS, running_callers
from support.fake_runner import fake_runner
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
GONE = (
    *(kinds.CLUSTER_POLICY, kinds.CONNECTION, kinds.MODEL, kinds.BINDINGS, kinds.CLASSIFICATION_CONFIG),
    kinds.CLASSIFICATION_SCAN,
)


@pytest.mark.skipif(TERRAFORM is None, reason="terraform or its provider mirror was not found")
def test_terraform_applies_twice_plans_nothing_and_destroys(tmp_path: Path) -> None:
    assert TERRAFORM is not None
    with running_callers(build_runner=fake_runner, bodies=True) as callers:
        space = callers.space
        variables = {
            "host": space.host, "token": callers.tokens["service_principal"], "account_id": space.account_id,
            "workspace_id": space.workspace_id, "warehouse_id": space.warehouse_id,
        }  # fmt: skip
        terraform = prepared(*TERRAFORM, tmp_path, HERE / "stored_objects.tf", variables)
        terraform.apply()
        assert terraform.planned() == ""
        assert "No changes" in terraform.apply()
        terraform.destroy()
        assert [space.workspace.store.count(kind) for kind in GONE] == [0] * len(GONE)
        if os.environ.get("LAMPKEEPER_RECORD"):
            save(HERE / "recorded" / "stored_objects.json", take(space), "terraform provider 1.128.0: stored_objects.tf")


QUERY = '{"query": {"display_name": "cli", "query_text": "SELECT 1"}}'
CONNECTION = '{"host": "h", "port": "1", "user": "u", "password": "password"}'
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("clusters", "spark-versions"),
    ("clusters", "list-node-types"),
    ("clusters", "list-zones"),
    ("clusters", "list"),
    ("instance-pools", "list"),
    ("cluster-policies", "create", "--json", '{"name": "cli", "definition": "{}"}'),
    ("cluster-policies", "list"),
    ("system-schemas", "enable", "{metastore_id}", "access"),
    ("system-schemas", "list", "{metastore_id}"),
    ("system-schemas", "disable", "{metastore_id}", "access"),
    ("artifact-allowlists", "get", "LIBRARY_JAR"),
    ("connections", "create", "--json", f'{{"name": "cli", "connection_type": "MYSQL", "options": {CONNECTION}}}'),
    ("connections", "get", "cli"),
    ("connections", "list"),
    ("connections", "delete", "cli"),
    ("catalogs", "create", "cli"),
    ("catalogs", "update", "cli", "--isolation-mode", "ISOLATED"),
    ("workspace-bindings", "get-bindings", "catalog", "cli"),
    ("workspace-bindings", "get", "cli"),
    ("data-classification", "create-catalog-config", "catalogs/cli", "--json", "{}"),
    ("data-classification", "get-catalog-config", "catalogs/cli/config"),
    ("data-classification", "delete-catalog-config", "catalogs/cli/config"),
    ("registered-models", "create", "--json", '{"name": "m", "catalog_name": "cli", "schema_name": "default"}'),
    ("registered-models", "get", "cli.default.m"),
    ("registered-models", "list"),
    ("model-versions", "list", "cli.default.m"),
    ("registered-models", "delete", "cli.default.m"),
    ("queries", "create", "--json", QUERY),
    ("queries", "list"),
    ("alerts", "list"),
    ("alerts-v2", "list-alerts"),
    ("genie", "list-spaces"),
    ("apps", "create", "cli-app", "--no-compute", "--no-wait"),
    ("apps", "get", "cli-app"),
    ("apps", "list"),
    ("apps", "list-deployments", "cli-app"),
    ("apps", "delete", "cli-app"),
)


@pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
@pytest.mark.parametrize("label", CALLERS)
def test_the_cli_writes_and_reads(label: str, tmp_path: Path) -> None:
    with running_callers(build_runner=fake_runner, bodies=True) as callers:
        space = callers.space
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATABRICKS_HOST": space.host,
            "DATABRICKS_TOKEN": callers.tokens[label], "DATABRICKS_CONFIG_FILE": str(tmp_path / "none"),
        }  # fmt: skip
        wrong = {}
        for command in COMMANDS:
            words = [one.replace("{metastore_id}", space.metastore_id) for one in command]
            done = subprocess.run([str(CLI), *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode:
                wrong[" ".join(command)] = done.stderr
        assert wrong == {}
        if os.environ.get("LAMPKEEPER_RECORD"):
            save(HERE / "recorded" / f"stored_objects_cli_{label}.json", take(space), f"Databricks CLI 1.14.0-dev as a {label}")
