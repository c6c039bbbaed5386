"""Metastores: made, changed, deleted and assigned, through the account's calls and through those of a workspace."""

from __future__ import annotations

from typing import Any

from localspace.api.account_plane import account_route, metastore_of, require_account_admin, workspace_of
from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredMetastore
from localspace.core.stored_documents.kind import Room
from localspace.governance import bootstrap
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_GIVEN = frozenset({"samples", "system"})
"""Catalogs that a metastore has from the start and that nobody fills."""


# The account's calls


def listed(request: Request) -> Json:
    """List the metastores of the account."""
    require_account_admin(request)
    return {"metastores": request.repositories.store.list(kinds.METASTORE)}


def get(request: Request) -> Json:
    """Return one metastore."""
    require_account_admin(request)
    return {"metastore_info": metastore_of(request, request.params["metastore_id"])}


def create(request: Request) -> Json:
    """Make a metastore, assigned to no workspace."""
    require_account_admin(request)
    return {"metastore_info": _create(request, request.body.get("metastore_info") or {})}


def update(request: Request) -> Json:
    """Change owner or settings of a metastore."""
    require_account_admin(request)
    old = metastore_of(request, request.params["metastore_id"])
    return {"metastore_info": _update(request, old, request.body.get("metastore_info") or {})}


def delete(request: Request) -> Json:
    """Delete a metastore; one with catalogs of its own, or with a workspace, needs `force`."""
    require_account_admin(request)
    _delete(request, request.params["metastore_id"])
    return {}


def workspaces(request: Request) -> Json:
    """List the ids of the workspaces that a metastore is assigned to."""
    require_account_admin(request)
    wanted = metastore_of(request, request.params["metastore_id"])["metastore_id"]
    return {"workspace_ids": [int(one) for one in _assigned(request, wanted)]}


def assignment(request: Request) -> Json:
    """Return the metastore assignment of a workspace."""
    require_account_admin(request)
    found = request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, str(workspace_of(request)["workspace_id"]))
    if found is None:
        raise not_found("No metastore is assigned to this workspace.")
    return {"metastore_assignment": found}


def assign(request: Request) -> Json:
    """Assign a metastore to a workspace, or change the assignment."""
    require_account_admin(request)
    workspace_id = str(workspace_of(request)["workspace_id"])
    if request.method == "POST" and request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, workspace_id) is not None:
        raise already_exists(f"Workspace {workspace_id} already has a metastore.")
    given = request.body.get("metastore_assignment") or {}
    # The body may name the metastore to change to (source: SDK 0.156, UpdateMetastoreAssignment).
    metastore_id = given.get("metastore_id") or request.params["metastore_id"]
    _assign(request, workspace_id, metastore_id, given.get("default_catalog_name"))
    return {}


def unassign(request: Request) -> Json:
    """Take a metastore from a workspace."""
    require_account_admin(request)
    _unassign(request, str(workspace_of(request)["workspace_id"]), request.params["metastore_id"])
    return {}


# The same through a workspace


def listed_here(request: Request) -> Json:
    """List the metastores: to an account admin all, to others those that they own."""
    store, identity = request.repositories.store, request.repositories.identity
    names, everything = identity.names_of(request.actor.id), identity.is_account_admin(request.actor.id)
    found = [one for one in store.list(kinds.METASTORE) if everything or one["owner"] in names]
    if not found:
        raise denied("Only a metastore admin or an account admin may read metastores.")
    return page(found, request.query, "metastores")


def get_here(request: Request) -> StoredMetastore:
    """Return one metastore."""
    return _owned(request, request.params["id"])


def create_here(request: Request) -> StoredMetastore:
    """Make a metastore."""
    require_account_admin(request)
    return _create(request, request.body)


