"""Statement execution (source: SDK 0.156 and the API reference: cells are strings, a failed statement is a 200)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from localspace.api import result_chunks
from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.statement_runner import StatementRequest
from localspace.core.stored_documents import kinds
from localspace.governance.object_permissions import require_level
from localspace.governance.warehouses import require_warehouse
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, Reply, whole_number
from localspace.sql.statement_kinds import is_read
from localspace.sql.statement_service import Delivery, Format, State, Statement

_MAX_STATEMENT = 16 * 1024 * 1024
_MAX_PARAMETERS = 256


def writes_by_body(raw: bytes) -> bool:
    """Return whether a request to run a statement counts as a write; one that cannot be read changes nothing."""
    try:
        body = json.loads(raw)
    except ValueError:
        return False
    return isinstance(body, dict) and not is_read(str(body.get("statement", "")))


async def execute(request: Request) -> Reply:
    """Run a statement and wait for it as long as asked."""
    body = request.body
    text = field_of(body, "statement")
    warehouse_id = field_of(body, "warehouse_id")
    if len(text.encode()) > _MAX_STATEMENT:
        raise invalid("The statement is larger than 16 MiB.")
    wait = _wait_seconds(body.get("wait_timeout", "10s"))
    on_timeout = body.get("on_wait_timeout", "CONTINUE")
    if on_timeout not in ("CONTINUE", "CANCEL"):
        raise invalid("on_wait_timeout must be CONTINUE or CANCEL.")
    if wait == 0 and on_timeout == "CANCEL":
        raise invalid("on_wait_timeout=CANCEL needs a wait_timeout.")
    delivery = _delivery(body)
    warehouse = require_warehouse(request.repositories, warehouse_id)
    require_level(request.repositories, request.actor, "warehouses", warehouse_id, "CAN_USE", owner=warehouse.get("creator_name"))
    if "databricks-sql-access" not in request.repositories.identity.entitlements(request.actor.id):
        raise denied("This principal does not have the entitlement databricks-sql-access.")
    if warehouse.get("state") != "RUNNING":
        request.repositories.store.put(kinds.WAREHOUSE, (warehouse_id,), warehouse | {"state": "RUNNING"})
    statement_request = StatementRequest(
        statement=text,
        principal_id=request.actor.id,
        principal_name=request.actor.name,
        catalog=body.get("catalog") or None,
        schema=body.get("schema") or None,
        parameters=_parameters(body.get("parameters")),
        row_limit=_limit(body, "row_limit"),
    )
    statement = request.services.statements.submit(statement_request, warehouse_id, _limit(body, "byte_limit"), delivery)
    if wait:
        await _wait(statement, wait)
        if not statement.over and on_timeout == "CANCEL":
            request.services.statements.cancel(statement)
    return Reply(body=answer_of(request, statement), effect=statement.done)


def get(request: Request) -> Json:
    """Return state and first chunk."""
    return answer_of(request, _mine(request))


def chunk(request: Request) -> Json:
    """Return one chunk of a result."""
    statement = _mine(request)
    if statement.state is not State.SUCCEEDED:
        raise invalid(f"Statement {statement.id} has no result: its state is {statement.state}.")
    number = whole_number(request.params["chunk_index"], "chunk_index", 0)
    if number >= result_chunks.chunk_count(statement):
        raise invalid(f"chunk_index {number} is out of range.")
    return result_chunks.chunk(request, statement, number)


def cancel(request: Request) -> Json:
    """Ask a statement to stop; one that is over stays as it is."""
    request.services.statements.cancel(_mine(request))
    return {}


def _mine(request: Request) -> Statement:
    found = request.services.statements.find(request.params["statement_id"])
    if found is None:
        raise not_found(f"The statement {request.params['statement_id']} was not found.", "NOT_FOUND")
    if found.request.principal_id != request.actor.id:
        raise denied("Only the user who ran a statement may read or cancel it.")
    return found


def answer_of(request: Request, statement: Statement) -> Json:
    """Return state, description and first chunk of a statement."""
    status: Json = {"state": statement.state}
    body: Json = {"statement_id": statement.id, "status": status}
    if statement.state is State.FAILED:
        status["error"] = {"error_code": statement.error_code, "message": statement.message}
        status["sql_state"] = statement.sql_state
    result = statement.result
    if statement.state is not State.SUCCEEDED or result is None:
        return body
    columns = [
        {"name": name, "type_text": text, "type_name": type_name, "position": at}
        for at, (name, text, type_name) in enumerate(result.columns)
    ]
    count = result_chunks.chunk_count(statement)
    body["manifest"] = {
        "format": statement.delivery.format,
        "schema": {"column_count": len(columns), "columns": columns},
        "total_chunk_count": count,
        "chunks": [result_chunks.described(statement, number) for number in range(count)],
        "total_row_count": len(result.rows),
        "truncated": result.truncated,
    }
    body["result"] = result_chunks.chunk(request, statement, 0) if count else result_chunks.nothing(statement)
    return body


async def _wait(statement: Statement, seconds: float) -> None:
    waiting = asyncio.wrap_future(statement.done)
    # asyncio.wait leaves the statement alone when the time is over; wait_for would cancel its future.
    await asyncio.wait({waiting}, timeout=seconds)


def _wait_seconds(text: Any) -> int:
    match = re.fullmatch(r"(\d+)s", str(text))
    seconds = int(match.group(1)) if match else -1
    if seconds != 0 and not 5 <= seconds <= 50:
        raise invalid("wait_timeout must be 0s, or between 5s and 50s.")
    return seconds


def _limit(body: Json, name: str) -> int | None:
    value = body.get(name)
    if value is None or value == 0:
        return None
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid(f"{name} must be a positive whole number.")
    return value


def _parameters(given: Any) -> tuple[tuple[str, str | None, str | None], ...]:
    found: list[tuple[str, str | None, str | None]] = []
    for one in given or []:
        if not isinstance(one, dict) or not one.get("name"):
            raise invalid("Each parameter needs a name: positional markers are not supported by this API.")
        value = one.get("value")
        if value is not None and not isinstance(value, str):
            raise invalid(f"The value of parameter '{one['name']}' must be a string.")
        found.append((str(one["name"]), one.get("type") or None, value))
    if len(found) > _MAX_PARAMETERS:
        raise invalid(f"A statement can have at most {_MAX_PARAMETERS} parameters.")
    names = [name for name, _, _ in found]
    if len(names) != len(set(names)):
        raise invalid("Parameter names must be unique.")
    return tuple(found)


def _delivery(body: Json) -> Delivery:
    disposition, form = body.get("disposition") or "INLINE", body.get("format") or "JSON_ARRAY"
    if form not in tuple(Format):
        raise invalid(f"Format {form} is unknown: {', '.join(Format)}.")
    if disposition == "EXTERNAL_LINKS":
        return Delivery(external=True, format=Format(form))
    if disposition != "INLINE":
        raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace does not serve disposition {disposition}.")
    if form != Format.JSON_ARRAY:
        raise invalid(f"Format {form} is not supported with disposition INLINE.")
    return Delivery()


ROUTES = (
    Route(
        method="POST",
        path="/api/2.0/sql/statements",
        handler=execute,
        sdk=("StatementExecution.execute_statement",),
        partial="links lead to this server; the results of the last 2,000 statements are kept, for an hour",
    ),
    Route(
        method="GET",
        path="/api/2.0/sql/statements/{statement_id}",
        handler=get,
        sdk=("StatementExecution.get_statement",),
    ),
    Route(
        method="GET",
        path="/api/2.0/sql/statements/{statement_id}/result/chunks/{chunk_index}",
        handler=chunk,
        sdk=("StatementExecution.get_statement_result_chunk_n",),
    ),
    Route(
        method="POST",
        path="/api/2.0/sql/statements/{statement_id}/cancel",
        handler=cancel,
        sdk=("StatementExecution.cancel_execution",),
        reads=True,
    ),
)
