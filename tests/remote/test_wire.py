"""The wire: bounded, retried where that is safe, silent about secrets; statements and snapshots."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from databricks.sdk.errors.platform import NotFound, ResourceConflict, TooManyRequests

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Call, Workspace, connect
from lampkeeper.remote.failures import Timeouts, redact
from lampkeeper.remote.warehouse import Parameter, require_warehouse, run_sql, warehouse_id
from support.governed_places import Place, light_place


class Script:
    """A wire that answers from a list: exceptions are raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Call] = []

    def send(self, call: Call) -> Any:
        self.sent.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class FastClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def scripted(*answers: Any) -> tuple[Workspace, Script]:
    wire = Script(*answers)
    return Workspace(wire, clock=FastClock(), secrets=("s3cret-token",)), wire


def test_throttling_and_races_are_waited_for() -> None:
    race = ResourceConflict("Operation aborted due to concurrent modification. Please retry.", error_code="ABORTED")
    ws, wire = scripted(TooManyRequests("slow down"), race, {"ok": True})
    assert ws.write("tag_policy", "POST", "/x", {}) == {"ok": True}
    assert len(wire.sent) == 3


def test_a_tag_value_that_policies_do_not_know_yet_is_waited_for_up_to_the_lag() -> None:
    lag = ResourceConflict("[UC_INVALID_POLICY_CONDITION] Invalid tag value 'x'", error_code="INVALID_PARAMETER_VALUE")
    ws, _ = scripted(*[lag] * 100)
    with pytest.raises(RemoteError, match="Invalid tag value"):
        ws.write("policy", "POST", "/policies", {})
    assert 85 <= ws.clock.now() <= 100


def test_a_write_whose_answer_was_lost_is_not_sent_twice_but_a_read_is() -> None:
    lost = requests.exceptions.ReadTimeout("read timed out")
    ws, wire = scripted(lost)
    with pytest.raises(RemoteError, match="does not respond") as error:
        ws.write("genie_space", "POST", "/api/2.0/genie/spaces", {})
    assert error.value.exit_code == 4
    assert len(wire.sent) == 1
    ws, wire = scripted(requests.exceptions.ReadTimeout("read timed out"), {"a": 1})
    assert ws.get("group", "/x") == {"a": 1}
    assert len(wire.sent) == 2


def test_what_is_not_there_is_none_and_other_refusals_are_raised() -> None:
    ws, _ = scripted(NotFound("no", error_code="RESOURCE_DOES_NOT_EXIST"))
    assert ws.find("schema", "/x") is None


def test_secrets_never_show() -> None:
    ws, _ = scripted(ResourceConflict("token s3cret-token and dapi0123456789abcdef, Bearer abc.def", error_code="X"))
    with pytest.raises(RemoteError) as error:
        ws.get("group", "/x")
    assert "s3cret" not in error.value.message
    assert "0123456789abcdef" not in error.value.message
    assert "abc.def" not in error.value.message
    assert redact("Authorization: Bearer eyJabc.def.ghi") == "Authorization: Bearer ***"
    assert "secret-value" not in repr(Auth(client_secret="secret-value", token="secret-value"))


def test_calls_are_counted_by_kind_pages_included() -> None:
    ws, _ = scripted({"policies": [1], "next_page_token": "t"}, {"policies": []}, {})
    assert list(ws.pages("policy", "/p", "policies")) == [1]
    ws.write("tag", "POST", "/t", {})
    assert ws.calls() == {"policy": {"reads": 2, "writes": 0}, "tag": {"reads": 0, "writes": 1}}


def test_a_statement_is_cancelled_when_the_person_gives_up() -> None:
    ws, wire = scripted({"statement_id": "s1", "status": {"state": "RUNNING"}}, KeyboardInterrupt(), {})
    ws.warehouse_id = "w"
    with pytest.raises(KeyboardInterrupt):
        run_sql(ws, "SELECT 1")
    assert wire.sent[-1].path.endswith("/s1/cancel")


