"""Stored documents of the account's cloud configuration: records only, for no cloud is reached. Times are milliseconds."""

from typing import Any, NotRequired, TypedDict


class StoredCloudCredential(TypedDict):
    """A cross-account role of a workspace."""

    credentials_id: str
    account_id: str
    credentials_name: str
    aws_credentials: dict[str, Any]
    creation_time: int


class StoredNetwork(TypedDict):
    """A network of the customer."""

    network_id: str
    account_id: str
    network_name: str
    creation_time: int
    vpc_id: NotRequired[str]
    subnet_ids: NotRequired[list[str]]
    security_group_ids: NotRequired[list[str]]
    vpc_endpoints: NotRequired[dict[str, Any]]
    gcp_network_info: NotRequired[dict[str, Any]]


class StoredStorageConfiguration(TypedDict):
    """A root bucket of a workspace."""

    storage_configuration_id: str
    account_id: str
    storage_configuration_name: str
    root_bucket_info: dict[str, Any]
    creation_time: int
    role_arn: NotRequired[str]


class StoredPrivateAccessSettings(TypedDict):
    """Who may reach a workspace by a private link."""

    private_access_settings_id: str
    account_id: str
    private_access_settings_name: str
    region: str
    public_access_enabled: bool
    private_access_level: str
    allowed_vpc_endpoint_ids: NotRequired[list[str]]


class StoredVpcEndpoint(TypedDict):
    """An endpoint of the customer's network."""

    vpc_endpoint_id: str
    account_id: str
    vpc_endpoint_name: str
    state: str
    use_case: str
    region: NotRequired[str]
    aws_vpc_endpoint_id: NotRequired[str]
    gcp_vpc_endpoint_info: NotRequired[dict[str, Any]]


class StoredCustomerManagedKey(TypedDict):
    """A key of the customer."""

    customer_managed_key_id: str
    account_id: str
    use_cases: list[str]
    creation_time: int
    aws_key_info: NotRequired[dict[str, Any]]
    azure_key_info: NotRequired[dict[str, Any]]
    gcp_key_info: NotRequired[dict[str, Any]]


class StoredNetworkPolicy(TypedDict):
    """Rules of the network of serverless compute."""

    network_policy_id: str
    account_id: str
    egress: NotRequired[dict[str, Any]]
    ingress: NotRequired[dict[str, Any]]
    ingress_dry_run: NotRequired[dict[str, Any]]


class StoredWorkspaceNetworkOption(TypedDict):
    """The network policy of a workspace."""

    workspace_id: int
    network_policy_id: str
