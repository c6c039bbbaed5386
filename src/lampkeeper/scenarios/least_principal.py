"""A service principal with the least rights that a Genie space needs, made and removed as an account admin does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lampkeeper.remote.clients import ApiLevel, Workspace, encode
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_identifier

_PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastPrincipal:
    """A service principal: its application id, its OAuth secret, its SCIM id."""

    client_id: str
    scim_id: str
    secret: str = field(repr=False)


def create_least_principal(workspace: Workspace, name: str, schemas: Iterable[str]) -> LeastPrincipal:
    """Create it with USER, the SQL entitlement, CAN USE on the warehouse, and SELECT on these schemas."""
    account = f"/api/2.0/accounts/{encode(workspace.account_id)}"
    made = _account(workspace, "POST", f"{account}/scim/v2/ServicePrincipals", {"displayName": name, "active": True})
    scim_id, client_id = str(made["id"]), str(made["applicationId"])
    secret = _account(workspace, "POST", f"{account}/servicePrincipals/{encode(scim_id)}/credentials/secrets", {})
    assigned = f"{account}/workspaces/{encode(workspace.workspace_id)}/permissionassignments/principals/{encode(scim_id)}"
    _account(workspace, "PUT", assigned, {"permissions": ["USER"]})
    entitlement = [{"op": "add", "path": "entitlements", "value": [{"value": "databricks-sql-access"}]}]
    path = f"/api/2.0/preview/scim/v2/ServicePrincipals/{encode(scim_id)}"
    workspace.write("scenario", "PATCH", path, {**_PATCH, "Operations": entitlement})
    rows = [{"service_principal_name": client_id, "permission_level": "CAN_USE"}]
    path = f"/api/2.0/permissions/warehouses/{encode(workspace.warehouse_id)}"
    workspace.write("scenario", "PATCH", path, {"access_control_list": rows})
    for schema in schemas:
        catalog = schema.split(".")[0]
        for grant in (f"USE CATALOG ON CATALOG {catalog}", f"USE SCHEMA ON SCHEMA {schema}", f"SELECT ON SCHEMA {schema}"):
            run_sql(workspace, f"GRANT {grant} TO {quote_identifier(client_id)}", kind="scenario", writes=True)
    return LeastPrincipal(client_id=client_id, scim_id=scim_id, secret=str(secret["secret"]))


def delete_principal(workspace: Workspace, scim_id: str, client_id: str) -> None:
    """Delete it, and take it off the warehouse's access list, which outlives it."""
    path = f"/api/2.0/permissions/warehouses/{encode(workspace.warehouse_id)}"
    listed = workspace.get("scenario", path)["access_control_list"]
    kept = [
        {key: row[key] for key in ("user_name", "group_name", "service_principal_name") if key in row}
        | {"permission_level": level["permission_level"]}
        for row in listed
        for level in row["all_permissions"]
        if not level.get("inherited") and row.get("service_principal_name") != client_id
    ]
    workspace.write("scenario", "PUT", path, {"access_control_list": kept})
    path = f"/api/2.0/accounts/{encode(workspace.account_id)}/scim/v2/ServicePrincipals/{encode(scim_id)}"
    _account(workspace, "DELETE", path, None)


def _account(workspace: Workspace, method: str, path: str, body: dict[str, object] | None) -> dict[str, object]:
    return workspace.write("scenario", method, path, body, api_level=ApiLevel.ACCOUNT)
