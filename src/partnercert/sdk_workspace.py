"""A Databricks workspace through databricks-sdk: imported only where a config names a workspace, for its loading time."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import OperationFailed
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import NotebookTask, SubmitTask
from databricks.sdk.service.settings import DefaultNamespaceSetting, StringMessage
from databricks.sdk.service.sql import QueryFilter, QueryStatus, StatementState, TimeRange

from partnercert.config import WorkspacePlan
from partnercert.workspace import TableFacts, WorkspaceError, lies_under, quoted

_RUNNING = (StatementState.PENDING, StatementState.RUNNING)


class SdkWorkspace:
    """A workspace through databricks-sdk: one client as administrator, one with the payload's credentials."""

    def __init__(self, admin: WorkspaceClient, partner: WorkspaceClient, plan: WorkspacePlan) -> None:
        self._admin, self._partner, self._plan = admin, partner, plan
        host = admin.config.host or ""
        parts = urlsplit(host)
        path = f"/sql/1.0/warehouses/{plan.warehouse_id}"
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.details: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": port,
            "workspace_url": host,
            "http_path": path,
            "jdbc_url": f"jdbc:spark://{parts.hostname}:{port}/default;transportMode=http;ssl=1;httpPath={path}",
            "databricks_jdbc_url": f"jdbc:databricks://{parts.hostname}:{port};httpPath={path}",
            "cluster_id": plan.warehouse_id,
        }

    def sql(self, statement: str, *, as_partner: bool = False) -> list[list[str]]:
        """Run a statement to its end, all chunks read."""
        api = (self._partner if as_partner else self._admin).statement_execution
        end = time.monotonic() + self._plan.timeout_seconds
        try:
            answer = api.execute_statement(statement=statement, warehouse_id=self._plan.warehouse_id, wait_timeout="30s")
            while answer.status and answer.status.state in _RUNNING and answer.statement_id:
                if time.monotonic() > end:
                    api.cancel_execution(answer.statement_id)
                    raise WorkspaceError(f"no result within {self._plan.timeout_seconds:g} s: {statement}")
                time.sleep(1)
                statement_id = answer.statement_id
                answer = api.get_statement(statement_id)
            state = answer.status.state if answer.status else None
            if state is not StatementState.SUCCEEDED:
                error = answer.status.error.message if answer.status and answer.status.error else str(state)
                raise WorkspaceError(f"{statement}: {error}")
            rows = list(answer.result.data_array or []) if answer.result else []
            following = answer.result.next_chunk_index if answer.result else None
            while following is not None and answer.statement_id:
                chunk = api.get_statement_result_chunk_n(answer.statement_id, following)
                rows += chunk.data_array or []
                following = chunk.next_chunk_index
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"{statement}: {type(error).__name__}: {error}") from error
        return rows

    def principal(self) -> str:
        """Return who the payload's credentials are."""
        try:
            return self._partner.current_user.me().user_name or ""
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"the payload's credentials do not work: {type(error).__name__}: {error}") from error

    def table_names(self, catalog: str, *, hive: bool) -> set[tuple[str, str]]:
        """List every schema's tables: from the tables API, for hive_metastore, which it does not cover, with SHOW."""
        if hive:
            schemas = [str(row[0]) for row in self.sql(f"SHOW SCHEMAS IN {quoted(catalog)}")]
            rows = [(s, row) for s in schemas for row in self.sql(f"SHOW TABLES IN {quoted(catalog)}.{quoted(s)}")]
            return {(schema, "") for schema in schemas} | {
                (schema, str(row[1] if len(row) > 1 else row[0])) for schema, row in rows
            }
        try:
            schemas = [
                s.name for s in self._admin.schemas.list(catalog_name=catalog) if s.name and s.name != "information_schema"
            ]
            return {(schema, "") for schema in schemas} | {
                (schema, table.name)
                for schema in schemas
                for table in self._admin.tables.list(catalog_name=catalog, schema_name=schema, omit_columns=True)
                if table.name
            }
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"listing {catalog}: {type(error).__name__}: {error}") from error

    def table(self, catalog: str, schema: str, name: str, *, hive: bool) -> TableFacts:
        """Ask the tables API, for hive_metastore DESCRIBE TABLE EXTENDED with its rows Type, Location and Owner."""
        if hive:
            described = self.sql(f"DESCRIBE TABLE EXTENDED {quoted(catalog)}.{quoted(schema)}.{quoted(name)}")
            facts = {str(r[0]).strip(): str(r[1]).strip() for r in described if len(r) > 1}
            kind, location = facts.get("Type", ""), facts.get("Location", "")
            return TableFacts(schema=schema, name=name, kind=kind, location=location, creator=facts.get("Owner", ""))
        try:
            found = self._admin.tables.get(f"{catalog}.{schema}.{name}")
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"reading {catalog}.{schema}.{name}: {type(error).__name__}: {error}") from error
        kind, location = found.table_type.value if found.table_type else "", found.storage_location or ""
        return TableFacts(schema=schema, name=name, kind=kind, location=location, creator=found.created_by or "")

    def finished_by_principal(self, since_ms: int) -> list[str]:
        """Return what the query history holds; both the user and the executing user may name the principal."""
        name = self.principal()
        window = TimeRange(start_time_ms=since_ms, end_time_ms=int(time.time() * 1000) + 60_000)
        wanted = QueryFilter(warehouse_ids=[self._plan.warehouse_id], query_start_time_range=window)
        found, token = [], None
        try:
            while True:
                page = self._admin.query_history.list(filter_by=wanted, page_token=token, max_results=100)
                for query in page.res or []:
                    mine = name in (query.user_name, query.executed_as_user_name)
                    if mine and query.status is QueryStatus.FINISHED and (query.query_start_time_ms or since_ms) >= since_ms:
                        found.append(query.query_text or "")
                token = page.next_page_token
                if not page.has_next_page or not token:
                    return found
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"query history: {type(error).__name__}: {error}") from error

    def default_catalog(self) -> str:
        """Ask the warehouse itself, since the setting may be unset."""
        return self.sql("SELECT current_catalog()")[0][0]

    def set_default_catalog(self, name: str) -> None:
        """Set the default namespace; the API wants the etag of the value it replaces."""
        api = self._admin.settings.default_namespace
        try:
            try:
                etag = api.get().etag
            except DatabricksError as error:
                etag = _etag(error)
            setting = DefaultNamespaceSetting(namespace=StringMessage(value=name), etag=etag, setting_name="default")
            api.update(allow_missing=True, setting=setting, field_mask="namespace.value")
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"default catalog: {type(error).__name__}: {error}") from error

    def external_location_above(self, url: str) -> str:
        """Look for the writable external location nearest above the path."""
        try:
            locations = list(self._admin.external_locations.list())
        except (DatabricksError, OSError, ValueError) as error:
            raise WorkspaceError(f"external locations: {type(error).__name__}: {error}") from error
        above = [loc for loc in locations if loc.url and not loc.read_only and lies_under(url, loc.url)]
        return max(above, key=lambda loc: len(loc.url or "")).name or "" if above else ""

    def run_notebook(self, path: str) -> str:
        """Submit a one-time run of a notebook and wait for its end."""
        task = SubmitTask(task_key="partnercert", notebook_task=NotebookTask(notebook_path=path))
        try:
            self._admin.workspace.get_status(path)
            run = self._admin.jobs.submit(run_name="partnercert", tasks=[task]).result(
                timeout=timedelta(seconds=self._plan.timeout_seconds)
            )
        except OperationFailed:
            return "FAILED"
        except (DatabricksError, OSError, ValueError, TimeoutError) as error:
            raise WorkspaceError(f"notebook {path}: {type(error).__name__}: {error}") from error
        state = run.state.result_state if run.state else None
        return state.value if state else "UNKNOWN"


class ScopeError(Exception):
    """A secret scope cannot be read; the text says why, without values."""


def read_scope(scope: str, keys: tuple[str, ...]) -> dict[str, str]:
    """Return those secrets of a scope that are there. Raises ScopeError."""
    try:
        api = sdk_client().secrets
        there = {secret.key for secret in api.list_secrets(scope)}
        values = {key: api.get_secret(scope, key).value or "" for key in keys if key in there}
        return {key: base64.b64decode(value).decode("utf-8").strip() for key, value in values.items()}
    except (DatabricksError, OSError, ValueError) as error:
        raise ScopeError(f"secret scope {scope} cannot be read: {type(error).__name__}") from error


def sdk_client(**given: Any) -> WorkspaceClient:
    """Return a client for these sign-in settings."""
    # Left alone, the SDK tries for five minutes to reach a workspace that is down.
    return WorkspaceClient(config=Config(retry_timeout_seconds=60, **given))


def _etag(error: DatabricksError) -> str | None:
    """Return the etag that a 404 of the settings API carries, so that the first value can be set."""
    for detail in error.get_error_info():
        etag = (detail.metadata or {}).get("etag")
        if etag:
            return str(etag)
    return None