def test_a_statement_that_never_ends_is_cancelled_at_the_timeout() -> None:
    running = {"statement_id": "s1", "status": {"state": "RUNNING"}}
    ws, wire = scripted(*[running] * 40)
    ws.warehouse_id = "w"
    with pytest.raises(RemoteError, match="longer than 5 s"):
        run_sql(ws, "SELECT 1", timeout=5)
    assert wire.sent[-1].path.endswith("/s1/cancel")


def test_all_chunks_are_read_and_a_cut_result_is_an_error() -> None:
    head = {"schema": {"columns": [{"name": "A", "type_text": "INT"}]}, "total_chunk_count": 2}
    first = {
        "statement_id": "s", "status": {"state": "SUCCEEDED"}, "manifest": head,
        "result": {"data_array": [["1"]], "next_chunk_index": 1},
    }  # fmt: skip
    ws, _ = scripted(first, {"data_array": [[None]]})
    ws.warehouse_id = "w"
    assert run_sql(ws, "SELECT a").dicts() == [{"a": "1"}, {"a": None}]
    ws, _ = scripted({**first, "manifest": {**head, "truncated": True}})
    ws.warehouse_id = "w"
    with pytest.raises(RemoteError, match="cut"):
        run_sql(ws, "SELECT a")


def test_without_a_warehouse_the_message_says_what_to_do() -> None:
    ws, _ = scripted({"warehouses": []})
    with pytest.raises(RemoteError, match="has no SQL warehouse") as error:
        warehouse_id(ws)
    assert "sql_warehouse_id" in error.value.fix
    ws, _ = scripted({"warehouses": [{"id": "w1", "name": "Starter"}]})
    with pytest.raises(UsageError, match="no warehouse 'ghost'") as wrong:
        require_warehouse(ws, "ghost")
    assert "w1 (Starter)" in wrong.value.fix


@pytest.mark.server
def test_a_server_that_stops_answering_ends_in_bounded_time() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        stop = threading.Event()
        start = time.monotonic()
        timeouts = Timeouts(http=0.3, deadline=1.0)
        ws = connect(Auth(workspace_host=f"http://127.0.0.1:{listener.getsockname()[1]}", token="t"), timeouts=timeouts)
        with pytest.raises(RemoteError, match="does not respond"):
            ws.get("group", "/api/2.0/preview/scim/v2/Me")
        stop.set()
    # One SDK send costs its timeout and a pause of up to 2 s; with the defaults (15 s, 45 s) that ends within a minute.
    assert time.monotonic() - start < 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("wire")) as found:
        found.sql(
            "CREATE CATALOG dev", "CREATE SCHEMA dev.s", "CREATE SCHEMA dev.empty",
            "CREATE TABLE dev.s.t (id BIGINT, `Odd ``name.x` STRING COMMENT 'it''s; DROP TABLE x --')",
            "CREATE TABLE dev.s.u (a DECIMAL(10,2))",
        )  # fmt: skip
        yield found


@pytest.mark.server
def test_a_snapshot_is_read_by_few_statements_whatever_the_width(place: Place, tmp_path: Path) -> None:
    place.sql(f"CREATE TABLE dev.s.wide ({', '.join(f'c{n} STRING' for n in range(600))})")
    place.workspace.tally.clear()
    snapshot = read_snapshot(place.workspace, ["dev.s.*"])
    assert [(t.name.table, len(t.columns)) for t in snapshot.tables] == [("t", 2), ("u", 1), ("wide", 600)]
    assert [c.name for c in snapshot.tables[0].columns] == ["id", "Odd `name.x"]
    assert snapshot.tables[0].columns[1].comment == "it's; DROP TABLE x --"
    assert sum(place.workspace.tally.values()) <= 6
    assert read_snapshot(place.workspace, ["DEV.s.T"]).tables[0].name.table == "t"


