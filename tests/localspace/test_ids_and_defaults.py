"""Ids and defaults as the platform answers them, through the unmodified SDK, as a user and as a service principal."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
)
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import dashboards, iam, jobs, workspace

from support.admin_callers import administrators
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.recorded import save, take

pytestmark = pytest.mark.server
RECORDED = Path(__file__).parents[1] / "clients" / "recorded"
COLUMN = uc.ColumnInfo(name="a", type_text="string", type_name=uc.ColumnTypeName.STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A client, the name by which permissions know it, and the workspace."""

    client: WorkspaceClient
    name: str
    robot: bool
    space: LocalWorkspace

    def entry(self, level: str) -> iam.AccessControlRequest:
        """Return an entry of an access list for the caller."""
        level = iam.PermissionLevel(level)
        if self.robot:
            return iam.AccessControlRequest(service_principal_name=self.name, permission_level=level)
        return iam.AccessControlRequest(user_name=self.name, permission_level=level)


@pytest.fixture(scope="module", params=["user", "service principal"])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with running_localspace(build_runner=fake_runner) as space:
        space.control("DELETE", "requests", bodies="true")
        client = space.client(administrators(space)[request.param])
        robot = request.param == "service principal"
        yield Caller(client=client, name=client.current_user.me().user_name or "", robot=robot, space=space)
        if os.environ.get("LAMPKEEPER_RECORD"):
            who = str(request.param)
            name = f"sdk_ids_{who.replace(' ', '_')}.json"
            save(RECORDED / name, take(space), f"databricks-sdk as a {who}: tests/localspace/test_ids_and_defaults.py")


def levels(found: iam.ObjectPermissions) -> dict[str, list[tuple[str, bool | None, list[str] | None]]]:
    """Return principal to its (level, inherited, inherited from)."""
    return {
        one.user_name or one.group_name or one.service_principal_name or "": [
            (p.permission_level.value if p.permission_level else "", p.inherited, p.inherited_from_object)
            for p in one.all_permissions or ()
        ]
        for one in found.access_control_list or ()
    }


# Workspace files


def test_import_answers_the_object_id(caller: Caller) -> None:
    answer: Any = caller.client.api_client.do(
        "POST", "/api/2.0/workspace/import", body={"path": "/Shared/id.txt", "format": "RAW", "content": "eA=="}
    )
    assert answer == {"object_id": caller.client.workspace.get_status("/Shared/id.txt").object_id}


def test_the_root_has_the_id_0_and_permissions(caller: Caller) -> None:
    assert caller.client.workspace.get_status("/").object_id == 0
    assert levels(caller.client.permissions.get("directories", "0")) == {
        "admins": [("CAN_MANAGE", True, ["/directories/"])],
        # What is not given is not answered: nobody owns the root.
    }


@pytest.mark.parametrize("prefix", ["", "/Workspace"])
def test_paths_come_back_in_the_spelling_that_was_asked_for(caller: Caller, prefix: str) -> None:
    caller.client.workspace.mkdirs("/Shared/spelled")
    caller.client.workspace.upload("/Shared/spelled/a.txt", io.BytesIO(b"a"), format=workspace.ImportFormat.RAW, overwrite=True)
    assert caller.client.workspace.get_status(f"{prefix}/Shared/spelled").path == f"{prefix}/Shared/spelled"
    assert [one.path for one in caller.client.workspace.list(f"{prefix}/Shared/spelled")] == [f"{prefix}/Shared/spelled/a.txt"]


def test_a_file_of_a_volume_is_overwritten_unless_told_not_to(caller: Caller) -> None:
    client = caller.client
    client.volumes.create("main", "default", "over", uc.VolumeType.MANAGED)
    path = "/Volumes/main/default/over/a.txt"
    client.files.upload(path, io.BytesIO(b"1"))
    client.api_client.do("PUT", f"/api/2.0/fs/files{path}", data=b"2")
    with pytest.raises(AlreadyExists):
        client.files.upload(path, io.BytesIO(b"3"), overwrite=False)
    assert client.files.download(path).contents.read() == b"2"  # type: ignore[union-attr]
    client.volumes.delete("main.default.over")


# Permissions


def test_the_last_entry_of_a_principal_wins(caller: Caller) -> None:
    client = caller.client
    made = client.workspace.get_status("/Shared")
    last = [
        iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel(one)) for one in ("CAN_RUN", "CAN_READ")
    ]
    found = levels(client.permissions.set("directories", str(made.object_id), access_control_list=last))
    assert found["users"] == [("CAN_READ", False, None)]
    client.permissions.set("directories", str(made.object_id), access_control_list=[])


def test_permissions_of_a_folder_are_inherited_and_say_so(caller: Caller) -> None:
    client = caller.client
    client.workspace.mkdirs("/Shared/above/below")
    above = str(client.workspace.get_status("/Shared/above").object_id)
    below = str(client.workspace.get_status("/Shared/above/below").object_id)
    run = [iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_RUN)]
    client.permissions.set("directories", above, access_control_list=run)
    edit = [iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_EDIT)]
    client.permissions.set("directories", below, access_control_list=edit)
    found = levels(client.permissions.get("directories", below))
    assert found["users"] == [("CAN_EDIT", False, None), ("CAN_RUN", True, [f"/directories/{above}"])]
    assert found["admins"] == [("CAN_MANAGE", True, ["/directories/"])]


