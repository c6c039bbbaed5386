"""Secret scopes, secrets and their access lists (source: SDK 0.156, Secrets)."""

from __future__ import annotations

import base64
import binascii
import re

from localspace.core.errors import ApiError, already_exists, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredSecret, StoredSecretAcl, StoredSecretScope
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json

_NAME = re.compile(r"[\w.@/-]{1,128}")
_ORDER = ("READ", "WRITE", "MANAGE")


def create_scope(request: Request) -> Json:
    """Create a scope; its creator manages it, or all users if asked."""
    body = request.body
    scope = field_of(body, "scope")
    if not _NAME.fullmatch(scope):
        raise invalid(f"Scope name '{scope}' is not valid: letters, digits, dash, underscore, at, dot; 128 at most.")
    if (body.get("scope_backend_type") or "DATABRICKS") != "DATABRICKS":
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace serves scopes of type DATABRICKS only.")
    manager = body.get("initial_manage_principal") or request.actor.name
    with request.repositories.store.transaction():
        if request.repositories.store.get(kinds.SECRET_SCOPE, scope) is not None:
            raise already_exists(f"Scope {scope} already exists!", status=400)
        request.repositories.store.put(kinds.SECRET_SCOPE, (scope,), StoredSecretScope(name=scope, backend_type="DATABRICKS"))
        _put_acl(request, scope, manager, "MANAGE")
    return {}


def list_scopes(request: Request) -> Json:
    """List the scopes that the caller may at least read."""
    found = [one for one in request.repositories.store.list(kinds.SECRET_SCOPE) if _level(request, one["name"]) is not None]
    return {"scopes": found}


def delete_scope(request: Request) -> Json:
    """Delete a scope with everything in it."""
    scope = _scope(request, field_of(request.body, "scope"), "MANAGE")
    store = request.repositories.store
    with store.transaction():
        for secret in store.list(kinds.SECRET, (scope,)):
            store.delete(kinds.SECRET, scope, secret["key"])
        for acl in store.list(kinds.SECRET_ACL, (scope,)):
            store.delete(kinds.SECRET_ACL, scope, acl["principal"])
        store.delete(kinds.SECRET_SCOPE, scope)
    return {}


def put_secret(request: Request) -> Json:
    """Write a secret, as text or as base64 bytes."""
    body = request.body
    scope, key = _scope(request, field_of(body, "scope"), "WRITE"), field_of(body, "key")
    if not _NAME.fullmatch(key):
        raise invalid(f"Key '{key}' is not valid.")
    if ("string_value" in body) == ("bytes_value" in body):
        raise invalid("Exactly one of string_value and bytes_value is needed.")
    if "string_value" in body:
        value = base64.b64encode(str(body["string_value"]).encode()).decode()
    else:
        value = str(body["bytes_value"])
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise invalid("bytes_value is not base64.") from error
    now = request.repositories.clock.now_ms()
    document = StoredSecret(key=key, value=value, last_updated_timestamp=now)
    request.repositories.store.put(kinds.SECRET, (scope, key), document, (scope,))
    return {}


def get_secret(request: Request) -> Json:
    """Return a secret's value in base64; needs READ."""
    scope = _scope(request, request.needed("scope"), "READ")
    found = _secret(request, scope, request.needed("key"))
    return {"key": found["key"], "value": found["value"]}


def list_secrets(request: Request) -> Json:
    """List keys, never values."""
    scope = _scope(request, request.needed("scope"), "READ")
    found = request.repositories.store.list(kinds.SECRET, (scope,))
    return {"secrets": [{"key": one["key"], "last_updated_timestamp": one["last_updated_timestamp"]} for one in found]}


def delete_secret(request: Request) -> Json:
    """Delete a secret."""
    scope = _scope(request, field_of(request.body, "scope"), "WRITE")
    found = _secret(request, scope, field_of(request.body, "key"))
    request.repositories.store.delete(kinds.SECRET, scope, found["key"])
    return {}


def put_acl(request: Request) -> Json:
    """Give a principal a level on a scope."""
    body = request.body
    scope = _scope(request, field_of(body, "scope"), "MANAGE")
    level = field_of(body, "permission")
    if level not in _ORDER:
        raise invalid(f"permission must be one of {', '.join(_ORDER)}.")
    _put_acl(request, scope, field_of(body, "principal"), level)
    return {}


