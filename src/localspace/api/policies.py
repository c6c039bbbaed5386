"""ABAC policies over REST (source: SDK 0.156, Policies)."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.http.request import Call, Route
from localspace.http.serialisation import Json, page

_BASE = "/api/2.1/unity-catalog/policies"


def create(call: Call) -> Json:
    """Create a policy."""
    body = call.body
    info = body.get("policy_info")
    return call.books.policies.create(call.actor, info if isinstance(info, dict) else body)


def listed(call: Call) -> Json:
    """List the policies on a securable, inherited ones too when asked."""
    found = call.books.policies.on(call.actor, *_place(call), inherited=call.flag("include_inherited"))
    return page(found, call.query, "policies")


def get(call: Call) -> Json:
    """Return one policy."""
    return call.books.policies.policy(call.actor, *_place(call), call.params["name"])


def update(call: Call) -> Json:
    """Change a policy."""
    return call.books.policies.update(
        call.actor, *_place(call), call.params["name"], call.body, call.query.get("update_mask", "")
    )


def delete(call: Call) -> Json:
    """Drop a policy."""
    call.books.policies.delete(call.actor, *_place(call), call.params["name"])
    return {}


def _place(call: Call) -> tuple[str, str]:
    kind = call.params["on_securable_type"].rsplit(".", 1)[-1].upper()
    if not kind:
        raise invalid("on_securable_type is missing.")
    return kind, call.params["on_securable_fullname"]


_ONE = _BASE + "/{on_securable_type}/{on_securable_fullname}/{name}"
ROUTES = (
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("Policies.create_policy",),
        partial="GRANT and DENY policies are refused: they are not evaluated",
    ),
    Route(
        method="GET", path=_BASE + "/{on_securable_type}/{on_securable_fullname}", handler=listed, sdk=("Policies.list_policies",)
    ),
    Route(method="GET", path=_ONE, handler=get, sdk=("Policies.get_policy",)),
    Route(method="PATCH", path=_ONE, handler=update, sdk=("Policies.update_policy",)),
    Route(method="DELETE", path=_ONE, handler=delete, sdk=("Policies.delete_policy",)),
)
