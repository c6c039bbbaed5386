"""Stored documents of Databricks Apps. Times are RFC 3339."""

from typing import Any, NotRequired, TypedDict


class StoredApp(TypedDict):
    """An app; `compute` is ACTIVE or STOPPED, `client_secret_id` the secret that its process signs in with."""

    id: str
    name: str
    creator: str
    updater: str
    create_time: str
    update_time: str
    compute: str
    service_principal_id: int
    service_principal_client_id: str
    service_principal_name: str
    description: NotRequired[str]
    resources: NotRequired[list[dict[str, Any]]]
    user_api_scopes: NotRequired[list[str]]
    forward_user_access_token: NotRequired[bool]
    compute_size: NotRequired[str]
    active_deployment_id: NotRequired[str]
    client_secret_id: NotRequired[str]


class StoredDeployment(TypedDict):
    """A deployment of an app."""

    deployment_id: str
    app_name: str
    source_code_path: str
    mode: str
    creator: str
    create_time: str
    update_time: str
    state: str
    message: str
    command: NotRequired[list[str]]
    env_vars: NotRequired[list[dict[str, str]]]
