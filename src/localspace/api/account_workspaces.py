"""The account's workspaces: a new one is provisioned on the virtual clock and gets a host of its own."""

from __future__ import annotations

import re
import uuid
from typing import Any

from localspace.api.account_plane import account_route, require_account_admin, workspace_of
from localspace.api.cloud_configurations import require_configurations
from localspace.core.errors import already_exists, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredAccountWorkspace
from localspace.core.stored_documents.kind import Room
from localspace.governance import bootstrap
from localspace.http.request import Request, field_of
from localspace.http.serialisation import Json

PROVISIONING_MS = 2_000
"""How long a new workspace is PROVISIONING, in milliseconds of the virtual clock; the platform takes minutes."""

_FIXED = frozenset({"workspace_id", "account_id", "workspace_status", "workspace_status_message", "creation_time"})
_INSIDE = frozenset({"port", "ready_ms"})
_DEPLOYMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,61}")


def listed(request: Request) -> list[Json]:
    """List the workspaces of the account."""
    require_account_admin(request)
    return [_info(request, one) for one in request.repositories.store.list(kinds.ACCOUNT_WORKSPACE)]


def get(request: Request) -> Json:
    """Return one workspace; `workspace_status` says whether it is provisioned."""
    require_account_admin(request)
    return _info(request, workspace_of(request))


def create(request: Request) -> Json:
    """Make a workspace: PROVISIONING at first, RUNNING when the virtual clock has passed `PROVISIONING_MS`."""
    require_account_admin(request)
    store, clock = request.repositories.store, request.repositories.clock
    body = request.body
    name = field_of(body, "workspace_name")
    deployment = body.get("deployment_name") or f"dbc-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:4]}"
    if not _DEPLOYMENT.fullmatch(deployment):
        raise invalid(f"deployment_name '{deployment}' may hold lower-case letters, digits and hyphens.", "MALFORMED_REQUEST")
    require_configurations(store, body)
    hybrid = bool(body.get("credentials_id") or body.get("storage_configuration_id"))
    fields: dict[str, Any] = {"compute_mode": "HYBRID" if hybrid else "SERVERLESS", **body, "deployment_name": deployment}
    with store.transaction():
        for one in store.list(kinds.ACCOUNT_WORKSPACE):
            if one["workspace_name"] == name:
                raise already_exists(f"Workspace with name {name} already exists.")
            if one.get("deployment_name") == deployment:
                raise already_exists(f"Deployment name {deployment} is already taken.")
        fields["ready_ms"] = clock.now_ms() + PROVISIONING_MS
        ids = bootstrap.add_workspace(store, clock, fields, request.actor.id)
        request.services.account.opened(ids.workspace_id)
    new = store.get(kinds.ACCOUNT_WORKSPACE, ids.workspace_id)
    assert new is not None
    return _info(request, new)


def update(request: Request) -> Json:
    """Change a workspace: the fields of the body, or of those the ones in `update_mask`."""
    require_account_admin(request)
    old = workspace_of(request)
    given = {key: value for key, value in request.body.items() if key not in _FIXED | _INSIDE}
    mask = request.query.get("update_mask")
    if mask and mask != "*":
        given = {key: value for key, value in given.items() if key in mask.split(",")}
    store = request.repositories.store
    require_configurations(store, given)
    name = given.get("workspace_name", old["workspace_name"])
    if name != old["workspace_name"] and any(one["workspace_name"] == name for one in store.list(kinds.ACCOUNT_WORKSPACE)):
        raise already_exists(f"Workspace with name {name} already exists.")
    new = kinds.ACCOUNT_WORKSPACE.document({**old, **given})
    store.put(kinds.ACCOUNT_WORKSPACE, (str(old["workspace_id"]),), new)
    return _info(request, new)


def delete(request: Request) -> Json:
    """Delete a workspace with everything in it and close its host; its metastore stays."""
    require_account_admin(request)
    old = workspace_of(request)
    workspace_id = str(old["workspace_id"])
    account, store = request.services.account, request.repositories.store
    if account.host_type(workspace_id) is None:
        raise invalid("The workspace whose host also serves the account cannot be deleted.")
    if store.count(kinds.ACCOUNT_WORKSPACE) == 1:
        raise invalid("The last workspace of the local account cannot be deleted.")
    found = _info(request, old)
    account.closed(workspace_id)
    with store.transaction():
        for one in store.list(kinds.WORKSPACE_ASSIGNMENT, (workspace_id,)):
            store.delete(kinds.WORKSPACE_ASSIGNMENT, workspace_id, one["principal_id"])
        for token in store.list(kinds.TOKEN):
            if token.get("workspace_id") == workspace_id and not token.get("account_wide"):
                store.delete(kinds.TOKEN, token["hash"])
        store.delete(kinds.METASTORE_ASSIGNMENT, workspace_id)
        store.delete(kinds.ACCOUNT_WORKSPACE, workspace_id)
        store.delete(kinds.IDS, workspace_id)
        store.within(workspace_id, None).clear_room(Room.WORKSPACE)
    return found


def _info(request: Request, record: StoredAccountWorkspace) -> Json:
    """Return a workspace as it is answered: its status of this moment, its address, nothing of the server's own."""
    found: Json = {key: value for key, value in record.items() if key not in _INSIDE}
    if record.get("ready_ms", 0) > request.repositories.clock.now_ms():
        found["workspace_status"] = "PROVISIONING"
        found["workspace_status_message"] = "Workspace resources are being set up."
    # Not in the SDK's type, but what the Terraform provider connects to (source: its resource mws_workspaces).
    found["workspace_url"] = request.services.account.address_of(str(record["workspace_id"]))
    return found


ROUTES = (
    account_route("GET", "/workspaces", listed, "Workspaces.list"),
    account_route("POST", "/workspaces", create, "Workspaces.create"),
    account_route("GET", "/workspaces/{workspace_id}", get, "Workspaces.get"),
    account_route("PATCH", "/workspaces/{workspace_id}", update, "Workspaces.update"),
    account_route("DELETE", "/workspaces/{workspace_id}", delete, "Workspaces.delete"),
)
