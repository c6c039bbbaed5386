"""Lineage of tables and columns over REST (source: platform docs, data lineage, its section on the REST API).

Both calls answer the nearest objects on each side. An object that the caller may not see is left out, where the platform shows a
node without a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from localspace.core.errors import invalid
from localspace.core.ledger import rule
from localspace.core.stored_documents.history import LINEAGE, RecordedLineage, RecordedObject
from localspace.http.request import Request, Route
from localspace.http.request_schemas.catalog import LINEAGE as LINEAGE_FIELDS
from localspace.http.serialisation import Json

_BASE = "/api/2.0/lineage-tracking"


def tables(request: Request) -> Json:
    """Return the tables that a table was written from and those written from it; the jobs that did it, if asked."""
    name = _visible_table(request)
    with_entities = str(_given(request, "include_entity_lineage") or "").lower() == "true"
    upstreams: dict[str, Json] = {}
    downstreams: dict[str, Json] = {}
    for event in _events(request):
        target = event["target"]
        if target is not None and _same(target["name"], name):
            for one in _seen(request, event["sources"]):
                _add(upstreams, one, event, with_entities=with_entities)
        elif any(_same(one["name"], name) for one in event["sources"]):
            for one in _seen(request, [] if target is None else [target]):
                _add(downstreams, one, event, with_entities=with_entities)
    found: Json = {"upstreams": list(upstreams.values()), "downstreams": list(downstreams.values())}
    return {key: value for key, value in found.items() if value}


def columns(request: Request) -> Json:
    """Return the columns that a column was written from and those that were written from it."""
    name = _visible_table(request)
    column = _given(request, "column_name")
    if not column:
        raise invalid("Missing required field: column_name")
    upstream: dict[tuple[str, str], Json] = {}
    downstream: dict[tuple[str, str], Json] = {}
    for event in _events(request):
        target = event["target"]
        if target is None:
            continue
        for edge in event["columns"]:
            source, written = event["sources"][edge["source"]], edge["target"] or ""
            if _same(target["name"], name) and _same(written, column) and _seen(request, [source]):
                upstream[source["name"], edge["column"]] = _column(request, source, edge["column"])
            if _same(source["name"], name) and _same(edge["column"], column) and _seen(request, [target]):
                downstream[target["name"], written] = _column(request, target, written)
    found: Json = {"upstream_cols": list(upstream.values()), "downstream_cols": list(downstream.values())}
    return {key: value for key, value in found.items() if value}


@rule("LS-171")
def _seen(request: Request, objects: list[RecordedObject]) -> list[RecordedObject]:
    """Return the objects of an event that show to the caller."""
    privileges = request.repositories.privileges
    return [one for one in objects if privileges.can_see(request.actor, "TABLE", one["name"])]


def _events(request: Request) -> Iterator[RecordedLineage]:
    yield from request.repositories.history.events(LINEAGE)


def _visible_table(request: Request) -> str:
    name = _given(request, "table_name")
    if not name:
        raise invalid("Missing required field: table_name")
    return str(request.repositories.objects.read(request.actor, "table", name)["full_name"])


def _given(request: Request, field: str) -> str | None:
    """Return a field of the query or of the body: the platform's page sends a GET with a body."""
    found = request.query.get(field) or replace(request, schema=LINEAGE_FIELDS).body.get(field)
    return None if found is None else str(found)


def _add(found: dict[str, Json], one: RecordedObject, event: RecordedLineage, *, with_entities: bool) -> None:
    catalog, schema, name = one["name"].split(".")
    info = {"name": name, "catalog_name": catalog, "schema_name": schema, "table_type": one["type"]}
    entry = found.setdefault(one["name"], {"tableInfo": info})
    if with_entities and event.get("job_id"):
        job = {"job_id": event.get("job_id")}
        jobs = entry.setdefault("jobInfos", [])
        if job not in jobs:
            jobs.append(job)


def _column(request: Request, one: RecordedObject, column: str) -> Json:
    catalog, schema, table = one["name"].split(".")
    place = {"catalog_name": catalog, "schema_name": schema, "table_name": table, "table_type": one["type"]}
    return {"name": column, "workspace_id": int(request.repositories.ids.workspace_id), **place}


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


_PARTIAL = "the nearest tables; no notebooks, dashboards or pipelines"

ROUTES = (
    Route(method="GET", path=f"{_BASE}/table-lineage", handler=tables, partial=_PARTIAL),
    Route(method="GET", path=f"{_BASE}/column-lineage", handler=columns, partial=_PARTIAL),
)