@pytest.mark.server
@pytest.mark.parametrize(
    ("pattern", "says"),
    [("dev.s.ghost", r"dev\.s\.ghost"), ("dev.empty.*", r"dev\.empty\.\*"), ("ghost.s.t", "ghost"), ("dev.nowhere.*", "nowhere")],
)
def test_what_is_not_there_is_named(place: Place, pattern: str, says: str) -> None:
    with pytest.raises(RemoteError, match=says):
        read_snapshot(place.workspace, [pattern])


@pytest.mark.server
def test_an_expired_token_is_said_plainly(place: Place) -> None:
    space = place.space
    ws = connect(Auth(workspace_host=space.host, token="dapiexpired0000", workspace_id=space.workspace_id))
    with pytest.raises(RemoteError) as error:
        ws.get("group", "/api/2.0/preview/scim/v2/Me")
    assert error.value.status == 401
    assert "renew" in error.value.fix
    assert "dapiexpired" not in str(error.value)


@pytest.mark.server
def test_parameters_are_typed_and_null_is_null(place: Place) -> None:
    statement = "SELECT table_name FROM dev.information_schema.tables WHERE table_name = :t AND :n IS NULL"
    parameters = [Parameter(name="t", value="u"), Parameter(name="n", value=None)]
    assert run_sql(place.workspace, statement, parameters).rows == (("u",),)


class Pages:
    """A wire whose results come in pages of some rows."""

    def __init__(self, rows: int, answers: Callable[[str], tuple[tuple[str, ...], list[list[str | None]]]]) -> None:
        self.rows = rows
        self.answers = answers
        self.results: list[list[list[str | None]]] = []
        self.chunks = 0

    def send(self, call: Call) -> Any:
        if call.method == "GET":
            number, index = (int(p) for p in (call.path.split("/")[-4], call.path.split("/")[-1]))
            self.chunks += 1
            return self._page(number, index)
        names, rows = self.answers(str((call.body or {})["statement"]))
        self.results.append(rows)
        columns = [{"name": n, "type_text": "STRING"} for n in names]
        number = len(self.results) - 1
        return {
            "statement_id": str(number), "status": {"state": "SUCCEEDED"}, "result": self._page(number, 0),
            "manifest": {"schema": {"columns": columns}, "total_chunk_count": -(-len(rows) // self.rows) or 1},
        }  # fmt: skip

    def _page(self, number: int, index: int) -> dict[str, Any]:
        rows = self.results[number]
        page = {"data_array": rows[index * self.rows : (index + 1) * self.rows]}
        return page | ({"next_chunk_index": index + 1} if (index + 1) * self.rows < len(rows) else {})


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_wildcard_takes_every_table_however_many_pages_the_catalog_answers_in(rows: int) -> None:
    tables = [f"t{n:03}" for n in range(40)]

    def answer(statement: str) -> tuple[tuple[str, ...], list[list[str | None]]]:
        if ".tables" in statement.replace("`", ""):
            names = ("table_schema", "table_name", "table_type", "table_owner", "comment")
            return names, [["s", t, "MANAGED", "o", None] for t in tables]
        if ".columns" in statement.replace("`", ""):
            names = ("table_schema", "table_name", "column_name", "full_data_type", "is_nullable", "comment", "ordinal_position")
            return names, [["s", t, f"c{n}", "STRING", "YES", None, str(n)] for t in tables for n in range(3)]
        return ("entity_type", "catalog_name", "schema_name", "table_name", "column_name", "tag_name", "tag_value"), []

    wire = Pages(rows, answer)
    snapshot = read_snapshot(Workspace(wire, warehouse_id="w"), ["c.s.*"])
    assert [t.name.table for t in snapshot.tables] == tables
    assert all(len(t.columns) == 3 for t in snapshot.tables)
    assert wire.chunks == sum(-(-len(r) // rows) - 1 for r in wire.results if r)
