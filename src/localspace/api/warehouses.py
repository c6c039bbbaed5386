"""SQL warehouses (source: SDK 0.156, EndpointInfo; all fields are answered, or Terraform's plan never ends)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from localspace.core.errors import denied, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredWarehouse
from localspace.governance.object_permissions import may_see, require_any_level, require_level
from localspace.governance.warehouses import require_warehouse
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_SIZES = ("2X-Small", "X-Small", "Small", "Medium", "Large", "X-Large", "2X-Large", "3X-Large", "4X-Large", "5X-Large")
_OUTPUT = {"id", "state", "jdbc_url", "odbc_params", "num_clusters", "num_active_sessions", "health", "creator_name"}


def _info(request: Request, body: StoredWarehouse) -> Json:
    host = request.services.location.address.removeprefix("http://")
    name, _, port = host.partition(":")
    path = f"/sql/1.0/warehouses/{body['id']}"
    running = body["state"] == "RUNNING"
    return kinds.WAREHOUSE.answer(body) | {
        "num_clusters": 1 if running else 0,
        "num_active_sessions": 0,
        "jdbc_url": f"jdbc:spark://{host}/default;transportMode=http;ssl=0;AuthMech=3;httpPath={path};",
        "odbc_params": {"hostname": name, "path": path, "port": int(port or 443), "protocol": "http"},
        "health": {"status": "HEALTHY" if running else "STATUS_UNSPECIFIED"},
    }


def listed(request: Request) -> Json:
    """List the warehouses that the caller may at least see."""
    found = [_info(request, one) for one in request.repositories.store.list(kinds.WAREHOUSE) if _shows(request, one)]
    return page(found, request.query, "warehouses", size_name="page_size")


def get(request: Request) -> Json:
    """Return one warehouse."""
    found = require_warehouse(request.repositories, request.params["id"])
    require_any_level(request.repositories, request.actor, "warehouses", found["id"], found.get("creator_name"))
    return _info(request, found)


def create(request: Request) -> Json:
    """Create a warehouse; it runs at once."""
    entitled = "allow-cluster-create" in request.repositories.identity.entitlements(request.actor.id)
    if not (entitled or request.repositories.identity.is_workspace_admin(request.actor.id)):
        raise denied("Creating a SQL warehouse needs the entitlement allow-cluster-create.")
    body = _settings(request.body, {})
    _refuse_taken(request, body["name"], None)
    new = kinds.WAREHOUSE.document({**body, "id": secrets.token_hex(8), "creator_name": request.actor.name, "state": "RUNNING"})
    request.repositories.store.put(kinds.WAREHOUSE, (new["id"],), new)
    return {"id": new["id"]}


def edit(request: Request) -> Json:
    """Change settings; needs CAN_MANAGE."""
    old = _managed(request)
    kept = {"id": old["id"], "state": old["state"], "creator_name": old["creator_name"]}
    new = kinds.WAREHOUSE.document({**_settings(request.body, old), **kept})
    _refuse_taken(request, new["name"], old["id"])
    request.repositories.store.put(kinds.WAREHOUSE, (old["id"],), new)
    return {"id": old["id"]}


def delete(request: Request) -> Json:
    """Delete a warehouse with its permissions."""
    old = _managed(request)
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.WAREHOUSE, old["id"])
        request.repositories.store.delete(kinds.PERMISSIONS, "warehouses", old["id"])
    return {}


def start(request: Request) -> Json:
    """Start a warehouse, and the SQL engine behind it; a stopped one starts with its first statement."""
    answer = _switch(request, "RUNNING", "CAN_USE")
    request.services.statements.warm()
    return answer


def stop(request: Request) -> Json:
    """Stop a warehouse, which needs CAN_MANAGE; the next statement starts it again."""
    return _switch(request, "STOPPED", "CAN_MANAGE")


def data_sources(request: Request) -> Json | list[Json]:
    """List the warehouses that the caller may at least see, in the old shape that some clients look up an id by."""
    return [
        {"id": one["id"], "warehouse_id": one["id"], "name": one["name"], "syntax": "sql", "type": "databricks_internal"}
        for one in request.repositories.store.list(kinds.WAREHOUSE)
        if _shows(request, one)
    ]


def config(request: Request) -> Json:
    """Return the settings of all warehouses."""
    stored = request.repositories.store.get(kinds.WAREHOUSE_CONFIG, kinds.WHOLE) or {}
    return {
        "security_policy": "NONE",
        "channel": {"name": "CHANNEL_NAME_CURRENT"},
        "enabled_warehouse_types": [
            {"warehouse_type": "CLASSIC", "enabled": True},
            {"warehouse_type": "PRO", "enabled": True},
        ],
        **stored,
    }


def set_config(request: Request) -> Json:
    """Change the settings of all warehouses; admins only."""
    if not request.repositories.identity.is_workspace_admin(request.actor.id):
        raise denied("Only a workspace admin may change the settings of SQL warehouses.")
    config = kinds.WAREHOUSE_CONFIG.document(request.body)
    request.repositories.store.put(kinds.WAREHOUSE_CONFIG, (kinds.WHOLE,), config)
    return {}


def _refuse_taken(request: Request, name: str, own: str | None) -> None:
    """Refuse the name of another warehouse (source: databricks-demos/dbdemos issue 12)."""
    if any(one["name"] == name and one["id"] != own for one in request.repositories.store.list(kinds.WAREHOUSE)):
        raise invalid(f"SQL warehouse with name `{name}` already exists")


def _shows(request: Request, warehouse: StoredWarehouse) -> bool:
    return may_see(request.repositories, request.actor, "warehouses", warehouse["id"], warehouse.get("creator_name"))


def _switch(request: Request, state: str, level: str) -> Json:
    found = require_warehouse(request.repositories, request.params["id"])
    require_level(request.repositories, request.actor, "warehouses", found["id"], level, owner=found.get("creator_name"))
    request.repositories.store.put(kinds.WAREHOUSE, (found["id"],), found | {"state": state})
    return {}


def _managed(request: Request) -> StoredWarehouse:
    found = require_warehouse(request.repositories, request.params["id"])
    require_level(request.repositories, request.actor, "warehouses", found["id"], "CAN_MANAGE", owner=found.get("creator_name"))
    return found


def _settings(given: Json, old: Mapping[str, Any]) -> Document:
    body: Document = {
        "auto_stop_mins": 120,
        "min_num_clusters": 1,
        "max_num_clusters": 1,
        "enable_photon": True,
        "enable_serverless_compute": False,
        "warehouse_type": "CLASSIC",
        "spot_instance_policy": "COST_OPTIMIZED",
        "channel": {"name": "CHANNEL_NAME_CURRENT"},
    } | dict(old)
    body |= {key: value for key, value in given.items() if key not in _OUTPUT}
    for whole in ("auto_stop_mins", "min_num_clusters", "max_num_clusters"):
        if isinstance(body[whole], str) and body[whole].isdigit():
            body[whole] = int(body[whole])
    field_of(body, "name")
    if body.get("cluster_size") not in _SIZES:
        raise invalid(f"cluster_size must be one of {', '.join(_SIZES)}.")
    if not body["channel"].get("name") or body["channel"]["name"] == "CHANNEL_NAME_UNSPECIFIED":
        body["channel"] = {"name": "CHANNEL_NAME_CURRENT"}
    if body["warehouse_type"] not in ("PRO", "CLASSIC"):
        body["warehouse_type"] = "CLASSIC"
    return body


_BASE = "/api/2.0/sql/warehouses"
ROUTES = (
    Route(method="GET", path=_BASE, handler=listed, sdk=("Warehouses.list",)),
    Route(method="POST", path=_BASE, handler=create, sdk=("Warehouses.create",)),
    Route(method="GET", path=_BASE + "/{id}", handler=get, sdk=("Warehouses.get",)),
    Route(method="DELETE", path=_BASE + "/{id}", handler=delete, sdk=("Warehouses.delete",)),
    Route(method="POST", path=_BASE + "/{id}/edit", handler=edit, sdk=("Warehouses.edit",)),
    Route(method="POST", path=_BASE + "/{id}/start", handler=start, sdk=("Warehouses.start",)),
    Route(method="POST", path=_BASE + "/{id}/stop", handler=stop, sdk=("Warehouses.stop",)),
    Route(
        method="GET",
        path="/api/2.0/sql/config/warehouses",
        handler=config,
        sdk=("Warehouses.get_workspace_warehouse_config",),
    ),
    Route(
        method="PUT",
        path="/api/2.0/sql/config/warehouses",
        handler=set_config,
        sdk=("Warehouses.set_workspace_warehouse_config",),
    ),
    Route(method="GET", path="/api/2.0/preview/sql/data_sources", handler=data_sources, sdk=("DataSources.list",)),
)
