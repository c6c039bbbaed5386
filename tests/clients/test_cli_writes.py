"""The unmodified Databricks CLI writes and reads back, as a user and as a service principal: ids, defaults, refusals."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localspace.server.profile import write_profile
from support.admin_callers import administrators
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import databricks_cli, report_missing
from support.recorded import save, take

pytestmark = [pytest.mark.server, pytest.mark.clients]
HERE = Path(__file__).parent
CLI = databricks_cli()
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command: its words, what its JSON must hold (`None`: the field is absent), or the words of its refusal.

    `keep` names values of the answer that later commands use as `{name}`.
    """

    words: str
    holds: dict[str, Any] | None = None
    refused: str = ""
    keep: dict[str, str] | None = None


BOARD = json.dumps(
    {
        "display_name": "cli",
        "parent_path": "/Workspace/Shared/cli",
        "serialized_dashboard": json.dumps({"pages": [{"name": "p"}]}),
    }
)
POLICY = json.dumps(
    {
        "on_securable_type": "SCHEMA", "on_securable_fullname": "main.cli", "name": "cli_mask", "for_securable_type": "TABLE",
        "policy_type": "POLICY_TYPE_COLUMN_MASK", "to_principals": ["account users"],
        "match_columns": [{"alias": "c", "condition": "has_tag('cli')"}],
        "column_mask": {"function_name": "main.cli.f", "on_column": "c"},
    }
)  # fmt: skip
FUNCTION = json.dumps(
    {
        "function_info": {
            "name": "f", "catalog_name": "main", "schema_name": "cli", "full_data_type": "STRING", "routine_body": "SQL",
            "routine_definition": "'x'", "input_params": {"parameters": [{"name": "v", "type_text": "STRING"}]},
        }
    }
)  # fmt: skip
JOB = json.dumps({"name": "cli", "tasks": [{"task_key": "t", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}]})
ENTRY = json.dumps({"access_control_list": [{"group_name": "users", "permission_level": "CAN_READ"}]})
STEPS: tuple[Step, ...] = (
    Step(words="catalogs create cli", holds={"browse_only": False, "enable_predictive_optimization": "INHERIT", "comment": None}),
    Step(words="catalogs update cli --comment said", holds={"comment": "said"}),
    Step(words="catalogs update cli", refused="UpdateCatalog Nothing to update"),
    Step(words="schemas create cli main", holds={"full_name": "main.cli", "comment": None, "properties": None}),
    Step(words="schemas create cli main", refused="Schema 'cli' already exists"),
    Step(words="schemas update main.cli --comment said", holds={"comment": "said"}),
    Step(words="schemas get main.information_schema", holds={"owner": "System user"}),
    Step(words="volumes create main cli v MANAGED", holds={"volume_type": "MANAGED", "browse_only": False}),
    Step(words="volumes create main cli w MANAGED --storage-location s3://b/x", refused="storage_location can not be provided"),
    Step(words="volumes read main.cli.v", holds={"comment": None}),
    Step(words="fs mkdir dbfs:/Volumes/main/cli/v/folder"),
    Step(words="fs cp {file} dbfs:/Volumes/main/cli/v/folder/a.txt"),
    Step(words="fs cp {file} dbfs:/Volumes/main/cli/v/folder/a.txt --overwrite"),
    Step(words="fs ls dbfs:/Volumes/main/cli/v/folder"),
    Step(words="fs rm -r dbfs:/Volumes/main/cli/v/folder"),
    Step(words="functions create --json {function}", holds={"full_name": "main.cli.f", "comment": None}),
    Step(words="tag-policies create-tag-policy cli", holds={"tag_key": "cli", "values": None, "description": None}),
    Step(words="tag-policies create-tag-policy cli", refused="already exists"),
    Step(words="tag-policies get-tag-policy cli", holds={"values": None}),
    Step(words="entity-tag-assignments create main.cli free schemas", holds={"tag_key": "free"}),
    Step(words="entity-tag-assignments get schemas main.cli free", holds={"tag_key": "free"}),
    Step(words="entity-tag-assignments list schemas main.cli"),
    Step(words="policies create-policy --json {policy}", holds={"name": "cli_mask", "comment": None}),
    Step(words="policies get-policy SCHEMA main.cli cli_mask", holds={"except_principals": None}),
    Step(words="policies list-policies SCHEMA main.cli"),
    Step(words="policies delete-policy SCHEMA main.cli cli_mask"),
    Step(words="grants update schema main.cli --json {grant}"),
    Step(words="grants get schema main.cli"),
    Step(words="grants get-effective schema main.cli"),
    Step(words="groups create --display-name cli", keep={"group": "id"}, holds={"displayName": "cli", "members": None}),
    Step(words="groups create --display-name cli", refused="Group with name cli already exists"),
    Step(words="groups get {group}", holds={"displayName": "cli"}),
    Step(
        words="users create --user-name Cli.User@bank.example",
        holds={"userName": "cli.user@bank.example"},
        keep={"person": "id"},
    ),
    Step(words="users get {person}", holds={"active": True}),
    Step(words="users delete {person}"),
    Step(words="service-principals create --display-name cli-robot", keep={"robot": "id"}, holds={"displayName": "cli-robot"}),
    Step(words="service-principals get {robot}", holds={"displayName": "cli-robot"}),
    Step(words="service-principals delete {robot}"),
    Step(words="warehouses create --name cli --cluster-size 2X-Small --no-wait", keep={"warehouse": "id"}),
    Step(words="warehouses create --name cli --cluster-size 2X-Small --no-wait", refused="SQL warehouse with name `cli` already"),
    Step(words="warehouses get {warehouse}", holds={"state": "RUNNING", "tags": None}),
    Step(words="warehouses stop {warehouse} --no-wait"),
    Step(words="permissions get warehouses {warehouse}", holds={"object_type": "warehouses"}),
    Step(words="warehouses delete {warehouse}"),
    Step(words="secrets create-scope cli"),
    Step(words="secrets create-scope cli", refused="Scope cli already exists"),
    Step(words="secrets put-secret cli k --string-value v"),
    Step(words="secrets list-secrets cli"),
    Step(words="secrets get-secret cli k", holds={"key": "k"}),
    Step(words="secrets put-acl cli users READ"),
    Step(words="secrets list-acls cli"),
    Step(words="secrets delete-acl cli users"),
    Step(words="secrets delete-scope cli"),
    Step(words="workspace mkdirs /Workspace/Shared/cli"),
    Step(words="workspace import /Workspace/Shared/cli/a.txt --file {file} --format RAW"),
    Step(
        words="workspace get-status /Workspace/Shared/cli",
        holds={"path": "/Workspace/Shared/cli"},
        keep={"folder": "object_id"},
    ),
    Step(words="workspace get-status /", holds={"path": "/", "object_type": "DIRECTORY"}),
    Step(words="workspace list /Workspace/Shared/cli"),
    Step(words="workspace export /Workspace/Shared/cli/a.txt"),
    Step(words="permissions set directories {folder} --json {entry}", holds={"object_type": "directory"}),
    Step(words="permissions get directories {folder}", holds={"object_type": "directory"}),
    Step(words="permissions get directories 0", holds={"object_id": "/directories/0"}),
    Step(words="permissions get-permission-levels directories {folder}"),
    Step(
        words="lakeview create --json {board}",
        holds={"parent_path": "/Shared/cli", "warehouse_id": None},
        keep={"dashboard": "dashboard_id"},
    ),
    Step(words="lakeview get {dashboard}", holds={"display_name": "cli"}),
    Step(words="workspace get-status /Workspace/Shared/cli/cli.lvdash.json", holds={"object_type": "DASHBOARD"}),
    Step(words="lakeview update {dashboard} --display-name cli2", holds={"path": "/Shared/cli/cli2.lvdash.json"}),
    Step(words="lakeview publish {dashboard} --warehouse-id {own}", holds={"display_name": "cli2"}),
    Step(words="lakeview get-published {dashboard}", holds={"display_name": "cli2"}),
    Step(words="lakeview unpublish {dashboard}"),
    Step(words="lakeview list"),
    Step(words="lakeview trash {dashboard}"),
    Step(words="lakeview get {dashboard}", holds={"lifecycle_state": "TRASHED"}),
    Step(words="jobs create --json {job}", keep={"job_id": "job_id"}),
    Step(words="jobs get {job_id}", holds={"run_as_owner": None}),
    Step(words="jobs list"),
    Step(words="jobs run-now {job_id} --no-wait", keep={"run": "run_id"}),
    Step(words="jobs list-runs"),
    Step(words="permissions get jobs {job_id}", holds={"object_type": "job"}),
    Step(words="jobs delete {job_id}"),
    Step(words="jobs get {job_id}", refused="does not exist"),
    Step(words="serving-endpoints create cli --no-wait", holds={"permission_level": "CAN_MANAGE", "route_optimized": False}),
    Step(words="serving-endpoints get cli", holds={"config": None}),
    Step(words="serving-endpoints delete cli"),
    Step(
        words="genie create-space {own} {space} --title cli",
        holds={"title": "cli", "description": None},
        keep={"genie": "space_id"},
    ),
    Step(words="genie get-space {genie}", holds={"title": "cli"}),
    Step(words="genie trash-space {genie}"),
    Step(words="tokens create --comment cli --lifetime-seconds 60"),
    Step(words="tokens list"),
    Step(words="storage-credentials create --json {role}", holds={"read_only": False, "comment": None}),
    Step(words="storage-credentials update cli_cred", refused="UpdateStorageCredential Nothing to update"),
    Step(words="external-locations create cli_loc s3://cli/x cli_cred", holds={"browse_only": False, "comment": None}),
    Step(words="external-locations get cli_loc", holds={"read_only": False}),
    Step(words="external-locations delete cli_loc"),
    Step(words="storage-credentials delete cli_cred"),
    Step(words="workspace delete /Workspace/Shared/cli --recursive"),
    Step(words="functions delete main.cli.f"),
    Step(words="volumes delete main.cli.v"),
    Step(words="entity-tag-assignments delete schemas main.cli free"),
    Step(words="tag-policies delete-tag-policy cli"),
    Step(words="schemas delete main.cli"),
    Step(words="catalogs delete cli --force"),
    Step(words="groups delete {group}"),
    Step(words="current-user me"),
)


