"""The account plane: workspaces, metastores, their assignment, people's assignment to workspaces, client secrets."""

from __future__ import annotations

import re
import uuid
from typing import Any

from localspace.api.scim_resources import people_of
from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredMetastore
from localspace.core.stored_documents.directory import StoredAccountWorkspace, StoredClientSecret
from localspace.core.stored_documents.kind import Document
from localspace.core.timestamps import iso
from localspace.http.request import Plane, Request, Route, field_of
from localspace.http.serialisation import Json, page
from localspace.jobs.run_identity import has_role_on

_ACCOUNT = "/api/2.0/accounts/{account_id}"
_TWO_YEARS = 730 * 86_400
_MAX_SECRETS = 5


# Workspaces


def workspaces(request: Request) -> list[StoredAccountWorkspace]:
    """List the workspaces of the account."""
    _require_admin(request)
    return request.repositories.store.list(kinds.ACCOUNT_WORKSPACE)


def workspace(request: Request) -> StoredAccountWorkspace:
    """Return one workspace."""
    _require_admin(request)
    return _workspace(request)


def create_workspace(request: Request) -> StoredAccountWorkspace:
    """Record a workspace; it runs at once, but this server serves the first one alone."""
    _require_admin(request)
    body = request.body
    name = field_of(body, "workspace_name")
    if any(one["workspace_name"] == name for one in request.repositories.store.list(kinds.ACCOUNT_WORKSPACE)):
        raise already_exists(f"Workspace with name {name} already exists.")
    fields = body | {
        "workspace_id": 1_000_000_000_000_000 + uuid.uuid4().int % 8_000_000_000_000_000,
        "account_id": request.repositories.ids.account_id,
        "workspace_status": "RUNNING",
        "workspace_status_message": "Workspace is running.",
        "creation_time": request.repositories.clock.now_ms(),
    }
    new = kinds.ACCOUNT_WORKSPACE.document(fields)
    request.repositories.store.put(kinds.ACCOUNT_WORKSPACE, (str(new["workspace_id"]),), new)
    return new


def update_workspace(request: Request) -> StoredAccountWorkspace:
    """Change a workspace."""
    _require_admin(request)
    old = _workspace(request)
    fixed = ("workspace_id", "account_id", "workspace_status", "creation_time")
    new = kinds.ACCOUNT_WORKSPACE.document({**old, **{key: value for key, value in request.body.items() if key not in fixed}})
    request.repositories.store.put(kinds.ACCOUNT_WORKSPACE, (str(old["workspace_id"]),), new)
    return new


def delete_workspace(request: Request) -> StoredAccountWorkspace:
    """Delete a workspace record; not the one that serves this call."""
    _require_admin(request)
    old = _workspace(request)
    if str(old["workspace_id"]) == request.repositories.ids.workspace_id:
        raise invalid("The workspace that this server is cannot be deleted.")
    with request.repositories.store.transaction():
        for one in request.repositories.store.list(kinds.WORKSPACE_ASSIGNMENT, (str(old["workspace_id"]),)):
            request.repositories.store.delete(kinds.WORKSPACE_ASSIGNMENT, str(old["workspace_id"]), one["principal_id"])
        request.repositories.store.delete(kinds.ACCOUNT_WORKSPACE, str(old["workspace_id"]))
        request.repositories.store.delete(kinds.METASTORE_ASSIGNMENT, str(old["workspace_id"]))
    return old


# Metastores


def metastores(request: Request) -> Json:
    """List the metastores of the account."""
    _require_admin(request)
    return {"metastores": request.repositories.store.list(kinds.METASTORE)}


def metastore(request: Request) -> Json:
    """Return one metastore."""
    _require_admin(request)
    return {"metastore_info": _metastore(request)}


def create_metastore(request: Request) -> Json:
    """Refuse a second metastore: this server is one region, which has one."""
    _require_admin(request)
    raise invalid("This account has a metastore in its region already; a region has one.", "METASTORE_ALREADY_EXISTS")


