"""Who gets in: tokens, OAuth, deactivated people, people outside the workspace; error bodies keep quiet."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import PermissionDenied, Unauthenticated
from databricks.sdk.service import iam

from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
ME = "/api/2.0/preview/scim/v2/Me"


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer dapi-no-such-token"}, {"authorization": "Bearer"}, {"authorization": "Basic eDp5"}],
)
def test_without_a_known_token_the_answer_is_401_and_echoes_nothing(space: LocalWorkspace, headers: dict[str, str]) -> None:
    answer = httpx.get(space.host + ME, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert "no-such-token" not in answer.text


def test_a_token_expires_by_the_virtual_clock(space: LocalWorkspace) -> None:
    token = space.client().tokens.create(lifetime_seconds=60).token_value
    assert space.client(token).current_user.me().user_name
    space.control("POST", "clock/tick", {"seconds": 61})
    with pytest.raises(Unauthenticated, match="expired"):
        space.client(token).current_user.me()


def test_a_revoked_token_is_dead(space: LocalWorkspace) -> None:
    made = space.client().tokens.create()
    space.client().tokens.delete(made.token_info.token_id)
    with pytest.raises(Unauthenticated):
        space.client(made.token_value).current_user.me()


def test_a_deactivated_user_is_refused(space: LocalWorkspace) -> None:
    user = space.client().users_v2.create(user_name="eve@example.com")
    token = space.mint("eve@example.com")
    assert space.client(token).current_user.me().user_name == "eve@example.com"
    off = [iam.Patch(op=iam.PatchOp.REPLACE, path="active", value="false")]
    space.client().users_v2.patch(user.id, operations=off)
    with pytest.raises(Unauthenticated):
        space.client(token).current_user.me()


def test_an_account_user_outside_the_workspace_is_kept_out_of_it(space: LocalWorkspace) -> None:
    user = space.account().users_v2.create(user_name="out@example.com")
    client = space.client(space.mint("out@example.com"))
    with pytest.raises(PermissionDenied, match="not assigned"):
        client.current_user.me()
    space.account().workspace_assignment.update(int(space.workspace_id), int(user.id), permissions=[iam.WorkspacePermission.USER])
    assert client.current_user.me().id == user.id


def test_membership_in_an_assigned_group_lets_in(space: LocalWorkspace) -> None:
    account = space.account()
    user = account.users_v2.create(user_name="in@example.com")
    inner = account.groups_v2.create(display_name="inner", members=[iam.ComplexValue(value=user.id)])
    outer = account.groups_v2.create(display_name="outer", members=[iam.ComplexValue(value=inner.id)])
    account.workspace_assignment.update(int(space.workspace_id), int(outer.id), permissions=[iam.WorkspacePermission.USER])
    assert space.client(space.mint("in@example.com")).current_user.me().id == user.id


@pytest.mark.parametrize("plane", ["workspace", "account"])
def test_client_credentials_work_through_the_unmodified_sdk(space: LocalWorkspace, plane: str) -> None:
    robot = space.client().service_principals_v2.create(display_name="robot")
    secret = space.account().service_principal_secrets.create(robot.id).secret
    config = {"host": space.host, "client_id": robot.application_id, "client_secret": secret}
    if plane == "workspace":
        client = WorkspaceClient(config=Config(auth_type="oauth-m2m", **config))
        assert client.current_user.me().id == robot.id
    else:
        account = AccountClient(config=Config(auth_type="oauth-m2m", account_id=space.account_id, **config))
        with pytest.raises(PermissionDenied):
            list(account.groups_v2.list())
        space.account().service_principals_v2.patch(
            robot.id, operations=[iam.Patch(op=iam.PatchOp.ADD, path="roles", value=[{"value": "account_admin"}])]
        )
        assert list(account.groups_v2.list()) == []


@pytest.mark.parametrize("path", ["/oidc/v1/token", "/oidc/accounts/{account}/v1/token"])
def test_a_wrong_secret_is_invalid_client_and_is_not_echoed(space: LocalWorkspace, path: str) -> None:
    robot = space.client().service_principals_v2.create(display_name="robot")
    answer = httpx.post(
        space.host + path.format(account=space.account_id),
        data={"grant_type": "client_credentials", "scope": "all-apis"},
        auth=(str(robot.application_id), "wrong-secret"),
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "wrong-secret" not in answer.text


def test_a_deleted_secret_gives_no_token(space: LocalWorkspace) -> None:
    robot = space.client().service_principals_v2.create(display_name="robot")
    made = space.account().service_principal_secrets.create(robot.id)
    form = {"grant_type": "client_credentials", "client_id": robot.application_id, "client_secret": made.secret}
    assert httpx.post(space.host + "/oidc/v1/token", data=form).status_code == 200
    space.account().service_principal_secrets.delete(robot.id, made.id)
    assert httpx.post(space.host + "/oidc/v1/token", data=form).status_code == 401


def test_the_discovery_documents_lead_to_the_token_endpoints(space: LocalWorkspace) -> None:
    config = httpx.get(space.host + "/.well-known/databricks-config").json()
    assert (config["workspace_id"], config["account_id"]) == (space.workspace_id, space.account_id)
    document = httpx.get(config["oidc_endpoint"] + "/.well-known/oauth-authorization-server").json()
    assert document["token_endpoint"] == space.host + "/oidc/v1/token"


def test_no_stored_document_holds_a_clear_token(space: LocalWorkspace) -> None:
    made = space.client().tokens.create().token_value
    stored = (space.workspace.location.data_dir / "store.db-wal").read_bytes() + (
        space.workspace.location.data_dir / "store.db"
    ).read_bytes()
    assert made.encode() not in stored
    assert space.token.encode() not in stored


def test_me_names_the_workspace_in_its_header(space: LocalWorkspace) -> None:
    with space.http() as http:
        assert http.get(ME).headers["x-databricks-org-id"] == space.workspace_id


def test_an_unknown_route_is_a_loud_501(space: LocalWorkspace) -> None:
    with space.http() as http:
        answer = http.post("/api/2.0/nobody/serves%20this", json={})
    assert answer.status_code == 501
    assert answer.json()["message"].startswith("The local workspace does not serve POST /api/2.0/nobody/serves this.")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_400(space: LocalWorkspace, body: bytes) -> None:
    with space.http() as http:
        answer = http.post("/api/2.1/unity-catalog/catalogs", content=body)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "MALFORMED_REQUEST"


def test_the_route_of_tasks_serves_no_other_token(space: LocalWorkspace) -> None:
    statement = {"statement": "SHOW CATALOGS"}
    with space.http() as http:
        answer = http.post("/api/2.0/localspace/sql", json=statement)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    token, _ = space.workspace.services.authenticator.mint(space.workspace.ids.admin_id, scope="task")
    with space.http(token) as http:
        answer = http.post("/api/2.0/localspace/sql", json=statement)
    assert answer.status_code == 200
    assert ["main"] in answer.json()["rows"]
