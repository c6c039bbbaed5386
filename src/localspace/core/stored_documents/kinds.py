"""Every kind of document in the store."""

from typing import Any

from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import (
    apps,
    catalog,
    cloud,
    compute,
    conversations,
    directory,
    jobs,
    queries,
    securables,
    workspace,
)
from localspace.core.stored_documents.kind import Document, Kind, Room

LEGACY_CATALOG = "hive_metastore"
"""The legacy catalog: each workspace has its own, also two workspaces with one metastore."""

_TREE = frozenset({"catalog", "schema", "table", "view", "function", "volume"})
"""Securable types whose full names start with a catalog."""


def _of_catalog(key: tuple[str, ...], _: Any) -> Room:
    """Return the room of an object whose key starts with its catalog."""
    return Room.WORKSPACE if key[0].casefold() == LEGACY_CATALOG else Room.METASTORE


def _of_grant(key: tuple[str, ...], _: Any) -> Room:
    """Return the room of a grant: that of the securable."""
    return _of_catalog(tuple(key[1].split(".")), _) if key[0].casefold() in _TREE else Room.METASTORE


def _of_location(_: tuple[str, ...], body: Any) -> Room:
    """Return the room of a location: what a table of hive_metastore has there is its workspace's."""
    return Room.WORKSPACE if body.get("legacy") else Room.METASTORE


def _of_group(_: tuple[str, ...], body: Any) -> Room:
    """Return the room of a group: a workspace-local one is its workspace's."""
    return Room.WORKSPACE if body.get("scope") == "workspace" else Room.ACCOUNT


def _of_undo(_: tuple[str, ...], body: Any) -> Room:
    """Return the room of an undo entry: that of the kind that it undoes."""
    return named(body["kind"]).room


_SCHEMA = ("catalog", "schema")
_SECURABLE = ("securable type", "full name")
_INHERITS = {"enable_predictive_optimization": "INHERIT"}
"""Predictive optimization of a container that sets none (source: SDK 0.156, EnablePredictiveOptimization; platform docs)."""

# The account
USER = Kind(name="user", fields=directory.StoredUser, key=("id",), room=Room.ACCOUNT)
SERVICE_PRINCIPAL = Kind(name="service_principal", fields=directory.StoredServicePrincipal, key=("id",), room=Room.ACCOUNT)
GROUP = Kind(name="group", fields=directory.StoredGroup, key=("id",), room=Room.ACCOUNT, also=(Room.WORKSPACE,), place=_of_group)
TOKEN = Kind(
    name="token", fields=directory.StoredToken, key=("sha256 of the token",), parent=("principal id",), room=Room.ACCOUNT
)
CLIENT_SECRET = Kind(
    name="client_secret",
    fields=directory.StoredClientSecret,
    key=("service principal id", "secret id"),
    parent=("service principal id",),
    room=Room.ACCOUNT,
)
FEDERATION_POLICY = Kind(
    name="federation_policy",
    fields=directory.StoredFederationPolicy,
    key=("service principal id or account", "policy id"),
    parent=("service principal id or account",),
    room=Room.ACCOUNT,
)
RULE_SET = Kind(name="rule_set", fields=directory.StoredRuleSet, key=("name",), room=Room.ACCOUNT)
ACCOUNT_WORKSPACE = Kind(
    name="account_workspace", fields=directory.StoredAccountWorkspace, key=("workspace id",), room=Room.ACCOUNT
)
ACCOUNT_HOST = Kind(name="account_host", fields=directory.StoredAccountHost, key=("account",), room=Room.ACCOUNT)
WORKSPACE_ASSIGNMENT = Kind(
    name="workspace_assignment",
    fields=directory.StoredWorkspaceAssignment,
    key=("workspace id", "principal id"),
    parent=("workspace id",),
    room=Room.ACCOUNT,
)
METASTORE_ASSIGNMENT = Kind(
    name="metastore_assignment", fields=directory.StoredMetastoreAssignment, key=("workspace id",), room=Room.ACCOUNT
)

