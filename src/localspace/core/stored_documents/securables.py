"""Stored documents of Unity Catalog beside tables: models, connections, allowlists, system schemas, bindings.

Times are milliseconds since 1970.
"""

from typing import Any, NotRequired, TypedDict

from localspace.core.stored_documents.catalog import StoredSecurable


class StoredArtifactMatcher(TypedDict):
    """A prefix of artifacts that may be installed."""

    artifact: str
    match_type: str


class StoredArtifactAllowlist(TypedDict):
    """The artifacts of one type that compute of the metastore may load."""

    metastore_id: str
    created_at: int
    created_by: str
    artifact_matchers: NotRequired[list[StoredArtifactMatcher]]


class StoredSystemSchema(TypedDict):
    """A system schema of a metastore that somebody has switched on or off."""

    metastore_id: str
    schema: str
    state: str


class StoredConnection(StoredSecurable):
    """A connection to another system: a record, for no system is reached. Passwords and tokens are not kept."""

    connection_id: str
    connection_type: str
    credential_type: str
    options: dict[str, str]
    read_only: bool
    properties: NotRequired[dict[str, str]]
    environment_settings: NotRequired[dict[str, Any]]


class StoredModelAlias(TypedDict):
    """A name for one version of a model."""

    alias_name: str
    version_num: int


class StoredModel(StoredSecurable):
    """A registered model; `last_version` is the number given last."""

    catalog_name: str
    schema_name: str
    model_id: str
    storage_location: str
    last_version: int
    aliases: NotRequired[list[StoredModelAlias]]


class StoredModelVersion(TypedDict):
    """A version of a registered model."""

    id: str
    catalog_name: str
    schema_name: str
    model_name: str
    version: int
    metastore_id: str
    status: str
    storage_location: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    comment: NotRequired[str]
    source: NotRequired[str]
    run_id: NotRequired[str]
    run_workspace_id: NotRequired[int]
    model_version_dependencies: NotRequired[dict[str, Any]]


class StoredBinding(TypedDict):
    """A workspace that a securable is bound to."""

    workspace_id: int
    binding_type: str


class StoredBindings(TypedDict):
    """The workspaces that a catalog, an external location or a storage credential is bound to."""

    securable_type: str
    securable_name: str
    bindings: list[StoredBinding]


class StoredClassificationConfig(TypedDict):
    """The configuration of data classification of a catalog."""

    name: str
    included_schemas: NotRequired[dict[str, list[str]]]
    excluded_schemas: NotRequired[dict[str, list[str]]]
    auto_tag_configs: NotRequired[list[dict[str, str]]]


class StoredClassificationScan(TypedDict):
    """The rows that the last scan of a catalog has found for system.data_classification.results."""

    rows: list[dict[str, Any]]
