"""Storage credentials and external locations: records with their checks; nothing is reached in a cloud."""

from __future__ import annotations

import uuid

from localspace.api.catalog_infos import securable_info
from localspace.core.errors import already_exists, denied, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.catalog_repository import object_name
from localspace.governance.external_locations import lies_in, location_key
from localspace.http.request import Handler, Request, Route, field_of
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"
_CLOUD_ROLE = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-localspace"


def list_credentials(request: Request) -> Json:
    """List the credentials that show to the caller."""
    return page(_visible(request, "STORAGE_CREDENTIAL"), request.query, "storage_credentials")


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
    return _create(request, "STORAGE_CREDENTIAL", "CREATE_STORAGE_CREDENTIAL", body)


def update_credential(request: Request) -> Json:
    """Change a credential."""
    return _update(request, "STORAGE_CREDENTIAL", _with_cloud_side(request.changes("UpdateStorageCredential")))


def delete_credential(request: Request) -> Json:
    """Delete a credential; one that a location uses needs force."""
    name = request.params["name"]
    users = [one for one in request.repositories.store.list(kinds.EXTERNAL_LOCATION) if one["credential_name"] == name]
    if users and not request.flag("force"):
        raise invalid(f"Storage credential '{name}' has {len(users)} dependent external location(s).", "BAD_REQUEST")
    return _delete(request, "STORAGE_CREDENTIAL")


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
    return page(_visible(request, "EXTERNAL_LOCATION"), request.query, "external_locations")


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
    return _create(request, "EXTERNAL_LOCATION", "CREATE_EXTERNAL_LOCATION", body)


def update_location(request: Request) -> Json:
    """Change a location; a new URL may not overlap either."""
    body = request.changes("UpdateExternalLocation")
    if body.get("url"):
        body["url"] = _free_url(request, body["url"], request.params["name"])
    return _update(request, "EXTERNAL_LOCATION", body)


def delete_location(request: Request) -> Json:
    """Delete a location; one with external tables needs force."""
    found = request.repositories.privileges.require_exists("EXTERNAL_LOCATION", request.params["name"])
    users = request.repositories.locations.tables_under(found["url"])
    if users and not request.flag("force"):
        raise invalid(f"External Location '{found['name']}' has {users} dependent external table(s).", "BAD_REQUEST")
    return _delete(request, "EXTERNAL_LOCATION")


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


def _visible(request: Request, securable: str) -> list[Document]:
    return [
        securable_info(request, securable, one)
        for one in request.repositories.store.list(kinds.named(securable.lower()))
        if request.repositories.privileges.can_see(request.actor, securable, one["name"])
    ]


def _create(request: Request, securable: str, privilege: str, body: Json) -> Json:
    metastore = request.repositories.ids.metastore_id
    identity = request.repositories.identity
    allowed = request.repositories.privileges.holds(request.actor, privilege, "METASTORE", metastore)
    if not (allowed or identity.is_metastore_admin(request.actor.id) or identity.is_account_admin(request.actor.id)):
        raise denied(f"User does not have {privilege.replace('_', ' ')} on Metastore.")
    name = object_name(body.get("name"))
    kind = kinds.named(securable.lower())
    with request.repositories.store.transaction():
        if request.repositories.store.get(kind, name) is not None:
            raise already_exists(
                f"{securable.replace('_', ' ').title()} '{name}' already exists", f"{securable}_ALREADY_EXISTS", 400
            )
        kept = {key: value for key, value in body.items() if key != "skip_validation"}
        new = kept | {"name": name, "full_name": name, "id": str(uuid.uuid4()), "owner": request.actor.name}
        new.setdefault("read_only", False)
        new = request.repositories.catalog.stamped(request.actor, new, None)
        request.repositories.store.put(kind, (name,), kind.document(new))
    return securable_info(request, securable, new)


def _update(request: Request, securable: str, body: Json) -> Json:
    name, kind = request.params["name"], kinds.named(securable.lower())
    with request.repositories.store.transaction():
        old = request.repositories.privileges.require_exists(securable, name)
        request.repositories.privileges.require_manage(request.actor, securable, name)
        fields = {key: value for key, value in body.items() if key not in ("name", "new_name", "force", "skip_validation", "id")}
        if fields.get("owner"):
            fields["owner"] = request.repositories.catalog.changed_owner(request.actor, securable, name, fields["owner"])
        new = request.repositories.catalog.stamped(request.actor, old | fields, old)
        if body.get("new_name"):
            renamed = object_name(body["new_name"])
            request.repositories.store.delete(kind, old["name"])
            request.repositories.catalog.carry_traces(securable, old["name"], renamed)
            new |= {"name": renamed, "full_name": renamed}
        request.repositories.store.put(kind, (new["name"],), kind.document(new))
    return securable_info(request, securable, new)


def _delete(request: Request, securable: str) -> Json:
    name = request.params["name"]
    with request.repositories.store.transaction():
        old = request.repositories.privileges.require_exists(securable, name)
        request.repositories.privileges.require_manage(request.actor, securable, name)
        request.repositories.catalog.drop_traces(securable, old["name"])
        request.repositories.store.delete(kinds.named(securable.lower()), old["name"])
    return {}


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