# The account's cloud configuration
CLOUD_CREDENTIAL = Kind(name="cloud_credential", fields=cloud.StoredCloudCredential, key=("credentials id",), room=Room.ACCOUNT)
NETWORK = Kind(name="network", fields=cloud.StoredNetwork, key=("network id",), room=Room.ACCOUNT)
STORAGE_CONFIGURATION = Kind(
    name="storage_configuration", fields=cloud.StoredStorageConfiguration, key=("storage configuration id",), room=Room.ACCOUNT
)
PRIVATE_ACCESS_SETTINGS = Kind(
    name="private_access_settings", fields=cloud.StoredPrivateAccessSettings, key=("settings id",), room=Room.ACCOUNT
)
VPC_ENDPOINT = Kind(name="vpc_endpoint", fields=cloud.StoredVpcEndpoint, key=("endpoint id",), room=Room.ACCOUNT)
CUSTOMER_MANAGED_KEY = Kind(
    name="customer_managed_key", fields=cloud.StoredCustomerManagedKey, key=("key id",), room=Room.ACCOUNT
)
NETWORK_POLICY = Kind(name="network_policy", fields=cloud.StoredNetworkPolicy, key=("policy id",), room=Room.ACCOUNT)
WORKSPACE_NETWORK_OPTION = Kind(
    name="workspace_network_option", fields=cloud.StoredWorkspaceNetworkOption, key=("workspace id",), room=Room.ACCOUNT
)

# Unity Catalog
METASTORE = Kind(name="metastore", fields=catalog.StoredMetastore, key=("metastore id",), room=Room.ACCOUNT)
CATALOG = Kind(
    name="catalog",
    fields=catalog.StoredCatalog,
    key=("catalog",),
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_catalog,
    defaults=_INHERITS,
)
SCHEMA = Kind(
    name="schema",
    fields=catalog.StoredSchema,
    key=_SCHEMA,
    parent=("catalog",),
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_catalog,
    defaults=_INHERITS,
)
TABLE = Kind(
    name="table",
    fields=catalog.StoredTable,
    key=(*_SCHEMA, "table"),
    parent=_SCHEMA,
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_catalog,
    hidden=frozenset({"storage", "last_physical", "view_namespace"}),
)
FUNCTION = Kind(
    name="function",
    fields=catalog.StoredFunction,
    key=(*_SCHEMA, "function"),
    parent=_SCHEMA,
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_catalog,
    hidden=frozenset({"language"}),
    # Of SQL functions (source: SDK 0.156, FunctionInfo).
    defaults={
        "routine_body": "SQL",
        "parameter_style": "S",
        "sql_data_access": "CONTAINS_SQL",
        "security_type": "DEFINER",
    },
)
VOLUME = Kind(
    name="volume",
    fields=catalog.StoredVolume,
    key=(*_SCHEMA, "volume"),
    parent=_SCHEMA,
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_catalog,
)
STORAGE_CREDENTIAL = Kind(name="storage_credential", fields=catalog.StoredCredential, key=("name",), room=Room.METASTORE)
EXTERNAL_LOCATION = Kind(name="external_location", fields=catalog.StoredExternalLocation, key=("name",), room=Room.METASTORE)
TABLE_LOCATION = Kind(
    name="table_location",
    fields=catalog.StoredTableLocation,
    key=("sha256 of the normalised URL",),
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_location,
)
GRANT = Kind(
    name="grant",
    fields=catalog.StoredGrant,
    key=(*_SECURABLE, "principal"),
    parent=_SECURABLE,
    room=Room.METASTORE,
    also=(Room.WORKSPACE,),
    place=_of_grant,
)
TAG_POLICY = Kind(name="tag_policy", fields=catalog.StoredTagPolicy, key=("tag key",), room=Room.ACCOUNT)
TAG = Kind(
    name="tag",
    fields=catalog.StoredTag,
    # The platform answers "" for a tag without a value (source: databricks/terraform-provider-databricks issue 5659).
    defaults={"tag_value": ""},
    key=("entity type", "entity name", "tag key"),
    parent=("entity type", "entity name"),
    room=Room.METASTORE,
)
OBJECT_TAG = Kind(
    name="object_tag",
    fields=catalog.StoredObjectTag,
    key=("entity type", "entity id", "tag key"),
    parent=("entity type", "entity id"),
)
POLICY = Kind(
    name="policy",
    fields=catalog.StoredPolicy,
    key=(*_SECURABLE, "policy"),
    parent=_SECURABLE,
    room=Room.METASTORE,
    hidden=frozenset({"metastore_named"}),
)
CLASSIFICATION = Kind(name="classification", fields=catalog.StoredClassification, key=("table",), room=Room.METASTORE)
CLASSIFICATION_CONFIG = Kind(
    name="classification_config", fields=securables.StoredClassificationConfig, key=("catalog",), room=Room.METASTORE
)
CLASSIFICATION_SCAN = Kind(
    name="classification_scan", fields=securables.StoredClassificationScan, key=("catalog",), room=Room.METASTORE
)
MODEL = Kind(
    name="model",
    fields=securables.StoredModel,
    key=(*_SCHEMA, "model"),
    parent=_SCHEMA,
    room=Room.METASTORE,
    hidden=frozenset({"model_id", "last_version"}),
)
MODEL_VERSION = Kind(
    name="model_version",
    fields=securables.StoredModelVersion,
    key=(*_SCHEMA, "model", "version"),
    parent=(*_SCHEMA, "model"),
    room=Room.METASTORE,
)
CONNECTION = Kind(name="connection", fields=securables.StoredConnection, key=("name",), room=Room.METASTORE)
ARTIFACT_ALLOWLIST = Kind(
    name="artifact_allowlist",
    fields=securables.StoredArtifactAllowlist,
    key=("metastore id", "artifact type"),
    room=Room.METASTORE,
)
BINDINGS = Kind(name="bindings", fields=securables.StoredBindings, key=("securable type", "securable name"), room=Room.METASTORE)
SYSTEM_SCHEMA = Kind(
    name="system_schema", fields=securables.StoredSystemSchema, key=("metastore id", "schema"), room=Room.METASTORE
)

