"""Streams of what statements did: the source of `system.query.history` and of the lineage tables."""

from typing import NotRequired, TypedDict

from localspace.core.stored_documents.kind import Stream

_MOST_BYTES = 32 * 1024 * 1024


class RecordedStatement(TypedDict):
    """One statement that has ended; times are milliseconds of the workspace's clock, durations milliseconds."""

    workspace_id: str
    statement_id: str
    status: str
    warehouse_id: str
    principal_id: str
    principal_name: str
    text: str
    type: str
    error: str | None
    submitted_ms: int
    started_ms: int
    ended_ms: int
    rows: int
    job_id: NotRequired[str]
    job_run_id: NotRequired[str]


class RecordedObject(TypedDict):
    """A table or view as it was when a statement read or wrote it."""

    name: str
    type: str
    location: str | None
    direct: bool


class RecordedColumn(TypedDict):
    """Where a column of the target, or of a result (`target` is None), comes from; `source` is an index of `sources`."""

    source: int
    column: str
    target: str | None


class RecordedLineage(TypedDict):
    """What one statement read and wrote."""

    event_id: str
    workspace_id: str
    at_ms: int
    statement_id: str
    created_by: str
    sources: list[RecordedObject]
    target: RecordedObject | None
    columns: list[RecordedColumn]
    job_id: NotRequired[str]
    job_run_id: NotRequired[str]


STATEMENTS = Stream(name="statement", fields=RecordedStatement, most_bytes=_MOST_BYTES)
LINEAGE = Stream(name="lineage", fields=RecordedLineage, most_bytes=_MOST_BYTES)
