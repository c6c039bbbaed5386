"""What task processes alone call: `spark.sql`, as the caller on the enforced path, and the folder behind a volume."""

from __future__ import annotations

import asyncio

from localspace.core.errors import denied, invalid
from localspace.core.ledger import rule
from localspace.core.statement_runner import StatementRequest, TemporaryView
from localspace.core.stored_documents import kinds
from localspace.governance.default_namespace import default_catalog
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json
from localspace.sql.reader import DEFAULT_SCHEMA
from localspace.sql.statement_service import State


async def run(request: Request) -> Json:
    """Run one statement to its end; a failed one is a 200 with `error`, as for statements.

    It asks for no warehouse and no SQL entitlement, as compute of a job would not: the token of a run opens it, no other.
    """
    _require_task(request, "Send statements to /api/2.0/sql/statements.")
    body = request.body
    parameters = body.get("parameters") or []
    if not isinstance(parameters, list):
        raise invalid("parameters must be a list.")
    statement_request = StatementRequest(
        statement=field_of(body, "statement"),
        principal_id=request.actor.id,
        principal_name=request.actor.name,
        catalog=body.get("catalog") or None,
        schema=body.get("schema") or None,
        job=_job_of(request),
        parameters=tuple((str(one.get("name")), one.get("type"), one.get("value")) for one in parameters),
        views=_views(request, body.get("views") or []),
    )
    statement = request.services.statements.submit(statement_request, "", None)
    try:
        await asyncio.wrap_future(statement.done)
    except asyncio.CancelledError:
        request.services.statements.cancel(statement)
        raise
    if statement.state is not State.SUCCEEDED or statement.result is None:
        message = statement.message or f"The statement ended {statement.state}."
        return {"error": {"error_code": statement.error_code, "message": message, "sql_state": statement.sql_state}}
    columns = [{"name": name, "type_text": text, "type_name": kind} for name, text, kind in statement.result.columns]
    return {"columns": columns, "rows": statement.result.rows}


def _job_of(request: Request) -> tuple[str, str] | None:
    """Return the ids of the job and the run that a task belongs to; a run that was sent once has no job."""
    store = request.repositories.store
    number = request.services.authenticator.task_run_id(request.headers)
    task_run = None if number is None else store.get(kinds.TASK_RUN, str(number))
    run = None if task_run is None else store.get(kinds.RUN, str(task_run["job_run_id"]))
    return None if run is None or run["kind"] == "SUBMIT_RUN" else (str(run["job_id"]), str(run["run_id"]))


def volume(request: Request) -> Json:
    """Return the folder that holds a volume's files; needs READ VOLUME, and says whether the caller may write."""
    _require_task(request, "Read files by /api/2.0/fs/files.")
    return request.services.volumes.mounted(request.actor, request.needed("path"))


def _views(request: Request, given: list[Json]) -> tuple[TemporaryView, ...]:
    """Return the task's temporary views; each may name those that come before it, the last of one name counts."""
    here = default_catalog(request.repositories.store)
    found: dict[str, TemporaryView] = {}
    for one in given:
        name = field_of(one, "name")
        found[name.casefold()] = TemporaryView(
            name=name,
            query=field_of(one, "query"),
            catalog=one.get("catalog") or here,
            schema=one.get("schema") or DEFAULT_SCHEMA,
            views=tuple(found.values()),
        )
    return tuple(found.values())


@rule("LS-115")
def _require_task(request: Request, instead: str) -> None:
    """Require the token of a run: no other principal, administrators included, gets a path on this machine."""
    if not request.services.authenticator.is_of_task(request.headers):
        raise denied(f"This route serves runs of tasks alone. {instead}")


ROUTES = (
    Route(method="POST", path="/api/2.0/localspace/sql", handler=run),
    Route(method="GET", path="/api/2.0/localspace/volume", handler=volume),
)
