"""P200 and P201 against the local workspace through the unmodified SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import AwsIamRoleRequest
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel
from databricks.sdk.service.sql import WarehouseAccessControlRequest, WarehousePermissionLevel

from partnercert.config import WorkspacePlan
from partnercert.reference_partner import FAULTS
from partnercert.sdk_workspace import SdkWorkspace
from partnercert.verdicts import Verdict
from partnercert.workspace import WorkspaceError
from support import partner
from support.localspace_server import LocalWorkspace, running_localspace
from support.nightly import sampled

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as space:
        yield space


@pytest.fixture(scope="module")
def admin(space: LocalWorkspace) -> WorkspaceClient:
    return WorkspaceClient(host=space.host, token=space.token, auth_type="pat")


@pytest.fixture(scope="module")
def plan(space: LocalWorkspace) -> WorkspacePlan:
    made = partner.config("workspace", certification={"workspace": {
        **partner.WORKSPACE_PLAN, "warehouse_id": space.warehouse_id, "timeout_seconds": 180.0,
        "destination_location": "s3://partnercert/landing",
    }}).certification.workspace  # fmt: skip
    assert made is not None
    return made


@pytest.fixture(scope="module")
def access(space: LocalWorkspace, admin: WorkspaceClient, plan: WorkspacePlan) -> SdkWorkspace:
    loader = admin.service_principals.create(display_name="partner connect loader")
    token = admin.token_management.create_obo_token(application_id=loader.application_id or "", lifetime_seconds=3600)
    # Partner Connect gives the principal the warehouse of the payload when it provisions one.
    right = WarehouseAccessControlRequest(
        service_principal_name=loader.application_id, permission_level=WarehousePermissionLevel.CAN_USE
    )
    admin.warehouses.update_permissions(plan.warehouse_id, access_control_list=[right])
    return SdkWorkspace(admin, WorkspaceClient(host=space.host, token=token.token_value, auth_type="pat"), plan)


def test_the_payloads_credentials_read_what_was_granted_and_nothing_else(access: SdkWorkspace, plan: WorkspacePlan) -> None:
    who = access.principal()
    access.sql("CREATE SCHEMA IF NOT EXISTS `main`.`pc_probe`")
    access.sql("CREATE TABLE `main`.`pc_probe`.`t` (id BIGINT)")
    access.sql("INSERT INTO `main`.`pc_probe`.`t` VALUES (1), (2)")
    with pytest.raises(WorkspaceError, match=r"USE CATALOG|USE SCHEMA|INSUFFICIENT_PERMISSIONS"):
        access.sql("SELECT count(*) FROM `main`.`pc_probe`.`t`", as_partner=True)
    access.sql(f"GRANT USE CATALOG ON CATALOG `main` TO `{who}`")
    access.sql(f"GRANT USE SCHEMA, SELECT ON SCHEMA `main`.`pc_probe` TO `{who}`")
    assert access.sql("SELECT count(*) FROM `main`.`pc_probe`.`t`", as_partner=True) == [["2"]]
    assert {("pc_probe", ""), ("pc_probe", "t")} <= access.table_names("main", hive=False)
    assert access.table("main", "pc_probe", "t", hive=False).kind == "MANAGED"


@pytest.mark.parametrize(
    "fault", ["", *sampled(["catalog_ignored", "destination_ignored", "always_external", "destination_beside"], every=2)]
)
def test_the_core_cases_on_the_local_workspace(
    fault: str, admin: WorkspaceClient, access: SdkWorkspace, plan: WorkspacePlan
) -> None:
    if not any(c.name == "partnercert" for c in admin.external_locations.list()):
        role = AwsIamRoleRequest(role_arn="arn:aws:iam::000000000000:role/partnercert")
        admin.storage_credentials.create(name="partnercert", aws_iam_role=role)
        admin.external_locations.create(name="partnercert", url="s3://partnercert/", credential_name="partnercert")
        admin.external_locations.create(name="partner_owned", url="s3://partner-owned/", credential_name="partnercert")
        # The fault `always_external` writes to the partner's own bucket, which the platform must allow.
        access.sql(f"GRANT CREATE EXTERNAL TABLE ON EXTERNAL LOCATION partner_owned TO `{access.principal()}`")
    faults = [f for f in FAULTS if f.name == fault]
    config = partner.config("workspace", certification={"workspace": {
        **partner.WORKSPACE_PLAN, "warehouse_id": plan.warehouse_id, "timeout_seconds": 30.0 if not fault else 3.0,
        "destination_location": plan.destination_location,
    }})  # fmt: skip
    token = access._partner.config.token or ""
    made = partner.session(config, *faults, workspace=access, seconds=120.0, token=token)
    with made.client:
        outcomes = partner.run(made, only=["P200", "P201"])
    failed = {c for c, o in outcomes.items() if o.verdict is Verdict.FAIL}
    wanted = set(faults[0].cases.split()) if faults else set()
    assert (failed, [o.reason for o in outcomes.values() if not faults and o.reason]) == (wanted, [])


@pytest.mark.parametrize("fault", ["", "notebook_not_published", "notebook_broken"])
def test_a_published_notebook_runs_on_the_local_workspace(
    fault: str, admin: WorkspaceClient, access: SdkWorkspace, plan: WorkspacePlan
) -> None:
    who = access.principal()
    admin.workspace.mkdirs("/Shared/partner")
    folder = str(admin.workspace.get_status("/Shared/partner").object_id)
    right = AccessControlRequest(service_principal_name=who, permission_level=PermissionLevel.CAN_MANAGE)
    admin.permissions.update("directories", folder, access_control_list=[right])
    for entry in admin.workspace.list("/Shared/partner"):
        admin.workspace.delete(str(entry.path))
    faults = [f for f in FAULTS if f.name == fault]
    config = partner.config("notebook", certification={"workspace": {
        **partner.WORKSPACE_PLAN, "warehouse_id": plan.warehouse_id, "timeout_seconds": 60.0, "mode": "notebook",
        "notebook_path": "/Shared/partner/hello",
    }})  # fmt: skip
    made = partner.session(config, *faults, workspace=access, seconds=120.0, token=access._partner.config.token or "")
    with made.client:
        outcomes = partner.run(made, only=["P200"])
    assert {c for c, o in outcomes.items() if o.verdict is Verdict.FAIL} == set(faults[0].cases.split() if faults else ()), (
        outcomes
    )
