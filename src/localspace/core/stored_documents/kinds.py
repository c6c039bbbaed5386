"""Every kind of document in the store."""

from typing import Any

from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import catalog, directory, jobs, workspace
from localspace.core.stored_documents.kind import Document, Kind

_SCHEMA = ("catalog", "schema")
_SECURABLE = ("securable type", "full name")

# The account
USER = Kind(name="user", fields=directory.StoredUser, key=("id",))
SERVICE_PRINCIPAL = Kind(name="service_principal", fields=directory.StoredServicePrincipal, key=("id",))
GROUP = Kind(name="group", fields=directory.StoredGroup, key=("id",))
TOKEN = Kind(name="token", fields=directory.StoredToken, key=("sha256 of the token",), parent=("principal id",))
CLIENT_SECRET = Kind(
    name="client_secret",
    fields=directory.StoredClientSecret,
    key=("service principal id", "secret id"),
    parent=("service principal id",),
)
FEDERATION_POLICY = Kind(
    name="federation_policy",
    fields=directory.StoredFederationPolicy,
    key=("service principal id or account", "policy id"),
    parent=("service principal id or account",),
)
RULE_SET = Kind(name="rule_set", fields=directory.StoredRuleSet, key=("name",))
ACCOUNT_WORKSPACE = Kind(name="account_workspace", fields=directory.StoredAccountWorkspace, key=("workspace id",))
WORKSPACE_ASSIGNMENT = Kind(
    name="workspace_assignment",
    fields=directory.StoredWorkspaceAssignment,
    key=("workspace id", "principal id"),
    parent=("workspace id",),
)
METASTORE_ASSIGNMENT = Kind(name="metastore_assignment", fields=directory.StoredMetastoreAssignment, key=("workspace id",))

# Unity Catalog
METASTORE = Kind(name="metastore", fields=catalog.StoredMetastore, key=("metastore id",))
CATALOG = Kind(name="catalog", fields=catalog.StoredCatalog, key=("catalog",))
SCHEMA = Kind(name="schema", fields=catalog.StoredSchema, key=_SCHEMA, parent=("catalog",))
TABLE = Kind(name="table", fields=catalog.StoredTable, key=(*_SCHEMA, "table"), parent=_SCHEMA)
FUNCTION = Kind(name="function", fields=catalog.StoredFunction, key=(*_SCHEMA, "function"), parent=_SCHEMA)
VOLUME = Kind(name="volume", fields=catalog.StoredVolume, key=(*_SCHEMA, "volume"), parent=_SCHEMA)
STORAGE_CREDENTIAL = Kind(name="storage_credential", fields=catalog.StoredCredential, key=("name",))
EXTERNAL_LOCATION = Kind(name="external_location", fields=catalog.StoredExternalLocation, key=("name",))
TABLE_LOCATION = Kind(name="table_location", fields=catalog.StoredTableLocation, key=("sha256 of the normalised URL",))
GRANT = Kind(name="grant", fields=catalog.StoredGrant, key=(*_SECURABLE, "principal"), parent=_SECURABLE)
TAG_POLICY = Kind(name="tag_policy", fields=catalog.StoredTagPolicy, key=("tag key",))
TAG = Kind(
    name="tag",
    fields=catalog.StoredTag,
    key=("entity type", "entity name", "tag key"),
    parent=("entity type", "entity name"),
)
OBJECT_TAG = Kind(
    name="object_tag",
    fields=catalog.StoredObjectTag,
    key=("entity type", "entity id", "tag key"),
    parent=("entity type", "entity id"),
)
POLICY = Kind(name="policy", fields=catalog.StoredPolicy, key=(*_SECURABLE, "policy"), parent=_SECURABLE)
CLASSIFICATION = Kind(name="classification", fields=catalog.StoredClassification, key=("table",))

