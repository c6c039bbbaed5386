"""Permissions of workspace objects over REST (source: SDK 0.156, Permissions)."""

from __future__ import annotations

from localspace.core.errors import ApiError, denied, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredPermission, StoredPermissions
from localspace.governance.object_permissions import (
    KINDS,
    LEVELS,
    SINGULAR,
    checked_entries,
    covered,
    levels_of,
    require_any_level,
    require_level,
)
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json
from localspace.jobs.run_identity import require_one_owner
from localspace.storage.workspace_tree import permission_key

_DOCUMENTS = {
    "warehouses": "warehouse",
    "genie": "genie_space",
    "serving-endpoints": "serving_endpoint",
    "jobs": "job",
    "dashboards": "dashboard",
    "directories": "workspace_object_id",
    "notebooks": "workspace_object_id",
    "files": "workspace_object_id",
    "cluster-policies": "cluster_policy",
    "apps": "app",
    "queries": "saved_query",
    "alerts": "alert",
    "alertsv2": "alert_v2",
}
_IN_TREE = frozenset({"directories", "notebooks", "files"})
_FOR_ADMINS = frozenset({"cluster-policies"})
"""Object types whose permissions only workspace admins change: CAN USE is all that others can have."""

_PATHS = {
    "warehouses": "/sql/warehouses/",
    "genie": "/genie/",
    "serving-endpoints": "/serving-endpoints/",
    "jobs": "/jobs/",
    "dashboards": "/dashboards/",
    "directories": "/directories/",
    "notebooks": "/notebooks/",
    "files": "/files/",
    "cluster-policies": "/cluster-policies/",
    "apps": "/apps/",
    "queries": "/queries/",
    "alerts": "/alerts/",
    "alertsv2": "/alertsv2/",
}


_IN_TREE = frozenset({"directories", "notebooks", "files", "dashboards"})
"""Object types that lie in the workspace tree and inherit from the folders above them."""


def get(request: Request) -> Json:
    """Return who has which level on an object."""
    kind, object_id, owner = _object(request)
    _require(request, kind, object_id, owner, None)
    return _answer(request, kind, object_id, owner)


def put(request: Request) -> Json:
    """Replace the direct permissions."""
    return _write(request, keep=False)


def patch(request: Request) -> Json:
    """Set the level of the named principals, leave the others."""
    return _write(request, keep=True)


def levels(request: Request) -> Json:
    """List the levels of an object type."""
    kind, object_id, owner = _object(request)
    _require(request, kind, object_id, owner, None)
    return {
        "permission_levels": [
            {"permission_level": one, "description": one.replace("_", " ").capitalize()} for one in LEVELS[kind]
        ]
    }


def _write(request: Request, *, keep: bool) -> Json:
    kind, object_id, owner = _object(request)
    with request.repositories.store.transaction():
        _require_change(request, kind, object_id, owner)
        given = checked_entries(request.repositories, kind, request.body.get("access_control_list") or [])
        stored = request.repositories.store.get(kinds.PERMISSIONS, kind, object_id)
        old = stored["access_control_list"] if stored is not None else []
        named = {(one["kind"], one["principal"]) for one in given}
        kept = [one for one in old if keep and (one["kind"], one["principal"]) not in named]
        # An administrator's inherited level is never written down as a direct one.
        new = [one for one in (*kept, *given) if (one["kind"], one["principal"]) != ("group", "admins")]
        if kind == "jobs":
            require_one_owner(request.repositories, request.actor, new, owner)
        request.repositories.store.put(kinds.PERMISSIONS, (kind, object_id), StoredPermissions(access_control_list=new))
        _follow_owner(request, kind, object_id, new)
    _, _, owner = _object(request)
    return _answer(request, kind, object_id, owner)


def _require(request: Request, kind: str, object_id: str, owner: str | None, level: str | None) -> None:
    """Demand a level on an object, or any; of folders, notebooks and files those of the folders above count as well."""
    in_tree = request.repositories.store.get(kinds.WORKSPACE_OBJECT_ID, object_id) if kind in _IN_TREE else None
    held = None if in_tree is None else request.services.tree.level(request.actor, in_tree["path"])
    if held is not None and (level is None or level in covered(kind, held)):
        return
    if level is None:
        require_any_level(request.repositories, request.actor, kind, object_id, owner)
    else:
        require_level(request.repositories, request.actor, kind, object_id, level, owner=owner)


def _require_change(request: Request, kind: str, object_id: str, owner: str | None) -> None:
    if kind in _FOR_ADMINS and not request.repositories.identity.is_workspace_admin(request.actor.id):
        raise denied(f"Only a workspace admin may change the permissions of {kind} {object_id}.")
    level = "CAN_MANAGE" if "CAN_MANAGE" in LEVELS[kind] else "CAN_USE"
    _require(request, kind, object_id, owner, level)


