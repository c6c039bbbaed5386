"""Tokens and OAuth: PATs, on-behalf tokens, client credentials, token exchange, discovery documents."""

from __future__ import annotations

from urllib.parse import parse_qsl

from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.store import Document
from localspace.http.request import Call, Plane, Route, field_of
from localspace.http.serialisation import Json, Reply, whole_number
from localspace.identity.authenticator import OAUTH_SECONDS, basic_credentials
from localspace.identity.federation import TOKEN_EXCHANGE, Federation

# Discovery


def host_config(call: Call) -> Json:
    """Tell clients what kind of host this is, so that they need no guess from its name."""
    ids = call.books.ids
    return {
        "oidc_endpoint": f"{call.services.location.address}/oidc",
        "account_id": ids.account_id,
        "workspace_id": ids.workspace_id,
        "cloud": "AWS",
    }


def oidc_document(call: Call) -> Json:
    """Return the OAuth endpoints of the workspace or, with an account id in the path, of the account."""
    account = call.params.get("account_id")
    base = f"{call.services.location.address}/oidc" + (f"/accounts/{account}" if account else "")
    return {
        "issuer": base,
        "token_endpoint": f"{base}/v1/token",
        "authorization_endpoint": f"{base}/v1/authorize",
        "grant_types_supported": ["client_credentials", TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["all-apis"],
    }


def oauth_token(call: Call) -> Reply:
    """Give an access token for client credentials, or for another identity provider's token that a federation policy takes."""
    form = dict(parse_qsl(call.raw.decode("utf-8", "replace")))
    try:
        token = _granted(call, form)
    except ApiError as error:
        body = {"error": error.error_code, "error_description": error.message}
        return Reply(status=error.status, body=body)
    return Reply(
        body={"access_token": token, "token_type": "Bearer", "expires_in": OAUTH_SECONDS, "scope": "all-apis"},
        headers={"cache-control": "no-store"},
    )


def _granted(call: Call, form: dict[str, str]) -> str:
    gatekeeper = call.services.authenticator
    if form.get("grant_type") == TOKEN_EXCHANGE:
        books = call.books
        federation = Federation(books.store, books.clock, books.identity, books.ids.account_id)
        return gatekeeper.oauth(federation.principal_of(form))
    if form.get("grant_type") != "client_credentials":
        raise ApiError(400, "unsupported_grant_type", f"Only client_credentials and {TOKEN_EXCHANGE} are served.")
    client, secret = basic_credentials(call.headers) or (form.get("client_id", ""), form.get("client_secret", ""))
    return gatekeeper.client_credentials(client, secret)


# Own tokens


def create(call: Call) -> Json:
    """Create a PAT for the caller."""
    lifetime = whole_number(str(call.body.get("lifetime_seconds") or 0), "lifetime_seconds", 0)
    token, body = call.services.authenticator.mint(
        call.actor.id, comment=str(call.body.get("comment") or ""), lifetime_seconds=lifetime or None
    )
    return {"token_value": token, "token_info": _public(body)}


def listed(call: Call) -> Json:
    """List the caller's PATs; a token itself is never shown again."""
    return {"token_infos": [_public(one) for one in call.services.authenticator.tokens(call.actor.id)]}


def delete(call: Call) -> Json:
    """Revoke one of the caller's PATs."""
    wanted = field_of(call.body, "token_id")
    for one in call.services.authenticator.tokens(call.actor.id):
        if one["id"] == wanted:
            call.services.authenticator.revoke(one)
            return {}
    raise not_found(f"Token with id {wanted} does not exist.")


# All tokens, for admins


def all_tokens(call: Call) -> Json:
    """List every PAT of the workspace."""
    _require_admin(call)
    found = [_managed(call, one) for one in call.services.authenticator.tokens()]
    wanted = call.query.get("created_by_username")
    return {"token_infos": [one for one in found if not wanted or one["created_by_username"] == wanted]}


def get_token(call: Call) -> Json:
    """Return one PAT's facts."""
    _require_admin(call)
    return {"token_info": _managed(call, _token(call))}


def delete_token(call: Call) -> Json:
    """Revoke any PAT."""
    _require_admin(call)
    call.services.authenticator.revoke(_token(call))
    return {}


def on_behalf(call: Call) -> Json:
    """Create a PAT for a service principal, named by its application id."""
    _require_admin(call)
    application = field_of(call.body, "application_id")
    found = call.books.identity.by_name(application)
    if found is None or found.kind.value != "service_principal":
        raise not_found(f"Service principal {application} does not exist.")
    if not call.books.identity.in_workspace(found.id):
        raise invalid(f"Service principal {application} is not assigned to the workspace.")
    identity = call.books.identity
    if identity.is_account_admin(found.id) and not identity.is_account_admin(call.actor.id):
        raise denied("Only an account admin may create a token for a service principal that is one.")
    lifetime = whole_number(str(call.body.get("lifetime_seconds") or 0), "lifetime_seconds", 0)
    token, body = call.services.authenticator.mint(
        found.id,
        comment=str(call.body.get("comment") or ""),
        lifetime_seconds=lifetime or None,
        created_by=call.actor.id,
    )
    return {"token_value": token, "token_info": _managed(call, body)}


def _public(body: Document) -> Json:
    return {
        "token_id": body["id"],
        "creation_time": body["created_ms"],
        "expiry_time": -1 if body["expires_ms"] is None else body["expires_ms"],
        "comment": body["comment"],
    }


def _managed(call: Call, body: Document) -> Json:
    creator = call.books.identity.by_id(body["created_by"])
    return _public(body) | {
        "owner_id": int(body["principal_id"]),
        "created_by_id": int(body["created_by"]),
        "created_by_username": creator.name if creator else "",
    }


def _token(call: Call) -> Document:
    for one in call.services.authenticator.tokens():
        if one["id"] == call.params["token_id"]:
            return one
    raise not_found(f"Token with id {call.params['token_id']} does not exist.")


def _require_admin(call: Call) -> None:
    if not call.books.identity.is_workspace_admin(call.actor.id):
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
