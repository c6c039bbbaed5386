"""ABAC policies over REST (source: SDK 0.156, Policies)."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredPolicy
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_BASE = "/api/2.1/unity-catalog/policies"


def create(request: Request) -> Json:
    """Create a policy."""
    body = request.body
    info = body.get("policy_info")
    return _info(request, request.repositories.policies.create(request.actor, info if isinstance(info, dict) else body))


def listed(request: Request) -> Json:
    """List the policies on a securable, inherited ones too when asked."""
    found = request.repositories.policies.on(request.actor, *_securable(request), inherited=request.flag("include_inherited"))
    return page([_info(request, one) for one in found], request.query, "policies")


def get(request: Request) -> Json:
    """Return one policy."""
    return _info(request, request.repositories.policies.policy(request.actor, *_securable(request), request.params["name"]))


def update(request: Request) -> Json:
    """Change a policy."""
    changed = request.repositories.policies.update(
        request.actor, *_securable(request), request.params["name"], request.body, request.query.get("update_mask", "")
    )
    return _info(request, changed)


def delete(request: Request) -> Json:
    """Drop a policy."""
    request.repositories.policies.delete(request.actor, *_securable(request), request.params["name"])
    return {}


def _info(request: Request, policy: StoredPolicy) -> Json:
    found = kinds.POLICY.answer(policy)
    if policy["on_securable_type"] == "METASTORE":
        # The answer repeats the name or id that the client gave (source: databricks/terraform-provider-databricks issue 6019).
        name = policy.get("metastore_named") or request.repositories.privileges.require_exists("METASTORE", "")["name"]
        found["on_securable_fullname"] = name
    return found


def _securable(request: Request) -> tuple[str, str]:
    kind = request.params["on_securable_type"].rsplit(".", 1)[-1].upper()
    if not kind:
        raise invalid("on_securable_type is missing.")
    return kind, request.params["on_securable_fullname"]


_ONE = _BASE + "/{on_securable_type}/{on_securable_fullname}/{name}"
ROUTES = (
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("Policies.create_policy",),
        partial="DENY policies are refused: they are not evaluated",
    ),
    Route(
        method="GET", path=_BASE + "/{on_securable_type}/{on_securable_fullname}", handler=listed, sdk=("Policies.list_policies",)
    ),
    Route(method="GET", path=_ONE, handler=get, sdk=("Policies.get_policy",)),
    Route(method="PATCH", path=_ONE, handler=update, sdk=("Policies.update_policy",)),
    Route(method="DELETE", path=_ONE, handler=delete, sdk=("Policies.delete_policy",)),
)