def _follow_owner(request: Request, kind: str, object_id: str, entries: list[StoredPermission]) -> None:
    owners = [one["principal"] for one in entries if one["level"] == "IS_OWNER"]
    warehouse = request.repositories.store.get(kinds.WAREHOUSE, object_id) if kind == "warehouses" else None
    if owners and warehouse is not None:
        request.repositories.store.put(kinds.WAREHOUSE, (object_id,), warehouse | {"creator_name": owners[-1]})


def _answer(request: Request, kind: str, object_id: str, owner: str | None) -> Json:
    fields = {value: key for key, value in KINDS.items()}
    entries: list[Json] = []
    top = "/directories/" if kind in _IN_TREE else _PATHS.get(kind, f"/{kind}/").rstrip("/") + "/"
    held = [(one, top) for one in levels_of(request.repositories, kind, object_id, owner)]
    for one, source in (*held, *_of_folders(request, kind, object_id)):
        permission: Json = {"permission_level": one["level"], "inherited": one["inherited"]}
        if one["inherited"]:
            permission["inherited_from_object"] = [source]
        same = next((entry for entry in entries if entry.get(fields[one["kind"]]) == one["principal"]), None)
        if same is not None:
            same["all_permissions"].append(permission)
            continue
        found = request.repositories.identity.by_name(one["principal"])
        entry: Json = {fields[one["kind"]]: one["principal"], "all_permissions": [permission]}
        if found is not None and one["kind"] != "group":
            entry["display_name"] = found.display_name
        entries.append(entry)
    prefix = _PATHS.get(kind, "/authorization/")
    return {
        "object_id": f"{prefix}{object_id}",
        "object_type": SINGULAR[kind],
        "access_control_list": entries,
    }


def _of_folders(request: Request, kind: str, object_id: str) -> list[tuple[Document, str]]:
    """Return what an object of the workspace tree inherits from the folders above it, nearest first, and from which."""
    store = request.repositories.store
    if kind not in _IN_TREE:
        return []
    if kind == "dashboards":
        dashboard = store.get(kinds.DASHBOARD, object_id)
        path = None if dashboard is None else dashboard["path"]
    else:
        known = store.get(kinds.WORKSPACE_OBJECT_ID, object_id)
        path = None if known is None else known["path"]
    found: list[tuple[Document, str]] = []
    for folder in request.services.tree.folders_above(path or "/"):
        _, folder_id = permission_key(folder)
        stored = store.get(kinds.PERMISSIONS, "directories", folder_id)
        entries = stored["access_control_list"] if stored is not None else ()
        found += [({**one, "inherited": True}, f"/directories/{folder_id}") for one in entries]
    return found


def _object(request: Request) -> tuple[str, str, str | None]:
    kind, object_id = request.params["object_type"], request.params["object_id"]
    if kind == "authorization":
        kind, object_id = object_id, object_id
    if kind not in LEVELS:
        raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace has no permissions of {kind}.")
    if kind not in _DOCUMENTS:
        return kind, object_id, None
    if (kind, object_id) == ("directories", "0"):
        request.services.tree.status(request.actor, "/")
    found: Document | None = request.repositories.store.get(kinds.named(_DOCUMENTS[kind]), object_id)
    if found is None and kind == "serving-endpoints":
        everything = request.repositories.store.list(kinds.SERVING_ENDPOINT)
        found = next((dict(one) for one in everything if one["id"] == object_id), None)
    if found is None:
        raise not_found(f"{SINGULAR[kind]} {object_id} does not exist.")
    if kind == "jobs":
        return kind, object_id, request.services.jobs.run_log.owner(kinds.JOB.document(found))
    owner = found.get("creator_name") or found.get("owner") or found.get("creator") or found.get("owner_user_name")
    return kind, object_id, None if owner is None else str(owner)


def _each(method: str) -> tuple[str, ...]:
    """Return the SDK's own names for the permissions of one object type."""
    return tuple(f"{service}.{method}" for service in ("Warehouses", "ServingEndpoints", "ClusterPolicies", "Jobs", "Apps"))


_BASE = "/api/2.0/permissions/{object_type}/{object_id}"
_SQL = "/api/2.0/permissions/sql/{object_type}/{object_id}"
ROUTES = (
    Route(
        method="GET",
        path=_BASE,
        handler=get,
        sdk=("Permissions.get", *_each("get_permissions")),
    ),
    Route(
        method="PUT",
        path=_BASE,
        handler=put,
        sdk=("Permissions.set", *_each("set_permissions")),
    ),
    Route(
        method="PATCH",
        path=_BASE,
        handler=patch,
        sdk=("Permissions.update", *_each("update_permissions")),
    ),
    Route(
        method="GET",
        path=_BASE + "/permissionLevels",
        handler=levels,
        sdk=("Permissions.get_permission_levels", *_each("get_permission_levels")),
    ),
    Route(method="GET", path=_SQL, handler=get),
    Route(method="PUT", path=_SQL, handler=put),
    Route(method="PATCH", path=_SQL, handler=patch),
)
