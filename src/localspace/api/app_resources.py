"""Resources of an app: objects that its service principal may use, and whose names its environment takes values from."""

from __future__ import annotations

from localspace.core.errors import ApiError, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.apps import StoredApp
from localspace.core.stored_documents.workspace import StoredPermission, StoredPermissions
from localspace.governance.grant_repository import GrantChange
from localspace.governance.object_permissions import LEVELS, require_level
from localspace.governance.privileges import securable_type
from localspace.http.request import Request, field_of
from localspace.http.serialisation import Json

_OBJECTS = {
    "sql_warehouse": ("warehouses", "id", "warehouse", "creator_name"),
    "serving_endpoint": ("serving-endpoints", "name", "serving_endpoint", "creator"),
    "job": ("jobs", "id", "job", "creator"),
    "genie_space": ("genie", "space_id", "genie_space", "owner"),
}
"""Field of a resource to its object type in permissions, the field with its id, its kind, and the field with its owner."""

_OTHERS = ("secret", "database", "experiment", "postgres", "app")


def check(request: Request, resources: list[Json]) -> None:
    """Refuse resources that are not there or that the caller does not manage; raises 400, 403, 404, or 501 for other types."""
    names: set[str] = set()
    for one in resources:
        name = field_of(one, "name")
        if name in names:
            raise invalid(f"Resource '{name}' is defined twice.")
        names.add(name)
        other = next((kind for kind in _OTHERS if kind in one), None)
        if other is not None:
            raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace has no app resources of type {other}.")
        given = [kind for kind in (*_OBJECTS, "uc_securable") if kind in one]
        if len(given) != 1:
            raise invalid(f"Resource '{name}' needs exactly one of {', '.join((*_OBJECTS, 'uc_securable'))}.")
        if given[0] == "uc_securable":
            securable = one["uc_securable"]
            kind, full_name = securable_type(field_of(securable, "securable_type")), field_of(securable, "securable_full_name")
            request.repositories.privileges.require_exists(kind, full_name)
            request.repositories.privileges.require_manage(request.actor, kind, full_name)
        else:
            _check_object(request, given[0], one[given[0]])


def give(request: Request, app: StoredApp) -> None:
    """Give the app's service principal the levels and privileges that its resources name."""
    for one in app.get("resources") or ():
        for kind, (object_type, field, _, _) in _OBJECTS.items():
            if kind in one:
                _give_level(request, object_type, str(one[kind][field]), app, one[kind]["permission"])
        if "uc_securable" in one:
            found = one["uc_securable"]
            change = GrantChange(principal=app["service_principal_client_id"], add=(found["permission"],))
            securable = securable_type(found["securable_type"])
            request.repositories.grants.change(request.actor, securable, found["securable_full_name"], [change])


def value_of(resource: Json) -> str:
    """Return what `valueFrom` of a resource gives: an id, a name, or the path of a volume."""
    for kind, (_, field, _, _) in _OBJECTS.items():
        if kind in resource:
            return str(resource[kind][field])
    found = resource["uc_securable"]
    name = str(found["securable_full_name"])
    return "/Volumes/" + name.replace(".", "/") if found["securable_type"].upper() == "VOLUME" else name


def _check_object(request: Request, kind: str, given: Json) -> None:
    object_type, field, document, owner = _OBJECTS[kind]
    object_id, level = field_of(given, field), field_of(given, "permission")
    found = request.repositories.store.get(kinds.named(document), object_id)
    if found is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{kind} {object_id} does not exist.")
    if level not in LEVELS[object_type]:
        raise invalid(f"permission '{level}' of a {kind} must be one of {', '.join(LEVELS[object_type])}.")
    where = (request.repositories, request.actor, object_type, object_id)
    require_level(*where, "CAN_MANAGE", owner=found.get(owner))


def _give_level(request: Request, object_type: str, object_id: str, app: StoredApp, level: str) -> None:
    store, name = request.repositories.store, app["service_principal_client_id"]
    stored = store.get(kinds.PERMISSIONS, object_type, object_id)
    kept = [one for one in (stored["access_control_list"] if stored else ()) if one["principal"] != name]
    entry = StoredPermission(principal=name, kind="service_principal", level=level)
    store.put(kinds.PERMISSIONS, (object_type, object_id), StoredPermissions(access_control_list=[*kept, entry]))
