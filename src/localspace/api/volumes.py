"""Unity Catalog: volumes (source: SDK 0.156, Volumes)."""

from __future__ import annotations

from localspace.api.catalog_infos import securable_info
from localspace.core.errors import invalid
from localspace.governance.external_locations import checked_url, location_key
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"


def list_volumes(request: Request) -> Json:
    """List the volumes of a schema."""
    catalog, schema = request.needed("catalog_name"), request.needed("schema_name")
    found = request.repositories.objects.listed(request.actor, "volume", catalog, schema)
    return page([securable_info(request, "VOLUME", one) for one in found], request.query, "volumes")


def create_volume(request: Request) -> Json:
    """Create a volume."""
    body = request.body
    kind = body.get("volume_type") or "MANAGED"
    if kind == "EXTERNAL":
        location_key(checked_url(field_of(body, "storage_location"), False))
    elif kind != "MANAGED":
        raise invalid(f"Invalid volume_type '{kind}': MANAGED and EXTERNAL are known.")
    elif body.get("storage_location"):
        raise invalid("CreateVolume storage_location can not be provided.")
    catalog, schema = field_of(body, "catalog_name"), field_of(body, "schema_name")
    location = body.get("storage_location") or f"local://volumes/{catalog}/{schema}/{body.get('name')}"
    new = body | {"volume_type": kind, "storage_location": location}
    return securable_info(request, "VOLUME", request.repositories.objects.create(request.actor, "volume", catalog, schema, new))


def get_volume(request: Request) -> Json:
    """Return one volume."""
    return securable_info(request, "VOLUME", request.repositories.objects.read(request.actor, "volume", request.params["name"]))


def update_volume(request: Request) -> Json:
    """Change owner, comment or name of a volume."""
    name = request.params["name"]
    fields = request.changes("UpdateVolume")
    new_name = fields.pop("new_name", None)
    changed = request.repositories.objects.change(request.actor, "volume", name, fields)
    if new_name:
        changed = request.repositories.objects.rename(request.actor, "volume", name, new_name)
    return securable_info(request, "VOLUME", changed)


def delete_volume(request: Request) -> Json:
    """Drop a volume."""
    request.repositories.objects.drop(request.actor, "volume", request.params["name"])
    return {}


ROUTES = (
    Route(method="GET", path=_UC + "/volumes", handler=list_volumes, sdk=("Volumes.list",)),
    Route(method="POST", path=_UC + "/volumes", handler=create_volume, sdk=("Volumes.create",)),
    Route(method="GET", path=_UC + "/volumes/{name}", handler=get_volume, sdk=("Volumes.read",)),
    Route(method="PATCH", path=_UC + "/volumes/{name}", handler=update_volume, sdk=("Volumes.update",)),
    Route(method="DELETE", path=_UC + "/volumes/{name}", handler=delete_volume, sdk=("Volumes.delete",)),
)
