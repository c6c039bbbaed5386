"""Stored documents of Unity Catalog. Times are milliseconds since 1970, but RFC 3339 where the field ends in `_time`.

Principals are named as the platform names them: user name, group display name, application id, or `account users`. Tag keys
and values are case-sensitive: documents hold the spelling, and readers compare spellings.
"""

from typing import Any, NotRequired, TypedDict


class StoredSecurable(TypedDict):
    """Fields of every securable."""

    name: str
    full_name: str
    owner: str
    metastore_id: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    comment: NotRequired[str | None]


class StoredMetastore(TypedDict):
    """The metastore."""

    metastore_id: str
    name: str
    owner: str
    cloud: str
    region: str
    global_metastore_id: str
    privilege_model_version: str
    delta_sharing_scope: str
    storage_root: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    delta_sharing_organization_name: NotRequired[str]
    delta_sharing_recipient_token_lifetime_in_seconds: NotRequired[int]
    external_access_enabled: NotRequired[bool]
    storage_root_credential_id: NotRequired[str]


class StoredCatalog(StoredSecurable):
    """A catalog."""

    id: str
    catalog_type: str
    securable_type: str
    securable_kind: str
    isolation_mode: str
    properties: NotRequired[dict[str, str]]
    options: NotRequired[dict[str, str]]
    connection_name: NotRequired[str]
    custom_max_retention_hours: NotRequired[int]
    enable_predictive_optimization: NotRequired[str]
    managed_encryption_settings: NotRequired[dict[str, Any]]
    provider_name: NotRequired[str]
    share_name: NotRequired[str]
    storage_root: NotRequired[str]


class StoredSchema(StoredSecurable):
    """A schema."""

    catalog_name: str
    catalog_type: str
    schema_id: str
    properties: NotRequired[dict[str, str]]
    custom_max_retention_hours: NotRequired[int]
    enable_predictive_optimization: NotRequired[str]
    storage_root: NotRequired[str]


class StoredArgument(TypedDict):
    """An argument of a mask or filter: a `column`, or a `constant` as text, None for NULL."""

    column: NotRequired[str]
    constant: NotRequired[str | None]


class StoredColumnMask(TypedDict):
    """A column mask that a table's own DDL has set.

    `using_arguments` is there when an argument is a constant: all arguments in their order; `using_column_names` are the
    columns among them.
    """

    function_name: str
    using_column_names: list[str]
    using_arguments: NotRequired[list[StoredArgument]]


class StoredRowFilter(TypedDict):
    """A row filter that a table's own DDL has set; `input_arguments` as in StoredColumnMask."""

    function_name: str
    input_column_names: list[str]
    input_arguments: NotRequired[list[StoredArgument]]


class StoredIdentity(TypedDict):
    """How an identity column numbers its rows; `next` is the number that the next row gets."""

    always: bool
    start: int
    step: int
    next: int


class StoredColumn(TypedDict):
    """A column; `physical` is its name in the files and never changes, so that RENAME and DROP are metadata."""

    name: str
    physical: str
    position: int
    nullable: bool
    type_text: str
    type_name: str
    type_json: NotRequired[str]
    type_precision: NotRequired[int]
    type_scale: NotRequired[int]
    type_interval_type: NotRequired[str]
    partition_index: NotRequired[int]
    comment: NotRequired[str | None]
    default: NotRequired[str | None]
    identity: NotRequired[StoredIdentity | None]
    mask: NotRequired[StoredColumnMask | None]


class StoredRows(TypedDict):
    """The folder with the rows of a table, relative to the data folder; each change writes a new one and swaps it."""

    path: str


class StoredTable(StoredSecurable):
    """A table, or a view, which has a `view_definition`."""

    catalog_name: str
    schema_name: str
    table_id: str
    table_type: str
    columns: list[StoredColumn]
    storage: NotRequired[StoredRows | None]
    data_source_format: NotRequired[str | None]
    storage_location: NotRequired[str | None]
    last_physical: NotRequired[int | None]
    row_filter: NotRequired[StoredRowFilter | None]
    clustering_columns: NotRequired[list[str]]
    partition_columns: NotRequired[list[str]]
    table_constraints: NotRequired[list[dict[str, Any]]]
    properties: NotRequired[dict[str, str]]
    view_definition: NotRequired[str | None]
    view_namespace: NotRequired[list[str]]