def update_here(request: Request) -> StoredMetastore:
    """Change name, owner or sharing of a metastore."""
    old = _owned(request, request.params["id"])
    given = {
        key: value for key, value in request.changes("UpdateMetastore").items() if key not in ("id", "metastore_id", "new_name")
    }
    if request.body.get("new_name"):
        given["name"] = request.body["new_name"]
    return _update(request, old, given)


def delete_here(request: Request) -> Json:
    """Delete a metastore."""
    require_account_admin(request)
    _delete(request, request.params["id"])
    return {}


def assign_here(request: Request) -> Json:
    """Assign a metastore to a workspace."""
    require_account_admin(request)
    workspace_id = str(workspace_of(request)["workspace_id"])
    _assign(request, workspace_id, field_of(request.body, "metastore_id"), request.body.get("default_catalog_name"))
    return {}


def update_assignment_here(request: Request) -> Json:
    """Change metastore or default catalog of a workspace."""
    require_account_admin(request)
    workspace_id = str(workspace_of(request)["workspace_id"])
    old = request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, workspace_id)
    metastore_id = request.body.get("metastore_id") or (old["metastore_id"] if old is not None else "")
    _assign(request, workspace_id, metastore_id, request.body.get("default_catalog_name"))
    return {}


def unassign_here(request: Request) -> Json:
    """Take a metastore from a workspace."""
    require_account_admin(request)
    _unassign(request, str(workspace_of(request)["workspace_id"]), request.needed("metastore_id"))
    return {}


# Inside


@rule("LS-131")
def _owned(request: Request, metastore_id: str) -> StoredMetastore:
    """Return a metastore to an account admin or its owner: the admin of one metastore has no say in another."""
    found = request.repositories.store.get(kinds.METASTORE, metastore_id)
    identity = request.repositories.identity
    owns = found is not None and found["owner"] in identity.names_of(request.actor.id)
    if not (owns or identity.is_account_admin(request.actor.id)):
        raise denied("Only a metastore admin or an account admin may read or change a metastore.")
    return metastore_of(request, metastore_id)


def _create(request: Request, given: Json) -> StoredMetastore:
    name = field_of(given, "name")
    store = request.repositories.store
    with store.transaction():
        if any(one["name"] == name for one in store.list(kinds.METASTORE)):
            raise already_exists(f"Metastore '{name}' already exists.", "METASTORE_ALREADY_EXISTS", 400)
        return bootstrap.add_metastore(store, request.repositories.clock, given, request.actor.name)


def _update(request: Request, old: StoredMetastore, given: Json) -> StoredMetastore:
    if given.get("owner"):
        given = given | {"owner": request.repositories.identity.require_name(given["owner"]).name}
    fixed = ("metastore_id", "created_at", "created_by", "global_metastore_id")
    stamp = {"updated_at": request.repositories.clock.now_ms(), "updated_by": request.actor.name}
    changed: dict[str, Any] = {**old, **{key: value for key, value in given.items() if key not in fixed}, **stamp}
    new = kinds.METASTORE.document(changed)
    request.repositories.store.put(kinds.METASTORE, (old["metastore_id"],), new)
    return new


def _delete(request: Request, metastore_id: str) -> None:
    found = metastore_of(request, metastore_id)
    store = request.repositories.store
    inside = store.within("", metastore_id)
    catalogs = [one["name"] for one in inside.list(kinds.CATALOG) if one["name"] not in _GIVEN]
    filled = [name for name in catalogs if name != "main" or _is_filled(inside, name)]
    assigned = _assigned(request, metastore_id)
    if (filled or assigned) and not request.flag("force"):
        what = f"{len(filled)} catalog(s), {len(assigned)} workspace(s)"
        raise invalid(f"Metastore '{found['name']}' is not empty ({what}). Use force to delete it.", "METASTORE_NOT_EMPTY")
    with store.transaction():
        for workspace_id in assigned:
            store.delete(kinds.METASTORE_ASSIGNMENT, workspace_id)
        inside.clear_room(Room.METASTORE)
        store.delete(kinds.METASTORE, metastore_id)
    for workspace_id in assigned:
        request.services.account.reassigned(workspace_id)
    request.services.volumes.sweep()


