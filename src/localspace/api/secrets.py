"""Secret scopes, secrets and their access lists (source: SDK 0.156, Secrets)."""

from __future__ import annotations

import base64
import binascii
import re

from localspace.core.errors import ApiError, already_exists, denied, invalid, not_found
from localspace.core.store import Document
from localspace.http.request import Call, Route, field_of
from localspace.http.serialisation import Json

_NAME = re.compile(r"[\w.@/-]{1,128}")
_ORDER = ("READ", "WRITE", "MANAGE")


def create_scope(call: Call) -> Json:
    """Create a scope; its creator manages it, or all users if asked."""
    body = call.body
    scope = field_of(body, "scope")
    if not _NAME.fullmatch(scope):
        raise invalid(f"Scope name '{scope}' is not valid: letters, digits, dash, underscore, at, dot; 128 at most.")
    if (body.get("scope_backend_type") or "DATABRICKS") != "DATABRICKS":
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace serves scopes of type DATABRICKS only.")
    manager = body.get("initial_manage_principal") or call.actor.name
    with call.books.store.transaction():
        if call.books.store.get("secret_scope", scope) is not None:
            raise already_exists(f"Scope {scope} already exists!", status=400)
        call.books.store.put("secret_scope", (scope,), {"name": scope, "backend_type": "DATABRICKS"})
        _put_acl(call, scope, manager, "MANAGE")
    return {}


def list_scopes(call: Call) -> Json:
    """List the scopes that the caller may at least read."""
    found = [one for one in call.books.store.list("secret_scope") if _level(call, one["name"]) is not None]
    return {"scopes": found}


def delete_scope(call: Call) -> Json:
    """Delete a scope with everything in it."""
    scope = _scope(call, field_of(call.body, "scope"), "MANAGE")
    store = call.books.store
    with store.transaction():
        for secret in store.list("secret", (scope,)):
            store.delete("secret", scope, secret["key"])
        for acl in store.list("secret_acl", (scope,)):
            store.delete("secret_acl", scope, acl["principal"])
        store.delete("secret_scope", scope)
    return {}


def put_secret(call: Call) -> Json:
    """Write a secret, as text or as base64 bytes."""
    body = call.body
    scope, key = _scope(call, field_of(body, "scope"), "WRITE"), field_of(body, "key")
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
    document = {"key": key, "value": value, "last_updated_timestamp": call.books.clock.now_ms()}
    call.books.store.put("secret", (scope, key), document, (scope,))
    return {}


def get_secret(call: Call) -> Json:
    """Return a secret's value in base64; needs READ."""
    scope = _scope(call, call.needed("scope"), "READ")
    found = _secret(call, scope, call.needed("key"))
    return {"key": found["key"], "value": found["value"]}


def list_secrets(call: Call) -> Json:
    """List keys, never values."""
    scope = _scope(call, call.needed("scope"), "READ")
    found = call.books.store.list("secret", (scope,))
    return {"secrets": [{"key": one["key"], "last_updated_timestamp": one["last_updated_timestamp"]} for one in found]}


def delete_secret(call: Call) -> Json:
    """Delete a secret."""
    scope = _scope(call, field_of(call.body, "scope"), "WRITE")
    found = _secret(call, scope, field_of(call.body, "key"))
    call.books.store.delete("secret", scope, found["key"])
    return {}


def put_acl(call: Call) -> Json:
    """Give a principal a level on a scope."""
    body = call.body
    scope = _scope(call, field_of(body, "scope"), "MANAGE")
    level = field_of(body, "permission")
    if level not in _ORDER:
        raise invalid(f"permission must be one of {', '.join(_ORDER)}.")
    _put_acl(call, scope, field_of(body, "principal"), level)
    return {}


def get_acl(call: Call) -> Json:
    """Return the level of one principal."""
    scope = _scope(call, call.needed("scope"), "MANAGE")
    return _acl(call, scope, call.needed("principal"))


def list_acls(call: Call) -> Json:
    """List who has which level."""
    scope = _scope(call, call.needed("scope"), "MANAGE")
    return {"items": call.books.store.list("secret_acl", (scope,))}


def delete_acl(call: Call) -> Json:
    """Take a principal's level away."""
    scope = _scope(call, field_of(call.body, "scope"), "MANAGE")
    found = _acl(call, scope, field_of(call.body, "principal"))
    call.books.store.delete("secret_acl", scope, found["principal"])
    return {}


def _put_acl(call: Call, scope: str, principal: str, level: str) -> None:
    groups = {one["displayName"] for one in call.books.store.list("group")} | {"users", "admins"}
    if principal not in groups and call.books.identity.by_name(principal) is None:
        raise not_found(f"Principal {principal} does not exist.")
    body = {"principal": principal, "permission": level}
    call.books.store.put("secret_acl", (scope, principal), body, (scope,))


def _scope(call: Call, scope: str, level: str) -> str:
    if call.books.store.get("secret_scope", scope) is None:
        raise not_found(f"Scope {scope} does not exist!")
    held = _level(call, scope)
    if held is None or _ORDER.index(held) < _ORDER.index(level):
        raise denied(f"User {call.actor.name} does not have {level} permission on scope {scope}.")
    return scope


def _level(call: Call, scope: str) -> str | None:
    identity = call.books.identity
    if identity.is_workspace_admin(call.actor.id):
        return "MANAGE"
    names = identity.names_of(call.actor.id)
    held = [
        one["permission"]
        for one in call.books.store.list("secret_acl", (scope,))
        if one["principal"] in names or identity.is_member(call.actor.id, one["principal"])
    ]
    return max(held, key=_ORDER.index, default=None)


def _secret(call: Call, scope: str, key: str) -> Document:
    found = call.books.store.get("secret", scope, key)
    if found is None:
        raise not_found(f"Secret does not exist with scope: {scope} and key: {key}")
    return found


def _acl(call: Call, scope: str, principal: str) -> Document:
    found = call.books.store.get("secret_acl", scope, principal)
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