@pytest.fixture(params=["user", "service principal"])
def caller(request: pytest.FixtureRequest) -> Iterator[tuple[LocalWorkspace, str, str]]:
    with running_localspace(build_runner=fake_runner) as space:
        space.control("DELETE", "requests", bodies="true")
        yield space, administrators(space)[request.param], request.param.replace(" ", "_")


@pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
def test_the_databricks_cli_writes_and_reads_back(caller: tuple[LocalWorkspace, str, str], tmp_path: Path) -> None:
    space, token, who = caller
    config = tmp_path / "databrickscfg"
    write_profile(config, "local", {"host": space.host, "token": token, "account_id": space.account_id})
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATABRICKS_CONFIG_FILE": str(config),
        "DATABRICKS_CONFIG_PROFILE": "local",
    }  # fmt: skip
    local = tmp_path / "a.txt"
    local.write_text("a")
    values = {
        "file": str(local), "function": FUNCTION, "policy": POLICY, "job": JOB, "entry": ENTRY, "board": BOARD,
        "own": space.warehouse_id, "space": '{"version": 2}',
        "grant": json.dumps({"changes": [{"principal": "account users", "add": ["USE_SCHEMA"]}]}),
        "role": json.dumps({"name": "cli_cred", "aws_iam_role": {"role_arn": "arn:aws:iam::123456789012:role/x"}}),
    }  # fmt: skip
    wrong: list[str] = []
    for step in STEPS:
        # A word stands for one argument, also when its value holds blanks.
        words = [_filled(one, values) for one in step.words.split()]
        done = subprocess.run(
            [str(CLI), *words, "--output", "json"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        wrong += [f"{step.words}: {one}" for one in _wrong(step, done)]
        if step.keep and done.returncode == 0:
            found = json.loads(done.stdout)
            values |= {name: str(found[field]) for name, field in step.keep.items()}
    assert not wrong, "\n".join(wrong)
    if os.environ.get("LAMPKEEPER_RECORD"):
        save(HERE / "recorded" / f"cli_writes_{who}.json", take(space), f"Databricks CLI 1.14.0-dev, writes as a {who}")


def _filled(word: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word)


def _wrong(step: Step, done: subprocess.CompletedProcess[str]) -> Iterator[str]:
    if step.refused:
        if done.returncode == 0 or step.refused not in done.stderr:
            yield f"expected a refusal with '{step.refused}', got {done.returncode} {done.stdout} {done.stderr}"
        return
    if done.returncode != 0:
        yield done.stderr.strip()
        return
    found = json.loads(done.stdout) if step.holds else {}
    for name, value in (step.holds or {}).items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)!r}, not {value!r}"
