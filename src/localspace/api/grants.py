"""Grants on securables over REST, the classic and the paged form (source: SDK 0.156, Grants)."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.governance.grant_repository import GrantChange
from localspace.governance.privileges import HeldPrivilege, securable_type
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"


def get(request: Request) -> Json:
    """Return the direct grants, of one principal if named."""
    return page(
        _direct(request.repositories.grants.on(request.actor, *_securable(request)), request),
        request.query,
        "privilege_assignments",
    )


def effective(request: Request) -> Json:
    """Return the grants with what is inherited from above and from where."""
    found = request.repositories.grants.effective(request.actor, *_securable(request))
    rows: list[Json] = [
        {"principal": principal, "privileges": [_held(one) for one in held]}
        for principal, held in sorted(found.items())
        if request.query.get("principal") in (None, "", principal)
    ]
    paged = "effective-privilege-assignments" in request.path
    return page(rows, request.query, "effective_privilege_assignments" if paged else "privilege_assignments")


def update(request: Request) -> Json:
    """Apply changes and return the direct grants."""
    changes: list[GrantChange] = []
    for one in request.body.get("changes") or []:
        if not isinstance(one, dict) or not one.get("principal"):
            raise invalid("Each change needs a principal.")
        changes.append(
            GrantChange(principal=one["principal"], add=tuple(one.get("add") or ()), remove=tuple(one.get("remove") or ()))
        )
    return {
        "privilege_assignments": _direct(
            request.repositories.grants.change(request.actor, *_securable(request), changes), request
        )
    }


def _securable(request: Request) -> tuple[str, str]:
    kind = securable_type(request.params["securable_type"])
    name = request.params["full_name"]
    if kind == "METASTORE":
        name = request.repositories.privileges.own_metastore(name)
    # Clients name a registered model as a function (source: Terraform provider, resource databricks_grants).
    privileges = request.repositories.privileges
    if kind == "FUNCTION" and privileges.document("FUNCTION", name) is None and privileges.document("MODEL", name) is not None:
        kind = "MODEL"
    return kind, name


def _direct(found: dict[str, list[str]], request: Request) -> list[Json]:
    return [
        {"principal": principal, "privileges": held}
        for principal, held in sorted(found.items())
        if request.query.get("principal") in (None, "", principal)
    ]


def _held(one: HeldPrivilege) -> Json:
    found: Json = {"privilege": one.privilege}
    if one.inherited_from is not None:
        found |= {"inherited_from_type": one.inherited_from[0], "inherited_from_name": one.inherited_from[1]}
    return found


_AT = "/{securable_type}/{full_name}"
ROUTES = (
    Route(method="GET", path=_UC + "/permissions" + _AT, handler=get, sdk=("Grants.get",)),
    Route(method="PATCH", path=_UC + "/permissions" + _AT, handler=update, sdk=("Grants.update",)),
    Route(method="GET", path=_UC + "/effective-permissions" + _AT, handler=effective, sdk=("Grants.get_effective",)),
    Route(method="GET", path=_UC + "/privilege-assignments" + _AT, handler=get, sdk=("Grants.list",)),
    Route(method="GET", path=_UC + "/effective-privilege-assignments" + _AT, handler=effective, sdk=("Grants.list_effective",)),
)
