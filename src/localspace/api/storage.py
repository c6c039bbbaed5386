"""Storage credentials and external locations: records with their checks; nothing is reached in a cloud."""

from __future__ import annotations

import uuid

from localspace.api import metastore_objects
from localspace.api.catalog_infos import securable_info
from localspace.core.errors import invalid
from localspace.core.stored_documents import kinds
from localspace.governance.external_locations import lies_in, location_key
from localspace.http.request import Handler, Request, Route, field_of
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"
_CLOUD_ROLE = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-localspace"


def list_credentials(request: Request) -> Json:
    """List the credentials that show to the caller."""
    return page(metastore_objects.visible(request, "STORAGE_CREDENTIAL"), request.query, "storage_credentials")


def get_credential(request: Request) -> Json:
    """Return one credential."""
    found = request.repositories.catalog.read(request.actor, "STORAGE_CREDENTIAL", request.params["name"])
    return securable_info(request, "STORAGE_CREDENTIAL", found)


def create_credential(request: Request) -> Json:
    """Create a credential; needs CREATE STORAGE CREDENTIAL."""
    body = _with_cloud_side(request.body)
    kinds = [one for one in body if one.endswith(("_role", "_identity", "_account", "_principal", "_token"))]
    if len(kinds) != 1:
        raise invalid("A storage credential needs exactly one cloud identity, such as aws_iam_role.")
    return metastore_objects.create(request, "STORAGE_CREDENTIAL", "CREATE_STORAGE_CREDENTIAL", body)


def update_credential(request: Request) -> Json:
    """Change a credential."""
    return metastore_objects.update(request, "STORAGE_CREDENTIAL", _with_cloud_side(request.changes("UpdateStorageCredential")))


def delete_credential(request: Request) -> Json:
    """Delete a credential; one that a location uses needs force."""
    name = request.params["name"]
    users = [one for one in request.repositories.store.list(kinds.EXTERNAL_LOCATION) if one["credential_name"] == name]
    if users and not request.flag("force"):
        raise invalid(f"Storage credential '{name}' has {len(users)} dependent external location(s).", "BAD_REQUEST")
    return metastore_objects.delete(request, "STORAGE_CREDENTIAL")


def validate_credential(request: Request) -> Json:
    """Say that a credential and a URL look right; no cloud is asked."""
    body = request.body
    name = body.get("storage_credential_name")
    if name:
        request.repositories.catalog.read(request.actor, "STORAGE_CREDENTIAL", str(name))
    operations = ("READ", "LIST", "WRITE", "DELETE")
    return {
        "isDir": True,
        "results": [
            {"operation": one, "result": "SKIP", "message": "The local workspace reaches no cloud."} for one in operations
        ],
    }


def list_locations(request: Request) -> Json:
    """List the external locations that show to the caller."""
    return page(metastore_objects.visible(request, "EXTERNAL_LOCATION"), request.query, "external_locations")


def get_location(request: Request) -> Json:
    """Return one location."""
    found = request.repositories.catalog.read(request.actor, "EXTERNAL_LOCATION", request.params["name"])
    return securable_info(request, "EXTERNAL_LOCATION", found)


def create_location(request: Request) -> Json:
    """Create a location on a credential; needs CREATE EXTERNAL LOCATION on metastore and credential."""
    body = request.body
    credential = field_of(body, "credential_name")
    found = request.repositories.privileges.require_exists("STORAGE_CREDENTIAL", credential)
    url = _free_url(request, field_of(body, "url"), None)
    if not request.repositories.privileges.holds(request.actor, "CREATE_EXTERNAL_LOCATION", "STORAGE_CREDENTIAL", credential):
        request.repositories.privileges.require_manage(request.actor, "STORAGE_CREDENTIAL", credential)
    body |= {"url": url, "credential_id": found["id"], "credential_name": found["name"]}
    return metastore_objects.create(request, "EXTERNAL_LOCATION", "CREATE_EXTERNAL_LOCATION", body)


def update_location(request: Request) -> Json:
    """Change a location; a new URL may not overlap either."""
    body = request.changes("UpdateExternalLocation")
    if body.get("url"):
        body["url"] = _free_url(request, body["url"], request.params["name"])
    return metastore_objects.update(request, "EXTERNAL_LOCATION", body)


def delete_location(request: Request) -> Json:
    """Delete a location; one with external tables needs force."""
    found = request.repositories.privileges.require_exists("EXTERNAL_LOCATION", request.params["name"])
    users = request.repositories.locations.tables_under(found["url"])
    if users and not request.flag("force"):
        raise invalid(f"External Location '{found['name']}' has {users} dependent external table(s).", "BAD_REQUEST")
    return metastore_objects.delete(request, "EXTERNAL_LOCATION")


def _free_url(request: Request, text: str, own: str | None) -> str:
    url = text.rstrip("/")
    if "://" not in url:
        raise invalid(f"'{url}' is not a cloud URL.")
    key = location_key(url)
    for other in request.repositories.store.list(kinds.EXTERNAL_LOCATION):
        theirs = location_key(other["url"])
        if other["name"] != (own or "").casefold() and (lies_in(key, theirs) or lies_in(theirs, key)):
            raise invalid(f"Input path url '{url}' overlaps with external location '{other['name']}'.", "LOCATION_OVERLAP")
    return url


def _with_cloud_side(body: Json) -> Json:
    role = body.get("aws_iam_role")
    if isinstance(role, dict):
        # The answer tells whom the role must trust; the external id stays the same for one role.
        external = str(uuid.uuid5(uuid.NAMESPACE_URL, str(role.get("role_arn"))))
        body = body | {"aws_iam_role": role | {"unity_catalog_iam_arn": _CLOUD_ROLE, "external_id": external}}
    return body


def _routes(noun: str, service: str, handlers: tuple[Handler, ...]) -> tuple[Route, ...]:
    operations = (
        ("GET", "", "list"),
        ("POST", "", "create"),
        ("GET", "/{name}", "get"),
        ("PATCH", "/{name}", "update"),
        ("DELETE", "/{name}", "delete"),
    )
    return tuple(
        Route(
            method=method,
            path=f"{_UC}/{noun}{rest}",
            handler=handler,
            sdk=(f"{service}.{name}",),
            partial="a record only: no cloud storage is reached" if name == "create" else "",
        )
        for (method, rest, name), handler in zip(operations, handlers, strict=True)
    )


ROUTES = (
    *_routes(
        "storage-credentials",
        "StorageCredentials",
        (list_credentials, create_credential, get_credential, update_credential, delete_credential),
    ),
    *_routes(
        "external-locations",
        "ExternalLocations",
        (list_locations, create_location, get_location, update_location, delete_location),
    ),
    Route(
        method="POST",
        path=_UC + "/validate-storage-credentials",
        handler=validate_credential,
        sdk=("StorageCredentials.validate",),
        reads=True,
        partial="nothing is reached: every check is skipped",
    ),
)
