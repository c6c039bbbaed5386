"""Storage credentials and external locations: records with their checks; nothing is reached in a cloud."""

from __future__ import annotations

import uuid

from localspace.core.errors import already_exists, denied, invalid
from localspace.core.store import Document
from localspace.governance.catalog_repository import object_name
from localspace.governance.external_locations import lies_in, place_key
from localspace.http.request import Call, Handler, Route, field_of
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"
_CLOUD_ROLE = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-localspace"


def list_credentials(call: Call) -> Json:
    """List the credentials that show to the caller."""
    return page(_visible(call, "STORAGE_CREDENTIAL"), call.query, "storage_credentials")


def get_credential(call: Call) -> Json:
    """Return one credential."""
    return call.books.catalog.read(call.actor, "STORAGE_CREDENTIAL", call.params["name"])


def create_credential(call: Call) -> Json:
    """Create a credential; needs CREATE STORAGE CREDENTIAL."""
    body = _with_cloud_side(call.body)
    kinds = [one for one in body if one.endswith(("_role", "_identity", "_account", "_principal", "_token"))]
    if len(kinds) != 1:
        raise invalid("A storage credential needs exactly one cloud identity, such as aws_iam_role.")
    return _create(call, "STORAGE_CREDENTIAL", "CREATE_STORAGE_CREDENTIAL", body)


def update_credential(call: Call) -> Json:
    """Change a credential."""
    return _update(call, "STORAGE_CREDENTIAL", _with_cloud_side(call.body))


def delete_credential(call: Call) -> Json:
    """Delete a credential; one that a location uses needs force."""
    name = call.params["name"]
    users = [one for one in call.books.store.list("external_location") if one["credential_name"] == name]
    if users and not call.flag("force"):
        raise invalid(f"Storage credential '{name}' has {len(users)} dependent external location(s).", "BAD_REQUEST")
    return _delete(call, "STORAGE_CREDENTIAL")


def validate_credential(call: Call) -> Json:
    """Say that a credential and a URL look right; no cloud is asked."""
    body = call.body
    name = body.get("storage_credential_name")
    if name:
        call.books.catalog.read(call.actor, "STORAGE_CREDENTIAL", str(name))
    operations = ("READ", "LIST", "WRITE", "DELETE")
    return {
        "isDir": True,
        "results": [
            {"operation": one, "result": "SKIP", "message": "The local workspace reaches no cloud."} for one in operations
        ],
    }


def list_locations(call: Call) -> Json:
    """List the external locations that show to the caller."""
    return page(_visible(call, "EXTERNAL_LOCATION"), call.query, "external_locations")


def get_location(call: Call) -> Json:
    """Return one location."""
    return call.books.catalog.read(call.actor, "EXTERNAL_LOCATION", call.params["name"])


def create_location(call: Call) -> Json:
    """Create a location on a credential; needs CREATE EXTERNAL LOCATION on metastore and credential."""
    body = call.body
    credential = field_of(body, "credential_name")
    found = call.books.privileges.require_exists("STORAGE_CREDENTIAL", credential)
    url = _free_url(call, field_of(body, "url"), None)
    if not call.books.privileges.holds(call.actor, "CREATE_EXTERNAL_LOCATION", "STORAGE_CREDENTIAL", credential):
        call.books.privileges.require_manage(call.actor, "STORAGE_CREDENTIAL", credential)
    body |= {"url": url, "credential_id": found["id"], "credential_name": found["name"]}
    return _create(call, "EXTERNAL_LOCATION", "CREATE_EXTERNAL_LOCATION", body)


def update_location(call: Call) -> Json:
    """Change a location; a new URL may not overlap either."""
    body = call.body
    if body.get("url"):
        body["url"] = _free_url(call, body["url"], call.params["name"])
    return _update(call, "EXTERNAL_LOCATION", body)


def delete_location(call: Call) -> Json:
    """Delete a location; one with external tables needs force."""
    found = call.books.privileges.require_exists("EXTERNAL_LOCATION", call.params["name"])
    users = call.books.places.tables_under(found["url"])
    if users and not call.flag("force"):
        raise invalid(f"External Location '{found['name']}' has {users} dependent external table(s).", "BAD_REQUEST")
    return _delete(call, "EXTERNAL_LOCATION")


def _free_url(call: Call, text: str, own: str | None) -> str:
    url = text.rstrip("/")
    if "://" not in url:
        raise invalid(f"'{url}' is not a cloud URL.")
    key = place_key(url)
    for other in call.books.store.list("external_location"):
        theirs = place_key(other["url"])
        if other["name"] != (own or "").casefold() and (lies_in(key, theirs) or lies_in(theirs, key)):
            raise invalid(f"Input path url '{url}' overlaps with external location '{other['name']}'.", "LOCATION_OVERLAP")
    return url


def _visible(call: Call, securable: str) -> list[Document]:
    return [
        one
        for one in call.books.store.list(securable.lower())
        if call.books.privileges.can_see(call.actor, securable, one["name"])
    ]


def _create(call: Call, securable: str, privilege: str, body: Json) -> Json:
    metastore = call.books.ids.metastore_id
    identity = call.books.identity
    allowed = call.books.privileges.holds(call.actor, privilege, "METASTORE", metastore)
    if not (allowed or identity.is_metastore_admin(call.actor.id) or identity.is_account_admin(call.actor.id)):
        raise denied(f"User does not have {privilege.replace('_', ' ')} on Metastore.")
    name = object_name(body.get("name"))
    kind = securable.lower()
    with call.books.store.transaction():
        if call.books.store.get(kind, name) is not None:
            raise already_exists(
                f"{securable.replace('_', ' ').title()} '{name}' already exists.", f"{securable}_ALREADY_EXISTS", 400
            )
        kept = {key: value for key, value in body.items() if key != "skip_validation"}
        new = kept | {"name": name, "full_name": name, "id": str(uuid.uuid4()), "owner": call.actor.name}
        new.setdefault("read_only", False)
        new = call.books.catalog.stamped(call.actor, new, None)
        call.books.store.put(kind, (name,), new)
    return new


def _update(call: Call, securable: str, body: Json) -> Json:
    name, kind = call.params["name"], securable.lower()
    with call.books.store.transaction():
        old = call.books.privileges.require_exists(securable, name)
        call.books.privileges.require_manage(call.actor, securable, name)
        fields = {key: value for key, value in body.items() if key not in ("name", "new_name", "force", "skip_validation", "id")}
        if fields.get("owner"):
            fields["owner"] = call.books.catalog.changed_owner(call.actor, securable, name, fields["owner"])
        new = call.books.catalog.stamped(call.actor, old | fields, old)
        if body.get("new_name"):
            renamed = object_name(body["new_name"])
            call.books.store.delete(kind, old["name"])
            call.books.catalog.carry_traces(securable, old["name"], renamed)
            new |= {"name": renamed, "full_name": renamed}
        call.books.store.put(kind, (new["name"],), new)
    return new


def _delete(call: Call, securable: str) -> Json:
    name = call.params["name"]
    with call.books.store.transaction():
        old = call.books.privileges.require_exists(securable, name)
        call.books.privileges.require_manage(call.actor, securable, name)
        call.books.catalog.drop_traces(securable, old["name"])
        call.books.store.delete(securable.lower(), old["name"])
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
