"""Ways to more rights through the directory that an attacker tried, each with its refusal."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.localspace_server import LocalWorkspace, running_localspace

SCIM = "/api/2.0/preview/scim/v2"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture(scope="module")
def eve(space: LocalWorkspace) -> Iterator[httpx.Client]:
    """Return the client of an administrator of the workspace who is nothing in the account."""
    with space.http() as admin:
        made = admin.post(f"{SCIM}/Users", json={"userName": "eve@bank.example"}).json()
        path = (
            f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals/{made['id']}"
        )
        admin.put(path, json={"permissions": ["ADMIN"]}).raise_for_status()
        admin.post(f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups", json={"displayName": "cleared"}).raise_for_status()
    with space.http(space.mint("eve@bank.example")) as http:
        http.headers["x-id"] = str(made["id"])
        yield http


def is_account_admin(space: LocalWorkspace, http: httpx.Client) -> bool:
    return http.get(f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups").status_code == 200


def test_a_workspace_admin_cannot_make_itself_an_account_admin(space: LocalWorkspace, eve: httpx.Client) -> None:
    me, role = eve.headers["x-id"], [{"value": "account_admin"}]
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    answers = [
        eve.patch(f"{SCIM}/Users/{me}", json=patch | {"Operations": [{"op": "add", "path": "roles", "value": role}]}),
        eve.patch(f"{SCIM}/Users/{me}", json=patch | {"Operations": [{"op": "add", "value": {"roles": role}}]}),
        eve.put(f"{SCIM}/Users/{me}", json={"userName": "eve@bank.example", "roles": role}),
        eve.post(f"{SCIM}/Groups", json={"displayName": "mine", "roles": role, "members": [{"value": me}]}),
        eve.post(f"{SCIM}/ServicePrincipals", json={"displayName": "robot", "roles": role}),
    ]
    assert [one.status_code for one in answers] == [403] * len(answers)
    assert not is_account_admin(space, eve)


@pytest.mark.parametrize("name", ["cleared", "account users", "admin@localspace.example"])
def test_a_service_principal_cannot_take_the_name_of_a_group_or_user(eve: httpx.Client, name: str) -> None:
    answer = eve.post(f"{SCIM}/ServicePrincipals", json={"displayName": "robot", "applicationId": name})
    assert answer.status_code == 400
    assert "UUID" in answer.text


def test_a_workspace_admin_cannot_join_an_account_group(space: LocalWorkspace, eve: httpx.Client) -> None:
    listed = eve.get(f"{SCIM}/Groups").json().get("Resources", [])
    with space.http() as admin:
        found = admin.get(f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups").json()["Resources"]
    cleared = next(one for one in found if one["displayName"] == "cleared")
    assert all(one["displayName"] != "cleared" for one in listed)
    add = {"op": "add", "path": "members", "value": [{"value": eve.headers["x-id"]}]}
    for path in (f"{SCIM}/Groups/{cleared['id']}", f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups/{cleared['id']}"):
        assert eve.patch(path, json={"Operations": [add]}).status_code in (403, 404)


def test_the_control_api_answers_the_admin_of_the_local_workspace_only(space: LocalWorkspace, eve: httpx.Client) -> None:
    calls = [("POST", "tokens"), ("POST", "reset"), ("GET", "info"), ("GET", "requests"), ("PUT", "lag"), ("GET", "inventory")]
    assert {eve.request(method, f"/_localspace/{path}", json={}).status_code for method, path in calls} == {403}


def test_a_deactivated_user_is_out_at_once(space: LocalWorkspace) -> None:
    with space.http() as admin:
        made = admin.post(f"{SCIM}/Users", json={"userName": "gone@bank.example"}).json()
        token = space.mint("gone@bank.example")
        off = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        with space.http(token) as gone:
            assert gone.get(f"{SCIM}/Me").status_code == 200
            admin.patch(f"{SCIM}/Users/{made['id']}", json=off).raise_for_status()
            assert gone.get(f"{SCIM}/Me").status_code == 401
