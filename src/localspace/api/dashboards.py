"""Lakeview dashboards: draft, publish, trash (source: SDK 0.156, Lakeview)."""

from __future__ import annotations

import json
import uuid

from localspace.core.errors import ApiError, already_exists, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredDashboard, StoredPublishedDashboard
from localspace.core.timestamps import iso
from localspace.governance.object_permissions import may_see, require_level
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page
from localspace.storage.workspace_tree import normal

_BASE = "/api/2.0/lakeview/dashboards"
_LISTED = ("dashboard_id", "display_name", "create_time", "update_time", "parent_path", "lifecycle_state", "warehouse_id")


def create(request: Request) -> Json:
    """Create a draft in a folder that is there; it becomes an object of the workspace tree."""
    body = request.body
    name = field_of(body, "display_name")
    folder = normal(body.get("parent_path") or f"/Users/{request.actor.name}")
    tree = request.services.tree
    if not tree.exists(folder):
        raise not_found(f"Path ({folder}) doesn't exist.")
    path = _path(folder, name)
    if tree.exists(path):
        raise already_exists(f"Node with name {name}.lvdash.json already exists", status=400)
    now = iso(request.repositories.clock.now_ms())
    dashboard: StoredDashboard = {
        "dashboard_id": uuid.uuid4().hex,
        "display_name": name,
        "parent_path": folder,
        "path": path,
        "serialized_dashboard": _content(request, body.get("serialized_dashboard")),
        "etag": _etag(request),
        "create_time": now,
        "update_time": now,
        "lifecycle_state": "ACTIVE",
        "owner": request.actor.name,
        "published": None,
    }
    if body.get("warehouse_id"):
        dashboard["warehouse_id"] = body["warehouse_id"]
    tree.write_dashboard(
        request.actor, path, dashboard["serialized_dashboard"].encode(), dashboard["dashboard_id"], overwrite=False
    )
    _put(request, dashboard)
    return kinds.DASHBOARD.answer(dashboard)


def get(request: Request) -> Json:
    """Return a draft."""
    return kinds.DASHBOARD.answer(_dashboard(request, "CAN_READ"))


def listed(request: Request) -> Json:
    """List the dashboards that the caller may read."""
    trashed = request.flag("show_trashed")
    found = [
        {key: value for key, value in one.items() if key in _LISTED}
        for one in request.repositories.store.list(kinds.DASHBOARD)
        if (trashed or one["lifecycle_state"] == "ACTIVE")
        and may_see(request.repositories, request.actor, "dashboards", one["dashboard_id"], one["owner"])
    ]
    return page(found, request.query, "dashboards", size_name="page_size", most=100)


def update(request: Request) -> Json:
    """Change a draft; an etag that is given must be the current one."""
    old = _dashboard(request, "CAN_EDIT")
    body = request.body
    if body.get("etag") and body["etag"] != old["etag"]:
        raise ApiError(409, "RESOURCE_CONFLICT", "The dashboard has been changed since it was read.")
    new = old.copy()
    if "serialized_dashboard" in body:
        new["serialized_dashboard"] = _content(request, body["serialized_dashboard"])
    if body.get("warehouse_id"):
        new["warehouse_id"] = body["warehouse_id"]
    if body.get("display_name"):
        new["display_name"] = body["display_name"]
        new["path"] = _path(old["parent_path"], new["display_name"])
    new |= {"etag": _etag(request), "update_time": iso(request.repositories.clock.now_ms())}
    tree, moved = request.services.tree, new["path"] != old["path"]
    tree.write_dashboard(
        request.actor, new["path"], new["serialized_dashboard"].encode(), new["dashboard_id"], overwrite=not moved
    )
    if moved:
        tree.forget(old["path"])
    _put(request, new)
    return kinds.DASHBOARD.answer(new)


def publish(request: Request) -> StoredPublishedDashboard:
    """Publish the draft; without `embed_credentials: false` viewers query with the publisher's privileges."""
    dashboard = _dashboard(request, "CAN_MANAGE")
    body = request.body
    published: StoredPublishedDashboard = {
        "display_name": dashboard["display_name"],
        "embed_credentials": bool(body.get("embed_credentials", True)),
        "revision_create_time": iso(request.repositories.clock.now_ms()),
    }
    warehouse = body.get("warehouse_id") or dashboard.get("warehouse_id")
    if warehouse:
        published["warehouse_id"] = warehouse
    _put(request, dashboard | {"published": published})
    return published


