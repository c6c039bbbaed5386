"""Cluster policies: stored, with a checked definition (source: SDK 0.156, ClusterPolicies; platform docs, policy reference)."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.compute import StoredClusterPolicy
from localspace.governance.object_permissions import may_see, require_any_level
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json

_NEEDED: dict[str, tuple[str, ...]] = {
    "fixed": ("value",),
    "forbidden": (),
    "allowlist": ("values",),
    "blocklist": ("values",),
    "regex": ("pattern",),
    "range": (),
    "unlimited": (),
}
"""Type of a rule to the fields that it needs (source: platform docs, compute policy reference)."""

_TAKEN: dict[str, frozenset[str]] = {
    "fixed": frozenset({"value", "hidden"}),
    "forbidden": frozenset(),
    "allowlist": frozenset({"values", "defaultValue", "isOptional"}),
    "blocklist": frozenset({"values", "isOptional"}),
    "regex": frozenset({"pattern", "defaultValue", "isOptional"}),
    "range": frozenset({"minValue", "maxValue", "defaultValue", "isOptional"}),
    "unlimited": frozenset({"defaultValue", "isOptional"}),
}
_SORTED = {"POLICY_NAME": "name", "POLICY_CREATION_TIME": "created_at_timestamp"}


def create(request: Request) -> Json:
    """Create a policy; workspace admins only."""
    _require_admin(request)
    kept = _checked(request, request.body, None)
    policy_id = secrets.token_hex(8).upper()
    stamp = {"creator_user_name": request.actor.name, "created_at_timestamp": request.repositories.clock.now_ms()}
    _put(request, kinds.CLUSTER_POLICY.document({**kept, "policy_id": policy_id, **stamp}))
    return {"policy_id": policy_id}


def edit(request: Request) -> Json:
    """Replace a policy; workspace admins only. Fields that are not given are gone."""
    _require_admin(request)
    old = _policy(request, field_of(request.body, "policy_id"))
    kept = _checked(request, request.body, old)
    stamp = {"creator_user_name": old["creator_user_name"], "created_at_timestamp": old["created_at_timestamp"]}
    _put(request, kinds.CLUSTER_POLICY.document({**kept, "policy_id": old["policy_id"], **stamp}))
    return {}


def delete(request: Request) -> Json:
    """Delete a policy; workspace admins only."""
    _require_admin(request)
    old = _policy(request, field_of(request.body, "policy_id"))
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.CLUSTER_POLICY, old["policy_id"])
        request.repositories.store.delete(kinds.PERMISSIONS, "cluster-policies", old["policy_id"])
    return {}


def get(request: Request) -> StoredClusterPolicy:
    """Return a policy that the caller may use."""
    found = _policy(request, request.needed("policy_id"))
    require_any_level(request.repositories, request.actor, "cluster-policies", found["policy_id"], None)
    return found


def listed(request: Request) -> Json:
    """List the policies that the caller may use, by name or by age."""
    column = request.query.get("sort_column") or "POLICY_CREATION_TIME"
    if column not in _SORTED:
        raise invalid(f"sort_column must be one of {', '.join(_SORTED)}.")
    found = [
        one
        for one in request.repositories.store.list(kinds.CLUSTER_POLICY)
        if may_see(request.repositories, request.actor, "cluster-policies", one["policy_id"], None)
    ]
    order = request.query.get("sort_order") or "DESC"
    if order not in ("ASC", "DESC"):
        raise invalid("sort_order must be ASC or DESC.")
    found.sort(key=lambda one: str(one["name"]).casefold())
    if column == "POLICY_CREATION_TIME":
        found.sort(key=lambda one: one["created_at_timestamp"])
    shown = found[::-1] if order == "DESC" else found
    return {"policies": shown, "total_count": len(shown)}


def check_definition(text: str) -> None:
    """Refuse a definition that is not a JSON object of rules; raises INVALID_PARAMETER_VALUE with the attribute."""
    try:
        rules = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Policy definition is not valid JSON: {error}") from error
    if not isinstance(rules, dict):
        raise invalid("Policy definition must be a JSON object of attributes and rules.")
    for attribute, rule in rules.items():
        _check_rule(attribute, rule)


def _check_rule(attribute: str, rule: Any) -> None:
    where = f"Policy definition, attribute '{attribute}'"
    if not attribute or not isinstance(rule, dict):
        raise invalid(f"{where}: a rule must be an object with a type.")
    kind = rule.get("type")
    if kind not in _NEEDED:
        raise invalid(f"{where}: type '{kind}' is not one of {', '.join(_NEEDED)}.")
    missing = [one for one in _NEEDED[kind] if one not in rule]
    if missing:
        raise invalid(f"{where}: a rule of type {kind} needs '{missing[0]}'.")
    unknown = sorted(rule.keys() - {"type"} - _TAKEN[kind])
    if unknown:
        raise invalid(f"{where}: a rule of type {kind} has no '{unknown[0]}'.")
    if "values" in rule and (not isinstance(rule["values"], list) or not rule["values"]):
        raise invalid(f"{where}: values must be a list that is not empty.")
    for flag in ("hidden", "isOptional"):
        if not isinstance(rule.get(flag, False), bool):
            raise invalid(f"{where}: {flag} must be true or false.")
    if kind == "range":
        _check_range(where, rule)
    if kind == "regex":
        _check_pattern(where, rule["pattern"])


def _check_range(where: str, rule: dict[str, Any]) -> None:
    bounds = [rule[one] for one in ("minValue", "maxValue") if one in rule]
    if not bounds:
        raise invalid(f"{where}: a rule of type range needs minValue or maxValue.")
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in bounds):
        raise invalid(f"{where}: minValue and maxValue must be numbers.")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise invalid(f"{where}: minValue is above maxValue.")


def _check_pattern(where: str, pattern: Any) -> None:
    try:
        re.compile(pattern if isinstance(pattern, str) else "(")
    except re.error as error:
        raise invalid(f"{where}: pattern is not a regular expression.") from error


def _checked(request: Request, body: Json, old: StoredClusterPolicy | None) -> Json:
    if body.get("policy_family_id") or body.get("policy_family_definition_overrides"):
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace has no policy families; send a definition.")
    name = field_of(body, "name")
    if not 1 <= len(name) <= 100:
        raise invalid("Policy name must be 1 to 100 characters long.")
    check_definition(field_of(body, "definition"))
    most = body.get("max_clusters_per_user")
    if most is not None and most < 1:
        raise invalid("max_clusters_per_user must be positive.")
    for one in request.repositories.store.list(kinds.CLUSTER_POLICY):
        if one["name"] == name and (old is None or one["policy_id"] != old["policy_id"]):
            raise invalid(f"A cluster policy with name '{name}' already exists. Policy names must be unique.")
    return {key: value for key, value in body.items() if key != "policy_id"}


def _policy(request: Request, policy_id: str) -> StoredClusterPolicy:
    found = request.repositories.store.get(kinds.CLUSTER_POLICY, policy_id)
    if found is None:
        raise not_found(f"Can't find a cluster policy with id: {policy_id}.")
    return found


def _put(request: Request, policy: StoredClusterPolicy) -> None:
    request.repositories.store.put(kinds.CLUSTER_POLICY, (policy["policy_id"],), policy)


def _require_admin(request: Request) -> None:
    if not request.repositories.identity.is_workspace_admin(request.actor.id):
        raise denied(f"{request.actor.name} is not allowed to manage cluster policies: only workspace admins are.")


_BASE = "/api/2.0/policies/clusters"
ROUTES = (
    Route(
        method="POST",
        path=_BASE + "/create",
        handler=create,
        sdk=("ClusterPolicies.create",),
        partial="stored and checked: no cluster is made by it; policy families are refused",
    ),
    Route(method="POST", path=_BASE + "/edit", handler=edit, sdk=("ClusterPolicies.edit",)),
    Route(method="POST", path=_BASE + "/delete", handler=delete, sdk=("ClusterPolicies.delete",)),
    Route(method="GET", path=_BASE + "/get", handler=get, sdk=("ClusterPolicies.get",)),
    Route(method="GET", path=_BASE + "/list", handler=listed, sdk=("ClusterPolicies.list",)),
)
