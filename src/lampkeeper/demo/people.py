"""The users of the demo, as a company has them before it governs data, and a legacy grant that exposes data.

`data_analysts` and `fraud_team` belong to another owner, such as an identity provider: the demo refers to them and never
changes them. It creates `compliance_officers`, with `fraud_team` as a member.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.model.groups import ALL_FAMILIES, Group, GroupSpec
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import ApiLevel, Json, Workspace, encode
from lampkeeper.remote.directory import find_principal

ANALYST = "ana.analyst@lampkeeper.example"
OFFICER = "carl.compliance@lampkeeper.example"
INVESTIGATOR = "fay.fraud@lampkeeper.example"
OUTSIDER = "otto.outsider@lampkeeper.example"

ANALYSTS = "data_analysts"
OFFICERS = "compliance_officers"
FRAUD_TEAM = "fraud_team"

LEGACY_PRIVILEGES = (("catalog", "USE_CATALOG"), ("schema", "USE_SCHEMA"), ("table", "SELECT"))
"""The privileges of the legacy grant to the analysts, on a table and on its schema and catalog."""

DEMO_GROUPS: tuple[GroupSpec, ...] = (
    GroupSpec(group=Group(name=ANALYSTS, description="Read masked data.", external=True)),
    GroupSpec(
        group=Group(name=OFFICERS, description="Read all data, including flagged rows."),
        clearance=(ALL_FAMILIES,),
        members=(OFFICER, FRAUD_TEAM),
    ),
)
"""The groups in the demo's env.auto.tfvars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the demo, its initial groups, and its role as the demo prints it."""

    user: str
    role: str
    groups: tuple[str, ...] = ()


PEOPLE: tuple[Person, ...] = (
    Person(user=ANALYST, role="analyst", groups=(ANALYSTS,)),
    Person(user=OFFICER, role="compliance officer"),
    Person(user=INVESTIGATOR, role="fraud investigator", groups=(FRAUD_TEAM,)),
    Person(user=OUTSIDER, role="outsider"),
)


def seed_people(workspace: Workspace, leaking: Iterable[TableName]) -> int:
    """Create missing users, groups, and the analysts' legacy grants on these tables; return the number of writes."""
    writes = 0
    users: dict[str, str] = {}
    for person in PEOPLE:
        users[person.user], made = _ensure(workspace, "Users", person.user, {"userName": person.user, "displayName": person.role})
        writes += made + (_workspace_assignment(workspace, users[person.user]) if made else 0)
    for group in sorted({g for p in PEOPLE for g in p.groups}):
        members = [{"value": users[p.user]} for p in PEOPLE if group in p.groups]
        writes += _ensure(workspace, "Groups", group, {"displayName": group, "members": members})[1]
    for table in sorted(set(leaking)):
        for depth, (kind, privilege) in enumerate(LEGACY_PRIVILEGES, start=1):
            writes += _legacy_grant(workspace, kind, ".".join(table.parts[:depth]), privilege)
    return writes + _may_use_warehouse(workspace)


def _ensure(workspace: Workspace, resource: str, name: str, body: Json) -> tuple[str, int]:
    found = find_principal(workspace, name)
    if found is not None:
        return found, 0
    path, api_level = workspace.scim(resource)
    return str(workspace.write("person", "POST", path, body, api_level=api_level)["id"]), 1


def _workspace_assignment(workspace: Workspace, principal_id: str) -> int:
    path = (
        f"/api/2.0/accounts/{encode(workspace.account_id)}/workspaces/{encode(workspace.workspace_id)}"
        f"/permissionassignments/principals/{encode(principal_id)}"
    )
    workspace.write("person", "PUT", path, {"permissions": ["USER"]}, api_level=ApiLevel.ACCOUNT)
    return 1


def _may_use_warehouse(workspace: Workspace) -> int:
    path = f"/api/2.0/permissions/warehouses/{encode(workspace.warehouse_id)}"
    held = workspace.get("warehouse", path).get("access_control_list") or ()
    missing = {p.user for p in PEOPLE} - {row.get("user_name") for row in held}
    if missing:
        rows = [{"user_name": user, "permission_level": "CAN_USE"} for user in sorted(missing)]
        workspace.write("warehouse", "PATCH", path, {"access_control_list": rows})
    return int(bool(missing))


def _legacy_grant(workspace: Workspace, kind: str, full_name: str, privilege: str) -> int:
    path = f"/api/2.1/unity-catalog/permissions/{kind}/{encode(full_name)}"
    held = workspace.get("grant", path).get("privilege_assignments") or ()
    if any(row.get("principal") == ANALYSTS and privilege in (row.get("privileges") or ()) for row in held):
        return 0
    workspace.write("grant", "PATCH", path, {"changes": [{"principal": ANALYSTS, "add": [privilege]}]})
    return 1