def get_published(request: Request) -> StoredPublishedDashboard:
    """Return the published form."""
    found = _dashboard(request, "CAN_READ")["published"]
    if found is None:
        raise not_found(f"Dashboard {request.params['dashboard_id']} is not published.")
    return found


def unpublish(request: Request) -> Json:
    """Withdraw the published form."""
    _put(request, _dashboard(request, "CAN_MANAGE") | {"published": None})
    return {}


def trash(request: Request) -> Json:
    """Move a dashboard to the caller's trash; its published form is gone."""
    dashboard = _dashboard(request, "CAN_MANAGE")
    request.services.tree.forget(dashboard["path"])
    put_in_trash(request, dashboard)
    return {}


def put_in_trash(request: Request, dashboard: StoredDashboard) -> None:
    """Mark a dashboard as trashed, after its object has left the workspace tree."""
    trashed: StoredDashboard = dashboard | {"lifecycle_state": "TRASHED", "published": None}
    _put(request, trashed | {"parent_path": f"/Users/{request.actor.name}/Trash"})


def _dashboard(request: Request, level: str) -> StoredDashboard:
    found = request.repositories.store.get(kinds.DASHBOARD, request.params["dashboard_id"])
    if found is None or (found["lifecycle_state"] == "TRASHED" and request.method != "GET"):
        raise not_found(f"Unable to find dashboard [dashboardId={request.params['dashboard_id']}]")
    require_level(request.repositories, request.actor, "dashboards", found["dashboard_id"], level, owner=found["owner"])
    return found


def _put(request: Request, dashboard: StoredDashboard) -> None:
    request.repositories.store.put(kinds.DASHBOARD, (dashboard["dashboard_id"],), dashboard)


def _path(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}.lvdash.json"


def _content(request: Request, given: str | None) -> str:
    """Return a draft as the platform keeps it: the text as given, with what it adds to pages and datasets, and a newline.

    Source: databricks/cli, its account of the Lakeview API (pageType, dataset_catalog, dataset_schema, one newline at the end).
    """
    try:
        found = json.loads(given or "{}")
    except (ValueError, RecursionError) as error:
        raise invalid(f"serialized_dashboard is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise invalid("serialized_dashboard must hold a JSON object.")
    added = {"catalog": request.query.get("dataset_catalog"), "schema": request.query.get("dataset_schema")}
    changes = [(found.get("pages"), {"pageType": "PAGE_TYPE_CANVAS"})]
    changes.append((found.get("datasets"), {name: value for name, value in added.items() if value}))
    changed = not found
    for elements, fields in changes:
        for one in elements if isinstance(elements, list) and fields else ():
            if isinstance(one, dict):
                one |= fields
                changed = True
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False) if changed or not given else given
    return text if text.endswith("\n") else f"{text}\n"


def _etag(request: Request) -> str:
    return str(request.repositories.store.next_number("dashboard_etag", 1_000_000))


_ONE = _BASE + "/{dashboard_id}"
ROUTES = (
    Route(method="POST", path=_BASE, handler=create, sdk=("Lakeview.create",)),
    Route(method="GET", path=_BASE, handler=listed, sdk=("Lakeview.list",)),
    Route(method="GET", path=_ONE, handler=get, sdk=("Lakeview.get",)),
    Route(method="PATCH", path=_ONE, handler=update, sdk=("Lakeview.update",)),
    Route(method="DELETE", path=_ONE, handler=trash, sdk=("Lakeview.trash",)),
    Route(method="POST", path=_ONE + "/published", handler=publish, sdk=("Lakeview.publish",)),
    Route(method="GET", path=_ONE + "/published", handler=get_published, sdk=("Lakeview.get_published",)),
    Route(method="DELETE", path=_ONE + "/published", handler=unpublish, sdk=("Lakeview.unpublish",)),
)
