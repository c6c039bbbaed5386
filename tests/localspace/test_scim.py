"""SCIM: every PATCH form, filters, pages, nested groups, names that change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from localspace.core.errors import ApiError
from localspace.http.scim import apply_patch, parse_filter
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture
def scim(space: LocalWorkspace) -> Iterator[httpx.Client]:
    base = f"{space.host}/api/2.0/accounts/{space.account_id}/scim/v2"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {space.token}"}) as http:
        yield http


def made(scim: httpx.Client, kind: str, **body: Any) -> str:
    answer = scim.post(f"/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("operations", "members"),
    [
        ([{"op": "add", "path": "members", "value": [{"value": "a"}]}], ["a"]),
        ([{"op": "Add", "value": {"members": [{"value": "a"}, {"value": "b"}]}}], ["a", "b"]),
        ([{"op": "add", "path": "members", "value": {"value": "a"}}], ["a"]),
        ([{"op": "add", "path": "members", "value": [{"value": "z"}, {"value": "a"}]}], ["z", "a"]),
        ([{"op": "replace", "path": "members", "value": [{"value": "b"}]}], ["b"]),
        ([{"op": "remove", "path": 'members[value eq "z"]'}], []),
        ([{"op": "remove", "path": "members", "value": [{"value": "z"}]}], []),
        ([{"op": "remove", "path": "members"}], []),
    ],
)
def test_each_patch_form_of_members_means_the_same_everywhere(operations: list[Any], members: list[str]) -> None:
    start = {"members": [{"value": "z"}]}
    expected = [*(["z"] if str(operations[0]["op"]).lower() == "add" and "z" not in members else []), *members]
    found = apply_patch(start, {"Operations": operations})
    assert [one["value"] for one in found["members"]] == expected


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ('displayName eq "Data Team"', True),
        ('displayName eq "data team"', True),
        ('displayName sw "Data" and displayName co "Team"', True),
        ('displayName eq "x" or (displayName ew "Team" and not externalId pr)', True),
        ("members.value eq 7", True),
        ('displayName ne "Data Team"', False),
    ],
)
def test_filters(text: str, hit: bool) -> None:
    assert parse_filter(text)({"displayName": "Data Team", "members": [{"value": "7"}]}) is hit


@pytest.mark.parametrize("text", ["displayName", "displayName like 'x'", '(displayName eq "x"', 'a eq "b" c'])
def test_a_filter_that_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_filter(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("value", [False, "false", "False", [{"value": "false"}], {"active": False}])
def test_every_way_to_deactivate_deactivates(value: Any) -> None:
    patch = {"Operations": [{"op": "replace", "path": "active", "value": value}]}
    assert apply_patch({"active": True}, patch)["active"] is False


def test_lists_filter_page_and_project(scim: httpx.Client) -> None:
    for number in range(5):
        made(scim, "Groups", displayName=f"g{number}", externalId=f"x{number}")
    page = scim.get("/Groups", params={"startIndex": 2, "count": 2, "attributes": "displayName"}).json()
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (5, 2, 2)
    assert [set(one) for one in page["Resources"]] == [{"id", "schemas", "displayName"}] * 2
    found = scim.get("/Groups", params={"filter": 'displayName eq "g3"'}).json()
    assert [one["displayName"] for one in found["Resources"]] == ["g3"]


def test_nested_groups_reach_through_and_a_cycle_is_refused(scim: httpx.Client, space: LocalWorkspace) -> None:
    user = made(scim, "Users", userName="ana@example.com")
    inner = made(scim, "Groups", displayName="inner", members=[{"value": user}])
    outer = made(scim, "Groups", displayName="outer", members=[{"value": inner}])
    identity = space.workspace.repositories.identity
    assert identity.is_account_group_member(user, "outer")
    loop = {"Operations": [{"op": "add", "path": "members", "value": [{"value": outer}]}]}
    assert scim.patch(f"/Groups/{inner}", json=loop).status_code == 400
    assert scim.get(f"/Users/{user}").json()["groups"][0]["display"] == "inner"
    scim.delete(f"/Groups/{inner}")
    assert not identity.is_account_group_member(user, "outer")


def test_errors_have_the_scim_shape(scim: httpx.Client) -> None:
    made(scim, "Groups", displayName="twice")
    again = scim.post("/Groups", json={"displayName": "twice"})
    assert (again.status_code, again.json()["status"]) == (409, "409")
    assert again.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert scim.get("/Groups/1").json()["detail"] == "Group with id 1 not found."
    assert scim.post("/Users", json={"userName": "no mail"}).status_code == 400


def test_a_renamed_group_keeps_its_grants(scim: httpx.Client, space: LocalWorkspace) -> None:
    group = made(scim, "Groups", displayName="before")
    with space.http() as http:
        path = "/api/2.1/unity-catalog/permissions/catalog/main"
        http.patch(path, json={"changes": [{"principal": "before", "add": ["USE_CATALOG"]}]})
        scim.patch(f"/Groups/{group}", json={"Operations": [{"op": "replace", "path": "displayName", "value": "after"}]})
        assert [one["principal"] for one in http.get(path).json()["privilege_assignments"]] == ["after"]
        scim.delete(f"/Groups/{group}")
        assert http.get(path).json()["privilege_assignments"] == []


def test_empty_entitlements_never_show(scim: httpx.Client) -> None:
    group = made(scim, "Groups", displayName="plain", entitlements=[{}])
    assert "entitlements" not in scim.get(f"/Groups/{group}").json()


def test_the_workspace_cannot_change_an_account_group(scim: httpx.Client, space: LocalWorkspace) -> None:
    user = made(scim, "Users", userName="ana@example.com")
    group = made(scim, "Groups", displayName="owned by the account")
    with space.http() as http:
        assign = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals/{group}"
        assert http.put(assign, json={"permissions": ["USER"]}).status_code == 200
        body = {"Operations": [{"op": "add", "path": "members", "value": [{"value": user}]}]}
        assert http.patch(f"/api/2.0/preview/scim/v2/Groups/{group}", json=body).status_code == 403


def test_a_workspace_local_group_is_no_principal_of_the_catalog(space: LocalWorkspace) -> None:
    space.client().groups_v2.create(display_name="local")
    with space.http() as http:
        answer = http.patch(
            "/api/2.1/unity-catalog/permissions/catalog/main",
            json={"changes": [{"principal": "local", "add": ["USE_CATALOG"]}]},
        )
    assert (answer.status_code, answer.json()["error_code"]) == (404, "PRINCIPAL_DOES_NOT_EXIST")