def update_metastore(request: Request) -> Json:
    """Change owner or settings of a metastore."""
    _require_admin(request)
    old = _metastore(request)
    given = request.body.get("metastore_info") or {}
    if given.get("owner"):
        given = given | {"owner": request.repositories.identity.require_name(given["owner"]).name}
    stamped = request.repositories.catalog.stamped(request.actor, {**old, **given}, dict(old))
    new = kinds.METASTORE.document(stamped | {"metastore_id": old["metastore_id"]})
    request.repositories.store.put(kinds.METASTORE, (old["metastore_id"],), new)
    return {"metastore_info": new}


def metastore_workspaces(request: Request) -> Json:
    """List the ids of the workspaces that a metastore is assigned to."""
    _require_admin(request)
    wanted = _metastore(request)["metastore_id"]
    found = [one for one in request.repositories.store.list(kinds.METASTORE_ASSIGNMENT) if one["metastore_id"] == wanted]
    return {"workspace_ids": [one["workspace_id"] for one in found]}


def assignment(request: Request) -> Json:
    """Return the metastore assignment of a workspace."""
    _require_admin(request)
    found = request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, str(_workspace(request)["workspace_id"]))
    if found is None:
        raise not_found("No metastore is assigned to this workspace.")
    return {"metastore_assignment": found}


def assign(request: Request) -> Json:
    """Assign a metastore to a workspace, or change the assignment."""
    _require_admin(request)
    workspace_id = str(_workspace(request)["workspace_id"])
    given = request.body.get("metastore_assignment") or {}
    old = request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, workspace_id)
    if request.method == "POST" and old is not None:
        raise already_exists(f"Workspace {workspace_id} already has a metastore.")
    metastore_id = _metastore(request)["metastore_id"]
    kept = {"default_catalog_name": "main", **(old or {}), **given}
    new = kinds.METASTORE_ASSIGNMENT.document({**kept, "workspace_id": int(workspace_id), "metastore_id": metastore_id})
    request.repositories.store.put(kinds.METASTORE_ASSIGNMENT, (workspace_id,), new)
    return {}


def unassign(request: Request) -> Json:
    """Take a metastore from a workspace."""
    _require_admin(request)
    workspace_id = str(_workspace(request)["workspace_id"])
    _metastore(request)
    if not request.repositories.store.delete(kinds.METASTORE_ASSIGNMENT, workspace_id):
        raise not_found("No metastore is assigned to this workspace.")
    return {}


# People in workspaces


def assignments(request: Request) -> Json:
    """List who is assigned to a workspace, with the permissions."""
    _require_admin(request)
    workspace_id = str(_workspace(request)["workspace_id"])
    found = []
    for one in request.repositories.store.list(kinds.WORKSPACE_ASSIGNMENT, (workspace_id,)):
        principal = _principal_output(request, one["principal_id"])
        if principal is not None:
            found.append({"principal": principal, "permissions": one["permissions"]})
    return page(found, request.query, "permission_assignments")


def assignable(request: Request) -> Json:
    """List the permissions of a workspace."""
    _require_admin(request)
    _workspace(request)
    return {
        "permissions": [
            {"permission_level": "USER", "description": "May use the workspace"},
            {"permission_level": "ADMIN", "description": "May administer the workspace"},
        ]
    }


def set_assignment(request: Request) -> Json:
    """Assign a principal to a workspace."""
    _require_admin(request)
    workspace_id = str(_workspace(request)["workspace_id"])
    principal_id = request.params["principal_id"]
    principal = _principal_output(request, principal_id)
    if principal is None:
        raise not_found(f"Principal {principal_id} does not exist in the account.")
    permissions = [str(one) for one in request.body.get("permissions") or [] if one != "UNKNOWN"]
    people_of(request).assign(principal_id, permissions, workspace_id)
    return {"principal": principal, "permissions": sorted(set(permissions))}


