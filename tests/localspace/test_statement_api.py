"""The life of a statement on the wire, with an engine that is a toy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from databricks.sdk.service import sql

from localspace.sql import statement_service
from localspace.sql.statement_kinds import is_read
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
PATH = "/api/2.0/sql/statements"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        running.client().users_v2.create(user_name="eve@example.com")
        yield running


@pytest.fixture
def http(space: LocalWorkspace) -> Iterator[httpx.Client]:
    with space.http() as client:
        yield client


def run(http: httpx.Client, space: LocalWorkspace, statement: str, **options: Any) -> httpx.Response:
    return http.post(PATH, json={"statement": statement, "warehouse_id": space.warehouse_id, **options})


def test_a_failed_statement_is_a_200_with_its_error(http: httpx.Client, space: LocalWorkspace) -> None:
    answer = run(http, space, "FAIL")
    assert answer.status_code == 200
    status = answer.json()["status"]
    assert (status["state"], status["sql_state"], status["error"]["error_code"]) == ("FAILED", "42P01", "BAD_REQUEST")
    assert status["error"]["message"] == ("[TABLE_OR_VIEW_NOT_FOUND] The table `x` cannot be found. SQLSTATE: 42P01")


def test_an_engine_that_breaks_is_a_failed_statement_not_a_lost_one(http: httpx.Client, space: LocalWorkspace) -> None:
    status = run(http, space, "BREAK").json()["status"]
    assert (status["state"], status["error"]["error_code"]) == ("FAILED", "INTERNAL_ERROR")
    assert "ZeroDivisionError" in status["error"]["message"]


def test_a_long_statement_never_blocks_the_control_plane(http: httpx.Client, space: LocalWorkspace) -> None:
    slow = run(http, space, "SLEEP 60", wait_timeout="0s").json()
    assert slow["status"]["state"] in ("PENDING", "RUNNING")
    for _ in range(20):
        assert http.get("/api/2.1/unity-catalog/catalogs").status_code == 200
    assert http.get(f"{PATH}/{slow['statement_id']}").json()["status"]["state"] in ("PENDING", "RUNNING")
    http.post(f"{PATH}/{slow['statement_id']}/cancel")


def test_waiting_ends_with_the_statement_or_with_the_timeout(http: httpx.Client, space: LocalWorkspace) -> None:
    assert run(http, space, "SLEEP 0.1", wait_timeout="5s").json()["status"]["state"] == "SUCCEEDED"


def test_cancel_wins_at_once_and_a_late_result_is_not_shown(http: httpx.Client, space: LocalWorkspace) -> None:
    slow = run(http, space, "SLEEP 20", wait_timeout="0s").json()["statement_id"]
    http.post(f"{PATH}/{slow}/cancel")
    body = http.get(f"{PATH}/{slow}").json()
    assert (body["status"]["state"], "result" in body) == ("CANCELED", False)


def test_cells_are_strings_and_big_results_come_in_chunks(http: httpx.Client, space: LocalWorkspace) -> None:
    body = run(http, space, "SELECT 12000 ROWS").json()
    assert body["manifest"]["total_chunk_count"] == 3
    rows = list(body["result"]["data_array"])
    link = body["result"].get("next_chunk_internal_link")
    while link:
        chunk = http.get(link).json()
        rows += chunk["data_array"]
        link = chunk.get("next_chunk_internal_link")
    assert rows == [[str(at), None] for at in range(12_000)]
    assert http.get(f"{PATH}/{body['statement_id']}/result/chunks/3").status_code == 400


@pytest.mark.parametrize(("limit", "rows"), [({"row_limit": 3}, 3), ({"byte_limit": 25}, 5), ({"row_limit": 10}, 10)])
def test_limits_truncate_and_say_so(http: httpx.Client, space: LocalWorkspace, limit: dict[str, int], rows: int) -> None:
    manifest = run(http, space, "SELECT 10 ROWS", **limit).json()["manifest"]
    assert (manifest["total_row_count"], manifest["truncated"]) == (rows, rows < 10)


def test_parameters_reach_the_engine_with_their_types(http: httpx.Client, space: LocalWorkspace) -> None:
    given = [{"name": "a", "value": "1", "type": "INT"}, {"name": "b"}]
    assert run(http, space, "ECHO", parameters=given).json()["result"]["data_array"] == [["a", "INT", "1"], ["b", None, None]]


@pytest.mark.parametrize(
    "options",
    [
        {"wait_timeout": "3s"},
        {"wait_timeout": "51s"},
        {"wait_timeout": "soon"},
        {"on_wait_timeout": "STOP"},
        {"wait_timeout": "0s", "on_wait_timeout": "CANCEL"},
        {"parameters": [{"value": "x"}]},
        {"row_limit": "many"},
        {"parameters": [{"name": "x", "value": 1}]},
        {"format": "CSV"},
        {"warehouse_id": ""},
        {"statement": ""},
    ],
)
def test_a_request_that_makes_no_sense_is_a_400(http: httpx.Client, space: LocalWorkspace, options: dict[str, Any]) -> None:
    body = {"statement": "SELECT 1 ROWS", "warehouse_id": space.warehouse_id, **options}
    assert http.post(PATH, json=body).status_code == 400


def test_a_missing_warehouse_is_a_404(http: httpx.Client) -> None:
    assert http.post(PATH, json={"statement": "SELECT 1 ROWS", "warehouse_id": "nope"}).status_code == 404


def test_only_who_ran_a_statement_may_read_it(http: httpx.Client, space: LocalWorkspace) -> None:
    mine = run(http, space, "SELECT 1 ROWS").json()["statement_id"]
    with space.http(space.mint("eve@example.com")) as eve:
        assert eve.get(f"{PATH}/{mine}").status_code == 403
        assert run(eve, space, "SELECT 1 ROWS").status_code == 403
        entry = {"user_name": "eve@example.com", "permission_level": "CAN_USE"}
        http.patch(f"/api/2.0/permissions/warehouses/{space.warehouse_id}", json={"access_control_list": [entry]})
        assert run(eve, space, "SELECT 1 ROWS").status_code == 200


def test_the_oldest_of_many_statements_are_forgotten_but_none_that_runs(
    http: httpx.Client, space: LocalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement_service, "KEPT_STATEMENTS", 5)
    slow = run(http, space, "SLEEP 60", wait_timeout="0s").json()["statement_id"]
    made = [run(http, space, "SELECT 1 ROWS").json()["statement_id"] for _ in range(8)]
    found = [http.get(f"{PATH}/{one}").status_code for one in [slow, *made]]
    http.post(f"{PATH}/{slow}/cancel")
    assert found == [200] + [404] * 4 + [200] * 4


def test_a_result_is_kept_for_an_hour(http: httpx.Client, space: LocalWorkspace) -> None:
    old = run(http, space, "SELECT 1 ROWS").json()["statement_id"]
    space.control("POST", "clock/tick", {"seconds": 3599})
    assert http.get(f"{PATH}/{old}").status_code == 200
    space.control("POST", "clock/tick", {"seconds": 2})
    assert http.get(f"{PATH}/{old}").status_code == 404


def test_a_stopped_warehouse_starts_with_the_next_statement(http: httpx.Client, space: LocalWorkspace) -> None:
    client = space.client()
    client.warehouses.stop(space.warehouse_id)
    run(http, space, "SELECT 1 ROWS")
    assert client.warehouses.get(space.warehouse_id).state is sql.State.RUNNING


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("SELECT 1", True),
        ("  -- c\n with a as (select 1) select * from a", True),
        ("/* x */ show tables", True),
        ("DESCRIBE t", True),
        ("INSERT INTO t VALUES (1)", False),
        ("selection", False),
        ("CREATE TABLE t (a INT)", False),
    ],
)
def test_reading_statements_are_told_by_their_first_word(text: str, reads: bool) -> None:
    assert is_read(text) is reads
