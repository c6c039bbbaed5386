"""Tokens and OAuth: PATs, on-behalf tokens, client credentials, token exchange, discovery documents."""

from __future__ import annotations

from urllib.parse import parse_qsl

from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.stored_documents.directory import StoredToken
from localspace.http.request import Plane, Request, Route, field_of
from localspace.http.serialisation import Json, Reply, whole_number
from localspace.identity.authenticator import OAUTH_SECONDS, basic_credentials
from localspace.identity.federation import TOKEN_EXCHANGE, Federation

# Discovery


def host_config(request: Request) -> Json:
    """Tell clients what kind of host this is, so that they need no guess from its name."""
    ids, address = request.repositories.ids, request.services.location.address
    found: Json = {"oidc_endpoint": f"{address}/oidc", "account_id": ids.account_id, "cloud": "AWS"}
    if not ids.workspace_id:
        # An account's host leaves the account open in its endpoint (source: databricks-sdk-go, HostMetadata).
        return found | {"oidc_endpoint": f"{address}/oidc/accounts/{{account_id}}", "host_type": "account"}
    found["workspace_id"] = ids.workspace_id
    host_type = request.services.account.host_type(ids.workspace_id)
    return found if host_type is None else found | {"host_type": host_type}


def oidc_document(request: Request) -> Json:
    """Return the OAuth endpoints of the workspace or, with an account id in the path, of the account."""
    account = request.params.get("account_id")
    base = f"{request.services.location.address}/oidc" + (f"/accounts/{account}" if account else "")
    return {
        "issuer": base,
        "token_endpoint": f"{base}/v1/token",
        "authorization_endpoint": f"{base}/v1/authorize",
        "grant_types_supported": ["client_credentials", TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["all-apis"],
    }


def oauth_token(request: Request) -> Reply:
    """Give an access token for client credentials, or for another identity provider's token that a federation policy takes."""
    form = dict(parse_qsl(request.raw.decode("utf-8", "replace")))
    try:
        token = _granted(request, form)
    except ApiError as error:
        body = {"error": error.error_code, "error_description": error.message}
        return Reply(status=error.status, body=body)
    return Reply(
        body={"access_token": token, "token_type": "Bearer", "expires_in": OAUTH_SECONDS, "scope": "all-apis"},
        headers={"cache-control": "no-store"},
    )


def _granted(request: Request, form: dict[str, str]) -> str:
    authenticator = request.services.authenticator
    # A token of the account's endpoint is good on all hosts, one of a workspace's endpoint in that workspace.
    account_wide = "account_id" in request.params
    if form.get("grant_type") == TOKEN_EXCHANGE:
        repositories = request.repositories
        federation = Federation(repositories.store, repositories.clock, repositories.identity, repositories.ids.account_id)
        return authenticator.oauth(federation.principal_of(form), account_wide=account_wide)
    if form.get("grant_type") != "client_credentials":
        raise ApiError(400, "unsupported_grant_type", f"Only client_credentials and {TOKEN_EXCHANGE} are served.")
    client, secret = basic_credentials(request.headers) or (form.get("client_id", ""), form.get("client_secret", ""))
    return authenticator.client_credentials(client, secret, account_wide=account_wide)


# Own tokens


def create(request: Request) -> Json:
    """Create a PAT for the caller."""
    lifetime = whole_number(str(request.body.get("lifetime_seconds") or 0), "lifetime_seconds", 0)
    token, body = request.services.authenticator.mint(
        request.actor.id, comment=str(request.body.get("comment") or ""), lifetime_seconds=lifetime or None
    )
    return {"token_value": token, "token_info": _public(body)}


def listed(request: Request) -> Json:
    """List the caller's PATs; a token itself is never shown again."""
    return {"token_infos": [_public(one) for one in request.services.authenticator.tokens(request.actor.id)]}


def delete(request: Request) -> Json:
    """Revoke one of the caller's PATs."""
    wanted = field_of(request.body, "token_id")
    for one in request.services.authenticator.tokens(request.actor.id):
        if one["id"] == wanted:
            request.services.authenticator.revoke(one)
            return {}
    raise not_found(f"Token with id {wanted} does not exist.")


# All tokens, for admins


def all_tokens(request: Request) -> Json:
    """List every PAT of the workspace."""
    _require_admin(request)
    found = [_managed(request, one) for one in request.services.authenticator.tokens()]
    wanted = request.query.get("created_by_username")
    return {"token_infos": [one for one in found if not wanted or one["created_by_username"] == wanted]}


def get_token(request: Request) -> Json:
    """Return one PAT's facts."""
    _require_admin(request)
    return {"token_info": _managed(request, _token(request))}


def delete_token(request: Request) -> Json:
    """Revoke any PAT."""
    _require_admin(request)
    request.services.authenticator.revoke(_token(request))
    return {}


def on_behalf(request: Request) -> Json:
    """Create a PAT for a service principal, named by its application id."""
    _require_admin(request)
    application = field_of(request.body, "application_id")
    found = request.repositories.identity.by_name(application)
    if found is None or found.kind.value != "service_principal":
        raise not_found(f"Service principal {application} does not exist.")
    if not request.repositories.identity.in_workspace(found.id):
        raise invalid(f"Service principal {application} is not assigned to the workspace.")
    identity = request.repositories.identity
    if identity.is_account_admin(found.id) and not identity.is_account_admin(request.actor.id):
        raise denied("Only an account admin may create a token for a service principal that is one.")
    lifetime = whole_number(str(request.body.get("lifetime_seconds") or 0), "lifetime_seconds", 0)
    token, body = request.services.authenticator.mint(
        found.id,
        comment=str(request.body.get("comment") or ""),
        lifetime_seconds=lifetime or None,
        created_by=request.actor.id,
    )
    return {"token_value": token, "token_info": _managed(request, body)}


def _public(body: StoredToken) -> Json:
    return {
        "token_id": body["id"],
        "creation_time": body["created_ms"],
        "expiry_time": -1 if body["expires_ms"] is None else body["expires_ms"],
    } | ({"comment": body["comment"]} if body["comment"] else {})


def _managed(request: Request, body: StoredToken) -> Json:
    creator = request.repositories.identity.by_id(body["created_by"])
    return _public(body) | {
        "owner_id": int(body["principal_id"]),
        "created_by_id": int(body["created_by"]),
        "created_by_username": creator.name if creator else "",
    }


def _token(request: Request) -> StoredToken:
    for one in request.services.authenticator.tokens():
        if one["id"] == request.params["token_id"]:
            return one
    raise not_found(f"Token with id {request.params['token_id']} does not exist.")


def _require_admin(request: Request) -> None:
    if not request.repositories.identity.is_workspace_admin(request.actor.id):
        raise denied("Only a workspace admin may manage tokens.")


_ACCOUNT_OIDC = "/oidc/accounts/{account_id}"
_MANAGED = "/api/2.0/token-management"
ROUTES = (
    Route(method="GET", path="/.well-known/databricks-config", handler=host_config, plane=Plane.OPEN),
    Route(method="GET", path="/oidc/.well-known/oauth-authorization-server", handler=oidc_document, plane=Plane.OPEN),
    Route(method="GET", path="/oidc/.well-known/openid-configuration", handler=oidc_document, plane=Plane.OPEN),
    Route(method="GET", path=_ACCOUNT_OIDC + "/.well-known/oauth-authorization-server", handler=oidc_document, plane=Plane.OPEN),
    Route(method="GET", path=_ACCOUNT_OIDC + "/.well-known/openid-configuration", handler=oidc_document, plane=Plane.OPEN),
    Route(method="POST", path="/oidc/v1/token", handler=oauth_token, plane=Plane.OPEN, reads=True),
    Route(method="POST", path=_ACCOUNT_OIDC + "/v1/token", handler=oauth_token, plane=Plane.OPEN, reads=True),
    Route(method="POST", path="/api/2.0/token/create", handler=create, sdk=("Tokens.create",)),
    Route(method="GET", path="/api/2.0/token/list", handler=listed, sdk=("Tokens.list",)),
    Route(method="POST", path="/api/2.0/token/delete", handler=delete, sdk=("Tokens.delete",)),
    Route(method="GET", path=_MANAGED + "/tokens", handler=all_tokens, sdk=("TokenManagement.list",)),
    Route(method="GET", path=_MANAGED + "/tokens/{token_id}", handler=get_token, sdk=("TokenManagement.get",)),
    Route(method="DELETE", path=_MANAGED + "/tokens/{token_id}", handler=delete_token, sdk=("TokenManagement.delete",)),
    Route(method="POST", path=_MANAGED + "/on-behalf-of/tokens", handler=on_behalf, sdk=("TokenManagement.create_obo_token",)),
)