def test_an_endpoint_says_the_callers_level_and_the_platforms_defaults(caller: Caller) -> None:
    caller.client.serving_endpoints.create("defaults")
    found = caller.client.serving_endpoints.get("defaults").as_dict()
    assert {name: found[name] for name in ("permission_level", "route_optimized", "description")} == {
        "permission_level": "CAN_MANAGE", "route_optimized": False, "description": "",
    }  # fmt: skip
    assert found.keys().isdisjoint({"config", "tags", "ai_gateway"})
    with pytest.raises(ResourceAlreadyExists, match="Serving endpoint with name defaults already exists"):
        caller.client.serving_endpoints.create("defaults")


# Jobs


def test_a_reset_without_run_as_keeps_it(caller: Caller) -> None:
    client = caller.client
    who = jobs.JobRunAs(service_principal_name=caller.name) if caller.robot else jobs.JobRunAs(user_name=caller.name)
    job = client.jobs.create(name="kept", run_as=who).job_id
    assert job is not None
    client.jobs.reset(job, jobs.JobSettings(name="again"))
    settings = client.jobs.get(job).settings
    assert settings is not None
    assert (settings.name, settings.run_as) == ("again", who)
    raw: Any = client.api_client.do("GET", "/api/2.2/jobs/get", query={"job_id": job})
    assert "tasks" not in raw["settings"]
    with pytest.raises(BadRequest, match="no tasks"):
        client.jobs.run_now(job)


# Names


def test_user_names_are_kept_in_lower_case(caller: Caller) -> None:
    made = caller.client.users_v2.create(user_name="Mixed.Case@Bank.Example")
    assert made.id is not None
    assert made.user_name == "mixed.case@bank.example"
    assert [one.id for one in caller.client.users_v2.list(filter='userName eq "Mixed.Case@bank.example"')] == [made.id]
    with pytest.raises(DatabricksError, match=r"User with username mixed\.case@bank\.example already exists\."):
        caller.client.users_v2.create(user_name="MIXED.case@bank.example")


def test_what_is_there_already_is_refused_in_the_platforms_words(caller: Caller) -> None:
    client = caller.client
    client.schemas.create("twice", "main")
    client.volumes.create("main", "twice", "v", uc.VolumeType.MANAGED)
    client.groups_v2.create(display_name="twice")
    client.warehouses.create(name="twice", cluster_size="Small")
    robot = client.service_principals_v2.create(display_name="twice").application_id
    client.secrets.create_scope("twice")
    again = (
        (lambda: client.schemas.create("twice", "main"), "Schema 'twice' already exists"),
        (lambda: client.catalogs.create("main"), "Catalog 'main' already exists"),
        (lambda: client.volumes.create("main", "twice", "v", uc.VolumeType.MANAGED), "already exists"),
        (lambda: client.groups_v2.create(display_name="twice"), r"Group with name twice already exists\."),
        (lambda: client.warehouses.create(name="twice", cluster_size="Small"), "SQL warehouse with name `twice` already exists"),
        (
            lambda: client.service_principals_v2.create(application_id=robot),
            rf"Service principal with application ID {robot} already exists\.",
        ),
        (lambda: client.secrets.create_scope("twice"), "Scope twice already exists"),
    )
    for call, words in again:
        with pytest.raises(DatabricksError, match=words):
            call()


# Unity Catalog


def test_information_schema_is_among_the_schemas(caller: Caller) -> None:
    found = {one.name: one for one in caller.client.schemas.list("main")}
    assert found["information_schema"].owner == "System user"
    assert caller.client.schemas.get("main.information_schema").schema_id == found["information_schema"].schema_id
    with pytest.raises(PermissionDenied):
        caller.client.schemas.delete("main.information_schema")
    with pytest.raises(BadRequest, match="already exists"):
        caller.client.schemas.create("information_schema", "main")
    with pytest.raises(NotFound):
        caller.client.schemas.get("nope.information_schema")


def test_defaults_of_catalogs_and_schemas(caller: Caller) -> None:
    made = caller.client.catalogs.create("plain").as_dict()
    assert {name: made[name] for name in ("browse_only", "enable_predictive_optimization", "isolation_mode")} == {
        "browse_only": False, "enable_predictive_optimization": "INHERIT", "isolation_mode": "OPEN",
    }  # fmt: skip
    schema = caller.client.schemas.create("s", "plain").as_dict()
    assert (schema["browse_only"], schema["enable_predictive_optimization"]) == (False, "INHERIT")
    assert schema.keys().isdisjoint({"comment", "properties", "storage_root"})


