"""Workspace bindings of catalogs, external locations and storage credentials (source: SDK 0.156, WorkspaceBindings)."""

from __future__ import annotations

from localspace.core.errors import invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.securables import StoredBinding
from localspace.governance.bindings import BOUND_TYPES, binding
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"


def get(request: Request) -> Json:
    """Return the bindings of a securable; for its owner, who manages it, and metastore admins."""
    return page(request.repositories.bindings.of(*_securable(request)), request.query, "bindings")


def update(request: Request) -> Json:
    """Add and remove bindings."""
    where = _securable(request)
    add = [binding(one.get("workspace_id"), one.get("binding_type")) for one in request.body.get("add") or ()]
    remove = [binding(one.get("workspace_id"), one.get("binding_type")) for one in request.body.get("remove") or ()]
    return {"bindings": _change(request, where, add, [one["workspace_id"] for one in remove])}


def get_workspaces(request: Request) -> Json:
    """Return the ids of the workspaces that a catalog is bound to."""
    return _workspaces(request.repositories.bindings.of(*_catalog(request)))


def update_workspaces(request: Request) -> Json:
    """Bind a catalog to workspaces, to read and write, and unbind it from others."""
    add = [binding(one, None) for one in request.body.get("assign_workspaces") or ()]
    return _workspaces(_change(request, _catalog(request), add, request.body.get("unassign_workspaces") or []))


def _change(request: Request, where: tuple[str, str], add: list[StoredBinding], remove: list[int]) -> list[StoredBinding]:
    for one in add:
        if request.repositories.store.get(kinds.ACCOUNT_WORKSPACE, str(one["workspace_id"])) is None:
            raise not_found(f"Workspace {one['workspace_id']} does not exist.", "WORKSPACE_DOES_NOT_EXIST")
    return request.repositories.bindings.change(*where, add, remove)


def _workspaces(bindings: list[StoredBinding]) -> Json:
    return {"workspaces": [one["workspace_id"] for one in bindings]} if bindings else {}


def _securable(request: Request) -> tuple[str, str]:
    securable = request.params["securable_type"].upper().replace("-", "_")
    if securable not in BOUND_TYPES:
        raise invalid(f"Securable type '{request.params['securable_type']}' cannot be bound to workspaces.")
    return _managed(request, securable, request.params["securable_name"])


def _catalog(request: Request) -> tuple[str, str]:
    return _managed(request, "CATALOG", request.params["name"])


def _managed(request: Request, securable: str, name: str) -> tuple[str, str]:
    found = request.repositories.privileges.require_exists(securable, name)
    request.repositories.privileges.require_manage(request.actor, securable, name)
    return securable, str(found["name"])


_BINDINGS = _UC + "/bindings/{securable_type}/{securable_name}"
_OLD = _UC + "/workspace-bindings/catalogs/{name}"
ROUTES = (
    Route(method="GET", path=_BINDINGS, handler=get, sdk=("WorkspaceBindings.get_bindings",)),
    Route(method="PATCH", path=_BINDINGS, handler=update, sdk=("WorkspaceBindings.update_bindings",)),
    Route(method="GET", path=_OLD, handler=get_workspaces, sdk=("WorkspaceBindings.get",)),
    Route(method="PATCH", path=_OLD, handler=update_workspaces, sdk=("WorkspaceBindings.update",)),
)