def _is_filled(inside: Any, catalog: str) -> bool:
    schemas = [one["name"] for one in inside.list(kinds.SCHEMA, (catalog,))]
    tree = (kinds.TABLE, kinds.FUNCTION, kinds.VOLUME, kinds.MODEL)
    return schemas != ["default"] or any(inside.count(kind, (catalog, "default")) for kind in tree)


def _assigned(request: Request, metastore_id: str) -> list[str]:
    found = request.repositories.store.list(kinds.METASTORE_ASSIGNMENT)
    return [str(one["workspace_id"]) for one in found if one["metastore_id"] == metastore_id]


def _assign(request: Request, workspace_id: str, metastore_id: str, default_catalog: str | None) -> None:
    metastore_of(request, metastore_id)
    store = request.repositories.store
    old = store.get(kinds.METASTORE_ASSIGNMENT, workspace_id)
    kept = old["default_catalog_name"] if old is not None else "main"
    bootstrap.assign_metastore(store, workspace_id, metastore_id, default_catalog or kept)
    if old is None or old["metastore_id"] != metastore_id:
        request.services.account.reassigned(workspace_id)


def _unassign(request: Request, workspace_id: str, metastore_id: str) -> None:
    metastore_of(request, metastore_id)
    store = request.repositories.store
    old = store.get(kinds.METASTORE_ASSIGNMENT, workspace_id)
    if old is None or old["metastore_id"] != metastore_id:
        raise not_found("This metastore is not assigned to this workspace.")
    store.delete(kinds.METASTORE_ASSIGNMENT, workspace_id)
    request.services.account.reassigned(workspace_id)


_ASSIGN = "/workspaces/{workspace_id}/metastores/{metastore_id}"
_UC = "/api/2.1/unity-catalog"
_HERE = _UC + "/workspaces/{workspace_id}/metastore"
ROUTES = (
    account_route("GET", "/metastores", listed, "AccountMetastores.list"),
    account_route("POST", "/metastores", create, "AccountMetastores.create"),
    account_route("GET", "/metastores/{metastore_id}", get, "AccountMetastores.get"),
    account_route("PUT", "/metastores/{metastore_id}", update, "AccountMetastores.update"),
    account_route("DELETE", "/metastores/{metastore_id}", delete, "AccountMetastores.delete"),
    account_route("GET", "/metastores/{metastore_id}/workspaces", workspaces, "AccountMetastoreAssignments.list"),
    account_route("GET", "/workspaces/{workspace_id}/metastore", assignment, "AccountMetastoreAssignments.get"),
    account_route("POST", _ASSIGN, assign, "AccountMetastoreAssignments.create"),
    account_route("PUT", _ASSIGN, assign, "AccountMetastoreAssignments.update"),
    account_route("DELETE", _ASSIGN, unassign, "AccountMetastoreAssignments.delete"),
    Route(method="GET", path=_UC + "/metastores", handler=listed_here, sdk=("Metastores.list",)),
    Route(method="POST", path=_UC + "/metastores", handler=create_here, sdk=("Metastores.create",)),
    Route(method="GET", path=_UC + "/metastores/{id}", handler=get_here, sdk=("Metastores.get",)),
    Route(method="PATCH", path=_UC + "/metastores/{id}", handler=update_here, sdk=("Metastores.update",)),
    Route(method="DELETE", path=_UC + "/metastores/{id}", handler=delete_here, sdk=("Metastores.delete",)),
    Route(method="PUT", path=_HERE, handler=assign_here, sdk=("Metastores.assign",)),
    Route(method="PATCH", path=_HERE, handler=update_assignment_here, sdk=("Metastores.update_assignment",)),
    Route(method="DELETE", path=_HERE, handler=unassign_here, sdk=("Metastores.unassign",)),
)
