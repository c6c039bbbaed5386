"""Column lineage as the platform recorded it: one query for all tables, and the texts of the statements that wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lampkeeper.model.errors import RemoteError
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import Parameter, run_sql

COLUMN_LINEAGE = "system.access.column_lineage"
QUERY_HISTORY = "system.query.history"
_ABSENT = frozenset(
    {"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION", "CATALOG_NOT_FOUND", "INSUFFICIENT_PERMISSIONS"}
    | {"UC_NOT_ENABLED", "PERMISSION_DENIED"}
)
_MOST_IDS = 200
_PARTS = ("catalog", "schema", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenColumn:
    """One edge: `target` was written from `source`, last by the statement `statement_id` (empty: not by a SQL warehouse)."""

    source: ColumnName
    target: ColumnName
    statement_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLineage:
    """The edges, and the texts of their statements by id. A table that cannot be read is named with the reason in `unread`."""

    edges: tuple[WrittenColumn, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def read_lineage(workspace: Workspace, catalogs: Iterable[str]) -> RecordedLineage:
    """Return the lineage of the last year that begins or ends in these catalogs.

    Rows without a target (a result that was only read) and without a source column are left out. Source: platform docs, lineage
    system tables.
    """
    names = sorted({c.casefold() for c in catalogs})
    listed = ", ".join(f":c{n}" for n in range(len(names)))
    parts = [f"{side}_table_{part}" for side in ("source", "target") for part in _PARTS]
    columns = ", ".join([*parts, "source_column_name", "target_column_name"])
    try:
        rows = run_sql(
            workspace,
            f"SELECT {columns}, max_by(statement_id, event_time) AS statement_id "  # noqa: S608
            f"FROM {COLUMN_LINEAGE} WHERE source_column_name IS NOT NULL AND target_column_name IS NOT NULL "
            f"AND (lower(target_table_catalog) IN ({listed}) OR lower(source_table_catalog) IN ({listed})) GROUP BY {columns}",
            [Parameter(name=f"c{n}", value=name) for n, name in enumerate(names)],
            kind="lineage",
        ).dicts()
    except RemoteError as error:
        if (reason := _absent(error)) is None:
            raise
        return RecordedLineage(unread={COLUMN_LINEAGE: reason})
    edges = tuple(
        WrittenColumn(source=_column(r, "source"), target=_column(r, "target"), statement_id=r["statement_id"] or "")
        for r in rows
        if all(r[name] for name in parts)
    )
    return _with_texts(workspace, edges)


def _with_texts(workspace: Workspace, edges: tuple[WrittenColumn, ...]) -> RecordedLineage:
    ids = sorted({e.statement_id for e in edges} - {""})
    texts: dict[str, str] = {}
    for start in range(0, len(ids), _MOST_IDS):
        some = ids[start : start + _MOST_IDS]
        listed = ", ".join(f":i{n}" for n in range(len(some)))
        try:
            rows = run_sql(
                workspace,
                f"SELECT statement_id, statement_text FROM {QUERY_HISTORY} WHERE statement_id IN ({listed})",  # noqa: S608
                [Parameter(name=f"i{n}", value=each) for n, each in enumerate(some)],
                kind="lineage",
            ).dicts()
        except RemoteError as error:
            if (reason := _absent(error)) is None:
                raise
            return RecordedLineage(edges=edges, unread={QUERY_HISTORY: reason})
        texts |= {str(r["statement_id"]): r["statement_text"] for r in rows if r["statement_text"]}
    return RecordedLineage(edges=edges, texts=texts)


def _column(row: Mapping[str, str | None], side: str) -> ColumnName:
    catalog, schema, table = (str(row[f"{side}_table_{part}"]) for part in _PARTS)
    return ColumnName(TableName(catalog, schema, table), str(row[f"{side}_column_name"]))


def _absent(error: RemoteError) -> str | None:
    code = error.code.split(".")[0]
    return code if code in _ABSENT else None
