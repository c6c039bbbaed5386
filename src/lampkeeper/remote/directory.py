"""Groups, their members and their workspace assignments, read over SCIM: names for lampkeeper, IDs for the platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lampkeeper.remote.clients import ApiLevel, Json, Workspace, encode

_FEW = 25
"""The most members without a known name that are read one by one; for more, the whole list is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The directory. `groups`: account group name to ID. `members`: group name to member names, for the requested groups.

    `ids`: principal name to ID. `workspace_assignments`: group name to workspace permissions. `entitlements`: by group name.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    workspace_assignments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entitlements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_directory(workspace: Workspace, wanted: Iterable[str]) -> Directory:
    """Read all group names, and the members of the wanted groups and of every group nested in them."""
    path, api_level = workspace.scim("Groups")
    listed = workspace.scim_pages("group", path, {"attributes": "id,displayName"}, api_level)
    groups = {str(g["displayName"]): str(g["id"]) for g in listed}
    raw = _read_members(workspace, groups, wanted)
    by_id = {i: n for n, i in groups.items()} | _names(workspace, raw, set(groups.values()))
    members = {g: tuple(sorted(by_id[i] for i, _ in found if i in by_id)) for g, found in raw.items()}
    return Directory(groups=groups, members=members, ids={n: i for i, n in by_id.items()})


def _read_members(workspace: Workspace, groups: Mapping[str, str], wanted: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the members of each group as (ID, resource), including those of nested groups."""
    path, api_level = workspace.scim("Groups")
    names = {i: n for n, i in groups.items()}
    waiting = sorted({name for name in wanted if name in groups}, reverse=True)
    found: dict[str, list[tuple[str, str]]] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        document = workspace.find("group", f"{path}/{encode(groups[name])}", None, api_level) or {}
        found[name] = [(str(m["value"]), _resource(m)) for m in document.get("members") or ()]
        waiting += [names[i] for i, _ in found[name] if i in names]
    return found


def _resource(member: Json) -> str:
    reference = str(member.get("$ref") or "").rstrip("/").split("/")
    return (
        reference[-2]
        if len(reference) > 1
        else {"Group": "Groups", "ServicePrincipal": "ServicePrincipals"}.get(str(member.get("type")), "Users")
    )


_NAME_FIELD = {"Users": "userName", "ServicePrincipals": "applicationId"}


def _names(workspace: Workspace, raw: Mapping[str, list[tuple[str, str]]], known: set[str]) -> dict[str, str]:
    by_resource: dict[str, set[str]] = {"Users": set(), "ServicePrincipals": set()}
    for found in raw.values():
        for member, resource in found:
            if member not in known:
                by_resource.get(resource, by_resource["Users"]).add(member)
    names: dict[str, str] = {}
    for resource, ids in by_resource.items():
        names |= _resource_names(workspace, resource, ids)
    return names


def _resource_names(workspace: Workspace, resource: str, ids: set[str]) -> dict[str, str]:
    path, api_level = workspace.scim(resource)
    attribute = _NAME_FIELD[resource]
    if len(ids) > _FEW:
        listed = workspace.scim_pages("member", path, {"attributes": f"id,{attribute}"}, api_level)
        return {str(p["id"]): str(p[attribute]) for p in listed if str(p["id"]) in ids}
    names = {}
    for each in sorted(ids):
        document = workspace.find("member", f"{path}/{encode(each)}", None, api_level)
        if document is not None:
            names[each] = str(document[attribute])
    return names


def find_principal(workspace: Workspace, name: str) -> str | None:
    """Return the ID of the user, service principal (by application ID) or account group of this name, or None."""
    found = locate_principal(workspace, name)
    return found[1] if found is not None else None


def locate_principal(workspace: Workspace, name: str) -> tuple[str, str] | None:
    """Return the resource of a principal (`Users`, `ServicePrincipals` or `Groups`) and its ID, or None."""
    order = [("Users", "userName"), ("ServicePrincipals", "applicationId"), ("Groups", "displayName")]
    if "@" not in name:
        order.append(order.pop(0))
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    for resource, attribute in order:
        path, api_level = workspace.scim(resource)
        query = {"filter": f'{attribute} eq "{quoted}"', "attributes": f"id,{attribute}"}
        for found in workspace.scim_pages("member", path, query, api_level):
            if str(found.get(attribute)) == name:
                return resource, str(found["id"])
    return None


def read_workspace_assignments(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    """Return the workspace permissions by group name, with one call."""
    path = f"/api/2.0/accounts/{encode(workspace.account_id)}/workspaces/{encode(workspace.workspace_id)}/permissionassignments"
    listed = workspace.get("workspace_assignment", path, None, ApiLevel.ACCOUNT).get("permission_assignments") or ()
    workspace_assignments: dict[str, tuple[str, ...]] = {}
    for entry in listed:
        principal: Mapping[str, Any] = entry.get("principal") or {}
        if principal.get("group_name"):
            workspace_assignments[str(principal["group_name"])] = tuple(sorted(str(p) for p in entry.get("permissions") or ()))
    return workspace_assignments


def read_entitlements(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    """Return the entitlements by group name, for the groups of the workspace, with one paged list."""
    listed = workspace.scim_pages(
        "entitlement", "/api/2.0/preview/scim/v2/Groups", {"attributes": "id,displayName,entitlements"}, ApiLevel.WORKSPACE
    )
    return {
        str(g["displayName"]): tuple(sorted(str(e["value"]) for e in g.get("entitlements") or ()))
        for g in listed
    }  # fmt: skip
