"""An account: workspaces with hosts of their own, metastores, cloud configuration; the unmodified SDK drives all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    BadRequest,
    InvalidState,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    TemporarilyUnavailable,
    Unauthenticated,
)
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam, settings
from databricks.sdk.service import provisioning as pv

from localspace.api.coverage import ACCOUNT_TEST, table
from localspace.server.account import Account
from localspace.server.routes import ROUTES
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server


def apart(account: Account) -> None:
    """Give the account a host of its own, a second workspace and a second metastore."""
    account.separate()
    account.launch(2, 2)


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner, prepare=apart) as running:
        yield running


def hosts(space: LocalWorkspace) -> list[str]:
    return [one.location.address for one in space.server.workspaces.values()]


def made_workspace(space: LocalWorkspace, name: str, **fields: Any) -> tuple[Any, str]:
    """Make a workspace, let the virtual clock pass its provisioning; return it and its host."""
    waiter = space.account().workspaces.create(workspace_name=name, **fields)
    space.control("POST", "clock/tick", {"seconds": 60})
    found = space.account().workspaces.get(waiter.response.workspace_id)
    return found, space.server.address_of(str(found.workspace_id))


# The two planes


def test_a_client_on_the_wrong_host_gets_the_platforms_error(space: LocalWorkspace) -> None:
    account_host = space.server.location.address
    for host in hosts(space):
        with pytest.raises(NotFound, match=f"Endpoint not found for /2.0/accounts/{space.account_id}/workspaces"):
            list(space.account(host=host).workspaces.list())
    w = space.client(host=account_host)
    calls = (w.current_user.me, lambda: list(w.catalogs.list()), lambda: list(w.warehouses.list()), w.metastores.summary)
    for call in calls:
        with pytest.raises(NotFound, match=r"Endpoint not found for /2\.[01]/"):
            call()


def test_the_hosts_tell_clients_what_they_are(space: LocalWorkspace) -> None:
    account = Config(host=space.server.location.address, token="x")
    assert (account.account_id, account.workspace_id) == (space.account_id, None)
    told = httpx.get(space.server.location.address + "/.well-known/databricks-config").json()
    assert (told["host_type"], "workspace_id" in told) == ("account", False)
    for one in space.server.workspaces.values():
        config = Config(host=one.location.address, token="x")
        assert (config.account_id, config.workspace_id) == (space.account_id, one.workspace_id)
        assert httpx.get(one.location.address + "/.well-known/databricks-config").json()["host_type"] == "workspace"
        assert space.client(host=one.location.address).get_workspace_id() == int(one.workspace_id)


def test_one_workspace_alone_has_one_host_for_both_planes() -> None:
    with running_localspace(build_runner=fake_runner) as alone:
        assert [one.workspace_name for one in alone.account().workspaces.list()] == ["localspace"]
        assert alone.client().current_user.me().user_name == "admin@localspace.example"
        assert "host_type" not in httpx.get(alone.host + "/.well-known/databricks-config").json()
        _, host = made_workspace(alone, "second")
        assert alone.client(host=host).current_user.me().user_name == "admin@localspace.example"
        with pytest.raises(NotFound, match="Endpoint not found"):
            list(alone.account(host=host).workspaces.list())
        with pytest.raises(BadRequest, match="host also serves the account"):
            alone.account().workspaces.delete(int(alone.workspace_id))


# Workspaces


def test_a_workspace_is_provisioned_on_the_virtual_clock(space: LocalWorkspace) -> None:
    a = space.account()
    made = a.workspaces.create(workspace_name="slow", aws_region="us-east-1").response
    host = space.server.address_of(str(made.workspace_id))
    assert made.workspace_status is pv.WorkspaceStatus.PROVISIONING
    with pytest.raises((TemporarilyUnavailable, TimeoutError)):
        space.client(host=host, retry_timeout_seconds=1).current_user.me()
    space.control("POST", "clock/tick", {"seconds": 60})
    assert a.workspaces.get(made.workspace_id).workspace_status is pv.WorkspaceStatus.RUNNING
    w = space.client(host=host)
    assert [one.name for one in w.warehouses.list()] == ["Serverless Starter Warehouse"]
    assert {one.display_name for one in w.groups_v2.list()} == {"admins", "users"}
    with pytest.raises(ResourceAlreadyExists, match="slow"):
        a.workspaces.create(workspace_name="slow")
    a.workspaces.update(made.workspace_id, customer_facing_workspace=pv.Workspace(workspace_name="quick"))
    assert a.workspaces.get(made.workspace_id).workspace_name == "quick"
    a.workspaces.delete(made.workspace_id)
    with pytest.raises(NotFound):
        a.workspaces.get(made.workspace_id)
    with pytest.raises(httpx.ConnectError):
        httpx.get(host)


def test_a_workspace_refers_to_configurations_that_exist(space: LocalWorkspace) -> None:
    a = space.account()
    with pytest.raises(BadRequest, match="Credentials nowhere does not exist"):
        a.workspaces.create(workspace_name="lost", credentials_id="nowhere")
    role = pv.CreateCredentialAwsCredentials(sts_role=pv.CreateCredentialStsRole(role_arn="arn:aws:iam::1:role/x"))
    credentials = a.credentials.create("cross", role)
    storage = a.storage.create("root", pv.RootBucketInfo(bucket_name="bucket"))
    network = a.networks.create(network_name="net", vpc_id="vpc-1", subnet_ids=["s-1", "s-2"], security_group_ids=["sg-1"])
    access = a.private_access.create(private_access_settings_name="pas", region="us-east-1", public_access_enabled=True)
    key = a.encryption_keys.create([pv.KeyUseCase.STORAGE], aws_key_info=pv.CreateAwsKeyInfo(key_arn="arn:k"))
    endpoint = a.vpc_endpoints.create(vpc_endpoint_name="end", region="us-east-1", aws_vpc_endpoint_id="vpce-1")
    made, _ = made_workspace(
        space,
        "hybrid",
        credentials_id=credentials.credentials_id,
        storage_configuration_id=storage.storage_configuration_id,
        network_id=network.network_id,
        private_access_settings_id=access.private_access_settings_id,
        storage_customer_managed_key_id=key.customer_managed_key_id,
    )
    assert made.compute_mode is pv.CustomerFacingComputeMode.HYBRID
    attached = a.networks.get(network.network_id)
    assert (network.vpc_status, attached.vpc_status) == (pv.VpcStatus.UNATTACHED, pv.VpcStatus.VALID)
    assert attached.workspace_id == made.workspace_id
    used = (
        lambda: a.credentials.delete(credentials.credentials_id),
        lambda: a.storage.delete(storage.storage_configuration_id),
        lambda: a.networks.delete(network.network_id),
        lambda: a.private_access.delete(access.private_access_settings_id),
        lambda: a.encryption_keys.delete(key.customer_managed_key_id),
    )
    for call in used:
        with pytest.raises(InvalidState, match=f"is used by workspace {made.workspace_id}"):
            call()
    a.workspaces.delete(made.workspace_id)
    for call in used:
        call()
    a.vpc_endpoints.delete(endpoint.vpc_endpoint_id)


def test_configurations_are_answered_as_they_were_given(space: LocalWorkspace) -> None:
    a = space.account()
    role = pv.CreateCredentialAwsCredentials(sts_role=pv.CreateCredentialStsRole(role_arn="arn:aws:iam::1:role/y"))
    credentials = a.credentials.create("kept", role)
    assert credentials.as_dict() == a.credentials.get(credentials.credentials_id).as_dict()
    assert credentials.as_dict() in [one.as_dict() for one in a.credentials.list()]
    with pytest.raises(ResourceAlreadyExists):
        a.credentials.create("kept", role)
    storage = a.storage.create("kept", pv.RootBucketInfo(bucket_name="b"))
    assert a.storage.get(storage.storage_configuration_id).as_dict() in [one.as_dict() for one in a.storage.list()]
    assert "role_arn" not in storage.as_dict()
    network = a.networks.create(network_name="kept")
    assert a.networks.get(network.network_id).as_dict() == network.as_dict()
    assert network.network_id in {one.network_id for one in a.networks.list()}
    access = a.private_access.create(private_access_settings_name="kept", region="us-east-1")
    assert access.private_access_level is pv.PrivateAccessLevel.ACCOUNT
    changed = pv.PrivateAccessSettings(private_access_settings_name="new", region="us-east-1", public_access_enabled=True)
    a.private_access.replace(access.private_access_settings_id, changed)
    assert a.private_access.get(access.private_access_settings_id).public_access_enabled is True
    assert [one.private_access_settings_name for one in a.private_access.list()] == ["new"]
    endpoint = a.vpc_endpoints.create(vpc_endpoint_name="kept", region="us-east-1")
    assert a.vpc_endpoints.get(endpoint.vpc_endpoint_id).as_dict() in [one.as_dict() for one in a.vpc_endpoints.list()]
    key = a.encryption_keys.create([pv.KeyUseCase.MANAGED_SERVICES], aws_key_info=pv.CreateAwsKeyInfo(key_arn="arn:k"))
    assert a.encryption_keys.get(key.customer_managed_key_id).as_dict() in [one.as_dict() for one in a.encryption_keys.list()]
    for call in (lambda: a.storage.get("none"), lambda: a.networks.delete("none"), lambda: a.vpc_endpoints.get("none")):
        with pytest.raises(NotFound):
            call()


def test_network_policies(space: LocalWorkspace) -> None:
    a, here = space.account(), int(space.workspace_id)
    assert a.workspace_network_configuration.get_workspace_network_option_rpc(here).network_policy_id == "default-policy"
    a.network_policies.create_network_policy_rpc(settings.AccountNetworkPolicy(network_policy_id="closed"))
    assert a.network_policies.get_network_policy_rpc("closed").as_dict() == {
        "network_policy_id": "closed",
        "account_id": space.account_id,
    }
    option = settings.WorkspaceNetworkOption(network_policy_id="closed", workspace_id=here)
    a.workspace_network_configuration.update_workspace_network_option_rpc(here, option)
    with pytest.raises(InvalidState, match="is used by workspace"):
        a.network_policies.delete_network_policy_rpc("closed")
    mode = settings.EgressNetworkPolicyNetworkAccessPolicyRestrictionMode.RESTRICTED_ACCESS
    egress = settings.NetworkPolicyEgress(network_access=settings.EgressNetworkPolicyNetworkAccessPolicy(restriction_mode=mode))
    a.network_policies.update_network_policy_rpc("closed", settings.AccountNetworkPolicy(egress=egress))
    assert a.network_policies.get_network_policy_rpc("closed").egress.as_dict() == egress.as_dict()
    a.workspace_network_configuration.update_workspace_network_option_rpc(here, settings.WorkspaceNetworkOption())
    a.network_policies.delete_network_policy_rpc("closed")
    assert [one.network_policy_id for one in a.network_policies.list_network_policies_rpc()] == ["default-policy"]


# Metastores


def test_a_metastore_is_assigned_changed_and_deleted_with_force(space: LocalWorkspace) -> None:
    a = space.account()
    workspace, host = made_workspace(space, "bare")
    w = space.client(host=host)
    for call in (w.metastores.current, w.metastores.summary, lambda: list(w.catalogs.list()), lambda: w.catalogs.create("c")):
        with pytest.raises(NotFound, match="No metastore assigned for the current workspace"):
            call()
    made = a.metastores.create(metastore_info=uc.CreateAccountsMetastore(name="third", region="eu-west-1")).metastore_info
    assert (made.region, list(a.metastore_assignments.list(made.metastore_id))) == ("eu-west-1", [])
    a.metastore_assignments.create(workspace.workspace_id, made.metastore_id)
    assert w.metastores.current().metastore_id == made.metastore_id
    w.catalogs.create("kept")
    w.schemas.create("s", "kept")
    for call in (lambda: a.metastores.delete(made.metastore_id), lambda: w.metastores.delete(made.metastore_id)):
        with pytest.raises(BadRequest, match="not empty"):
            call()
    # Another metastore shows its own tree, and the first one keeps what it had.
    body = uc.UpdateMetastoreAssignment(metastore_id=space.metastore_id, workspace_id=workspace.workspace_id)
    a.metastore_assignments.update(workspace.workspace_id, made.metastore_id, metastore_assignment=body)
    assert "kept" not in {one.name for one in w.catalogs.list()}
    w.metastores.assign(workspace.workspace_id, made.metastore_id, "kept")
    assert "kept" in {one.name for one in w.catalogs.list()}
    assert a.metastore_assignments.get(workspace.workspace_id).metastore_assignment.default_catalog_name == "kept"
    w.metastores.update_assignment(workspace.workspace_id, default_catalog_name="main")
    w.metastores.unassign(workspace.workspace_id, made.metastore_id)
    with pytest.raises(NotFound):
        w.catalogs.get("kept")
    a.metastore_assignments.create(workspace.workspace_id, made.metastore_id)
    a.metastore_assignments.delete(workspace.workspace_id, made.metastore_id)
    with pytest.raises(NotFound, match="No metastore is assigned"):
        a.metastore_assignments.get(workspace.workspace_id)
    a.metastore_assignments.create(workspace.workspace_id, made.metastore_id)
    a.metastores.delete(made.metastore_id, force=True)
    with pytest.raises(NotFound, match="No metastore assigned"):
        list(w.catalogs.list())
    with pytest.raises(NotFound):
        a.metastores.get(made.metastore_id)
    a.workspaces.delete(workspace.workspace_id)


def test_metastores_through_a_workspace(space: LocalWorkspace) -> None:
    w = space.client()
    made = w.metastores.create("local", region="us-east-1")
    assert w.metastores.get(made.metastore_id).name == "local"
    assert w.metastores.update(made.metastore_id, new_name="renamed").name == "renamed"
    assert "renamed" in {one.name for one in w.metastores.list()}
    with pytest.raises(BadRequest):
        w.metastores.create("renamed")
    w.metastores.delete(made.metastore_id)
    with pytest.raises(NotFound):
        w.metastores.get(made.metastore_id)


# People


def test_who_is_assigned_may_log_in_and_nobody_else(space: LocalWorkspace) -> None:
    a = space.account()
    ann = a.users_v2.create(user_name="ann@bank.example")
    robot = a.service_principals_v2.create(display_name="ci")
    first, second = space.server.workspaces.values()
    tokens = {}
    for one in (ann.user_name, robot.application_id):
        with httpx.Client(base_url=space.server.location.address, headers={"authorization": f"Bearer {space.token}"}) as http:
            tokens[one] = http.post("/_localspace/tokens", json={"principal": one}).json()["token"]
    for token in tokens.values():
        with pytest.raises(PermissionDenied, match="not assigned to workspace"):
            space.client(token, host=second.location.address).current_user.me()
    a.workspace_assignment.update(int(second.workspace_id), int(ann.id), permissions=[iam.WorkspacePermission.USER])
    a.workspace_assignment.update(int(second.workspace_id), int(robot.id), permissions=[iam.WorkspacePermission.ADMIN])
    for name, token in tokens.items():
        assert space.client(token, host=second.location.address).current_user.me().user_name == name
        with pytest.raises(PermissionDenied, match="not assigned to workspace"):
            space.client(token, host=first.location.address).current_user.me()
        with pytest.raises(PermissionDenied, match="account admin"):
            list(space.account(token).workspaces.list())
    # An admin of the workspace assigns through its host; a user may not.
    url = "/api/2.0/preview/permissionassignments"
    for name, allowed in ((robot.application_id, True), (ann.user_name, False)):
        with httpx.Client(base_url=second.location.address, headers={"authorization": f"Bearer {tokens[name]}"}) as http:
            assert (
                http.get(url).status_code,
                http.put(f"{url}/principals/{ann.id}", json={"permissions": ["USER"]}).status_code,
            ) == ((200, 200) if allowed else (403, 403))
    listed = {one.principal.principal_id: one.permissions for one in a.workspace_assignment.list(int(second.workspace_id))}
    assert listed[int(robot.id)] == [iam.WorkspacePermission.ADMIN]
    a.workspace_assignment.delete(int(second.workspace_id), int(ann.id))
    with pytest.raises(PermissionDenied):
        space.client(tokens[ann.user_name], host=second.location.address).current_user.me()


def test_a_token_is_good_where_it_was_made(space: LocalWorkspace) -> None:
    a = space.account()
    first, second = hosts(space)
    made = space.client(host=first).tokens.create(comment="mine").token_value
    assert space.client(made, host=first).current_user.me().user_name == "admin@localspace.example"
    with pytest.raises(Unauthenticated):
        space.client(made, host=second).current_user.me()
    with pytest.raises(Unauthenticated):
        list(space.account(made).workspaces.list())
    assert "mine" in {one.comment for one in space.client(host=first).token_management.list()}
    assert "mine" not in {one.comment for one in space.client(host=second).token_management.list()}
    robot = a.service_principals_v2.create(display_name="oauth")
    secret = a.service_principal_secrets.create(robot.id).secret
    for one in space.server.workspaces.values():
        a.workspace_assignment.update(int(one.workspace_id), int(robot.id), permissions=[iam.WorkspacePermission.USER])
    signed_in = {"client_id": robot.application_id, "client_secret": secret}
    for host in (first, second):
        config = Config(host=host, **signed_in, retry_timeout_seconds=2)
        assert WorkspaceClient(config=config).current_user.me().user_name == robot.application_id
    token = Config(host=first, **signed_in).oauth_token().access_token
    with pytest.raises(Unauthenticated):
        space.client(token, host=second).current_user.me()
    # What the account's endpoint gives is good everywhere.
    account = Config(host=space.server.location.address, account_id=space.account_id, **signed_in)
    for host in (first, second):
        assert space.client(account.oauth_token().access_token, host=host).current_user.me().user_name == robot.application_id


def test_every_operation_is_called_in_this_file(space: LocalWorkspace) -> None:
    calls = [node for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.Attribute)]
    pairs = {(node.value.attr, node.attr) for node in calls if isinstance(node.value, ast.Attribute)}
    called = set()
    for client in (space.client(), space.account()):
        for name, service in vars(client).items():
            kind = type(service).__name__.removesuffix("API").removesuffix("Ext")
            called |= {f"{kind}.{method}" for owner, method in pairs if f"_{owner}" == name}
    served = {row["operation"] for row in table(ROUTES) if row["test"] == ACCOUNT_TEST}
    assert len(served) > 45
    assert served - called == set()
