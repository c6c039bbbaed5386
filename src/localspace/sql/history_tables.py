"""The system tables of what statements did: query history, table lineage, column lineage.

Columns follow the platform's reference pages of the three tables; figures that a local workspace does not have are NULL.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.history import LINEAGE, STATEMENTS, RecordedLineage, RecordedObject, RecordedStatement
from localspace.core.stored_documents.kind import Stream
from localspace.governance.repositories import Repositories
from localspace.sql import failures
from localspace.sql.reader import Path3

Row = tuple[Any, ...]

KEPT_MS = 365 * 24 * 3_600_000
"""Rows are kept a year (source: platform docs, data lineage; system tables, retention)."""

_SIDE = ("table_full_name", "table_catalog", "table_schema", "table_name", "path", "type")
_ENTITY = (
    "STRUCT<job_info:STRUCT<job_id:STRING,job_run_id:STRING>,dashboard_id:STRING,legacy_dashboard_id:STRING,"
    "notebook_id:STRING,sql_query_id:STRING,dlt_pipeline_info:STRUCT<dlt_pipeline_id:STRING,dlt_update_id:STRING>>"
)
_FIRST = ("account_id", "metastore_id", "workspace_id", "entity_type", "entity_id", "entity_run_id")
_LAST = (
    *("created_by", "event_time:TIMESTAMP", "event_date:DATE", "record_id", "event_id", "statement_id"),
    *(f"entity_metadata:{_ENTITY}", "direct_access:BOOLEAN"),
)
_SOURCE = tuple(f"source_{name}" for name in _SIDE)
_TARGET = tuple(f"target_{name}" for name in _SIDE)
_DURATIONS = (
    *("total_duration_ms", "waiting_for_compute_duration_ms", "waiting_at_capacity_duration_ms", "execution_duration_ms"),
    *("compilation_duration_ms", "total_task_duration_ms", "result_fetch_duration_ms"),
)
_QUERY = (
    *("account_id", "workspace_id", "statement_id", "session_id", "execution_status"),
    "compute:STRUCT<type:STRING,cluster_id:STRING,warehouse_id:STRING>",
    *("executed_by_user_id", "executed_by", "statement_text", "statement_type", "error_message", "client_application"),
    *("client_driver", "cache_origin_statement_id", *(f"{name}:BIGINT" for name in _DURATIONS)),
    *("start_time:TIMESTAMP", "end_time:TIMESTAMP", "update_time:TIMESTAMP", "read_partitions:BIGINT", "pruned_files:BIGINT"),
    *("read_files:BIGINT", "read_rows:BIGINT", "produced_rows:BIGINT", "read_bytes:BIGINT", "read_io_cache_percent:INT"),
    *("from_result_cache:BOOLEAN", "spilled_local_bytes:BIGINT", "written_bytes:BIGINT", "written_rows:BIGINT"),
    *("written_files:BIGINT", "shuffle_read_bytes:BIGINT"),
    "query_source:STRUCT<job_info:STRUCT<job_id:STRING,job_run_id:STRING,job_task_run_id:STRING>,legacy_dashboard_id:STRING,"
    "dashboard_id:STRING,alert_id:STRING,notebook_id:STRING,sql_query_id:STRING,genie_space_id:STRING>",
    "query_parameters:STRUCT<named_parameters:MAP<STRING,STRING>,pos_parameters:ARRAY<STRING>,is_truncated:BOOLEAN>",
    *("executed_as", "executed_as_user_id", "query_tags:MAP<STRING,STRING>"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTable:
    """A system table over a stream; a column is a name, with `:` and its type unless it is a STRING."""

    columns: tuple[str, ...]
    stream: Stream[Any]
    rows: Callable[[Repositories, Principal], Iterator[Row]]


def _statements(repositories: Repositories, _: Principal) -> Iterator[Row]:
    for one in repositories.history.events(STATEMENTS):
        if one["ended_ms"] > repositories.clock.now_ms() - KEPT_MS:
            yield tuple(_statement(repositories, one).get(name.partition(":")[0]) for name in _QUERY)


def _statement(repositories: Repositories, one: RecordedStatement) -> dict[str, Any]:
    warehouse = one["warehouse_id"]
    kind = "WAREHOUSE" if warehouse else "SERVERLESS_COMPUTE"
    return {
        "account_id": repositories.ids.account_id,
        "workspace_id": one["workspace_id"],
        "statement_id": one["statement_id"],
        "execution_status": one["status"],
        "compute": {"type": kind, "cluster_id": None, "warehouse_id": warehouse or None},
        "executed_by_user_id": one["principal_id"],
        "executed_by": one["principal_name"],
        "statement_text": one["text"],
        "statement_type": one["type"],
        "error_message": one["error"],
        "total_duration_ms": one["ended_ms"] - one["submitted_ms"],
        "waiting_at_capacity_duration_ms": one["started_ms"] - one["submitted_ms"],
        "execution_duration_ms": one["ended_ms"] - one["started_ms"],
        "start_time": one["submitted_ms"],
        "end_time": one["ended_ms"],
        "update_time": one["ended_ms"],
        "produced_rows": one["rows"],
        "from_result_cache": False,
        "query_source": None if _job(one) is None else {"job_info": _job(one)},
        "executed_as": one["principal_name"],
        "executed_as_user_id": one["principal_id"],
    }


@rule("LS-171")
def _seen_lineage(repositories: Repositories, principal: Principal) -> Iterator[tuple[RecordedLineage, Callable[[str], bool]]]:
    """Yield the events of the last year, each with the test whether an object of it shows to the principal."""
    seen: dict[str, bool] = {}

    def sees(name: str) -> bool:
        if name not in seen:
            seen[name] = repositories.privileges.can_see(principal, "TABLE", name)
        return seen[name]

    for one in repositories.history.events(LINEAGE):
        if one["at_ms"] > repositories.clock.now_ms() - KEPT_MS:
            yield one, sees


def _tables(repositories: Repositories, principal: Principal) -> Iterator[Row]:
    for event, sees in _seen_lineage(repositories, principal):
        target = event["target"]
        if target is not None and not sees(target["name"]):
            continue
        sources = [one for one in event["sources"] if sees(one["name"])]
        for at, source in enumerate(sources if event["sources"] else [None]):
            yield (*_first(repositories, event), *_side(source), *_side(target), *_last(event, at, source))


def _columns(repositories: Repositories, principal: Principal) -> Iterator[Row]:
    for event, sees in _seen_lineage(repositories, principal):
        target = event["target"]
        if target is not None and not sees(target["name"]):
            continue
        for at, edge in enumerate(event["columns"]):
            source = event["sources"][edge["source"]]
            if sees(source["name"]):
                written = (*_side(target), edge["target"])
                yield (*_first(repositories, event), *_side(source), edge["column"], *written, *_last(event, at, source))


def _first(repositories: Repositories, event: RecordedLineage) -> Row:
    ids = repositories.ids
    job = event.get("job_id")
    return (ids.account_id, ids.metastore_id, event["workspace_id"], "JOB" if job else None, job, event.get("job_run_id"))


def _side(one: RecordedObject | None) -> Row:
    if one is None:
        return (None,) * len(_SIDE)
    return (one["name"], *one["name"].split("."), one["location"], one["type"])


def _job(event: RecordedLineage | RecordedStatement) -> dict[str, str | None] | None:
    return {"job_id": event.get("job_id"), "job_run_id": event.get("job_run_id")} if event.get("job_id") else None


def _last(event: RecordedLineage, at: int, source: RecordedObject | None) -> Row:
    record = str(uuid.uuid5(uuid.UUID(event["event_id"]), str(at)))
    job = _job(event)
    direct = True if source is None else source["direct"]
    day = event["at_ms"] // 86_400_000
    ids = (record, event["event_id"], event["statement_id"] or None)
    return (event["created_by"], event["at_ms"], day, *ids, {"job_info": job} if job else None, direct)


TABLES: dict[Path3, HistoryTable] = {
    ("system", "access", "table_lineage"): HistoryTable(
        columns=(*_FIRST, *_SOURCE, *_TARGET, *_LAST), stream=LINEAGE, rows=_tables
    ),
    ("system", "access", "column_lineage"): HistoryTable(
        columns=(*_FIRST, *_SOURCE, "source_column_name", *_TARGET, "target_column_name", *_LAST), stream=LINEAGE, rows=_columns
    ),
    ("system", "query", "history"): HistoryTable(columns=_QUERY, stream=STATEMENTS, rows=_statements),
}


def history_table(path: tuple[str, ...]) -> HistoryTable | None:
    """Return the table of a path, or None for any other path."""
    folded = tuple(part.casefold() for part in path)
    return TABLES.get((folded[0], folded[1], folded[2])) if len(folded) == 3 else None


def columns_of(repositories: Repositories, path: Path3) -> tuple[str, ...]:
    """Return the columns; raises TABLE_OR_VIEW_NOT_FOUND while the schema is not enabled."""
    table = history_table(path)
    if table is None or repositories.store.get(kinds.SCHEMA, "system", path[1]) is None:
        raise failures.table_missing(path)
    return table.columns


@rule("LS-170")
def rows_of(repositories: Repositories, path: Path3, principal: Principal) -> list[Row]:
    """Return the rows for admins and for who was granted USE SCHEMA and SELECT on the schema; raises for anybody else."""
    columns_of(repositories, path)
    identity, schema = repositories.identity, f"system.{path[1].casefold()}"
    if not (identity.is_account_admin(principal.id) or identity.is_metastore_admin(principal.id)):
        held = repositories.privileges.granted(principal, "SCHEMA", schema)
        for privilege in ("USE_SCHEMA", "SELECT"):
            if not held & {privilege, "ALL_PRIVILEGES"}:
                raise failures.insufficient(privilege.replace("_", " "), "SCHEMA", ("system", path[1]))
    table = history_table(path)
    return [] if table is None else list(table.rows(repositories, principal))
