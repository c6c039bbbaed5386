"""Grants on securables over REST, the classic and the paged form (source: SDK 0.156, Grants)."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.governance.grant_repository import GrantChange
from localspace.governance.privileges import HeldPrivilege, securable_type
from localspace.http.request import Call, Route
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"


def get(call: Call) -> Json:
    """Return the direct grants, of one principal if named."""
    return page(_direct(call.books.grants.on(call.actor, *_place(call)), call), call.query, "privilege_assignments")


def effective(call: Call) -> Json:
    """Return the grants with what is inherited from above and from where."""
    found = call.books.grants.effective(call.actor, *_place(call))
    rows: list[Json] = [
        {"principal": principal, "privileges": [_held(one) for one in held]}
        for principal, held in sorted(found.items())
        if call.query.get("principal") in (None, "", principal)
    ]
    paged = "effective-privilege-assignments" in call.path
    return page(rows, call.query, "effective_privilege_assignments" if paged else "privilege_assignments")


def update(call: Call) -> Json:
    """Apply changes and return the direct grants."""
    changes: list[GrantChange] = []
    for one in call.body.get("changes") or []:
        if not isinstance(one, dict) or not one.get("principal"):
            raise invalid("Each change needs a principal.")
        changes.append(
            GrantChange(principal=one["principal"], add=tuple(one.get("add") or ()), remove=tuple(one.get("remove") or ()))
        )
    return {"privilege_assignments": _direct(call.books.grants.change(call.actor, *_place(call), changes), call)}


def _place(call: Call) -> tuple[str, str]:
    kind = securable_type(call.params["securable_type"])
    name = call.params["full_name"]
    if kind == "METASTORE":
        name = call.books.ids.metastore_id
    return kind, name


def _direct(found: dict[str, list[str]], call: Call) -> list[Json]:
    return [
        {"principal": principal, "privileges": held}
        for principal, held in sorted(found.items())
        if call.query.get("principal") in (None, "", principal)
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
