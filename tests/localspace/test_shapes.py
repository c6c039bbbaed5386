"""A field of the wrong JSON type is refused with its place, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
UC = "/api/2.1/unity-catalog"
WRONG: tuple[Any, ...] = (1, True, 1.5, ["x"], {"a": 1}, [[]], "\ud800", "\x1f")


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{UC}/schemas", {"name": "s", "catalog_name": "main"}),
        ("PATCH", f"{UC}/schemas/main.default", {"owner": "admin@localspace.example"}),
        ("PATCH", f"{UC}/permissions/catalog/main", {"changes": [{"principal": "account users", "add": ["SELECT"]}]}),
        ("POST", "/api/2.1/tag-policies", {"tag_key": "k", "values": [{"name": "v"}]}),
        ("POST", "/api/2.0/secrets/scopes/create", {"scope": "s"}),
        ("POST", "/api/2.0/preview/scim/v2/Groups", {"displayName": "g", "members": [{"value": "x"}]}),
        ("POST", "/api/2.0/preview/scim/v2/Users", {"userName": "a@example.com", "name": {"givenName": "A"}}),
    ],
)
def test_no_wrong_type_is_an_internal_error_or_stored(
    space: LocalWorkspace, method: str, path: str, body: dict[str, Any]
) -> None:
    before = space.workspace.store.version
    with space.http() as http:
        for name in body:
            for wrong in WRONG:
                if isinstance(wrong, str) and isinstance(body[name], (list, dict)) is False and "scim" in path:
                    continue  # SCIM display names may hold anything that can be stored
                if isinstance(wrong, dict) and isinstance(body[name], dict):
                    continue
                text = _json(body | {name: wrong})
                answer = http.request(method, path, content=text)
                assert 400 <= answer.status_code < 500, (name, wrong, answer.text)
    assert space.workspace.store.version == before


def _json(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()


def test_the_location_is_named(space: LocalWorkspace) -> None:
    with space.http() as http:
        body = {"changes": [{"principal": 7}]}
        answer = http.patch(f"{UC}/permissions/catalog/main", json=body)
    assert answer.json()["message"] == "changes[0].principal must be a string."


def test_unknown_fields_of_any_type_are_ignored(space: LocalWorkspace) -> None:
    with space.http() as http:
        body = {"name": "kept", "catalog_name": "main", "new_field": [1, {"x": None}]}
        assert "new_field" not in http.post(f"{UC}/schemas", json=body).json()
