"""A cached response is never an old one: after any change, for any caller and any query, a list says what is there now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

UC = "/api/2.1/unity-catalog"
LIST = {"catalog_name": "main", "schema_name": "kept"}


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        running.external_location("b", "s3://b")
        with running.http() as http:
            assert http.post(f"{UC}/schemas", json={"name": "kept", "catalog_name": "main"}).is_success
        _make(running, "one")
        yield running


def _make(space: LocalWorkspace, name: str) -> None:
    columns = [{"name": "c", "type_text": "string", "type_name": "STRING"}]
    table = LIST | {"name": name, "table_type": "EXTERNAL", "storage_location": f"s3://b/{name}", "columns": columns}
    with space.http() as http:
        assert http.post(f"{UC}/tables", json=table).is_success


def _listed(space: LocalWorkspace, token: str | None = None, **query: str) -> list[dict[str, Any]]:
    with space.http(token) as http:
        first, again = (http.get(f"{UC}/tables", params=LIST | query) for _ in range(2))
    assert first.content == again.content
    return list(first.json().get("tables", ()))


def test_a_table_that_came_changed_or_went_shows_at_once(space: LocalWorkspace) -> None:
    assert [t["name"] for t in _listed(space)] == ["one"]
    _make(space, "two")
    assert [t["name"] for t in _listed(space)] == ["one", "two"]
    with space.http() as http:
        assert http.patch(f"{UC}/tables/main.kept.two", json={"comment": "changed"}).is_success
        assert _listed(space)[1]["comment"] == "changed"
        assert http.delete(f"{UC}/tables/main.kept.one").is_success
    assert [t["name"] for t in _listed(space)] == ["two"]


def test_each_query_has_an_answer_of_its_own(space: LocalWorkspace) -> None:
    assert "columns" in _listed(space)[0]
    assert "columns" not in _listed(space, omit_columns="true")[0]
    assert "columns" in _listed(space)[0]


def test_a_privilege_that_is_granted_or_revoked_shows_at_once(space: LocalWorkspace) -> None:
    made = space.account().users_v2.create(user_name="eve@bank.example")
    seats = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals/{made.id}"
    eve = space.mint("eve@bank.example")
    with space.http() as http:
        assert http.put(seats, json={"permissions": ["USER"]}).is_success
        grants = f"{UC}/permissions/catalog/main"
        for change, seen in (("add", ["one"]), ("remove", []), ("add", ["one"])):
            body = {"changes": [{"principal": "eve@bank.example", change: ["BROWSE"]}]}
            assert http.patch(grants, json=body).is_success
            with space.http(eve) as hers:
                answer = hers.get(f"{UC}/tables", params=LIST)
            assert [t["name"] for t in answer.json().get("tables", ())] == seen, answer.text
        assert [t["name"] for t in _listed(space)] == ["one"]


def test_while_memberships_settle_nothing_is_kept(space: LocalWorkspace) -> None:
    made = space.account().users_v2.create(user_name="eve@bank.example")
    group = space.account().groups_v2.create(display_name="readers")
    seats = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals/{made.id}"
    with space.http() as http:
        assert http.put(seats, json={"permissions": ["USER"]}).is_success
        body = {"changes": [{"principal": "readers", "add": ["BROWSE"]}]}
        assert http.patch(f"{UC}/permissions/catalog/main", json=body).is_success
    eve = space.mint("eve@bank.example")
    space.control("PUT", "lag", {"memberships": 30})
    _join(space, str(group.id), str(made.id))

    def seen() -> list[str]:
        with space.http(eve) as hers:
            return [t["name"] for t in hers.get(f"{UC}/tables", params=LIST).json().get("tables", ())]

    assert seen() == []
    space.workspace.repositories.clock._offset_ms += 31_000  # time passes, and nothing is written
    assert seen() == ["one"]


def _join(space: LocalWorkspace, group: str, member: str) -> None:
    path = f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups/{group}"
    body = {"Operations": [{"op": "add", "path": "members", "value": [{"value": member}]}]}
    with space.http() as http:
        assert http.patch(path, json=body).is_success
