"""What task processes alone call: `spark.sql`, as the caller on the enforced path, and the folder behind a volume."""

from __future__ import annotations

import asyncio

from localspace.core.errors import denied, invalid
from localspace.core.ledger import rule
from localspace.core.statement_runner import StatementRequest
from localspace.http.request import Call, Route, field_of
from localspace.http.serialisation import Json
from localspace.sql.statement_service import State


async def run(call: Call) -> Json:
    """Run one statement to its end; a failed one is a 200 with `error`, as for statements.

    It asks for no warehouse and no SQL entitlement, as compute of a job would not: the token of a run opens it, no other.
    """
    _require_task(call, "Send statements to /api/2.0/sql/statements.")
    body = call.body
    parameters = body.get("parameters") or []
    if not isinstance(parameters, list):
        raise invalid("parameters must be a list.")
    request = StatementRequest(
        statement=field_of(body, "statement"),
        principal_id=call.actor.id,
        principal_name=call.actor.name,
        catalog=body.get("catalog") or None,
        schema=body.get("schema") or None,
        parameters=tuple((str(one.get("name")), one.get("type"), one.get("value")) for one in parameters),
    )
    statement = call.services.statements.submit(request, "", None)
    try:
        await asyncio.wrap_future(statement.done)
    except asyncio.CancelledError:
        call.services.statements.cancel(statement)
        raise
    if statement.state is not State.SUCCEEDED or statement.result is None:
        message = statement.message or f"The statement ended {statement.state}."
        return {"error": {"error_code": statement.error_code, "message": message, "sql_state": statement.sql_state}}
    columns = [{"name": name, "type_text": text, "type_name": kind} for name, text, kind in statement.result.columns]
    return {"columns": columns, "rows": statement.result.rows}


def volume(call: Call) -> Json:
    """Return the folder that holds a volume's files; needs READ VOLUME, and says whether the caller may write."""
    _require_task(call, "Read files by /api/2.0/fs/files.")
    return call.services.volumes.mounted(call.actor, call.needed("path"))


@rule("LS-115")
def _require_task(call: Call, instead: str) -> None:
    """Demand the token of a run: a path on this machine is told to nobody else, an administrator included."""
    if not call.services.authenticator.is_of_task(call.headers):
        raise denied(f"This route serves runs of tasks alone. {instead}")


ROUTES = (
    Route(method="POST", path="/api/2.0/localspace/sql", handler=run),
    Route(method="GET", path="/api/2.0/localspace/volume", handler=volume),
)
