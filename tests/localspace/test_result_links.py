"""Results by links: the same rows in each format, to who holds the link, for a while."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest
from databricks.sdk.service import sql

from localspace.sql.arrow import record_batch
from localspace.sql.result_links import LIFETIME_MS
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

PATH = "/api/2.0/sql/statements"
ROWS = 12_000
WANTED = [[str(number), None] for number in range(ROWS)]


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        running.client().users.create(user_name="eve@example.com")
        yield running


def run(space: LocalWorkspace, form: str, rows: int = ROWS, token: str | None = None) -> dict[str, Any]:
    body = {
        "statement": f"SELECT {rows} ROWS", "warehouse_id": space.warehouse_id, "disposition": "EXTERNAL_LINKS", "format": form,
    }  # fmt: skip
    with space.http(token) as http:
        answer = http.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fetched(space: LocalWorkspace, answer: dict[str, Any]) -> list[bytes]:
    """Return the content of every chunk, as a client follows the links."""
    found, links = [], answer["result"]["external_links"]
    with space.http() as http:
        while links:
            link = links[0]
            content = httpx.get(link["external_link"]).content
            assert len(content) == link["byte_count"]
            found.append(content)
            following = link.get("next_chunk_internal_link")
            links = http.get(following).json()["external_links"] if following else []
    return found


def table(chunks: list[bytes]) -> pa.Table:
    return pa.concat_tables([pa.ipc.open_stream(one).read_all() for one in chunks])


@pytest.mark.server
def test_every_format_brings_the_same_rows(space: LocalWorkspace) -> None:
    answer = run(space, "JSON_ARRAY")
    assert [one["row_count"] for one in answer["manifest"]["chunks"]] == [5000, 5000, 2000]
    assert [row for one in fetched(space, answer) for row in json.loads(one)] == WANTED
    text = b"".join(fetched(space, run(space, "CSV"))).decode()
    assert list(csv.reader(io.StringIO(text))) == [["n", "nothing"], *([number, "null"] for number, _ in WANTED)]
    arrow = table(fetched(space, run(space, "ARROW_STREAM")))
    assert arrow.schema == pa.schema([("n", pa.int32()), ("nothing", pa.string())])
    assert arrow.column("n").to_pylist() == list(range(ROWS))


@pytest.mark.server
def test_the_sdk_reads_links(space: LocalWorkspace) -> None:
    client = space.client()
    found = client.statement_execution.execute_statement(
        "SELECT 3 ROWS", space.warehouse_id, disposition=sql.Disposition.EXTERNAL_LINKS, format=sql.Format.ARROW_STREAM
    )
    assert found.result is not None
    assert found.result.external_links is not None
    link = found.result.external_links[0]
    assert (link.row_count, link.chunk_index, link.next_chunk_index) == (3, 0, None)
    assert table([httpx.get(str(link.external_link)).content]).num_rows == 3


@pytest.mark.server
def test_a_result_without_rows_has_no_link(space: LocalWorkspace) -> None:
    answer = run(space, "ARROW_STREAM", rows=0)
    assert (answer["manifest"]["total_chunk_count"], answer["result"]) == (0, {"external_links": []})


@pytest.mark.server
def test_a_link_is_no_place_for_a_token_and_nobody_guesses_it(space: LocalWorkspace) -> None:
    link = run(space, "JSON_ARRAY", rows=1)["result"]["external_links"][0]["external_link"]
    assert httpx.get(link, headers={"authorization": f"Bearer {space.token}"}).status_code == 400
    assert httpx.get(link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 403
    assert space.token not in link
    assert httpx.get(link).json() == [["0", None]]


@pytest.mark.server
def test_only_who_ran_a_statement_gets_its_links_and_no_log_holds_one(space: LocalWorkspace) -> None:
    space.control("DELETE", "requests")
    answer = run(space, "JSON_ARRAY", rows=1)
    link = answer["result"]["external_links"][0]["external_link"]
    assert httpx.get(link).status_code == 200
    with space.http(space.mint("eve@example.com")) as eve:
        assert eve.get(f"{PATH}/{answer['statement_id']}/result/chunks/0").status_code == 403
    assert link.rsplit("/", 1)[1] not in json.dumps(space.control("GET", "requests"))


@pytest.mark.server
def test_a_link_expires_and_the_chunk_gives_a_new_one(space: LocalWorkspace) -> None:
    answer = run(space, "JSON_ARRAY", rows=1)
    old = answer["result"]["external_links"][0]
    space.control("POST", "clock/tick", {"seconds": LIFETIME_MS // 1000})
    assert httpx.get(old["external_link"]).status_code == 403
    with space.http() as http:
        new = http.get(f"{PATH}/{answer['statement_id']}/result/chunks/0").json()["external_links"][0]
    assert new["expiration"] > old["expiration"]
    assert httpx.get(new["external_link"]).status_code == 200


@pytest.mark.server
@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"disposition": "INLINE", "format": "ARROW_STREAM"}, 400, "not supported with disposition INLINE"),
        ({"disposition": "EXTERNAL_LINKS", "format": "PARQUET"}, 400, "Format PARQUET is unknown"),
        ({"disposition": "ELSEWHERE"}, 501, "disposition ELSEWHERE"),
    ],
)
def test_what_is_not_served_is_refused(space: LocalWorkspace, asked: dict[str, str], status: int, words: str) -> None:
    with space.http() as http:
        answer = http.post(PATH, json={"statement": "SELECT 1 ROWS", "warehouse_id": space.warehouse_id, **asked})
    assert (answer.status_code, words in answer.json()["message"]) == (status, True)


@pytest.mark.unit
def test_a_type_that_arrow_does_not_have_travels_as_text() -> None:
    columns = (
        ("i", "INTERVAL DAY", "INTERVAL"), ("v", "VARIANT", "VARIANT"), ("m", "MAP<DATE,INT>", "MAP"), ("n", "VOID", "NULL"),
    )  # fmt: skip
    batch = record_batch(columns, [["INTERVAL '1' DAY", '{"a":1}', '{"20454":1}', None]])
    assert [str(one) for one in batch.schema.types] == ["string", "string", "string", "null"]
    assert batch.to_pylist() == [{"i": "INTERVAL '1' DAY", "v": '{"a":1}', "m": '{"20454":1}', "n": None}]