def delete_assignment(request: Request) -> Json:
    """Take a principal out of a workspace; one that is not in it stays out."""
    _require_admin(request)
    people_of(request).assign(request.params["principal_id"], [], str(_workspace(request)["workspace_id"]))
    return {}


def _principal_output(request: Request, principal_id: str) -> Json | None:
    found = request.repositories.identity.by_id(principal_id)
    body = None if found is None else request.repositories.store.get(kinds.of_principal(found.kind), principal_id)
    if found is None or body is None or body.get("scope") == "workspace":
        return None
    field = {
        PrincipalKind.USER: "user_name",
        PrincipalKind.GROUP: "group_name",
        PrincipalKind.SERVICE_PRINCIPAL: "service_principal_name",
    }[found.kind]
    return {"principal_id": int(principal_id), "display_name": found.display_name, field: found.name}


# Client secrets


def secrets(request: Request) -> Json:
    """List the client secrets of a service principal; a secret itself is never shown again."""
    owner = _service_principal(request)
    found = request.repositories.store.list(kinds.CLIENT_SECRET, (owner["id"],))
    return page([_secret_info(one) for one in found], request.query, "secrets", size_name="page_size")


def create_secret(request: Request) -> Json:
    """Create a client secret."""
    owner = _service_principal(request)
    if request.repositories.store.count(kinds.CLIENT_SECRET, (owner["id"],)) >= _MAX_SECRETS:
        raise invalid(f"A service principal can have at most {_MAX_SECRETS} secrets.", "RESOURCE_LIMIT_EXCEEDED")
    secret, body = request.services.authenticator.new_secret(owner["id"], _lifetime(request.body.get("lifetime")))
    return _secret_info(body) | {"secret": secret}


def delete_secret(request: Request) -> Json:
    """Revoke a client secret."""
    owner = _service_principal(request)
    if not request.repositories.store.delete(kinds.CLIENT_SECRET, owner["id"], request.params["secret_id"]):
        raise not_found(f"Secret {request.params['secret_id']} does not exist.")
    return {}


def _secret_info(body: StoredClientSecret) -> Json:
    created = iso(body["created_ms"])
    return {
        "id": body["id"],
        "secret_hash": body["hash"],
        "create_time": created,
        "update_time": created,
        "expire_time": iso(body["expires_ms"]),
        "status": "ACTIVE",
    }


def _lifetime(text: Any) -> int:
    if not text:
        return _TWO_YEARS
    match = re.fullmatch(r"(\d+)s", str(text))
    if match is None or not 0 < int(match.group(1)) <= _TWO_YEARS:
        raise invalid(f"lifetime must be between 1s and {_TWO_YEARS}s.")
    return int(match.group(1))


# Inside


@rule("LS-111")
def _service_principal(request: Request) -> Document:
    """Return the service principal that the path names; its secrets are its identity, so not every admin gets one.

    An account admin and who has the role servicePrincipal.manager on it do; a workspace admin for those in the workspace,
    never for one that is an account admin.
    """
    found = request.repositories.store.get(kinds.SERVICE_PRINCIPAL, request.params["service_principal_id"])
    identity = request.repositories.identity
    if not identity.is_account_admin(request.actor.id):
        local = found is not None and identity.is_workspace_admin(request.actor.id) and identity.in_workspace(found["id"])
        managed = found is not None and has_role_on(request.repositories, request.actor, str(found["applicationId"]), "manager")
        if found is None or not (local or managed) or identity.is_account_admin(found["id"]):
            raise denied("Only an admin may manage the secrets of a service principal.")
    return people_of(request).get(PrincipalKind.SERVICE_PRINCIPAL, request.params["service_principal_id"])


def _require_admin(request: Request) -> None:
    if not request.repositories.identity.is_account_admin(request.actor.id):
        raise denied("Only an account admin may do this.")


