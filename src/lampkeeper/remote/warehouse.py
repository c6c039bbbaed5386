"""Statements on a SQL warehouse: typed named parameters, polling, chunks; an interrupted statement is cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lampkeeper.model.errors import RemoteError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.clients import Call, Json, Workspace, encode
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.retry import Backoff

_STATEMENTS = "/api/2.0/sql/statements"
_POLLING = Backoff(first=0.1, longest=2.0, factor=1.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named parameter `:name` of a statement; `type` is a SQL type, `value` None is NULL."""

    name: str
    value: str | None
    type: str = "STRING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A result: column names, and rows whose cells are strings or None as the statement API gives them."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    types: tuple[str, ...] = ()

    def dicts(self) -> list[dict[str, str | None]]:
        """Return the rows as dictionaries by lower-case column name."""
        names = [c.lower() for c in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def run_sql(
    workspace: Workspace,
    statement: str,
    parameters: Iterable[Parameter] = (),
    *,
    kind: str = "statement",
    timeout: float = 600.0,
    writes: bool = False,
) -> Rows:
    """Run one statement and return all rows.

    `writes` is true if the statement changes something. After `timeout` seconds, including the start of the engine, the
    statement is cancelled and RemoteError raised. Raise RemoteError, whose code is the error class
    (`TABLE_OR_VIEW_NOT_FOUND`, …), if the statement fails.
    """
    body: dict[str, Any] = {
        "statement": statement,
        "warehouse_id": warehouse_id(workspace),
        "wait_timeout": _wait(workspace),
        "on_wait_timeout": "CONTINUE",
        "disposition": "INLINE",
        "format": "JSON_ARRAY",
    }
    typed = [{"name": p.name, "type": p.type} | ({} if p.value is None else {"value": p.value}) for p in parameters]
    if typed:
        body["parameters"] = typed
    answer = workspace.request(Call(kind=kind, method="POST", path=_STATEMENTS, body=body, writes=writes))
    statement_id = str(answer.get("statement_id", ""))
    answers = [answer]

    def look() -> Json:
        return answers.pop() if answers else workspace.get(kind, f"{_STATEMENTS}/{encode(statement_id)}")

    try:
        answer = wait_until(look, _ended, PollPolicy(backoff=_POLLING, limit=timeout), workspace.clock)
    except KeyboardInterrupt:
        cancel(workspace, statement_id)
        raise
    if not _ended(answer):
        cancel(workspace, statement_id)
        raise RemoteError(f"a statement ran longer than {timeout:.0f} s and was cancelled", code="STATEMENT_TIMEOUT")
    _require_success(answer)
    return _rows(workspace, kind, statement_id, answer)


def _wait(workspace: Workspace) -> str:
    """Return the warehouse's wait_timeout (0, or 5 to 50 s): less than the HTTP timeout."""
    timeouts = int(workspace.timeouts.http) - 2
    return f"{min(10, timeouts)}s" if timeouts >= 5 else "0s"


def _ended(answer: Json) -> bool:
    return answer["status"]["state"] not in {"PENDING", "RUNNING"}


def cancel(workspace: Workspace, statement_id: str) -> None:
    """Ask the warehouse to stop a statement."""
    workspace.request(Call(kind="statement", method="POST", path=f"{_STATEMENTS}/{encode(statement_id)}/cancel"))


def _require_success(answer: Json) -> None:
    status = answer["status"]
    if status["state"] == "SUCCEEDED":
        return
    error = status.get("error") or {}
    message = str(error.get("message") or f"the statement ended as {status['state']}")
    code = str(error.get("error_code") or status["state"])
    if message.startswith("[") and "]" in message:
        code = message[1 : message.index("]")]
    raise RemoteError(message, code=code, status=200)


def _rows(workspace: Workspace, kind: str, statement_id: str, answer: Json) -> Rows:
    manifest = answer.get("manifest") or {}
    columns = (manifest.get("schema") or {}).get("columns") or []
    if manifest.get("truncated"):
        raise RemoteError("the warehouse cut a result short", code="RESULT_TRUNCATED", fix="narrow the tables in scope")
    chunk = answer.get("result") or {}
    rows: list[tuple[str | None, ...]] = [tuple(r) for r in chunk.get("data_array") or ()]
    following = chunk.get("next_chunk_index")
    while following is not None:
        path = f"{_STATEMENTS}/{encode(statement_id)}/result/chunks/{int(following)}"
        chunk = workspace.get(kind, path)
        rows += [tuple(r) for r in chunk.get("data_array") or ()]
        following = chunk.get("next_chunk_index")
    return Rows(
        columns=tuple(str(c["name"]) for c in columns),
        types=tuple(str(c.get("type_text", "")) for c in columns),
        rows=tuple(rows),
    )


def warehouse_id(workspace: Workspace) -> str:
    """Return the ID of the warehouse to use: the given one, else a running serverless one, else any; it is remembered."""
    if not workspace.warehouse_id:
        found = list_warehouses(workspace)
        if not found:
            raise RemoteError(
                "this workspace has no SQL warehouse", code="NO_WAREHOUSE", status=404,
                fix="create one, or set sql_warehouse_id in env.auto.tfvars",
            )  # fmt: skip
        found.sort(key=lambda w: (w.get("state") != "RUNNING", not w.get("enable_serverless_compute"), str(w.get("name"))))
        workspace.warehouse_id = str(found[0]["id"])
    return workspace.warehouse_id


def require_warehouse(workspace: Workspace, given: str) -> None:
    """Use this warehouse from now on; raise UsageError, with the existing ones, if it does not exist."""
    found = list_warehouses(workspace)
    if given not in {str(w["id"]) for w in found}:
        there = ", ".join(sorted(f"{w['id']} ({w.get('name', '')})" for w in found)) or "none"
        ids, where = (str(w["id"]) for w in found), f"in {workspace.host}"
        raise unknown_name("warehouse", given, ids, where=where, fix=f"set sql_warehouse_id to one of: {there}")
    workspace.warehouse_id = given


def warm_up(workspace: Workspace) -> None:
    """Start the warehouse with a statement whose result is not awaited, so that it starts during other work."""
    body = {"statement": "SELECT 1", "warehouse_id": warehouse_id(workspace), "wait_timeout": "0s"}
    workspace.request(Call(kind="warehouse", method="POST", path=_STATEMENTS, body=body, writes=False))


def list_warehouses(workspace: Workspace) -> list[Json]:
    """Return the warehouses as the API gives them."""
    return list(workspace.get("warehouse", "/api/2.0/sql/warehouses").get("warehouses") or ())