# The workspace
WAREHOUSE = Kind(name="warehouse", fields=workspace.StoredWarehouse, key=("id",))
PERMISSIONS = Kind(name="permissions", fields=workspace.StoredPermissions, key=("object type in the plural", "object id"))
GENIE_SPACE = Kind(name="genie_space", fields=workspace.StoredGenieSpace, key=("space id",))
DASHBOARD = Kind(name="dashboard", fields=workspace.StoredDashboard, key=("dashboard id",))
SECRET_SCOPE = Kind(name="secret_scope", fields=workspace.StoredSecretScope, key=("scope",))
SECRET = Kind(name="secret", fields=workspace.StoredSecret, key=("scope", "key"), parent=("scope",))
SECRET_ACL = Kind(name="secret_acl", fields=workspace.StoredSecretAcl, key=("scope", "principal"), parent=("scope",))
SERVING_ENDPOINT = Kind(name="serving_endpoint", fields=workspace.StoredServingEndpoint, key=("name",))
STUB_RESPONSE = Kind(name="stub_response", fields=workspace.StoredStubResponse, key=("endpoint name",))
WORKSPACE_OBJECT = Kind(
    name="workspace_object", fields=workspace.StoredWorkspaceObject, key=("path in hex",), parent=("path of the folder in hex",)
)
WORKSPACE_OBJECT_ID = Kind(name="workspace_object_id", fields=workspace.StoredWorkspaceObjectId, key=("object id",))
IDS = Kind(name="ids", fields=workspace.StoredIds, key=("workspace",))
CLOCK = Kind(name="clock", fields=workspace.StoredClock, key=("workspace",))
LAG = Kind(name="lag", fields=workspace.StoredLag, key=("workspace",))
WAREHOUSE_CONFIG = Kind(name="warehouse_config", fields=workspace.StoredWarehouseConfig, key=("workspace",))
DEFAULT_NAMESPACE = Kind(name="default_namespace", fields=workspace.StoredDefaultNamespace, key=("workspace",))
UNDO = Kind(name="undo", fields=workspace.StoredUndo, key=("lag kind", "number"), parent=("lag kind",))

# Jobs
JOB = Kind(name="job", fields=jobs.StoredJob, key=("job id",))
RUN = Kind(name="run", fields=jobs.StoredRun, key=("run id",), parent=("job id",))
TASK_RUN = Kind(name="task_run", fields=jobs.StoredTaskRun, key=("task run id",), parent=("run id",))
RUN_TOKEN = Kind(name="run_token", fields=jobs.StoredRunToken, key=("idempotency token",))

ALL: tuple[Kind[Any], ...] = (
    *(USER, SERVICE_PRINCIPAL, GROUP, TOKEN, CLIENT_SECRET, FEDERATION_POLICY, RULE_SET, ACCOUNT_WORKSPACE),
    *(WORKSPACE_ASSIGNMENT, METASTORE_ASSIGNMENT, METASTORE, CATALOG, SCHEMA, TABLE, FUNCTION, VOLUME, STORAGE_CREDENTIAL),
    *(EXTERNAL_LOCATION, TABLE_LOCATION, GRANT, TAG_POLICY, TAG, OBJECT_TAG, POLICY, CLASSIFICATION, WAREHOUSE, PERMISSIONS),
    *(GENIE_SPACE, DASHBOARD, SECRET_SCOPE, SECRET, SECRET_ACL, SERVING_ENDPOINT, STUB_RESPONSE, WORKSPACE_OBJECT),
    *(WORKSPACE_OBJECT_ID, IDS, CLOCK, LAG, WAREHOUSE_CONFIG, DEFAULT_NAMESPACE, UNDO, JOB, RUN, TASK_RUN, RUN_TOKEN),
)

WHOLE = "workspace"
"""The key of kinds with one document per workspace."""

_BY_NAME = {kind.name: kind for kind in ALL}
_OF_PRINCIPALS: dict[PrincipalKind, Kind[Any]] = {
    PrincipalKind.USER: USER,
    PrincipalKind.SERVICE_PRINCIPAL: SERVICE_PRINCIPAL,
    PrincipalKind.GROUP: GROUP,
}


def named(name: str) -> Kind[Document]:
    """Return a kind by its name, for code that serves several kinds; raises KeyError."""
    return _BY_NAME[name]


def of_principal(kind: PrincipalKind) -> Kind[Document]:
    """Return the kind of the documents of users, service principals or groups."""
    return _OF_PRINCIPALS[kind]
