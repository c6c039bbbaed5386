"""Governed tags, tags on Unity Catalog entities and on workspace objects (source: SDK 0.156)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredObjectTag
from localspace.core.timestamps import iso
from localspace.governance.object_permissions import require_level
from localspace.governance.tagging import check_tag_text
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_POLICIES = "/api/2.1/tag-policies"
_UC = "/api/2.1/unity-catalog/entity-tag-assignments"
_WS = "/api/2.0/entity-tag-assignments"
_WORKSPACE_TYPES = ("apps", "dashboards", "geniespaces", "notebooks")


# Governed tags


def list_policies(request: Request) -> Json:
    """List the governed tags; everybody sees them."""
    found = [kinds.TAG_POLICY.answer(one) for one in request.repositories.tags.policies()]
    return page(found, request.query, "tag_policies", size_name="page_size")


def get_policy(request: Request) -> Json:
    """Return one governed tag."""
    return kinds.TAG_POLICY.answer(request.repositories.tags.policy(request.params["tag_key"]))


def create_policy(request: Request) -> Json:
    """Define a governed tag."""
    return kinds.TAG_POLICY.answer(request.repositories.tags.create_policy(request.actor, request.body))


def update_policy(request: Request) -> Json:
    """Change a governed tag; an absent field that the mask names is cleared."""
    changed = request.repositories.tags.update_policy(
        request.actor, request.params["tag_key"], request.body, request.query.get("update_mask", "")
    )
    return kinds.TAG_POLICY.answer(changed)


def delete_policy(request: Request) -> Json:
    """Make a tag ungoverned."""
    request.repositories.tags.delete_policy(request.actor, request.params["tag_key"])
    return {}


# Unity Catalog entities


def list_tags(request: Request) -> Json:
    """List the tags of one entity."""
    found = [kinds.TAG.answer(one) for one in request.repositories.tags.tags(*_entity(request))]
    return page(found, request.query, "tag_assignments")


def get_tag(request: Request) -> Json:
    """Return one assignment."""
    return kinds.TAG.answer(request.repositories.tags.tag(*_entity(request), request.params["tag_key"]))


def create_tag(request: Request) -> Json:
    """Assign a tag."""
    body = request.body
    kind, name, key = (field_of(body, one) for one in ("entity_type", "entity_name", "tag_key"))
    made = request.repositories.tags.assign(request.actor, kind, name, key, _text(body.get("tag_value")), extra=body)
    return kinds.TAG.answer(made)


def update_tag(request: Request) -> Json:
    """Change the value of a tag."""
    body = request.body
    mask = request.query.get("update_mask", "tag_value")
    if mask not in ("tag_value", "*"):
        raise invalid("update_mask of a tag assignment can only be tag_value.")
    kind, name, key = request.params["entity_type"], request.params["entity_name"], request.params["tag_key"]
    changed = request.repositories.tags.assign(request.actor, kind, name, key, _text(body.get("tag_value")), must_exist=True)
    return kinds.TAG.answer(changed)


def delete_tag(request: Request) -> Json:
    """Remove a tag."""
    params = request.params
    request.repositories.tags.unassign(request.actor, params["entity_type"], params["entity_name"], params["tag_key"])
    return {}


def _entity(request: Request) -> tuple[str, str]:
    """Return kind and name of the entity that the path names; raises 404 when it does not show to the caller."""
    kind = request.params["entity_type"]
    return kind, request.repositories.tags.require_entity(request.actor, kind, request.params["entity_name"])


# Workspace objects


def list_object_tags(request: Request) -> Json:
    """List the tags of a workspace object."""
    entity = _object(request, request.params, "CAN_READ")
    return page(
        request.repositories.store.list(kinds.OBJECT_TAG, entity), request.query, "tag_assignments", size_name="page_size"
    )


def get_object_tag(request: Request) -> StoredObjectTag:
    """Return one tag of a workspace object."""
    entity = _object(request, request.params, "CAN_READ")
    return _object_tag(request, entity, request.params["tag_key"])


def create_object_tag(request: Request) -> StoredObjectTag:
    """Assign a tag to a workspace object."""
    body = request.body
    entity = _object(request, body, "CAN_MANAGE")
    key = field_of(body, "tag_key")
    if any(one in key for one in ",.:/-="):
        raise invalid(f"Tag key '{key}' holds a character that is not allowed on a workspace object.")
    check_tag_text(key, "Tag key")
    if request.repositories.store.get(kinds.OBJECT_TAG, *entity, key) is not None:
        raise already_exists(f"Tag '{key}' is already assigned to {entity[0]} {entity[1]}.", "ALREADY_EXISTS")
    return _put_object_tag(request, entity, key, body)


def update_object_tag(request: Request) -> StoredObjectTag:
    """Change the value of a tag of a workspace object."""
    entity = _object(request, request.params, "CAN_MANAGE")
    _object_tag(request, entity, request.params["tag_key"])
    return _put_object_tag(request, entity, request.params["tag_key"], request.body)


def delete_object_tag(request: Request) -> Json:
    """Remove a tag from a workspace object."""
    entity = _object(request, request.params, "CAN_MANAGE")
    _object_tag(request, entity, request.params["tag_key"])
    request.repositories.store.delete(kinds.OBJECT_TAG, *entity, request.params["tag_key"])
    return {}


def _object(request: Request, given: Mapping[str, Any], level: str) -> tuple[str, str]:
    """Return kind and id of the object that path or body name; raises 404, and 403 below this level."""
    kind, object_id = field_of(given, "entity_type"), field_of(given, "entity_id")
    if kind not in _WORKSPACE_TYPES:
        raise invalid(f"Invalid entity type '{kind}'. Known types: {', '.join(_WORKSPACE_TYPES)}.")
    space = request.repositories.store.get(kinds.GENIE_SPACE, object_id) if kind == "geniespaces" else None
    if space is None:
        raise not_found(f"{kind} {object_id} does not exist.")
    require_level(request.repositories, request.actor, "genie", object_id, level, owner=space.get("owner"))
    return kind, object_id


def _object_tag(request: Request, entity: tuple[str, str], key: str) -> StoredObjectTag:
    found = request.repositories.store.get(kinds.OBJECT_TAG, *entity, key)
    if found is None:
        raise not_found(f"Tag '{key}' is not assigned to {entity[0]} {entity[1]}.", "NOT_FOUND")
    return found


def _put_object_tag(request: Request, entity: tuple[str, str], key: str, given: Json) -> StoredObjectTag:
    value = _text(given.get("tag_value")) or ""
    policy = request.repositories.tags.policy_in_effect(key)
    if policy is not None:
        if not request.repositories.tags.has_role(request.actor, "assigner", policy["id"]):
            raise denied(f"User does not have ASSIGN on tag policy '{key}'.")
        allowed = [one["name"] for one in policy.get("values", ())]
        if value not in (allowed or [""]):
            listed = ", ".join(sorted(allowed))
            raise invalid(f"Tag value {value} is not an allowed value for tag policy key {key}. Allowed values: [{listed}]")
    body = StoredObjectTag(
        entity_type=entity[0],
        entity_id=entity[1],
        tag_key=key,
        tag_value=value,
        updated_by=request.actor.name,
        update_time=iso(request.repositories.clock.now_ms()),
    )
    request.repositories.store.put(kinds.OBJECT_TAG, (*entity, key), body, entity)
    return body


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise invalid("tag_value must be a string.")
    return value


ROUTES = (
    Route(method="GET", path=_POLICIES, handler=list_policies, sdk=("TagPolicies.list_tag_policies",)),
    Route(method="POST", path=_POLICIES, handler=create_policy, sdk=("TagPolicies.create_tag_policy",)),
    Route(method="GET", path=_POLICIES + "/{tag_key}", handler=get_policy, sdk=("TagPolicies.get_tag_policy",)),
    Route(method="PATCH", path=_POLICIES + "/{tag_key}", handler=update_policy, sdk=("TagPolicies.update_tag_policy",)),
    Route(method="DELETE", path=_POLICIES + "/{tag_key}", handler=delete_policy, sdk=("TagPolicies.delete_tag_policy",)),
    Route(method="POST", path=_UC, handler=create_tag, sdk=("EntityTagAssignments.create",)),
    Route(method="GET", path=_UC + "/{entity_type}/{entity_name}/tags", handler=list_tags, sdk=("EntityTagAssignments.list",)),
    Route(
        method="GET", path=_UC + "/{entity_type}/{entity_name}/tags/{tag_key}", handler=get_tag, sdk=("EntityTagAssignments.get",)
    ),
    Route(
        method="PATCH",
        path=_UC + "/{entity_type}/{entity_name}/tags/{tag_key}",
        handler=update_tag,
        sdk=("EntityTagAssignments.update",),
    ),
    Route(
        method="DELETE",
        path=_UC + "/{entity_type}/{entity_name}/tags/{tag_key}",
        handler=delete_tag,
        sdk=("EntityTagAssignments.delete",),
    ),
    Route(
        method="POST",
        path=_WS,
        handler=create_object_tag,
        sdk=("WorkspaceEntityTagAssignments.create_tag_assignment",),
        partial="of the workspace objects, Genie spaces alone can be tagged",
    ),
    Route(
        method="GET",
        path=_WS + "/{entity_type}/{entity_id}/tags",
        handler=list_object_tags,
        sdk=("WorkspaceEntityTagAssignments.list_tag_assignments",),
    ),
    Route(
        method="GET",
        path=_WS + "/{entity_type}/{entity_id}/tags/{tag_key}",
        handler=get_object_tag,
        sdk=("WorkspaceEntityTagAssignments.get_tag_assignment",),
    ),
    Route(
        method="PATCH",
        path=_WS + "/{entity_type}/{entity_id}/tags/{tag_key}",
        handler=update_object_tag,
        sdk=("WorkspaceEntityTagAssignments.update_tag_assignment",),
    ),
    Route(
        method="DELETE",
        path=_WS + "/{entity_type}/{entity_id}/tags/{tag_key}",
        handler=delete_object_tag,
        sdk=("WorkspaceEntityTagAssignments.delete_tag_assignment",),
    ),
)
