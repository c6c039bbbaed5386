"""Stored documents of the account: people, tokens, federation, workspaces. Times are RFC 3339 unless they end in `_ms`."""

from typing import Any, NotRequired, TypedDict


class StoredName(TypedDict):
    """A user's name in parts."""

    givenName: NotRequired[str]
    familyName: NotRequired[str]


class StoredEmail(TypedDict):
    """One of a user's addresses."""

    value: str
    type: NotRequired[str]
    primary: NotRequired[bool]
    display: NotRequired[str]


class StoredUser(TypedDict):
    """A user; grants and policies call it `userName`."""

    id: str
    userName: str
    displayName: str
    active: bool
    externalId: NotRequired[str]
    name: NotRequired[StoredName]
    emails: NotRequired[list[StoredEmail]]
    roles: NotRequired[list[str]]


class StoredServicePrincipal(TypedDict):
    """A service principal; grants and policies call it `applicationId`."""

    id: str
    applicationId: str
    displayName: NotRequired[str]
    active: bool
    externalId: NotRequired[str]
    roles: NotRequired[list[str]]


class StoredGroup(TypedDict):
    """A group; grants and policies call one of scope `account` by its `displayName`, and never one of scope `workspace`.

    `entitlements` are those of a group of scope `workspace`; a principal of the account has `StoredEntitlements`.
    """

    id: str
    displayName: str
    scope: str
    members: list[str]
    externalId: NotRequired[str]
    entitlements: NotRequired[list[str]]
    roles: NotRequired[list[str]]
    system: NotRequired[bool]


class StoredEntitlements(TypedDict):
    """The entitlements of a principal of the account in one workspace."""

    principal_id: str
    entitlements: list[str]


class StoredToken(TypedDict):
    """A token, by its SHA-256; `scope` is pat, oauth or task, the last with the run of the task that has it.

    It is good in its workspace, or on all hosts if `account_wide`.
    """

    id: str
    principal_id: str
    created_ms: int
    expires_ms: int | None
    comment: str
    scope: str
    hash: str
    created_by: str
    workspace_id: NotRequired[str]
    account_wide: NotRequired[bool]
    task_run_id: NotRequired[int]


class StoredClientSecret(TypedDict):
    """A secret of a service principal, by its SHA-256."""

    id: str
    hash: str
    created_ms: int
    expires_ms: int


class StoredOidcRules(TypedDict):
    """The tokens that a federation policy accepts."""

    issuer: str
    audiences: NotRequired[list[str]]
    jwks_json: NotRequired[str]
    jwks_uri: NotRequired[str]
    subject: NotRequired[str]
    subject_claim: NotRequired[str]


class StoredFederationPolicy(TypedDict):
    """A federation policy of the account or of a service principal."""

    name: str
    policy_id: str
    uid: str
    oidc_policy: StoredOidcRules
    create_time: str
    update_time: str
    description: NotRequired[str]
    service_principal_id: NotRequired[int]


class StoredGrantRule(TypedDict):
    """A role with its principals, spelled `users/…`, `groups/…`, `servicePrincipals/…`."""

    role: str
    principals: list[str]


class StoredRuleSet(TypedDict):
    """The roles on an account resource."""

    name: str
    etag: str
    grant_rules: list[StoredGrantRule]


class StoredAccountWorkspace(TypedDict):
    """A workspace of the account; `port` is that of its host, `ready_ms` when it is provisioned (milliseconds since 1970)."""

    workspace_id: int
    workspace_name: str
    account_id: str
    workspace_status: str
    workspace_status_message: str
    creation_time: int
    aws_region: NotRequired[str]
    cloud: NotRequired[str]
    cloud_resource_container: NotRequired[dict[str, Any]]
    compute_mode: NotRequired[str]
    credentials_id: NotRequired[str]
    custom_tags: NotRequired[dict[str, str]]
    deployment_name: NotRequired[str]
    gcp_managed_network_config: NotRequired[dict[str, Any]]
    gke_config: NotRequired[dict[str, Any]]
    location: NotRequired[str]
    managed_services_customer_managed_key_id: NotRequired[str]
    network_connectivity_config_id: NotRequired[str]
    network_id: NotRequired[str]
    pricing_tier: NotRequired[str]
    private_access_settings_id: NotRequired[str]
    storage_configuration_id: NotRequired[str]
    storage_customer_managed_key_id: NotRequired[str]
    port: NotRequired[int]
    ready_ms: NotRequired[int]


class StoredAccountHost(TypedDict):
    """The host of the account: one of its own, or that of the first workspace for both planes."""

    separate: bool
    port: int


class StoredWorkspaceAssignment(TypedDict):
    """A principal of a workspace; permissions are USER and ADMIN."""

    principal_id: str
    permissions: list[str]


class StoredMetastoreAssignment(TypedDict):
    """The metastore of a workspace."""

    workspace_id: int
    metastore_id: str
    default_catalog_name: str
