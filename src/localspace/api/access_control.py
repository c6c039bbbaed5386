"""Rule sets: who creates, manages and assigns governed tags, and roles on other account resources."""

from __future__ import annotations

import re
import uuid

from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredGrantRule, StoredRuleSet
from localspace.http.request import Plane, Request, Route, field_of
from localspace.http.serialisation import Json

_NAME = re.compile(r"accounts/(?P<account>[^/]+)(?:/(?P<kind>\w+)/(?P<id>[^/]+))?/ruleSets/default")
_ROLES = {
    None: (
        "roles/tagPolicy.creator",
        "roles/tagPolicy.manager",
        "roles/tagPolicy.assigner",
        "roles/marketplace.admin",
        "roles/billing.admin",
    ),
    "tagPolicies": ("roles/tagPolicy.manager", "roles/tagPolicy.assigner"),
    "servicePrincipals": ("roles/servicePrincipal.manager", "roles/servicePrincipal.user"),
    "groups": ("roles/group.manager",),
}
_KINDS = {"users": "user", "groups": "group", "servicePrincipals": "service_principal"}


def get(request: Request) -> StoredRuleSet:
    """Return a rule set; one that was never written is empty and has an etag too."""
    name = request.needed("name")
    kind, resource = _resource(request, name)
    _require_right(request, kind, resource, change=False)
    return _stored(request, name)


def update(request: Request) -> StoredRuleSet:
    """Replace a rule set; the etag must be the one that was read last."""
    body = request.body
    name = field_of(body, "name")
    given = body.get("rule_set")
    if not isinstance(given, dict):
        raise invalid("Missing required field: rule_set")
    kind, resource = _resource(request, name)
    with request.repositories.store.transaction():
        _require_right(request, kind, resource, change=True)
        if field_of(given, "etag") != _stored(request, name)["etag"]:
            raise ApiError(409, "RESOURCE_CONFLICT", f"Rule set {name} was changed meanwhile. Read it and try again.")
        rules = [_checked(request, one, kind) for one in given.get("grant_rules") or []]
        new = StoredRuleSet(name=name, etag=uuid.uuid4().hex, grant_rules=[one for one in rules if one["principals"]])
        request.repositories.store.put(kinds.RULE_SET, (name,), new)
    return new


def assignable_roles(request: Request) -> Json:
    """List the roles that a resource knows."""
    resource = request.needed("resource")
    kind, _ = _resource(request, f"{resource}/ruleSets/default")
    return {"roles": [{"name": one} for one in _ROLES[kind]]}


def _stored(request: Request, name: str) -> StoredRuleSet:
    found = request.repositories.store.get(kinds.RULE_SET, name)
    if found is None:
        return {"name": name, "etag": uuid.uuid5(uuid.NAMESPACE_URL, name).hex, "grant_rules": []}
    return found


def _resource(request: Request, name: str) -> tuple[str | None, str | None]:
    match = _NAME.fullmatch(name)
    if match is None or match["account"] != request.repositories.ids.account_id:
        raise invalid(f"'{name}' is not the name of a rule set of this account.")
    kind, resource_id = match["kind"], match["id"]
    if kind is None:
        return None, None
    if kind not in _ROLES:
        raise invalid(f"Rule sets of {kind} are not known.")
    if kind == "tagPolicies":
        known = any(one["id"] == resource_id for one in request.repositories.tags.policies())
    elif kind == "groups":
        known = request.repositories.store.get(kinds.GROUP, resource_id) is not None
    else:
        documents = request.repositories.store.list(kinds.SERVICE_PRINCIPAL)
        known = any(one["applicationId"] == resource_id for one in documents)
    if not known:
        raise not_found(f"{kind} {resource_id} does not exist.")
    return kind, resource_id


def _require_right(request: Request, kind: str | None, resource_id: str | None, *, change: bool) -> None:
    if request.repositories.identity.is_account_admin(request.actor.id):
        return
    if kind == "tagPolicies" and resource_id is not None:
        roles = ("manager",) if change else ("manager", "assigner")
        if any(request.repositories.tags.has_role(request.actor, role, resource_id) for role in roles):
            return
    raise denied("User is not authorized to access this rule set.")


def _checked(request: Request, rule: object, kind: str | None) -> StoredGrantRule:
    if not isinstance(rule, dict) or not rule.get("role"):
        raise invalid("Each grant rule needs a role.")
    if rule["role"] not in _ROLES[kind]:
        raise invalid(f"Role {rule['role']} is not assignable here. Known roles: {', '.join(_ROLES[kind])}.")
    principals = list(rule.get("principals") or [])
    for one in principals:
        prefix, _, name = str(one).partition("/")
        found = request.repositories.identity.by_name(name) if prefix in _KINDS else None
        if found is None or found.kind.value != _KINDS[prefix]:
            raise invalid(f"Principal {one} does not exist. users/, groups/ and servicePrincipals/ names are known.")
    return StoredGrantRule(role=str(rule["role"]), principals=principals)


_PROXY = "/api/2.0/preview/accounts/access-control"
_ACCOUNT = "/api/2.0/preview/accounts/{account_id}/access-control"
_SETS, _ROLE = "/rule-sets", "/assignable-roles"
ROUTES = (
    Route(method="GET", path=_PROXY + _SETS, handler=get, sdk=("AccountAccessControlProxy.get_rule_set",)),
    Route(method="PUT", path=_PROXY + _SETS, handler=update, sdk=("AccountAccessControlProxy.update_rule_set",)),
    Route(
        method="GET",
        path=_PROXY + _ROLE,
        handler=assignable_roles,
        sdk=("AccountAccessControlProxy.get_assignable_roles_for_resource",),
    ),
    Route(method="GET", path=_ACCOUNT + _SETS, handler=get, sdk=("AccountAccessControl.get_rule_set",), plane=Plane.ACCOUNT),
    Route(
        method="PUT", path=_ACCOUNT + _SETS, handler=update, sdk=("AccountAccessControl.update_rule_set",), plane=Plane.ACCOUNT
    ),
    Route(
        method="GET",
        path=_ACCOUNT + _ROLE,
        handler=assignable_roles,
        sdk=("AccountAccessControl.get_assignable_roles_for_resource",),
        plane=Plane.ACCOUNT,
    ),
)
