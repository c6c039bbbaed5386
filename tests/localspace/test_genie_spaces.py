"""Genie spaces: the payload checked strictly, version 1 upgraded, the etag, who may read what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localspace.api.serialized_space import read_space
from localspace.core.errors import ApiError
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
SPACES = "/api/2.0/genie/spaces"
A, B = "a" * 32, "b" * 32


def text(**parts: Any) -> str:
    return json.dumps({"version": 2, **parts})


def tables(*items: Any) -> str:
    return text(data_sources={"tables": list(items)})


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("{", "not JSON"),
        ("[]", "Expected 'START_OBJECT' not 'START_ARRAY'"),
        (json.dumps({}), "version must be 1 or 2"),
        (text(colour="red"), "Unknown field 'colour'"),
        (tables({"identifier": "a.b.c", "name": "x"}), "Unknown field 'name' in data_sources.tables[0]"),
        (tables("a.b.c"), "Expected 'START_OBJECT' not 'VALUE_STRING'"),
        (tables({"identifier": "a.b.c", "description": "one"}), "Expected 'START_ARRAY' not 'VALUE_STRING'"),
        (tables({"identifier": "a.b.d"}, {"identifier": "a.b.c"}), "data_sources.tables must be sorted by identifier"),
        (tables({"identifier": "a.b.c"}, {"identifier": "a.b.c"}), "same identifier"),
        (tables(*({"identifier": f"a.b.t{at:02}"} for at in range(31))), "at most 30"),
        (text(config={"sample_questions": [{"id": B}, {"id": A}]}), "must be sorted by id"),
        (text(config={"sample_questions": [{"id": "A" * 32}]}), "32 lowercase hexadecimal"),
        (text(config={"sample_questions": [{"id": A}]}, benchmarks={"questions": [{"id": A}]}), "not unique"),
        (text(instructions={"text_instructions": [{"id": A}, {"id": B}]}), "at most one"),
        (text(instructions={"text_instructions": [{"id": A, "content": ["x" * 25_001]}]}), "25000 characters"),
        (
            tables({"identifier": "a.b.c", "column_configs": [{"column_name": "x", "enable_entity_matching": True}]}),
            "needs enable_format_assistance",
        ),
    ],
)
def test_what_is_wrong_with_a_payload_is_said_with_its_location(payload: str, says: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_space(payload)
    assert caught.value.status == 400
    assert says in caught.value.message


def test_version_1_is_upgraded() -> None:
    old = {
        "version": 1,
        "data_sources": {
            "tables": [
                {
                    "identifier": "a.b.c",
                    "column_configs": [
                        {"column_name": "z", "get_example_values": True},
                        {"column_name": "a", "build_value_dictionary": True},
                    ],
                }
            ]
        },
    }
    new = read_space(json.dumps(old))
    assert new["version"] == 2
    assert new["data_sources"]["tables"][0]["column_configs"] == [
        {"column_name": "a", "enable_entity_matching": True, "enable_format_assistance": True},
        {"column_name": "z", "enable_format_assistance": True},
    ]


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        running.client().users_v2.create(user_name="eve@example.com")
        yield running


def test_the_etag_moves_with_the_payload_alone_and_guards_it(space: LocalWorkspace) -> None:
    with space.http() as http:
        made = http.post(SPACES, json={"warehouse_id": space.warehouse_id, "serialized_space": text(), "title": "T"}).json()
        path = f"{SPACES}/{made['space_id']}"
        same = http.patch(path, json={"title": "U", "serialized_space": text()}).json()
        assert same["etag"] == made["etag"]
        new = text(config={"sample_questions": [{"id": A, "question": ["Why?"]}]})
        moved = http.patch(path, json={"serialized_space": new, "etag": made["etag"]}).json()
        assert moved["etag"] != made["etag"]
        stale = http.patch(path, json={"serialized_space": text(), "etag": made["etag"]})
        assert (stale.status_code, stale.json()["error_code"]) == (409, "ABORTED")
        assert "etag" not in http.get(path).json()


def test_a_space_needs_its_tables_and_a_fitting_warehouse(space: LocalWorkspace) -> None:
    with space.http() as http:
        missing = {"warehouse_id": space.warehouse_id, "serialized_space": tables({"identifier": "main.x.y"})}
        assert "'main.x.y'" in http.post(SPACES, json=missing).json()["message"]
        classic = http.post("/api/2.0/sql/warehouses", json={"name": "c", "cluster_size": "Small"}).json()["id"]
        answer = http.post(SPACES, json={"warehouse_id": classic, "serialized_space": text()})
    assert "Pro or Serverless" in answer.json()["message"]


def test_who_sees_a_space_and_its_payload(space: LocalWorkspace) -> None:
    with space.http() as http, space.http(space.mint("eve@example.com")) as eve:
        made = http.post(SPACES, json={"warehouse_id": space.warehouse_id, "serialized_space": text()}).json()
        path = f"{SPACES}/{made['space_id']}"

        def seen() -> tuple[int, int, int]:
            listed = eve.get(SPACES).json()["spaces"]
            payload = eve.get(path, params={"include_serialized_space": "true"})
            return len(listed), eve.get(path).status_code, payload.status_code

        assert seen() == (0, 403, 403)
        for level, expected in (("CAN_READ", (1, 200, 403)), ("CAN_RUN", (1, 200, 403)), ("CAN_EDIT", (1, 200, 200))):
            entry = {"user_name": "eve@example.com", "permission_level": level}
            put = http.put(f"/api/2.0/permissions/genie/{made['space_id']}", json={"access_control_list": [entry]})
            assert put.json()["object_type"] == "genie"
            assert seen() == expected
        assert eve.delete(path).status_code == 403
        assert http.delete(path).status_code == 200
        assert seen() == (0, 404, 404)
