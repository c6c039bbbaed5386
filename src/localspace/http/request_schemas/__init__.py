"""What each route takes in its body: one declared, typed list of fields per route."""

from __future__ import annotations

from localspace.http.request_schemas import (
    apps,
    catalog,
    compute,
    conversations,
    directory,
    jobs,
    old_jobs,
    queries,
    securables,
    workspace,
)
from localspace.http.request_schemas.types import NOTHING, FieldType

_UC = "/api/2.1/unity-catalog"
_ACCOUNT = "/api/2.0/accounts/{account_id}"
_SECRET = "/servicePrincipals/{service_principal_id}/credentials/secrets"  # noqa: S105  (a path)
_FEDERATION = "/servicePrincipals/{service_principal_id}/federationPolicies"


def _scim() -> dict[str, FieldType]:
    found: dict[str, FieldType] = {}
    kinds = {"Users": directory.USER, "Groups": directory.GROUP, "ServicePrincipals": directory.SERVICE_PRINCIPAL}
    for base in (f"{_ACCOUNT}/scim/v2/", "/api/2.0/preview/scim/v2/"):
        for plural, kind in kinds.items():
            found |= {
                f"POST {base}{plural}": kind,
                f"PUT {base}{plural}/{{id}}": kind,
                f"PATCH {base}{plural}/{{id}}": directory.SCIM_PATCH,
            }
    return found


def _jobs() -> dict[str, FieldType]:
    operations: dict[str, FieldType] = {
        "create": jobs.CREATE,
        "reset": jobs.RESET,
        "update": jobs.UPDATE,
        "delete": jobs.ONE_JOB,
        "run-now": jobs.RUN_NOW,
        "runs/submit": jobs.SUBMIT,
        "runs/cancel": jobs.ONE_RUN,
        "runs/cancel-all": jobs.CANCEL_ALL,
        "runs/delete": jobs.ONE_RUN,
        "runs/repair": jobs.REPAIR,
    }
    return {f"POST /api/{version}/jobs/{path}": kind for version in ("2.2", "2.1") for path, kind in operations.items()}