def get_acl(request: Request) -> StoredSecretAcl:
    """Return the level of one principal."""
    scope = _scope(request, request.needed("scope"), "MANAGE")
    return _acl(request, scope, request.needed("principal"))


def list_acls(request: Request) -> Json:
    """List who has which level."""
    scope = _scope(request, request.needed("scope"), "MANAGE")
    return {"items": request.repositories.store.list(kinds.SECRET_ACL, (scope,))}


def delete_acl(request: Request) -> Json:
    """Take a principal's level away."""
    scope = _scope(request, field_of(request.body, "scope"), "MANAGE")
    found = _acl(request, scope, field_of(request.body, "principal"))
    request.repositories.store.delete(kinds.SECRET_ACL, scope, found["principal"])
    return {}


def _put_acl(request: Request, scope: str, principal: str, level: str) -> None:
    groups = {one["displayName"] for one in request.repositories.store.list(kinds.GROUP)} | {"users", "admins"}
    if principal not in groups and request.repositories.identity.by_name(principal) is None:
        raise not_found(f"Principal {principal} does not exist.")
    body = StoredSecretAcl(principal=principal, permission=level)
    request.repositories.store.put(kinds.SECRET_ACL, (scope, principal), body, (scope,))


def _scope(request: Request, scope: str, level: str) -> str:
    if request.repositories.store.get(kinds.SECRET_SCOPE, scope) is None:
        raise not_found(f"Scope {scope} does not exist!")
    held = _level(request, scope)
    if held is None or _ORDER.index(held) < _ORDER.index(level):
        raise denied(f"User {request.actor.name} does not have {level} permission on scope {scope}.")
    return scope


def _level(request: Request, scope: str) -> str | None:
    identity = request.repositories.identity
    if identity.is_workspace_admin(request.actor.id):
        return "MANAGE"
    names = identity.names_of(request.actor.id)
    held = [
        one["permission"]
        for one in request.repositories.store.list(kinds.SECRET_ACL, (scope,))
        if one["principal"] in names or identity.is_member(request.actor.id, one["principal"])
    ]
    return max(held, key=_ORDER.index, default=None)


def _secret(request: Request, scope: str, key: str) -> StoredSecret:
    found = request.repositories.store.get(kinds.SECRET, scope, key)
    if found is None:
        raise not_found(f"Secret does not exist with scope: {scope} and key: {key}")
    return found


def _acl(request: Request, scope: str, principal: str) -> StoredSecretAcl:
    found = request.repositories.store.get(kinds.SECRET_ACL, scope, principal)
    if found is None:
        raise not_found(f"Failed to get secret acl for principal {principal} in scope {scope}.")
    return found


_BASE = "/api/2.0/secrets"
ROUTES = (
    Route(method="POST", path=_BASE + "/scopes/create", handler=create_scope, sdk=("Secrets.create_scope",)),
    Route(method="GET", path=_BASE + "/scopes/list", handler=list_scopes, sdk=("Secrets.list_scopes",)),
    Route(method="POST", path=_BASE + "/scopes/delete", handler=delete_scope, sdk=("Secrets.delete_scope",)),
    Route(method="POST", path=_BASE + "/put", handler=put_secret, sdk=("Secrets.put_secret",)),
    Route(method="GET", path=_BASE + "/get", handler=get_secret, sdk=("Secrets.get_secret",)),
    Route(method="GET", path=_BASE + "/list", handler=list_secrets, sdk=("Secrets.list_secrets",)),
    Route(method="POST", path=_BASE + "/delete", handler=delete_secret, sdk=("Secrets.delete_secret",)),
    Route(method="POST", path=_BASE + "/acls/put", handler=put_acl, sdk=("Secrets.put_acl",)),
    Route(method="GET", path=_BASE + "/acls/get", handler=get_acl, sdk=("Secrets.get_acl",)),
    Route(method="GET", path=_BASE + "/acls/list", handler=list_acls, sdk=("Secrets.list_acls",)),
    Route(method="POST", path=_BASE + "/acls/delete", handler=delete_acl, sdk=("Secrets.delete_acl",)),
)
