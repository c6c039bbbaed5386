"""Runs the statements of a SQL task on its warehouse, through the statement API, as the run-as principal."""

from __future__ import annotations

import time
from typing import Any

from localspace.core.statement_text import split_statements, used_parameters
from localspace.sql.result_rows import Field, shown
from localspace.task_process.rest import Rest
from localspace.task_process.session import SqlStatementError

_SHOWN_ROWS = 100


def run_script(spec: dict[str, Any], rest: Rest, report: dict[str, Any]) -> None:
    """Run one statement after the other; the first that fails ends the task."""
    ids: list[str] = []
    report["statement_ids"] = ids
    for statement in split_statements(spec["source"]):
        named = used_parameters(statement)
        used = [{"name": name, "value": value} for name, value in spec["parameters"].items() if name in named]
        body = {"statement": statement, "warehouse_id": spec["warehouse_id"], "wait_timeout": "50s", "parameters": used}
        answer = rest.json("POST", "/api/2.0/sql/statements", body)
        ids.append(answer["statement_id"])
        while answer["status"]["state"] in ("PENDING", "RUNNING"):
            time.sleep(0.05)
            answer = rest.json("GET", f"/api/2.0/sql/statements/{answer['statement_id']}")
        _report(statement, answer)


def _report(statement: str, answer: dict[str, Any]) -> None:
    status = answer["status"]
    if status["state"] != "SUCCEEDED":
        message = (status.get("error") or {}).get("message") or f"the statement ended {status['state']}"
        raise SqlStatementError(message, status.get("sql_state", ""))
    print(statement)  # noqa: T201
    columns = ((answer.get("manifest") or {}).get("schema") or {}).get("columns") or []
    rows = (answer.get("result") or {}).get("data_array") or []
    fields = [Field(name=one["name"], type_text=one["type_text"], type_name=one["type_name"]) for one in columns]
    if fields:
        print(shown(fields, rows[:_SHOWN_ROWS], 0))  # noqa: T201