_CATALOG: dict[str, FieldType] = {
    f"POST {_UC}/catalogs": catalog.CREATE_CATALOG,
    f"PATCH {_UC}/catalogs/{{name}}": catalog.UPDATE_CATALOG,
    f"POST {_UC}/schemas": catalog.CREATE_SCHEMA,
    f"PATCH {_UC}/schemas/{{full_name}}": catalog.UPDATE_SCHEMA,
    f"POST {_UC}/tables": catalog.CREATE_TABLE,
    f"PATCH {_UC}/tables/{{full_name}}": catalog.UPDATE_OBJECT,
    f"POST {_UC}/functions": catalog.CREATE_FUNCTION,
    f"PATCH {_UC}/functions/{{name}}": catalog.UPDATE_OBJECT,
    f"POST {_UC}/volumes": catalog.CREATE_VOLUME,
    f"PATCH {_UC}/volumes/{{name}}": catalog.UPDATE_VOLUME,
    f"POST {_UC}/metastores": catalog.CREATE_METASTORE,
    f"PATCH {_UC}/metastores/{{id}}": catalog.UPDATE_METASTORE,
    f"PUT {_UC}/workspaces/{{workspace_id}}/metastore": catalog.ASSIGN_METASTORE,
    f"PATCH {_UC}/workspaces/{{workspace_id}}/metastore": catalog.ASSIGN_METASTORE,
    f"POST {_UC}/storage-credentials": catalog.CREATE_CREDENTIAL,
    f"PATCH {_UC}/storage-credentials/{{name}}": catalog.UPDATE_CREDENTIAL,
    f"POST {_UC}/external-locations": catalog.CREATE_LOCATION,
    f"PATCH {_UC}/external-locations/{{name}}": catalog.UPDATE_LOCATION,
    f"POST {_UC}/validate-storage-credentials": catalog.VALIDATE_CREDENTIAL,
    f"PATCH {_UC}/permissions/{{securable_type}}/{{full_name}}": catalog.GRANTS,
    "POST /api/2.1/tag-policies": catalog.TAG_POLICY,
    "PATCH /api/2.1/tag-policies/{tag_key}": catalog.TAG_POLICY,
    f"POST {_UC}/entity-tag-assignments": catalog.ENTITY_TAG,
    f"PATCH {_UC}/entity-tag-assignments/{{entity_type}}/{{entity_name}}/tags/{{tag_key}}": catalog.ENTITY_TAG,
    "POST /api/2.0/entity-tag-assignments": catalog.OBJECT_TAG,
    "PATCH /api/2.0/entity-tag-assignments/{entity_type}/{entity_id}/tags/{tag_key}": catalog.OBJECT_TAG,
    f"POST {_UC}/policies": catalog.CREATE_POLICY,
    f"PATCH {_UC}/policies/{{on_securable_type}}/{{on_securable_fullname}}/{{name}}": catalog.POLICY,
}
_DIRECTORY: dict[str, FieldType] = {
    "POST /api/2.0/token/create": directory.CREATE_TOKEN,
    "POST /api/2.0/token/delete": directory.DELETE_TOKEN,
    "POST /api/2.0/token-management/on-behalf-of/tokens": directory.ON_BEHALF_TOKEN,
    f"POST {_ACCOUNT}/workspaces": directory.CREATE_WORKSPACE,
    f"PATCH {_ACCOUNT}/workspaces/{{workspace_id}}": directory.UPDATE_WORKSPACE,
    f"POST {_ACCOUNT}/credentials": directory.CREATE_CLOUD_CREDENTIAL,
    f"POST {_ACCOUNT}/networks": directory.CREATE_NETWORK,
    f"POST {_ACCOUNT}/storage-configurations": directory.CREATE_STORAGE_CONFIGURATION,
    f"POST {_ACCOUNT}/private-access-settings": directory.PRIVATE_ACCESS_SETTINGS,
    f"PUT {_ACCOUNT}/private-access-settings/{{private_access_settings_id}}": directory.REPLACE_PRIVATE_ACCESS_SETTINGS,
    f"POST {_ACCOUNT}/vpc-endpoints": directory.CREATE_VPC_ENDPOINT,
    f"POST {_ACCOUNT}/customer-managed-keys": directory.CREATE_CUSTOMER_MANAGED_KEY,
    f"POST {_ACCOUNT}/network-policies": directory.NETWORK_POLICY,
    f"PUT {_ACCOUNT}/network-policies/{{network_policy_id}}": directory.NETWORK_POLICY,
    f"PUT {_ACCOUNT}/workspaces/{{workspace_id}}/network": directory.NETWORK_OPTION,
    "POST /api/2.0/preview/permissionassignments": directory.WORKSPACE_ASSIGNMENTS,
    "PUT /api/2.0/preview/permissionassignments/principals/{principal_id}": directory.WORKSPACE_ASSIGNMENT,
    f"POST {_ACCOUNT}/metastores": catalog.CREATE_ACCOUNT_METASTORE,
    f"PUT {_ACCOUNT}/metastores/{{metastore_id}}": catalog.UPDATE_ACCOUNT_METASTORE,
    f"POST {_ACCOUNT}/workspaces/{{workspace_id}}/metastores/{{metastore_id}}": catalog.METASTORE_ASSIGNMENT,
    f"PUT {_ACCOUNT}/workspaces/{{workspace_id}}/metastores/{{metastore_id}}": catalog.METASTORE_ASSIGNMENT,
    f"PUT {_ACCOUNT}/workspaces/{{workspace_id}}/permissionassignments/principals/{{principal_id}}": (
        directory.WORKSPACE_ASSIGNMENT
    ),
    f"POST {_ACCOUNT}{_SECRET}": directory.CREATE_SECRET,
    f"POST /api/2.0/accounts{_SECRET}": directory.CREATE_SECRET,
    f"POST {_ACCOUNT}{_FEDERATION}": directory.FEDERATION_POLICY,
    f"PATCH {_ACCOUNT}{_FEDERATION}/{{policy_id}}": directory.FEDERATION_POLICY,
    f"POST {_ACCOUNT}/federationPolicies": directory.FEDERATION_POLICY,
    f"PATCH {_ACCOUNT}/federationPolicies/{{policy_id}}": directory.FEDERATION_POLICY,
    "PUT /api/2.0/preview/accounts/access-control/rule-sets": directory.RULE_SET,
    "PUT /api/2.0/preview/accounts/{account_id}/access-control/rule-sets": directory.RULE_SET,
    "PUT /api/2.0/permissions/{object_type}/{object_id}": directory.PERMISSIONS,
    "PATCH /api/2.0/permissions/{object_type}/{object_id}": directory.PERMISSIONS,
    "PUT /api/2.0/permissions/sql/{object_type}/{object_id}": directory.PERMISSIONS,
    "PATCH /api/2.0/permissions/sql/{object_type}/{object_id}": directory.PERMISSIONS,
}
_WORKSPACE: dict[str, FieldType] = {
    "POST /api/2.0/sql/warehouses": workspace.WAREHOUSE,
    "POST /api/2.0/sql/warehouses/{id}/edit": workspace.WAREHOUSE,
    "POST /api/2.0/sql/warehouses/{id}/start": NOTHING,
    "POST /api/2.0/sql/warehouses/{id}/stop": NOTHING,
    "PUT /api/2.0/sql/config/warehouses": workspace.WAREHOUSE_CONFIG,
    "POST /api/2.0/sql/statements": workspace.STATEMENT,
    "POST /api/2.0/sql/statements/{statement_id}/cancel": NOTHING,
    "POST /api/2.0/localspace/sql": workspace.TASK_STATEMENT,
    "POST /api/2.0/secrets/scopes/create": workspace.CREATE_SCOPE,
    "POST /api/2.0/secrets/scopes/delete": workspace.DELETE_SCOPE,
    "POST /api/2.0/secrets/put": workspace.PUT_SECRET,
    "POST /api/2.0/secrets/delete": workspace.DELETE_SECRET,
    "POST /api/2.0/secrets/acls/put": workspace.PUT_ACL,
    "POST /api/2.0/secrets/acls/delete": workspace.DELETE_ACL,
    "POST /api/2.0/genie/spaces": workspace.CREATE_SPACE,
    "PATCH /api/2.0/genie/spaces/{space_id}": workspace.UPDATE_SPACE,
    "POST /api/2.0/serving-endpoints": workspace.CREATE_ENDPOINT,
    "POST /serving-endpoints/{name}/invocations": workspace.CHAT,
    "POST /serving-endpoints/chat/completions": workspace.CHAT,
    "POST /api/2.0/workspace/import": workspace.IMPORT,
    "POST /api/2.0/workspace/mkdirs": workspace.MAKE_FOLDERS,
    "POST /api/2.0/workspace/delete": workspace.DELETE_OBJECT,
    "POST /api/2.0/lakeview/dashboards": workspace.CREATE_DASHBOARD,
    "PATCH /api/2.0/lakeview/dashboards/{dashboard_id}": workspace.UPDATE_DASHBOARD,
    "POST /api/2.0/lakeview/dashboards/{dashboard_id}/published": workspace.PUBLISH_DASHBOARD,
    "PATCH /api/2.0/settings/types/default_namespace_ws/names/default": workspace.DEFAULT_NAMESPACE,
    "POST /telemetry-ext": workspace.TELEMETRY,
    "POST /telemetry-unauth": workspace.TELEMETRY,
}
RAW = frozenset(
    [
        "POST /oidc/v1/token",
        "POST /oidc/accounts/{account_id}/v1/token",
        "POST /api/2.0/workspace-files/import-file/{path*}",
        "PUT /api/2.0/fs/files/{path*}",
        "PUT /api/2.0/fs/directories/{path*}",
        *(f"{method} /apps/{{name}}{rest}" for method in ("POST", "PUT", "PATCH") for rest in ("", "/{path*}")),
    ]
)
"""Routes whose body is bytes or a form, not JSON."""

SCHEMAS: dict[str, FieldType] = {
    **_scim(),
    **_jobs(),
    **_CATALOG,
    **_DIRECTORY,
    **_WORKSPACE,
    **apps.SCHEMAS,
    **compute.SCHEMAS,
    **conversations.SCHEMAS,
    **old_jobs.SCHEMAS,
    **queries.SCHEMAS,
    **securables.SCHEMAS,
}
"""`METHOD path` of a route to the fields of its body."""


def schema_of(method: str, path: str) -> FieldType:
    """Return what a route takes; a route that is not listed takes nothing."""
    if path.startswith("/_localspace/"):
        return workspace.CONTROL
    return SCHEMAS.get(f"{method} {path}", NOTHING)
