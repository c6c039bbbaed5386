"""Chunks of a statement's result: within the answer, or behind links (source: SDK 0.156, ResultData and ExternalLink)."""

from __future__ import annotations

import csv
import io
import json

from localspace.core.errors import denied, invalid, not_found
from localspace.core.timestamps import iso
from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json, Reply
from localspace.sql.statement_service import ROWS_IN_CHUNK, Format, State, Statement

_PATH = "/_localspace/results"
_MEDIA = {
    Format.JSON_ARRAY: "application/json",
    Format.ARROW_STREAM: "application/vnd.apache.arrow.stream",
    Format.CSV: "text/csv",
}


def chunk_count(statement: Statement) -> int:
    """Return how many chunks a result has; one without rows has none."""
    rows = statement.result.rows if statement.result is not None else []
    return -(-len(rows) // ROWS_IN_CHUNK)


def described(statement: Statement, number: int) -> Json:
    """Return the entry of a chunk in the manifest."""
    rows = _rows(statement, number)
    return {"chunk_index": number, "row_offset": number * ROWS_IN_CHUNK, "row_count": len(rows)}


def chunk(request: Request, statement: Statement, number: int) -> Json:
    """Return a chunk: its rows, or a new link to them."""
    body = described(statement, number)
    if number + 1 < chunk_count(statement):
        body["next_chunk_index"] = number + 1
        body["next_chunk_internal_link"] = f"/api/2.0/sql/statements/{statement.id}/result/chunks/{number + 1}"
    if not statement.delivery.external:
        return body | {"data_array": _rows(statement, number)}
    link = request.services.statements.links.make(statement.id, number)
    body["byte_count"] = len(_content(statement, number))
    body["external_link"] = f"{request.services.location.address}{_PATH}/{link.token}"
    body["expiration"] = iso(link.expires_ms)
    return {"external_links": [body]}


def nothing(statement: Statement) -> Json:
    """Return the result that has no chunk."""
    return {"external_links": []} if statement.delivery.external else {"data_array": []}


def download(request: Request) -> Reply:
    """Return what a link leads to; the link is the only credential, and any other is refused."""
    if "authorization" in request.headers:
        raise invalid("A link to a result takes no Authorization header: send the request without one.")
    link = request.services.statements.links.find(request.params["token"])
    if link is None:
        raise denied("The link is unknown or has expired; ask for the chunk again.")
    statement = request.services.statements.find(link.statement_id)
    if statement is None or statement.state is not State.SUCCEEDED:
        raise not_found("The result is not kept any more.", "NOT_FOUND")
    return Reply(body=_content(statement, link.chunk), media_type=_MEDIA[statement.delivery.format])


def _rows(statement: Statement, number: int) -> list[list[str | None]]:
    rows = statement.result.rows if statement.result is not None else []
    return rows[number * ROWS_IN_CHUNK : (number + 1) * ROWS_IN_CHUNK]


def _content(statement: Statement, number: int) -> bytes:
    rows = _rows(statement, number)
    columns = statement.result.columns if statement.result is not None else ()
    match statement.delivery.format:
        case Format.ARROW_STREAM:
            # Arrow is loaded by the first who asks for it.
            from localspace.sql.arrow import record_batch, stream_of

            return stream_of(record_batch(columns, rows))
        case Format.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            # The header stands in the first chunk alone, so that the chunks make one file.
            writer.writerows([[name for name, _, _ in columns]] * (number == 0))
            writer.writerows([["null" if cell is None else cell for cell in row] for row in rows])
            return text.getvalue().encode()
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


ROUTES = (Route(method="GET", path=f"{_PATH}/{{token}}", handler=download, plane=Plane.OPEN),)
