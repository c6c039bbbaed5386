"""A service principal as the caller, the identity of every CI: the unmodified SDK does as it what it does as a user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.service import catalog, iam, jobs, serving, sql
from databricks.sdk.service import workspace as tree

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
CALLERS = ("user", "plain robot", "admin robot")


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(scope="module")
def callers(space: LocalWorkspace) -> dict[str, tuple[WorkspaceClient, str]]:
    """Return a client and the name of each caller."""
    account, here = space.account(), int(space.workspace_id)
    user = account.users_v2.create(user_name="uma@bank.example")
    found = {"user": (user.id, user.user_name)}
    for label in ("plain robot", "admin robot"):
        robot = account.service_principals_v2.create(display_name=label)
        found[label] = (robot.id, robot.application_id)
    for label, (number, _) in found.items():
        level = iam.WorkspacePermission.ADMIN if label == "admin robot" else iam.WorkspacePermission.USER
        account.workspace_assignment.update(here, int(number), permissions=[level])
    return {label: (space.client(space.mint(name)), name) for label, (_, name) in found.items()}


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest, callers: dict[str, tuple[WorkspaceClient, str]]) -> tuple[WorkspaceClient, str]:
    return callers[request.param]


def named(name: str, level: str) -> iam.AccessControlRequest:
    """Return an entry as the clients write it: they take the name of Me for a user's."""
    return iam.AccessControlRequest(user_name=name, permission_level=iam.PermissionLevel(level))


def levels(answer: iam.ObjectPermissions) -> dict[str | None, set[str]]:
    """Return the levels that each principal has directly on an object."""
    return {
        one.user_name or one.service_principal_name or one.group_name: {
            p.permission_level.value for p in one.all_permissions if not p.inherited
        }
        for one in answer.access_control_list
    }


def test_me_is_the_name_that_everything_takes(caller: tuple[WorkspaceClient, str]) -> None:
    client, name = caller
    assert client.current_user.me().user_name == name


@pytest.mark.parametrize("home", [True, False], ids=["home", "shared"])
def test_permissions_of_folders_and_notebooks(caller: tuple[WorkspaceClient, str], home: bool) -> None:
    client, name = caller
    folder = f"{f'/Users/{name}' if home else '/Shared'}/work-{name}"
    client.workspace.mkdirs(folder)
    client.workspace.import_(
        f"{folder}/nb", content="cHJpbnQoMSk=", language=tree.Language.PYTHON, format=tree.ImportFormat.SOURCE
    )
    for kind, path in (("directories", folder), ("notebooks", f"{folder}/nb")):
        number = str(client.workspace.get_status(path).object_id)
        users = iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_RUN)
        client.permissions.set(kind, number, access_control_list=[named(name, "CAN_MANAGE"), users])
        held = levels(client.permissions.get(kind, number))
        assert (held[name], held["users"]) == ({"CAN_MANAGE"}, {"CAN_RUN"})
        client.permissions.update(kind, number, access_control_list=[named(name, "CAN_EDIT")])
        assert "CAN_EDIT" in levels(client.permissions.get(kind, number))[name]
        assert client.permissions.get_permission_levels(kind, number).permission_levels


def test_permissions_of_warehouses_and_endpoints(callers: dict[str, tuple[WorkspaceClient, str]], space: LocalWorkspace) -> None:
    client, name = callers["admin robot"]
    entry = sql.WarehouseAccessControlRequest(user_name=name, permission_level=sql.WarehousePermissionLevel.CAN_USE)
    made = client.warehouses.create(name="robots", cluster_size="2X-Small", max_num_clusters=1).response
    for warehouse in (made.id, space.warehouse_id):
        answer = client.warehouses.set_permissions(warehouse, access_control_list=[entry])
        assert name in {one.service_principal_name for one in answer.access_control_list}
    endpoint = client.serving_endpoints.get("databricks-claude-sonnet-4").id
    query = serving.ServingEndpointPermissionLevel.CAN_QUERY
    wanted = serving.ServingEndpointAccessControlRequest(user_name=name, permission_level=query)
    found = client.serving_endpoints.set_permissions(endpoint, access_control_list=[wanted])
    assert name in {one.service_principal_name for one in found.access_control_list}
    other, _ = callers["plain robot"]
    with pytest.raises(PermissionDenied):
        other.warehouses.set_permissions(made.id, access_control_list=[entry])


def test_a_job_runs_as_the_caller_named_as_a_user(caller: tuple[WorkspaceClient, str]) -> None:
    client, name = caller
    owner = jobs.JobAccessControlRequest(user_name=name, permission_level=jobs.JobPermissionLevel.IS_OWNER)
    condition = jobs.ConditionTask(op=jobs.ConditionTaskOp.EQUAL_TO, left="1", right="1")
    task = jobs.Task(task_key="t", condition_task=condition)
    made = client.jobs.create(name="ci", tasks=[task], run_as=jobs.JobRunAs(user_name=name), access_control_list=[owner])
    found = client.jobs.get(made.job_id)
    assert (found.creator_user_name, found.run_as_user_name) == (name, name)
    client.jobs.delete(made.job_id)


def test_grants_take_the_application_id(caller: tuple[WorkspaceClient, str], space: LocalWorkspace) -> None:
    _, name = caller
    change = catalog.PermissionsChange(principal=name, add=[catalog.Privilege.USE_CATALOG])
    answer = space.client().grants.update("catalog", "main", changes=[change])
    assert name in {one.principal for one in answer.privilege_assignments}


def test_a_user_is_no_service_principal(callers: dict[str, tuple[WorkspaceClient, str]], space: LocalWorkspace) -> None:
    client, name = callers["user"]
    number = str(client.workspace.get_status(f"/Users/{name}").object_id)
    wrong = iam.AccessControlRequest(service_principal_name=name, permission_level=iam.PermissionLevel.CAN_READ)
    with pytest.raises(NotFound):
        client.permissions.update("directories", number, access_control_list=[wrong])
    with pytest.raises(NotFound):
        space.client().jobs.create(name="x", run_as=jobs.JobRunAs(service_principal_name=name))


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("text", ["applicationId eq {}", "not (applicationId ne {})", "applicationId eq {} and active eq 'true'"])
def test_filters_take_both_quotes(
    space: LocalWorkspace, callers: dict[str, tuple[WorkspaceClient, str]], quote: str, text: str
) -> None:
    client, name = callers["plain robot"]
    asked = text.format(quote + name + quote)
    for service in (client.service_principals_v2, space.account().service_principals_v2):
        assert [one.application_id for one in service.list(filter=asked)] == [name]


def test_the_application_id_is_always_answered(space: LocalWorkspace, callers: dict[str, tuple[WorkspaceClient, str]]) -> None:
    _, name = callers["plain robot"]
    client = space.client()
    found = next(iter(client.service_principals_v2.list(filter=f"applicationId eq '{name}'", attributes="id,displayName")))
    assert (found.application_id, found.display_name, found.active) == (name, "plain robot", None)
    assert client.service_principals_v2.get(found.id).application_id == name


def test_who_is_no_account_admin_is_refused_at_the_account(caller: tuple[WorkspaceClient, str], space: LocalWorkspace) -> None:
    account = space.account(space.mint(caller[1]))
    calls = (
        lambda: list(account.workspaces.list()),
        lambda: list(account.metastores.list()),
        lambda: list(account.credentials.list()),
        lambda: list(account.service_principals_v2.list()),
        lambda: list(account.workspace_assignment.list(int(space.workspace_id))),
    )
    for call in calls:
        with pytest.raises(PermissionDenied, match="account admin"):
            call()