def _workspace(request: Request) -> StoredAccountWorkspace:
    found = request.repositories.store.get(kinds.ACCOUNT_WORKSPACE, request.params["workspace_id"])
    if found is None:
        raise not_found(f"Workspace {request.params['workspace_id']} does not exist.")
    return found


def _metastore(request: Request) -> StoredMetastore:
    found = request.repositories.store.get(kinds.METASTORE, request.params["metastore_id"])
    if found is None:
        raise not_found(f"Metastore {request.params['metastore_id']} does not exist.", "METASTORE_DOES_NOT_EXIST")
    return found


def _route(method: str, path: str, handler: Any, *sdk: str, partial: str = "") -> Route:
    return Route(method=method, path=_ACCOUNT + path, handler=handler, sdk=sdk, plane=Plane.ACCOUNT, partial=partial)


_SECRETS = "/servicePrincipals/{service_principal_id}/credentials/secrets"
_PROXY = "/api/2.0/accounts" + _SECRETS
_PEOPLE = "/workspaces/{workspace_id}/permissionassignments"
_ASSIGN = "/workspaces/{workspace_id}/metastores/{metastore_id}"
ROUTES = (
    _route("GET", "/workspaces", workspaces, "Workspaces.list"),
    _route(
        "POST", "/workspaces", create_workspace, "Workspaces.create", partial="a record only: this server is the first workspace"
    ),
    _route("GET", "/workspaces/{workspace_id}", workspace, "Workspaces.get"),
    _route("PATCH", "/workspaces/{workspace_id}", update_workspace, "Workspaces.update"),
    _route("DELETE", "/workspaces/{workspace_id}", delete_workspace, "Workspaces.delete"),
    _route("GET", "/metastores", metastores, "AccountMetastores.list"),
    _route(
        "POST",
        "/metastores",
        create_metastore,
        "AccountMetastores.create",
        partial="always refused: the region has its metastore",
    ),
    _route("GET", "/metastores/{metastore_id}", metastore, "AccountMetastores.get"),
    _route("PUT", "/metastores/{metastore_id}", update_metastore, "AccountMetastores.update"),
    _route("GET", "/metastores/{metastore_id}/workspaces", metastore_workspaces, "AccountMetastoreAssignments.list"),
    _route("GET", "/workspaces/{workspace_id}/metastore", assignment, "AccountMetastoreAssignments.get"),
    _route("POST", _ASSIGN, assign, "AccountMetastoreAssignments.create"),
    _route("PUT", _ASSIGN, assign, "AccountMetastoreAssignments.update"),
    _route("DELETE", _ASSIGN, unassign, "AccountMetastoreAssignments.delete"),
    _route("GET", _PEOPLE, assignments, "WorkspaceAssignment.list"),
    _route("GET", _PEOPLE + "/permissions", assignable, "WorkspaceAssignment.get"),
    _route("PUT", _PEOPLE + "/principals/{principal_id}", set_assignment, "WorkspaceAssignment.update"),
    _route("DELETE", _PEOPLE + "/principals/{principal_id}", delete_assignment, "WorkspaceAssignment.delete"),
    _route("GET", _SECRETS, secrets, "ServicePrincipalSecrets.list"),
    _route("POST", _SECRETS, create_secret, "ServicePrincipalSecrets.create"),
    _route("DELETE", _SECRETS + "/{secret_id}", delete_secret, "ServicePrincipalSecrets.delete"),
    Route(method="GET", path=_PROXY, handler=secrets, sdk=("ServicePrincipalSecretsProxy.list",)),
    Route(method="POST", path=_PROXY, handler=create_secret, sdk=("ServicePrincipalSecretsProxy.create",)),
    Route(method="DELETE", path=_PROXY + "/{secret_id}", handler=delete_secret, sdk=("ServicePrincipalSecretsProxy.delete",)),
)