class StoredParameter(TypedDict):
    """A parameter of a function."""

    name: str
    type_text: str
    type_name: NotRequired[str]
    type_json: NotRequired[str]
    parameter_default: NotRequired[str]
    parameter_mode: NotRequired[str]
    parameter_type: NotRequired[str]
    position: NotRequired[int]
    comment: NotRequired[str]


class StoredFunction(StoredSecurable):
    """A function in SQL."""

    catalog_name: str
    schema_name: str
    function_id: str
    input_params: list[StoredParameter]
    full_data_type: str
    routine_definition: str
    data_type: NotRequired[str]
    is_deterministic: NotRequired[bool]
    is_null_call: NotRequired[bool]
    language: NotRequired[str]
    parameter_style: NotRequired[str]
    routine_body: NotRequired[str]
    security_type: NotRequired[str]
    specific_name: NotRequired[str]
    sql_data_access: NotRequired[str]


class StoredVolume(StoredSecurable):
    """A volume."""

    catalog_name: str
    schema_name: str
    volume_id: str
    volume_type: str
    storage_location: str


class StoredCredential(StoredSecurable):
    """A storage credential: a record, for no cloud is reached."""

    id: str
    read_only: bool
    isolation_mode: NotRequired[str]
    aws_iam_role: NotRequired[dict[str, Any]]
    azure_managed_identity: NotRequired[dict[str, Any]]
    azure_service_principal: NotRequired[dict[str, Any]]
    cloudflare_api_token: NotRequired[dict[str, Any]]
    databricks_gcp_service_account: NotRequired[dict[str, Any]]


class StoredExternalLocation(StoredSecurable):
    """An external location over a storage credential."""

    id: str
    url: str
    credential_id: str
    credential_name: str
    read_only: bool
    isolation_mode: NotRequired[str]
    encryption_details: NotRequired[dict[str, Any]]
    fallback: NotRequired[bool]
    enable_file_events: NotRequired[bool]
    effective_enable_file_events: NotRequired[bool]
    file_event_queue: NotRequired[dict[str, Any]]
    effective_file_event_queue: NotRequired[dict[str, Any]]


class StoredTableLocation(TypedDict):
    """A URL with an external table, or with the columns and rows that a dropped one has left there."""

    url: str
    key: str
    table_id: str | None
    columns: NotRequired[list[dict[str, Any]]]
    storage: NotRequired[StoredRows | None]
    owner: NotRequired[str | None]
    last_physical: NotRequired[int | None]
    legacy: NotRequired[bool]


class StoredGrant(TypedDict):
    """The privileges of one principal on one securable; a view's are kept under TABLE."""

    securable_type: str
    full_name: str
    principal: str
    privileges: list[str]


class StoredTagValue(TypedDict):
    """An allowed value of a governed tag."""

    name: str


class StoredTagPolicy(TypedDict):
    """A governed tag."""

    id: str
    tag_key: str
    create_time: str
    update_time: str
    values: NotRequired[list[StoredTagValue]]
    description: NotRequired[str]


class StoredTag(TypedDict):
    """A tag on a catalog, schema, table, column or volume."""

    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str
    update_time: str
    updated_by: str
    source_type: NotRequired[str]


class StoredObjectTag(TypedDict):
    """A tag on an object of the workspace."""

    entity_type: str
    entity_id: str
    tag_key: str
    tag_value: str
    update_time: str
    updated_by: str


class StoredPolicyTag(TypedDict):
    """A tag that a policy's conditions name."""

    tag_key: str
    tag_value: NotRequired[str]


class StoredPolicy(TypedDict):
    """An ABAC policy; `governed_tags` are the tags of its conditions, `metastore_named` how its client names the metastore."""

    id: str
    name: str
    on_securable_type: str
    on_securable_fullname: str
    policy_type: str
    to_principals: list[str]
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    governed_tags: NotRequired[list[StoredPolicyTag]]
    metastore_named: NotRequired[str]
    comment: NotRequired[str]
    for_securable_type: NotRequired[str]
    except_principals: NotRequired[list[str]]
    when_condition: NotRequired[str]
    match_columns: NotRequired[list[dict[str, Any]]]
    column_mask: NotRequired[dict[str, Any]]
    row_filter: NotRequired[dict[str, Any]]
    grant: NotRequired[dict[str, Any]]
    deny: NotRequired[dict[str, Any]]
    use_session_identity: NotRequired[bool]


class StoredClassification(TypedDict):
    """The rows of system.data_classification.results."""

    rows: list[dict[str, Any]]
