"""SCIM resources: stored principals as JSON, and back."""

from __future__ import annotations

from localspace.core.errors import invalid
from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents.directory import StoredGroup
from localspace.core.stored_documents.kind import Document
from localspace.governance.people import People
from localspace.http.request import Request
from localspace.http.request_schemas import directory
from localspace.http.serialisation import Json
from localspace.identity.memberships import as_principal

_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_SCHEMAS = {
    PrincipalKind.USER: [_CORE + "User"],
    PrincipalKind.SERVICE_PRINCIPAL: [_CORE + "ServicePrincipal"],
    PrincipalKind.GROUP: [_CORE + "Group"],
}
_REF = {
    PrincipalKind.USER: "Users",
    PrincipalKind.SERVICE_PRINCIPAL: "ServicePrincipals",
    PrincipalKind.GROUP: "Groups",
}
_LISTS = ("entitlements", "roles")
_SCHEMA = {
    PrincipalKind.USER: directory.USER,
    PrincipalKind.SERVICE_PRINCIPAL: directory.SERVICE_PRINCIPAL,
    PrincipalKind.GROUP: directory.GROUP,
}


def people_of(request: Request) -> People:
    """Return the directory of the request's workspace."""
    repositories = request.repositories
    return People(repositories.store, repositories.lag, repositories.identity, repositories.ids.workspace_id)


def as_resource(request: Request, kind: PrincipalKind, body: Document, *, account: bool) -> Json:
    """Return the resource of a document; entitlements belong to the workspace plane, roles to both."""
    people = people_of(request)
    body = people.entitled(body)
    found: Json = {"schemas": _SCHEMAS[kind]}
    found |= {key: value for key, value in body.items() if key not in ("members", "scope", "system", *_LISTS)}
    for name in _LISTS:
        # An empty list must be absent: Terraform dies on an entitlement without a value.
        if body.get(name) and not (account and name == "entitlements"):
            found[name] = [{"value": one} for one in body[name]]
    if kind is PrincipalKind.GROUP:
        members = [_member(request, one) for one in people.members(body)]
        if members:
            found["members"] = [one for one in members if one]
        local = body["scope"] == "workspace"
        found["meta"] = {"resourceType": "WorkspaceGroup" if local else "Group"}
    groups = [_group_reference(group) for group in people.groups_with(body["id"]) if _shown(group, account)]
    if groups:
        found["groups"] = groups
    return found


def as_document(kind: PrincipalKind, resource: Json, old: Document | None = None) -> Document:
    """Return the document of a resource; `groups` are never written through a member."""
    # A PATCH names attributes in paths, so what it comes to is read once more.
    body: Document = _SCHEMA[kind].read(resource)
    for name in (*_LISTS, "members"):
        if name in body:
            # Terraform writes an entitlement that it does not set as {}.
            body[name] = [_value(one, name) for one in body[name] or [] if one != {}]
    if kind is PrincipalKind.USER and isinstance(body.get("userName"), str):
        # The platform keeps user names in lower case (source: the Terraform provider, which compares them so).
        body["userName"] = body["userName"].lower()
    if old is not None:
        for kept in ("scope", "system"):
            if kept in old:
                body[kept] = old[kept]
    if kind is PrincipalKind.USER and not body.get("emails") and body.get("userName"):
        body["emails"] = [{"value": body["userName"], "type": "work", "primary": True}]
    if kind is PrincipalKind.USER and not body.get("displayName"):
        parts = body.get("name") or {}
        joined = " ".join(one for one in (parts.get("givenName"), parts.get("familyName")) if one)
        body["displayName"] = joined or body.get("userName")
    return body


def _value(one: object, name: str) -> str:
    value = one.get("value") if isinstance(one, dict) else one
    if not isinstance(value, str) or not value:
        raise invalid(f"Each of {name} needs a value.")
    return value


def _member(request: Request, principal_id: str) -> Json | None:
    found = request.repositories.identity.by_id(principal_id)
    if found is None:
        return None
    return {"value": principal_id, "display": found.display_name, "$ref": f"{_REF[found.kind]}/{principal_id}"}


def _group_reference(group: StoredGroup) -> Json:
    name = as_principal(PrincipalKind.GROUP, dict(group)).name
    return {"value": group["id"], "display": name, "type": "direct", "$ref": f"Groups/{group['id']}"}


def _shown(group: StoredGroup, account: bool) -> bool:
    return not (account and group["scope"] == "workspace")
