"""Stored documents of the workspace: warehouses, permissions, spaces, secrets, files, settings."""

from typing import Any, NotRequired, TypedDict


class StoredWarehouse(TypedDict):
    """A SQL warehouse."""

    id: str
    name: str
    state: str
    creator_name: str
    cluster_size: str
    warehouse_type: str
    auto_stop_mins: int
    min_num_clusters: int
    max_num_clusters: int
    enable_photon: bool
    enable_serverless_compute: bool
    spot_instance_policy: str
    channel: dict[str, Any]
    created: NotRequired[str]
    customer_version_label: NotRequired[str]
    instance_profile_arn: NotRequired[str]
    max_dbu: NotRequired[int]
    reyden_cluster_size_multiplier: NotRequired[float]
    statement_timeout: NotRequired[int]
    tags: NotRequired[dict[str, Any]]


class StoredPermission(TypedDict):
    """One entry of an access list; `kind` is user, group or service_principal."""

    principal: str
    kind: str
    level: str


class StoredPermissions(TypedDict):
    """The access list of an object of the workspace."""

    access_control_list: list[StoredPermission]


class StoredGenieSpace(TypedDict):
    """A Genie space."""

    space_id: str
    title: str
    warehouse_id: str
    parent_path: str
    serialized_space: str
    etag: str
    owner: str
    create_time: str
    update_time: str
    description: NotRequired[str]
    trashed: NotRequired[bool]


class StoredPublishedDashboard(TypedDict):
    """The published form of a dashboard."""

    display_name: str
    embed_credentials: bool
    revision_create_time: str
    warehouse_id: NotRequired[str]


class StoredDashboard(TypedDict):
    """A dashboard: its draft and its published form."""

    dashboard_id: str
    display_name: str
    parent_path: str
    path: str
    serialized_dashboard: str
    etag: str
    create_time: str
    update_time: str
    lifecycle_state: str
    owner: str
    published: StoredPublishedDashboard | None
    warehouse_id: NotRequired[str]


class StoredSecretScope(TypedDict):
    """A secret scope."""

    name: str
    backend_type: str


class StoredSecret(TypedDict):
    """A secret; `value` is base64 and leaves through the secrets API alone."""

    key: str
    value: str
    last_updated_timestamp: int


class StoredSecretAcl(TypedDict):
    """The level of one principal on a secret scope."""

    principal: str
    permission: str


class StoredServingEndpoint(TypedDict):
    """A serving endpoint."""

    name: str
    id: str
    creator: str
    creation_timestamp: int
    last_updated_timestamp: int
    task: str
    endpoint_type: str
    state: dict[str, str]
    description: NotRequired[str]
    config: NotRequired[dict[str, Any]]
    ai_gateway: NotRequired[dict[str, Any]]
    budget_policy_id: NotRequired[str]
    email_notifications: NotRequired[dict[str, Any]]
    rate_limits: NotRequired[list[dict[str, Any]]]
    route_optimized: NotRequired[bool]
    tags: NotRequired[list[dict[str, Any]]]
    telemetry_config: NotRequired[dict[str, Any]]


class StoredStubResponse(TypedDict):
    """The answer that a test has registered for a serving endpoint; `kind` is canned, rules, echo or error."""

    name: str
    kind: str
    replies: NotRequired[list[Any]]
    rules: NotRequired[list[dict[str, Any]]]
    default: NotRequired[Any]
    status: NotRequired[int]
    error_code: NotRequired[str]
    message: NotRequired[str]


class StoredWorkspaceObject(TypedDict):
    """A folder, notebook, file or dashboard, whose id is `resource_id`.

    `blob` names the file with its content, `size` is in bytes, times in milliseconds.
    """

    path: str
    object_type: str
    object_id: int
    created_at: int
    modified_at: int
    owner: str
    blob: NotRequired[str]
    size: NotRequired[int]
    language: NotRequired[str]
    repos_export_format: NotRequired[str]
    resource_id: NotRequired[str]


class StoredWorkspaceObjectId(TypedDict):
    """The path of an object id; `owner` is the user whose home holds it."""

    path: str
    owner: str | None


class StoredIds(TypedDict):
    """The ids of a workspace, given when it is made; one that `localspace serve` made keeps what a reset needs."""

    account_id: str
    workspace_id: str
    metastore_id: str
    warehouse_id: str
    admin_id: str
    launched_as: NotRequired[str]
    metastore_name: NotRequired[str]


class StoredClock(TypedDict):
    """The milliseconds by which tests have moved the clock forward."""

    offset_ms: int


class StoredLag(TypedDict):
    """Seconds until a change of each kind takes effect."""

    tags: NotRequired[float]
    memberships: NotRequired[float]
    quotas: NotRequired[float]
    tag_policies: NotRequired[float]


class StoredWarehouseConfig(TypedDict):
    """Settings of all warehouses."""

    channel: NotRequired[dict[str, Any]]
    config_param: NotRequired[dict[str, Any]]
    data_access_config: NotRequired[list[dict[str, Any]]]
    enable_serverless_compute: NotRequired[bool]
    enabled_warehouse_types: NotRequired[list[dict[str, Any]]]
    global_param: NotRequired[dict[str, Any]]
    google_service_account: NotRequired[str]
    instance_profile_arn: NotRequired[str]
    security_policy: NotRequired[str]
    sql_configuration_parameters: NotRequired[dict[str, Any]]


class StoredDefaultNamespace(TypedDict):
    """The default catalog; None leaves it to the platform."""

    value: str | None
    etag: str


class StoredUndo(TypedDict):
    """A change that is not in effect yet: the document `key` of kind `kind` as it was `before`, None if it was absent."""

    id: str
    at_ms: int
    kind: str
    key: str
    before: dict[str, Any] | None
