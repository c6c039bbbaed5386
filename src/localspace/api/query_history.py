"""Query history: the statements of the last hour (source: SDK 0.156, QueryHistory)."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page, whole_number
from localspace.sql.statement_kinds import statement_type
from localspace.sql.statement_service import State, Statement

_STATUS = {
    State.PENDING: "QUEUED",
    State.RUNNING: "RUNNING",
    State.SUCCEEDED: "FINISHED",
    State.FAILED: "FAILED",
    State.CANCELED: "CANCELED",
    State.CLOSED: "FINISHED",
}


def listed(request: Request) -> Json:
    """List statements, the newest first: an admin sees all, everybody else the own ones."""
    admin = request.repositories.identity.is_workspace_admin(request.actor.id)
    start = whole_number(request.query.get("filter_by.query_start_time_range.start_time_ms"), "start_time_ms", 0)
    end = whole_number(request.query.get("filter_by.query_start_time_range.end_time_ms"), "end_time_ms", 0)
    if end and end < start:
        raise invalid("end_time_ms must not be before start_time_ms.")
    found: list[Json] = []
    for statement in request.services.statements.listed():
        if not admin and statement.request.principal_id != request.actor.id:
            continue
        info = _info(statement)
        if start <= info["query_start_time_ms"] <= (end or info["query_start_time_ms"]) and _asked_for(request, info):
            found.append(info)
    answer = page(found, request.query, "res", most=1_000)
    return answer | {"has_next_page": "next_page_token" in answer}


def _asked_for(request: Request, info: Json) -> bool:
    filters = {"statuses": "status", "statement_ids": "query_id", "user_ids": "user_id", "warehouse_ids": "warehouse_id"}
    return all(
        not (wanted := request.repeated.get(f"filter_by.{name}", ())) or str(info[field]) in wanted
        for name, field in filters.items()
    )


def _info(statement: Statement) -> Json:
    statement_request = statement.request
    info: Json = {
        "query_id": statement.id,
        "lookup_key": statement.id,
        "status": _STATUS[statement.state],
        "is_final": statement.over,
        "query_text": statement_request.statement,
        "statement_type": statement_type(statement_request.statement),
        "query_start_time_ms": statement.submitted_ms,
        "user_id": int(statement_request.principal_id),
        "user_name": statement_request.principal_name,
        "executed_as_user_id": int(statement_request.principal_id),
        "executed_as_user_name": statement_request.principal_name,
        "warehouse_id": statement.warehouse_id,
        "endpoint_id": statement.warehouse_id,
        "rows_produced": len(statement.result.rows) if statement.result is not None else 0,
    }
    if statement.ended_ms is not None:
        ended = statement.ended_ms
        duration = ended - statement.submitted_ms
        info |= {"query_end_time_ms": ended, "execution_end_time_ms": ended, "duration": duration}
    if statement.state is State.FAILED:
        info["error_message"] = statement.message
    return info


ROUTES = (
    Route(
        method="GET",
        path="/api/2.0/sql/history/queries",
        handler=listed,
        sdk=("QueryHistory.list",),
        partial="statements are forgotten after an hour and at a restart; no metrics",
    ),
)
