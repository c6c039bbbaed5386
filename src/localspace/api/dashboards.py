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


def create(request: Request) -> Json:
    """Create a draft in a folder that is there."""
    body = request.body
    name = field_of(body, "display_name")
    folder = normal(body.get("parent_path") or f"/Users/{request.actor.name}")
    tree = request.services.tree
    if not tree.exists(folder):
        raise not_found(f"Tree node with path '{folder}' does not exist.")
    tree.require(request.actor, folder, "CAN_EDIT")
    path = f"{folder.rstrip('/')}/{name}.lvdash.json"
    if any(
        one["path"] == path and one["lifecycle_state"] == "ACTIVE" for one in request.repositories.store.list(kinds.DASHBOARD)
    ):
        raise already_exists(f"Node with name {name}.lvdash.json already exists", status=400)
    now = iso(request.repositories.clock.now_ms())
    dashboard: StoredDashboard = {
        "dashboard_id": uuid.uuid4().hex,
        "display_name": name,
        "parent_path": folder,
        "path": path,
        "serialized_dashboard": _content(body.get("serialized_dashboard")),
        "warehouse_id": str(body.get("warehouse_id") or ""),
        "etag": _etag(request),
        "create_time": now,
        "update_time": now,
        "lifecycle_state": "ACTIVE",
        "owner": request.actor.name,
        "published": None,
    }
    _put(request, dashboard)
    return _info(dashboard)


def get(request: Request) -> Json:
    """Return a draft."""
    return _info(_dashboard(request, "CAN_READ"))


def listed(request: Request) -> Json:
    """List the dashboards that the caller may read."""
    trashed = request.flag("show_trashed")
    found = [
        {key: one[key] for key in ("dashboard_id", "display_name", "create_time", "lifecycle_state", "warehouse_id")}
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
        new["serialized_dashboard"] = _content(body["serialized_dashboard"])
    if "warehouse_id" in body:
        new["warehouse_id"] = str(body["warehouse_id"] or "")
    if body.get("display_name"):
        new["display_name"] = str(body["display_name"])
        new["path"] = f"{old['parent_path'].rstrip('/')}/{new['display_name']}.lvdash.json"
    new |= {"etag": _etag(request), "update_time": iso(request.repositories.clock.now_ms())}
    _put(request, new)
    return _info(new)


def publish(request: Request) -> StoredPublishedDashboard:
    """Publish the draft; without `embed_credentials: false` viewers query with the publisher's privileges."""
    dashboard = _dashboard(request, "CAN_MANAGE")
    body = request.body
    published: StoredPublishedDashboard = {
        "display_name": dashboard["display_name"],
        "warehouse_id": str(body.get("warehouse_id") or dashboard["warehouse_id"]),
        "embed_credentials": bool(body.get("embed_credentials", True)),
        "revision_create_time": iso(request.repositories.clock.now_ms()),
    }
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
    """Move a dashboard to the trash."""
    _put(request, _dashboard(request, "CAN_MANAGE") | {"lifecycle_state": "TRASHED", "published": None})
    return {}


def _dashboard(request: Request, level: str) -> StoredDashboard:
    found = request.repositories.store.get(kinds.DASHBOARD, request.params["dashboard_id"])
    if found is None or (found["lifecycle_state"] == "TRASHED" and request.method != "GET"):
        raise not_found(f"Unable to find dashboard [dashboardId={request.params['dashboard_id']}]")
    require_level(request.repositories, request.actor, "dashboards", found["dashboard_id"], level, owner=found["owner"])
    return found


def _put(request: Request, dashboard: StoredDashboard) -> None:
    request.repositories.store.put(kinds.DASHBOARD, (dashboard["dashboard_id"],), dashboard)


def _info(dashboard: StoredDashboard) -> Json:
    return {key: value for key, value in dashboard.items() if key not in ("owner", "published")}


def _content(given: object) -> str:
    text = "{}" if given in (None, "") else given
    if not isinstance(text, str):
        raise invalid("serialized_dashboard must be a string of JSON.")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise invalid(f"serialized_dashboard is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise invalid("serialized_dashboard must hold a JSON object.")
    return text


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