# The workspace
ENTITLEMENTS = Kind(name="entitlements", fields=directory.StoredEntitlements, key=("principal id",))
WAREHOUSE = Kind(name="warehouse", fields=workspace.StoredWarehouse, key=("id",), hidden=frozenset({"created"}))
PERMISSIONS = Kind(name="permissions", fields=workspace.StoredPermissions, key=("object type in the plural", "object id"))
GENIE_SPACE = Kind(
    name="genie_space", fields=workspace.StoredGenieSpace, key=("space id",), hidden=frozenset({"owner", "trashed"})
)
DASHBOARD = Kind(
    name="dashboard", fields=workspace.StoredDashboard, key=("dashboard id",), hidden=frozenset({"owner", "published"})
)
SECRET_SCOPE = Kind(name="secret_scope", fields=workspace.StoredSecretScope, key=("scope",))
SECRET = Kind(name="secret", fields=workspace.StoredSecret, key=("scope", "key"), parent=("scope",))
SECRET_ACL = Kind(name="secret_acl", fields=workspace.StoredSecretAcl, key=("scope", "principal"), parent=("scope",))
SERVING_ENDPOINT = Kind(
    name="serving_endpoint",
    fields=workspace.StoredServingEndpoint,
    key=("name",),
    # Source: databricks/cli, its account of the serving endpoints API; SDK 0.156, ServingEndpointDetailed.
    defaults={"route_optimized": False, "description": ""},
)
STUB_RESPONSE = Kind(name="stub_response", fields=workspace.StoredStubResponse, key=("endpoint name",))
WORKSPACE_OBJECT = Kind(
    name="workspace_object", fields=workspace.StoredWorkspaceObject, key=("path in hex",), parent=("path of the folder in hex",)
)
WORKSPACE_OBJECT_ID = Kind(name="workspace_object_id", fields=workspace.StoredWorkspaceObjectId, key=("object id",))
IDS = Kind(name="ids", fields=workspace.StoredIds, key=("workspace",), room=Room.ACCOUNT)
CLOCK = Kind(name="clock", fields=workspace.StoredClock, key=("workspace",), room=Room.ACCOUNT)
LAG = Kind(name="lag", fields=workspace.StoredLag, key=("workspace",), room=Room.ACCOUNT)
WAREHOUSE_CONFIG = Kind(name="warehouse_config", fields=workspace.StoredWarehouseConfig, key=("workspace",))
DEFAULT_NAMESPACE = Kind(name="default_namespace", fields=workspace.StoredDefaultNamespace, key=("workspace",))
UNDO = Kind(
    name="undo",
    fields=workspace.StoredUndo,
    key=("lag kind", "number"),
    parent=("lag kind",),
    room=Room.WORKSPACE,
    also=(Room.ACCOUNT, Room.METASTORE),
    place=_of_undo,
)

