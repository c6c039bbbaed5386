"""What a statement read and wrote, as the event from which the lineage tables are made."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from localspace.core.statement_runner import StatementRequest
from localspace.core.stored_documents.catalog import StoredTable
from localspace.core.stored_documents.history import LINEAGE, RecordedColumn, RecordedLineage, RecordedObject
from localspace.governance.legacy import is_legacy
from localspace.governance.repositories import Repositories
from localspace.sql.column_lineage import ColumnTracer, OutputColumn, reads
from localspace.sql.reader import Path3, SqlSession, folded, is_view, table_key
from localspace.sql.scopes import Reads


@dataclass(slots=True)
class Flow:
    """What a handler says about its statement.

    `parts` are queries with the names of the target's columns that they fill, in order; a query without names is one whose
    rows the caller gets. `keeps` is true when rows of the target itself pass through the queries, which does not count.
    """

    target: StoredTable | None = None
    keeps: bool = False
    parts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def asks(self, query: str) -> None:
        """Note a query whose rows the caller gets."""
        self.parts.append((query, ()))

    def fills(self, query: str, names: Sequence[str]) -> None:
        """Note a query that fills columns of the target."""
        self.parts.append((query, tuple(names)))

    def writes(self, target: StoredTable, *, keeps: bool = False) -> None:
        """Note what was written; a statement that was refused has written nothing."""
        self.target, self.keeps = target, keeps


def record(repositories: Repositories, request: StatementRequest, session: SqlSession, found: Reads, flow: Flow) -> None:
    """Hand the lineage of a statement that has succeeded to the history; it is traced there."""
    if flow.target is None and (not flow.parts or not found.documents):
        return
    at_ms, workspace_id = repositories.clock.now_ms(), repositories.ids.workspace_id
    repositories.history.add(LINEAGE, lambda: _event(request, session, found, flow, at_ms, workspace_id))


def _event(
    request: StatementRequest, session: SqlSession, found: Reads, flow: Flow, at_ms: int, workspace_id: str
) -> RecordedLineage | None:
    own = folded(table_key(flow.target)) if flow.target is not None else None
    # hive_metastore has no lineage (source: platform docs, data lineage: tables are registered in Unity Catalog).
    read = {path: one for path, one in found.documents.items() if not (flow.keeps and path == own) and not is_legacy(path[0])}
    if (own is not None and is_legacy(own[0])) or (own is None and not read):
        return None
    index = {path: at for at, path in enumerate(read)}
    event = RecordedLineage(
        event_id=str(uuid.uuid4()),
        workspace_id=workspace_id,
        at_ms=at_ms,
        statement_id=request.statement_id,
        created_by=request.principal_name,
        sources=[_object(one, direct=path in found.named) for path, one in read.items()],
        target=None if flow.target is None else _object(flow.target, direct=True),
        columns=_columns(session, found, flow, index),
    )
    if request.job is not None:
        event["job_id"], event["job_run_id"] = request.job
    return event


def _columns(session: SqlSession, found: Reads, flow: Flow, index: dict[Path3, int]) -> list[RecordedColumn]:
    tracer = ColumnTracer(found.documents, found.trees)
    edges: dict[tuple[int, str, str | None], None] = {}
    for query, names in flow.parts:
        columns = tracer.columns(query, session.catalog, session.schema)
        for target, column in _pairs(columns, names, asked=flow.target is None):
            for origin in sorted(column.origins):
                at = index.get(folded(origin.path))
                if at is not None:
                    edges[(at, origin.column, target)] = None
    return [RecordedColumn(source=at, column=column, target=target) for at, column, target in edges]


def _pairs(columns: Sequence[OutputColumn], names: Sequence[str], *, asked: bool) -> list[tuple[str | None, OutputColumn]]:
    if asked:
        return [(None, OutputColumn("", frozenset(reads(columns))))]
    return list(zip(names, columns, strict=False))


def _object(table: StoredTable, *, direct: bool) -> RecordedObject:
    kind = "VIEW" if is_view(table) else "TABLE"
    return RecordedObject(name=table["full_name"], type=kind, location=table.get("storage_location"), direct=direct)
