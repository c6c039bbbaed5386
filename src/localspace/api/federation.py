"""Federation policies: whose tokens of other identity providers are taken, for a service principal or account-wide."""

from __future__ import annotations

import re
import uuid
from typing import Any, cast

from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredFederationPolicy, StoredOidcRules
from localspace.core.timestamps import iso
from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json, page
from localspace.identity.federation import ACCOUNT_WIDE
from localspace.identity.id_tokens import TokenError, read_keys

_ID = re.compile(r"[a-z0-9-]{1,128}")


def policies(request: Request) -> Json:
    """List the policies of a service principal, or of the account."""
    found = request.repositories.store.list(kinds.FEDERATION_POLICY, (_owner(request),))
    return page(found, request.query, "policies", size_name="page_size")


def policy(request: Request) -> StoredFederationPolicy:
    """Return one policy."""
    return _policy(request, _owner(request))


def create(request: Request) -> StoredFederationPolicy:
    """Make a policy; its id is the caller's choice, or a new UUID."""
    owner = _owner(request)
    name = request.query.get("policy_id") or str(uuid.uuid4())
    if not _ID.fullmatch(name):
        raise invalid("policy_id may hold lower case letters, digits and hyphens.")
    if request.repositories.store.get(kinds.FEDERATION_POLICY, owner, name) is not None:
        raise already_exists(f"Federation policy {name} already exists.")
    prefix = f"accounts/{request.repositories.ids.account_id}" + ("" if owner == ACCOUNT_WIDE else f"/servicePrincipals/{owner}")
    now = iso(request.repositories.clock.now_ms())
    new: StoredFederationPolicy = {
        "name": f"{prefix}/federationPolicies/{name}",
        "policy_id": name,
        "uid": str(uuid.uuid4()),
        "oidc_policy": _rules(request.body.get("oidc_policy"), owner),
        "create_time": now,
        "update_time": now,
    }
    if "description" in request.body:
        new["description"] = request.body["description"]
    if owner != ACCOUNT_WIDE:
        new["service_principal_id"] = int(owner)
    request.repositories.store.put(kinds.FEDERATION_POLICY, (owner, name), new, (owner,))
    return new


def update(request: Request) -> StoredFederationPolicy:
    """Change description or rules: what `update_mask` names, or all that is sent."""
    owner = _owner(request)
    old = _policy(request, owner)
    mask = [one for one in request.query.get("update_mask", "").split(",") if one not in ("", "*")]
    given = request.body
    rules: dict[str, Any] = dict(old["oidc_policy"])
    sent = given.get("oidc_policy") or {}
    for path in mask or [one for one in ("description", "oidc_policy") if one in given]:
        head, _, leaf = path.partition(".")
        if head not in ("description", "oidc_policy") or (head == "description" and leaf):
            raise invalid(f"update_mask names {path!r}, which cannot be changed.")
        if leaf:
            rules = {key: value for key, value in rules.items() if key != leaf} | ({leaf: sent[leaf]} if leaf in sent else {})
        elif head == "oidc_policy":
            rules = sent
        else:
            old = old.copy()
            old.pop("description", None)
            if "description" in given:
                old["description"] = given["description"]
    new = old | {"oidc_policy": _rules(rules, owner), "update_time": iso(request.repositories.clock.now_ms())}
    request.repositories.store.put(kinds.FEDERATION_POLICY, (owner, new["policy_id"]), new, (owner,))
    return new


def delete(request: Request) -> Json:
    """Delete a policy; tokens that were given by it live on until they expire."""
    owner = _owner(request)
    request.repositories.store.delete(kinds.FEDERATION_POLICY, owner, _policy(request, owner)["policy_id"])
    return {}


def _rules(given: Any, owner: str) -> StoredOidcRules:
    if not isinstance(given, dict) or not isinstance(given.get("issuer"), str) or not given["issuer"]:
        raise invalid("Missing required field: oidc_policy.issuer")
    if any(key in given and not isinstance(given[key], str) for key in ("subject", "subject_claim", "jwks_json", "jwks_uri")):
        raise invalid("subject, subject_claim, jwks_json and jwks_uri must be strings.")
    audiences = given.get("audiences", [])
    if not isinstance(audiences, list) or not all(isinstance(one, str) and one for one in audiences):
        raise invalid("oidc_policy.audiences must be a list of strings that are not empty.")
    if owner != ACCOUNT_WIDE and not given.get("subject"):
        raise invalid("oidc_policy.subject must be given for a policy of a service principal.")
    if owner == ACCOUNT_WIDE and given.get("subject"):
        raise invalid("oidc_policy.subject must not be given for a policy of the account.")
    if given.get("jwks_json"):
        try:
            read_keys(given["jwks_json"])
        except TokenError as error:
            raise invalid(f"oidc_policy.jwks_json is not a key set: {error}.") from error
    return cast(StoredOidcRules, dict(given))


def _owner(request: Request) -> str:
    if not request.repositories.identity.is_account_admin(request.actor.id):
        raise denied("Only an account admin may manage federation policies.")
    wanted = request.params.get("service_principal_id")
    if wanted is None:
        return ACCOUNT_WIDE
    if request.repositories.store.get(kinds.SERVICE_PRINCIPAL, wanted) is None:
        raise not_found(f"Service principal {wanted} does not exist.")
    return wanted


def _policy(request: Request, owner: str) -> StoredFederationPolicy:
    found = request.repositories.store.get(kinds.FEDERATION_POLICY, owner, request.params["policy_id"])
    if found is None:
        raise not_found(f"Federation policy {request.params['policy_id']} does not exist.")
    return found


def _routes(base: str, service: str) -> tuple[Route, ...]:
    one = base + "/{policy_id}"
    keys = "keys come from jwks_json alone: no issuer is asked"
    return (
        Route(method="GET", path=base, handler=policies, sdk=(f"{service}.list",), plane=Plane.ACCOUNT),
        Route(method="POST", path=base, handler=create, sdk=(f"{service}.create",), plane=Plane.ACCOUNT, partial=keys),
        Route(method="GET", path=one, handler=policy, sdk=(f"{service}.get",), plane=Plane.ACCOUNT),
        Route(method="PATCH", path=one, handler=update, sdk=(f"{service}.update",), plane=Plane.ACCOUNT, partial=keys),
        Route(method="DELETE", path=one, handler=delete, sdk=(f"{service}.delete",), plane=Plane.ACCOUNT),
    )


_ACCOUNT = "/api/2.0/accounts/{account_id}"
ROUTES = (
    *_routes(_ACCOUNT + "/servicePrincipals/{service_principal_id}/federationPolicies", "ServicePrincipalFederationPolicy"),
    *_routes(_ACCOUNT + "/federationPolicies", "AccountFederationPolicy"),
)
