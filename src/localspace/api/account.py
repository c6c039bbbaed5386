"""People's assignment to workspaces, at the account and in a workspace; client secrets of service principals."""

from __future__ import annotations

import re
from typing import Any

from localspace.api.account_plane import account_route, require_account_admin, workspace_of
from localspace.api.scim_resources import people_of
from localspace.core.errors import denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredClientSecret
from localspace.core.stored_documents.kind import Document
from localspace.core.timestamps import iso
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page
from localspace.jobs.run_identity import has_role_on

_TWO_YEARS = 730 * 86_400
_MAX_SECRETS = 5
_NAMES = {
    PrincipalKind.USER: "user_name",
    PrincipalKind.GROUP: "group_name",
    PrincipalKind.SERVICE_PRINCIPAL: "service_principal_name",
}


# People in workspaces


def assignments(request: Request) -> Json:
    """List who is assigned to a workspace, with the permissions."""
    require_account_admin(request)
    return page(_listed(request, str(workspace_of(request)["workspace_id"])), request.query, "permission_assignments")


def assignable(request: Request) -> Json:
    """List the permissions of a workspace."""
    require_account_admin(request)
    workspace_of(request)
    return {
        "permissions": [
            {"permission_level": "USER", "description": "May use the workspace"},
            {"permission_level": "ADMIN", "description": "May administer the workspace"},
        ]
    }


def set_assignment(request: Request) -> Json:
    """Assign a principal to a workspace."""
    require_account_admin(request)
    workspace_id = str(workspace_of(request)["workspace_id"])
    return _assign(request, request.params["principal_id"], request.body.get("permissions") or [], workspace_id)


def delete_assignment(request: Request) -> Json:
    """Take a principal out of a workspace; one that is not in it stays out."""
    require_account_admin(request)
    people_of(request).assign(request.params["principal_id"], [], str(workspace_of(request)["workspace_id"]))
    return {}


def assignments_here(request: Request) -> Json:
    """List who is assigned to this workspace, with the permissions."""
    _require_workspace_admin(request)
    return {"permission_assignments": _listed(request, request.repositories.ids.workspace_id)}


def assign_here(request: Request) -> Json:
    """Assign principals of the account to this workspace, by name."""
    _require_workspace_admin(request)
    done: list[Json] = []
    with request.repositories.store.transaction():
        for one in request.body.get("permission_assignments") or []:
            names = [one[field] for field in _NAMES.values() if one.get(field)]
            if len(names) != 1:
                raise invalid("Each assignment needs exactly one of user_name, group_name, service_principal_name.")
            found = request.repositories.identity.require_name(names[0])
            done.append(_assign(request, found.id, one.get("permissions") or [], request.repositories.ids.workspace_id))
    return {"permission_assignments": done}


def set_assignment_here(request: Request) -> Json:
    """Set the permissions of a principal of the account on this workspace."""
    _require_workspace_admin(request)
    workspace_id = request.repositories.ids.workspace_id
    return _assign(request, request.params["principal_id"], request.body.get("permissions") or [], workspace_id)


def delete_assignment_here(request: Request) -> Json:
    """Take a principal out of this workspace."""
    _require_workspace_admin(request)
    people_of(request).assign(request.params["principal_id"], [], request.repositories.ids.workspace_id)
    return {}


def _require_workspace_admin(request: Request) -> None:
    identity = request.repositories.identity
    if not (identity.is_workspace_admin(request.actor.id) or identity.is_account_admin(request.actor.id)):
        raise denied("Only a workspace admin may manage who is assigned to the workspace.")


def _listed(request: Request, workspace_id: str) -> list[Json]:
    found = []
    for one in request.repositories.store.list(kinds.WORKSPACE_ASSIGNMENT, (workspace_id,)):
        principal = _principal_output(request, one["principal_id"])
        if principal is not None:
            found.append({"principal": principal, "permissions": one["permissions"]})
    return found


def _assign(request: Request, principal_id: str, given: list[Any], workspace_id: str) -> Json:
    principal = _principal_output(request, principal_id)
    if principal is None:
        raise not_found(f"Principal {principal_id} does not exist in the account.")
    permissions = [str(one) for one in given if one != "UNKNOWN"]
    people_of(request).assign(principal_id, permissions, workspace_id)
    return {"principal": principal, "permissions": sorted(set(permissions))}


def _principal_output(request: Request, principal_id: str) -> Json | None:
    found = request.repositories.identity.by_id(principal_id)
    body = None if found is None else request.repositories.store.get(kinds.of_principal(found.kind), principal_id)
    if found is None or body is None or body.get("scope") == "workspace":
        return None
    return {"principal_id": int(principal_id), "display_name": found.display_name, _NAMES[found.kind]: found.name}


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


_SECRETS = "/servicePrincipals/{service_principal_id}/credentials/secrets"
_PROXY = "/api/2.0/accounts" + _SECRETS
_HERE = "/api/2.0/preview/permissionassignments"
_PEOPLE = "/workspaces/{workspace_id}/permissionassignments"
ROUTES = (
    account_route("GET", _PEOPLE, assignments, "WorkspaceAssignment.list"),
    account_route("GET", _PEOPLE + "/permissions", assignable, "WorkspaceAssignment.get"),
    account_route("PUT", _PEOPLE + "/principals/{principal_id}", set_assignment, "WorkspaceAssignment.update"),
    account_route("DELETE", _PEOPLE + "/principals/{principal_id}", delete_assignment, "WorkspaceAssignment.delete"),
    # What the Terraform provider calls on the host of a workspace; the SDK has no method for it.
    Route(method="GET", path=_HERE, handler=assignments_here),
    Route(method="POST", path=_HERE, handler=assign_here),
    Route(method="PUT", path=_HERE + "/principals/{principal_id}", handler=set_assignment_here),
    Route(method="DELETE", path=_HERE + "/principals/{principal_id}", handler=delete_assignment_here),
    account_route("GET", _SECRETS, secrets, "ServicePrincipalSecrets.list"),
    account_route("POST", _SECRETS, create_secret, "ServicePrincipalSecrets.create"),
    account_route("DELETE", _SECRETS + "/{secret_id}", delete_secret, "ServicePrincipalSecrets.delete"),
    Route(method="GET", path=_PROXY, handler=secrets, sdk=("ServicePrincipalSecretsProxy.list",)),
    Route(method="POST", path=_PROXY, handler=create_secret, sdk=("ServicePrincipalSecretsProxy.create",)),
    Route(method="DELETE", path=_PROXY + "/{secret_id}", handler=delete_secret, sdk=("ServicePrincipalSecretsProxy.delete",)),
)
