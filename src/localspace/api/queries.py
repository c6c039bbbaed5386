"""Saved queries: stored and checked, run by nobody here (source: SDK 0.156, Queries)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localspace.api.saved_objects import SavedKind, masked, one_of
from localspace.core.errors import invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.object_permissions import require_level
from localspace.governance.warehouses import require_warehouse
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

QUERIES = SavedKind(kind=kinds.SAVED_QUERY, object_type="queries", noun="Query")
_CHANGED = frozenset(
    (
        *("display_name", "query_text", "warehouse_id", "description", "catalog", "schema", "apply_auto_limit"),
        *("run_as_mode", "tags", "parameters", "owner_user_name"),
    )
)
_VALUES = ("text_value", "numeric_value", "enum_value", "query_backed_value", "date_value", "date_range_value")


def create(request: Request) -> Json:
    """Save a query."""
    body = _given(request, "query")
    field_of(body, "display_name")
    new = {name: value for name, value in body.items() if name != "owner_user_name"}
    new.setdefault("run_as_mode", "OWNER")
    new["last_modifier_user_name"] = request.actor.name
    _check(request, new)
    return QUERIES.created(request, new, resolve=bool(request.body.get("auto_resolve_display_name")))


def get(request: Request) -> Json:
    """Return a query, in the trash too."""
    return QUERIES.one(request, request.params["id"])


def listed(request: Request) -> Json:
    """List the queries that show to the caller, without their folders."""
    found = [{name: value for name, value in one.items() if name != "parent_path"} for one in QUERIES.listed(request)]
    return page(found, request.query, "results", size_name="page_size", most=100)


def update(request: Request) -> Json:
    """Change the fields that the mask names."""
    given = _given(request, "query")
    with request.repositories.store.transaction():
        old = QUERIES.one(request, request.params["id"], "CAN_EDIT")
        new = masked(old, given, str(request.body.get("update_mask") or ""), _CHANGED)
        new["last_modifier_user_name"] = request.actor.name
        for name, value in (("run_as_mode", "OWNER"), ("owner_user_name", old["owner_user_name"])):
            new.setdefault(name, value)
        field_of(new, "display_name")
        _check(request, new)
        return QUERIES.changed(request, old, new, resolve=bool(request.body.get("auto_resolve_display_name")))


def trash(request: Request) -> Json:
    """Move a query to the trash."""
    QUERIES.trash(request, QUERIES.one(request, request.params["id"], "CAN_MANAGE"))
    return {}


def visualizations(request: Request) -> Json:
    """List the visualisations of a query: there are none."""
    QUERIES.one(request, request.params["id"])
    return {"results": []}


def _given(request: Request, name: str) -> Document:
    found = request.body.get(name)
    if not isinstance(found, dict):
        raise invalid(f"Missing required field: {name}")
    return found


def _check(request: Request, query: Mapping[str, Any]) -> None:
    one_of(query.get("run_as_mode"), "run_as_mode", ("OWNER", "VIEWER"))
    if query.get("warehouse_id"):
        found = require_warehouse(request.repositories, query["warehouse_id"])
        who = (request.repositories, request.actor, "warehouses", found["id"])
        require_level(*who, "CAN_USE", owner=found.get("creator_name"))
    names: set[str] = set()
    for at, one in enumerate(query.get("parameters") or ()):
        name = field_of(one, "name")
        if name in names:
            raise invalid(f"Parameter '{name}' is defined twice.")
        names.add(name)
        if sum(value in one for value in _VALUES) != 1:
            raise invalid(f"parameters[{at}] needs exactly one of {', '.join(_VALUES)}.")


_BASE = "/api/2.0/sql/queries"
ROUTES = (
    Route(method="POST", path=_BASE, handler=create, sdk=("Queries.create",)),
    Route(method="GET", path=_BASE, handler=listed, sdk=("Queries.list",)),
    Route(method="GET", path=_BASE + "/{id}", handler=get, sdk=("Queries.get",)),
    Route(method="PATCH", path=_BASE + "/{id}", handler=update, sdk=("Queries.update",)),
    Route(method="DELETE", path=_BASE + "/{id}", handler=trash, sdk=("Queries.delete",)),
    Route(
        method="GET",
        path=_BASE + "/{id}/visualizations",
        handler=visualizations,
        sdk=("Queries.list_visualizations",),
        partial="always empty: visualisations are not kept",
    ),
)
