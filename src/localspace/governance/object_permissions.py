"""Permissions of workspace objects: levels, who has which, and the check that other APIs ask for."""

from __future__ import annotations

from localspace.core.errors import denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredPermission
from localspace.governance.repositories import Repositories

LEVELS: dict[str, tuple[str, ...]] = {
    "warehouses": ("CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"),
    "genie": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "serving-endpoints": ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"),
    "tokens": ("CAN_USE", "CAN_MANAGE"),
    "passwords": ("CAN_USE",),
    "jobs": ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"),
    "dashboards": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "directories": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "notebooks": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "files": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "cluster-policies": ("CAN_USE",),
    "apps": ("CAN_USE", "CAN_MANAGE"),
    "queries": ("CAN_VIEW", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "alerts": ("CAN_VIEW", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "alertsv2": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
}
"""Object type in the URL's plural form to its levels; which contains which is said by `covered`."""

_WAREHOUSE = {
    "CAN_VIEW": {"CAN_VIEW"},
    "CAN_USE": {"CAN_USE"},
    "CAN_MONITOR": {"CAN_VIEW", "CAN_USE", "CAN_MONITOR"},
}
"""Of the levels below CAN MANAGE on a warehouse, CAN VIEW watches and CAN USE runs; neither contains the other."""

SINGULAR = {
    "warehouses": "warehouses",
    "genie": "genie",
    "serving-endpoints": "serving-endpoint",
    "tokens": "tokens",
    "passwords": "passwords",
    "jobs": "job",
    "dashboards": "dashboard",
    "directories": "directory",
    "notebooks": "notebook",
    "files": "file",
    "cluster-policies": "cluster-policy",
    "apps": "apps",
    "queries": "query",
    "alerts": "alert",
    "alertsv2": "alertv2",
}
"""What `object_type` in the answer says; clients compare it."""

KINDS = {"user_name": "user", "group_name": "group", "service_principal_name": "service_principal"}


def levels_of(repositories: Repositories, object_type: str, object_id: str, owner: str | None) -> list[Document]:
    """Return the access list of an object: the stored one, the owner's level, and the admins' inherited level."""
    stored = repositories.store.get(kinds.PERMISSIONS, object_type, object_id)
    entries: list[Document] = [{**one, "inherited": False} for one in (stored["access_control_list"] if stored else ())]
    strongest = LEVELS[object_type][-1]
    if owner and not any(one["level"] == "IS_OWNER" or one["principal"] == owner for one in entries):
        found = repositories.identity.by_name(owner)
        if found is not None:
            entries.append({"principal": owner, "kind": found.kind.value, "level": strongest, "inherited": False})
    manage = "CAN_MANAGE" if "CAN_MANAGE" in LEVELS[object_type] else strongest
    entries.append({"principal": "admins", "kind": "group", "level": manage, "inherited": True})
    return entries


@rule("LS-114")
def covered(object_type: str, level: str) -> frozenset[str]:
    """Return the levels that one level contains, itself among them: a partial order."""
    if object_type == "warehouses" and level in _WAREHOUSE:
        return frozenset(_WAREHOUSE[level])
    order = LEVELS[object_type]
    return frozenset(order[: order.index(level) + 1])


def levels_held(
    repositories: Repositories, actor: Principal, object_type: str, object_id: str, owner: str | None
) -> frozenset[str]:
    """Return all levels of the actor on an object, contained ones included."""
    if repositories.identity.is_workspace_admin(actor.id):
        return frozenset(LEVELS[object_type])
    held: set[str] = set()
    for entry in levels_of(repositories, object_type, object_id, owner):
        if not entry["inherited"] and _reaches(repositories, entry, actor):
            held |= covered(object_type, entry["level"])
    return frozenset(held)


def may_see(repositories: Repositories, actor: Principal, object_type: str, object_id: str, owner: str | None) -> bool:
    """Return whether an object shows to the actor: any level opens it."""
    return bool(levels_held(repositories, actor, object_type, object_id, owner))


def require_any_level(repositories: Repositories, actor: Principal, object_type: str, object_id: str, owner: str | None) -> None:
    """Demand that an object shows to the actor; raises PERMISSION_DENIED."""
    if not may_see(repositories, actor, object_type, object_id, owner):
        raise denied(f"{actor.name} does not have View permissions on {object_type} {object_id}.")


def require_level(
    repositories: Repositories, actor: Principal, object_type: str, object_id: str, level: str, *, owner: str | None = None
) -> None:
    """Demand a level that contains `level` on an object; raises PERMISSION_DENIED."""
    if level not in levels_held(repositories, actor, object_type, object_id, owner):
        raise denied(f"{actor.name} does not have {level} permissions on {object_type} {object_id}.")


def _reaches(repositories: Repositories, entry: Document, actor: Principal) -> bool:
    name = entry["principal"]
    if entry["kind"] == "group":
        return name in repositories.identity.account_groups_of(actor.id) or repositories.identity.is_member(actor.id, name)
    return bool(entry["kind"] == actor.kind.value and name == actor.name)


def checked_entries(repositories: Repositories, object_type: str, given: object) -> list[StoredPermission]:
    """Return the entries of a permissions request; raises 400 for a bad level, 404 for an unknown principal."""
    if not isinstance(given, list):
        raise invalid("access_control_list must be a list.")
    entries: list[StoredPermission] = []
    for one in given:
        names = [(field, one[field]) for field in KINDS if one.get(field)] if isinstance(one, dict) else []
        if len(names) != 1:
            raise invalid("Each entry needs exactly one of user_name, group_name, service_principal_name.")
        field, name = names[0]
        level = one.get("permission_level")
        if level not in LEVELS[object_type]:
            known = ", ".join(LEVELS[object_type])
            raise invalid(f"Permission level {level} is not valid for {object_type}. Known levels: {known}.")
        kind = _kind_of(repositories, KINDS[field], name)
        if kind is None:
            raise not_found(f"Principal: {field.removesuffix('_name')} '{name}' does not exist.")
        # The last entry of a principal wins (source: databricks/cli, its account of the permissions API).
        entries = [other for other in entries if (other["kind"], other["principal"]) != (kind, name)]
        entries.append({"principal": name, "kind": kind, "level": level})
    return entries


def _kind_of(repositories: Repositories, asked: str, name: str) -> str | None:
    """Return the kind of a principal, None if there is none; the id of an application is taken for a user's name too.

    Clients that run as a service principal send the `userName` of Me, which is its application id (source: Databricks CLI).
    """
    if asked == "group":
        known = name in ("account users", "users", "admins") or any(
            one["displayName"] == name for one in repositories.store.list(kinds.GROUP)
        )
        return asked if known else None
    found = repositories.identity.by_name(name)
    if found is None or found.kind is PrincipalKind.GROUP or (asked == "service_principal" and found.kind.value != asked):
        return None
    return found.kind.value
