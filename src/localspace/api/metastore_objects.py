"""Objects directly below the metastore, which are created and changed alike: credentials, external locations, connections."""

from __future__ import annotations

import uuid

from localspace.api.catalog_infos import securable_info
from localspace.core.errors import already_exists, denied
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.catalog_repository import object_name
from localspace.http.request import Request
from localspace.http.serialisation import Json


def visible(request: Request, securable: str) -> list[Document]:
    """Return the objects of a type that show to the caller."""
    return [
        securable_info(request, securable, one)
        for one in request.repositories.store.list(kinds.named(securable.lower()))
        if request.repositories.privileges.can_see(request.actor, securable, one["name"])
    ]


def create(request: Request, securable: str, privilege: str, body: Json, *, id_field: str = "id") -> Json:
    """Store a new object; needs `privilege` on the metastore, or an admin of it."""
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
        new = kept | {"name": name, "full_name": name, id_field: str(uuid.uuid4()), "owner": request.actor.name}
        new.setdefault("read_only", False)
        new = request.repositories.catalog.stamped(request.actor, new, None)
        request.repositories.store.put(kind, (name,), kind.document(new))
    return securable_info(request, securable, new)


def update(request: Request, securable: str, body: Json) -> Json:
    """Change the object that the path names; needs management. A rename carries grants along."""
    name, kind = request.params["name"], kinds.named(securable.lower())
    with request.repositories.store.transaction():
        old = request.repositories.privileges.require_exists(securable, name)
        request.repositories.privileges.require_manage(request.actor, securable, name)
        fields = {key: value for key, value in body.items() if key not in ("name", "new_name", "force", "skip_validation", "id")}
        if fields.get("owner"):
            fields["owner"] = request.repositories.catalog.changed_owner(request.actor, securable, name, fields["owner"])
        new = request.repositories.catalog.stamped(request.actor, old | fields, old)
        if fields.get("isolation_mode") == "ISOLATION_MODE_ISOLATED":
            request.repositories.bindings.isolate(securable, old["name"])
        if body.get("new_name"):
            renamed = object_name(body["new_name"])
            request.repositories.store.delete(kind, old["name"])
            request.repositories.catalog.move_attached_metadata(securable, old["name"], renamed)
            new |= {"name": renamed, "full_name": renamed}
        request.repositories.store.put(kind, (new["name"],), kind.document(new))
    return securable_info(request, securable, new)


def delete(request: Request, securable: str) -> Json:
    """Delete the object that the path names, with its grants; needs management."""
    name = request.params["name"]
    with request.repositories.store.transaction():
        old = request.repositories.privileges.require_exists(securable, name)
        request.repositories.privileges.require_manage(request.actor, securable, name)
        request.repositories.catalog.delete_attached_metadata(securable, old["name"])
        request.repositories.store.delete(kinds.named(securable.lower()), old["name"])
    return {}