def test_browse_only_says_that_browse_alone_shows_an_object(caller: Caller) -> None:
    client = caller.client
    client.users_v2.create(user_name="browser@bank.example")
    change = uc.PermissionsChange(principal="browser@bank.example", add=[uc.Privilege.BROWSE])
    client.grants.update("catalog", "main", changes=[change])
    browser = caller.space.client(caller.space.mint("browser@bank.example"))
    assert browser.schemas.get("main.default").browse_only is True
    assert [one.browse_only for one in browser.catalogs.list() if one.name == "main"] == [True]
    use = uc.PermissionsChange(principal="browser@bank.example", add=[uc.Privilege.USE_CATALOG, uc.Privilege.USE_SCHEMA])
    client.grants.update("catalog", "main", changes=[use])
    assert browser.schemas.get("main.default").browse_only is False


def test_a_managed_volume_has_no_location_of_its_own(caller: Caller) -> None:
    with pytest.raises(InvalidParameterValue, match="storage_location can not be provided"):
        caller.client.volumes.create("main", "default", "placed", uc.VolumeType.MANAGED, storage_location="s3://bucket/x")


def test_a_managed_table_is_made_by_post(caller: Caller) -> None:
    answer: Any = caller.client.api_client.do(
        "POST",
        "/api/2.1/unity-catalog/tables",
        body={
            "name": "managed", "catalog_name": "main", "schema_name": "default", "table_type": "MANAGED",
            "data_source_format": "DELTA", "columns": [COLUMN.as_dict()],
        },
    )  # fmt: skip
    assert (answer["table_type"], answer["browse_only"]) == ("MANAGED", False)
    found = caller.client.tables.get("main.default.managed")
    assert [one.name for one in found.columns or ()] == ["a"]
    assert found.storage_location is None
    caller.client.tables.delete("main.default.managed")


def test_a_patch_with_nothing_to_change_is_refused(caller: Caller) -> None:
    for update in (
        lambda: caller.client.schemas.update("main.default"),
        lambda: caller.client.catalogs.update("main"),
    ):
        with pytest.raises(InvalidParameterValue, match="Nothing to update"):
            update()


# Dashboards


def test_a_dashboard_is_normalised_lies_in_the_tree_and_goes_to_the_trash(caller: Caller) -> None:
    client = caller.client
    draft = {"pages": [{"name": "p", "displayName": "P"}], "datasets": [{"name": "d", "queryLines": ["SELECT 1"]}]}
    made = client.lakeview.create(
        dashboards.Dashboard(display_name="board", parent_path="/Shared", serialized_dashboard=json.dumps(draft)),
        dataset_catalog="main",
        dataset_schema="default",
    )
    assert (made.path, made.parent_path, made.warehouse_id) == ("/Shared/board.lvdash.json", "/Shared", None)
    kept = made.serialized_dashboard or ""
    assert kept.endswith("\n")
    assert json.loads(kept) == {
        "pages": [{"name": "p", "displayName": "P", "pageType": "PAGE_TYPE_CANVAS"}],
        "datasets": [{"name": "d", "queryLines": ["SELECT 1"], "catalog": "main", "schema": "default"}],
    }
    found = client.workspace.get_status("/Workspace/Shared/board.lvdash.json")
    assert (found.object_type, found.resource_id) == (workspace.ObjectType.DASHBOARD, made.dashboard_id)
    with pytest.raises(DatabricksError, match=r"Node with name board\.lvdash\.json already exists"):
        client.lakeview.create(dashboards.Dashboard(display_name="board", parent_path="/Shared"))
    dashboard_id = made.dashboard_id or ""
    renamed = client.lakeview.update(dashboard_id, dashboards.Dashboard(display_name="renamed"))
    assert (renamed.path, renamed.serialized_dashboard) == ("/Shared/renamed.lvdash.json", kept)
    with pytest.raises(NotFound):
        client.workspace.get_status("/Shared/board.lvdash.json")
    client.lakeview.trash(dashboard_id)
    with pytest.raises(NotFound):
        client.workspace.get_status("/Shared/renamed.lvdash.json")
    gone = client.lakeview.get(dashboard_id)
    assert (gone.lifecycle_state, gone.parent_path) == (dashboards.LifecycleState.TRASHED, f"/Users/{caller.name}/Trash")


def test_a_draft_without_pages_is_kept_as_it_was_given(caller: Caller) -> None:
    text = '{ "datasets" : [ ] }'
    made = caller.client.lakeview.create(dashboards.Dashboard(display_name="verbatim", serialized_dashboard=text))
    assert made.serialized_dashboard == text + "\n"
    empty = caller.client.lakeview.create(dashboards.Dashboard(display_name="empty"))
    assert empty.serialized_dashboard == "{}\n"


def test_deleting_a_dashboard_in_the_tree_puts_it_into_the_trash(caller: Caller) -> None:
    made = caller.client.lakeview.create(dashboards.Dashboard(display_name="deleted", parent_path="/Shared"))
    caller.client.workspace.delete("/Shared/deleted.lvdash.json")
    assert caller.client.lakeview.get(made.dashboard_id or "").lifecycle_state is dashboards.LifecycleState.TRASHED
