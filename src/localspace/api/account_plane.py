"""What the handlers of the account's calls share: the admin check, look-ups by the ids of the path, the route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localspace.core.errors import denied, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredMetastore
from localspace.core.stored_documents.directory import StoredAccountWorkspace
from localspace.http.request import Plane, Request, Route

ACCOUNT = "/api/2.0/accounts/{account_id}"


def require_account_admin(request: Request) -> None:
    """Demand an account admin; raises PERMISSION_DENIED."""
    if not request.repositories.identity.is_account_admin(request.actor.id):
        raise denied("Only an account admin may do this.")


def workspace_of(request: Request) -> StoredAccountWorkspace:
    """Return the record of the workspace that the path names; raises 404."""
    found = request.repositories.store.get(kinds.ACCOUNT_WORKSPACE, request.params["workspace_id"])
    if found is None:
        raise not_found(f"Workspace {request.params['workspace_id']} does not exist.")
    return found


def metastore_of(request: Request, metastore_id: str) -> StoredMetastore:
    """Return a metastore of the account; raises 404."""
    found = request.repositories.store.get(kinds.METASTORE, metastore_id)
    if found is None:
        raise not_found(f"Metastore {metastore_id} does not exist.", "METASTORE_DOES_NOT_EXIST")
    return found


def account_route(method: str, path: str, handler: Callable[[Request], Any], *sdk: str) -> Route:
    """Return a route of the account's plane; `path` is what follows the account's id."""
    return Route(method=method, path=ACCOUNT + path, handler=handler, sdk=sdk, plane=Plane.ACCOUNT)
