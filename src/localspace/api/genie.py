"""Genie spaces (source: SDK 0.156, Genie; parent_path comes back without /Workspace)."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.api.serialized_space import functions_of, read_space, tables_of, write_space
from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredGenieSpace
from localspace.core.timestamps import iso
from localspace.governance.object_permissions import may_see, require_level
from localspace.governance.warehouses import require_warehouse
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_BASE = "/api/2.0/genie/spaces"
_MAX_TITLE = 512


def create(request: Request) -> Json:
    """Create a space on existing tables; the creator manages it."""
    body = request.body
    if "databricks-sql-access" not in request.repositories.identity.entitlements(request.actor.id):
        raise denied("Creating a Genie space needs the entitlement databricks-sql-access.")
    warehouse_id = _warehouse(request, body.get("warehouse_id"))
    payload = _payload(request, body.get("serialized_space"))
    now = iso(request.repositories.clock.now_ms())
    space: StoredGenieSpace = {
        "space_id": uuid.uuid4().hex,
        "title": _title(body.get("title") or "New Space"),
        "warehouse_id": warehouse_id,
        "parent_path": _path(body.get("parent_path") or f"/Workspace/Users/{request.actor.name}"),
        "serialized_space": payload,
        "etag": uuid.uuid4().hex,
        "owner": request.actor.name,
        "create_time": now,
        "update_time": now,
    }
    if "description" in body:
        space["description"] = body["description"]
    request.repositories.store.put(kinds.GENIE_SPACE, (space["space_id"],), space)
    return _info(space, payload=True)


def get(request: Request) -> Json:
    """Return a space; the payload and the etag need CAN EDIT and come only when asked for."""
    space = _space(request)
    payload = request.flag("include_serialized_space")
    _require(request, space, "CAN_EDIT" if payload else "CAN_READ")
    return _info(space, payload=payload)


def listed(request: Request) -> Json:
    """List the spaces that the caller may at least read."""
    found = [
        _info(one, payload=False)
        for one in request.repositories.store.list(kinds.GENIE_SPACE)
        if not one.get("trashed") and may_see(request.repositories, request.actor, "genie", one["space_id"], one["owner"])
    ]
    return page(found, request.query, "spaces", size_name="page_size", most=100)


def update(request: Request) -> Json:
    """Change a space; a payload replaces the old one as a whole, the etag moves only when it differs."""
    body = request.body
    with request.repositories.store.transaction():
        old = _space(request)
        _require(request, old, "CAN_EDIT")
        if body.get("etag") and body["etag"] != old["etag"]:
            raise ApiError(409, "ABORTED", "The etag does not match: the space was changed meanwhile.")
        new = old.copy()
        if "title" in body:
            new["title"] = _title(body["title"])
        if "description" in body:
            new["description"] = body["description"]
        if "warehouse_id" in body:
            new["warehouse_id"] = _warehouse(request, body["warehouse_id"])
        if "parent_path" in body:
            new["parent_path"] = _path(body["parent_path"])
        if "serialized_space" in body:
            new["serialized_space"] = _payload(request, body["serialized_space"])
            if new["serialized_space"] != old["serialized_space"]:
                new["etag"] = uuid.uuid4().hex
        new["update_time"] = iso(request.repositories.clock.now_ms())
        request.repositories.store.put(kinds.GENIE_SPACE, (new["space_id"],), new)
    return _info(new, payload=True)


def trash(request: Request) -> Json:
    """Move a space to the trash; nobody finds it there."""
    old = _space(request)
    _require(request, old, "CAN_MANAGE")
    with request.repositories.store.transaction():
        request.repositories.store.put(kinds.GENIE_SPACE, (old["space_id"],), old | {"trashed": True})
        request.repositories.store.delete(kinds.PERMISSIONS, "genie", old["space_id"])
        for conversation in request.repositories.store.list(kinds.CONVERSATION, (old["space_id"],)):
            key = (old["space_id"], conversation["conversation_id"])
            for message in request.repositories.store.list(kinds.MESSAGE, key):
                request.repositories.store.delete(kinds.MESSAGE, *key, message["message_id"])
            request.repositories.store.delete(kinds.CONVERSATION, *key)
        for tag in request.repositories.store.list(kinds.OBJECT_TAG, ("geniespaces", old["space_id"])):
            request.repositories.store.delete(kinds.OBJECT_TAG, "geniespaces", old["space_id"], tag["tag_key"])
    return {}


def _space(request: Request) -> StoredGenieSpace:
    found = request.repositories.store.get(kinds.GENIE_SPACE, request.params["space_id"])
    if found is None or found.get("trashed"):
        raise not_found(f"Genie space {request.params['space_id']} does not exist.")
    return found


def space_for(request: Request, level: str) -> StoredGenieSpace:
    """Return the space of the path to who has a level on it; raises 404 or 403."""
    found = _space(request)
    _require(request, found, level)
    return found


def _require(request: Request, space: StoredGenieSpace, level: str) -> None:
    require_level(request.repositories, request.actor, "genie", space["space_id"], level, owner=space["owner"])


def _info(space: StoredGenieSpace, *, payload: bool) -> Json:
    found = kinds.GENIE_SPACE.answer(space)
    return found if payload else {key: value for key, value in found.items() if key not in ("serialized_space", "etag")}


def _warehouse(request: Request, warehouse_id: Any) -> str:
    if not isinstance(warehouse_id, str) or not warehouse_id:
        raise invalid("Missing required field: warehouse_id")
    found = require_warehouse(request.repositories, warehouse_id)
    if found.get("warehouse_type") == "CLASSIC" and not found.get("enable_serverless_compute"):
        raise invalid("A Genie space needs a Pro or Serverless SQL warehouse.")
    require_level(request.repositories, request.actor, "warehouses", warehouse_id, "CAN_USE", owner=found.get("creator_name"))
    return warehouse_id


def _payload(request: Request, text: Any) -> str:
    space = read_space(text)
    for kind, names in (("TABLE", tables_of(space)), ("FUNCTION", functions_of(space))):
        for name in names:
            if request.repositories.privileges.document(kind, name) is None or not request.repositories.privileges.can_see(
                request.actor, kind, name
            ):
                noun = "Table" if kind == "TABLE" else "Function"
                raise invalid(f"{noun} '{name}' does not exist or cannot be accessed.")
    return write_space(space)


def _title(text: Any) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > _MAX_TITLE:
        raise invalid(f"title must be a text of 1 to {_MAX_TITLE} characters.")
    return text


def _path(text: Any) -> str:
    if not isinstance(text, str) or not text.startswith("/"):
        raise invalid("parent_path must be an absolute path.")
    return text.removeprefix("/Workspace").rstrip("/") or "/"


ROUTES = (
    Route(method="POST", path=_BASE, handler=create, sdk=("Genie.create_space",)),
    Route(method="GET", path=_BASE, handler=listed, sdk=("Genie.list_spaces",)),
    Route(method="GET", path=_BASE + "/{space_id}", handler=get, sdk=("Genie.get_space",)),
    Route(method="PATCH", path=_BASE + "/{space_id}", handler=update, sdk=("Genie.update_space",)),
    Route(method="DELETE", path=_BASE + "/{space_id}", handler=trash, sdk=("Genie.trash_space",)),
)
