"""The reference partner's core integration: write one table into the workspace of a connection."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import StatementState
from databricks.sdk.service.workspace import ImportFormat, Language

SECONDS = 120.0
_OWN_SCHEMA = ("own_schema", "own_schema_empty", "own_schema_in_default_catalog", "own_schema_location_ignored")
_RUNNING = (StatementState.PENDING, StatementState.RUNNING)


class LoadError(Exception):
    """The workspace refused a statement."""


def publish(details: dict[str, Any], path: str, broken: Callable[[str], bool]) -> dict[str, Any]:
    """Publish a notebook into the workspace of a connection."""
    if not broken("notebook_not_published"):
        text = "# Databricks notebook source\n" + ("raise ValueError()" if broken("notebook_broken") else "total = 1 + 1")
        content = io.BytesIO(text.encode())
        _workspace(details).workspace.upload(path, content, format=ImportFormat.SOURCE, language=Language.PYTHON, overwrite=True)
    return {"status": "done"}


def load(details: dict[str, Any], schema: str, table: str, broken: Callable[[str], bool]) -> dict[str, Any]:
    """Create and fill a table as the connect payload says, with nothing but its credentials. Raises LoadError."""
    if broken("hook_does_nothing"):
        return {"status": "done"}
    workspace = _workspace(details)
    warehouse = details.get("cluster_id") or details["http_path"].rpartition("/")[2]
    catalog = details.get("catalog_name")
    if broken("catalog_ignored") or not catalog:
        catalog = _run(workspace, warehouse, "SELECT current_catalog()")[0][0]
    if any(broken(name) for name in _OWN_SCHEMA):
        schema = f"{schema}_{table}"
        if broken("own_schema_in_default_catalog"):
            catalog = _run(workspace, warehouse, "SELECT current_catalog()")[0][0]
        _run(workspace, warehouse, f"CREATE SCHEMA {_quoted(catalog)}.{_quoted(schema)}")
    name = ".".join(_quoted(part) for part in (catalog, schema, table))
    place = _place(details.get("destination_location"), table, broken)
    where = f" LOCATION '{place}'" if place else ""
    _run(workspace, warehouse, f"CREATE TABLE {name} (id BIGINT, name STRING) USING DELTA{where}")
    if not broken("empty_table") and not broken("own_schema_empty"):
        _run(workspace, warehouse, f"INSERT INTO {name} VALUES (1, 'one'), (2, 'two'), (3, 'three')")  # noqa: S608 - quoted above
    return {"status": "done"}


def _place(chosen: str | None, table: str, broken: Callable[[str], bool]) -> str | None:
    if broken("destination_ignored") or broken("own_schema_location_ignored"):
        return None
    if chosen is None and broken("always_external"):
        chosen = "s3://partner-owned/default"
    if chosen is None:
        return None
    if re.search(r"['\\\s]", chosen):
        raise LoadError("destination_location holds a quote, a backslash or a blank")
    chosen = chosen.rstrip("/") + ("-beside" if broken("destination_beside") else "")
    return f"{chosen}/{table}"


def _workspace(details: dict[str, Any]) -> WorkspaceClient:
    token = (details["user_info"].get("auth") or {}).get("personal_access_token")
    secret = details.get("service_principal_oauth_secret")
    host = details["workspace_url"]
    if token:
        return WorkspaceClient(host=host, token=token, auth_type="pat")
    return WorkspaceClient(host=host, client_id=details.get("service_principal_id"), client_secret=secret, auth_type="oauth-m2m")


def _run(workspace: WorkspaceClient, warehouse: str, sql: str) -> list[list[str]]:
    end = time.monotonic() + SECONDS
    answer = workspace.statement_execution.execute_statement(statement=sql, warehouse_id=warehouse, wait_timeout="30s")
    while answer.status and answer.status.state in _RUNNING and answer.statement_id:
        if time.monotonic() > end:
            raise LoadError("the warehouse did not answer in time")
        time.sleep(1)
        answer_id = answer.statement_id
        answer = workspace.statement_execution.get_statement(answer_id)
    state = answer.status.state if answer.status else None
    if state is not StatementState.SUCCEEDED:
        error = answer.status.error.message if answer.status and answer.status.error else state
        raise LoadError(f"{sql.partition('(')[0]}: {error}")
    return (answer.result.data_array or []) if answer.result else []


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