# Saved queries and alerts
SAVED_QUERY = Kind(name="saved_query", fields=queries.StoredSavedQuery, key=("query id",))
ALERT = Kind(name="alert", fields=queries.StoredAlert, key=("alert id",))
ALERT_V2 = Kind(name="alert_v2", fields=queries.StoredAlertV2, key=("alert id",))

# Conversations with Genie spaces
_CONVERSATION = ("space id", "conversation id")
CONVERSATION = Kind(name="conversation", fields=conversations.StoredConversation, key=_CONVERSATION, parent=("space id",))
MESSAGE = Kind(name="message", fields=conversations.StoredMessage, key=(*_CONVERSATION, "message id"), parent=_CONVERSATION)
MESSAGE_COMMENT = Kind(
    name="message_comment",
    fields=conversations.StoredMessageComment,
    key=(*_CONVERSATION, "message id", "comment id"),
    parent=_CONVERSATION,
)
RESPONDER = Kind(name="responder", fields=conversations.StoredResponder, key=("workspace",))
EVAL_RUN = Kind(name="eval_run", fields=conversations.StoredEvalRun, key=("space id", "eval run id"), parent=("space id",))

# Apps
APP = Kind(
    name="app",
    fields=apps.StoredApp,
    key=("name",),
    hidden=frozenset({"compute", "active_deployment_id", "client_secret_id"}),
)
APP_DEPLOYMENT = Kind(
    name="app_deployment", fields=apps.StoredDeployment, key=("app name", "deployment id"), parent=("app name",)
)

# Compute
CLUSTER_POLICY = Kind(name="cluster_policy", fields=compute.StoredClusterPolicy, key=("policy id",))

# Jobs
JOB = Kind(name="job", fields=jobs.StoredJob, key=("job id",))
RUN = Kind(name="run", fields=jobs.StoredRun, key=("run id",), parent=("job id",))
TASK_RUN = Kind(name="task_run", fields=jobs.StoredTaskRun, key=("task run id",), parent=("run id",))
RUN_TOKEN = Kind(name="run_token", fields=jobs.StoredRunToken, key=("idempotency token",))

_CLOUD = (
    *(CLOUD_CREDENTIAL, NETWORK, STORAGE_CONFIGURATION, PRIVATE_ACCESS_SETTINGS, VPC_ENDPOINT, CUSTOMER_MANAGED_KEY),
    *(NETWORK_POLICY, WORKSPACE_NETWORK_OPTION),
)

ALL: tuple[Kind[Any], ...] = (
    *_CLOUD,
    *(USER, SERVICE_PRINCIPAL, GROUP, TOKEN, CLIENT_SECRET, FEDERATION_POLICY, RULE_SET, ACCOUNT_WORKSPACE, ACCOUNT_HOST),
    *(WORKSPACE_ASSIGNMENT, METASTORE_ASSIGNMENT, METASTORE, CATALOG, SCHEMA, TABLE, FUNCTION, VOLUME, STORAGE_CREDENTIAL),
    *(
        EXTERNAL_LOCATION,
        TABLE_LOCATION,
        GRANT,
        TAG_POLICY,
        TAG,
        OBJECT_TAG,
        POLICY,
        CLASSIFICATION,
        ENTITLEMENTS,
        WAREHOUSE,
        PERMISSIONS,
    ),
    *(GENIE_SPACE, DASHBOARD, SECRET_SCOPE, SECRET, SECRET_ACL, SERVING_ENDPOINT, STUB_RESPONSE, WORKSPACE_OBJECT),
    *(WORKSPACE_OBJECT_ID, IDS, CLOCK, LAG, WAREHOUSE_CONFIG, DEFAULT_NAMESPACE, UNDO, JOB, RUN, TASK_RUN, RUN_TOKEN),
    *(
        MODEL,
        MODEL_VERSION,
        CONNECTION,
        ARTIFACT_ALLOWLIST,
        SYSTEM_SCHEMA,
        CLUSTER_POLICY,
        BINDINGS,
        SAVED_QUERY,
        ALERT,
        ALERT_V2,
    ),
    *(CONVERSATION, MESSAGE, MESSAGE_COMMENT, RESPONDER, EVAL_RUN),
    *(CLASSIFICATION_CONFIG, CLASSIFICATION_SCAN),
    *(APP, APP_DEPLOYMENT),
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
