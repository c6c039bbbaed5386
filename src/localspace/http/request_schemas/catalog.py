"""Fields of requests about Unity Catalog: securables, grants, policies, tags (source: SDK 0.156, service.catalog)."""

from __future__ import annotations

from localspace.http.request_schemas.types import FLAG, OBJECT, TEXT, TEXT_MAP, TEXTS, WHOLE, ListOf, fields

# Catalogs and schemas. A schema never changes its catalog, an object never its schema: policies and grants hang on the name.

_KEPT = fields(comment=TEXT, properties=TEXT_MAP, custom_max_retention_hours=WHOLE)
_CHANGED = _KEPT.plus(new_name=TEXT, owner=TEXT, enable_predictive_optimization=TEXT)

CREATE_CATALOG = _KEPT.plus(
    name=TEXT,
    connection_name=TEXT,
    managed_encryption_settings=OBJECT,
    options=TEXT_MAP,
    provider_name=TEXT,
    share_name=TEXT,
    storage_root=TEXT,
    isolation_mode=TEXT,
)
UPDATE_CATALOG = _CHANGED.plus(isolation_mode=TEXT, managed_encryption_settings=OBJECT, options=TEXT_MAP)
CREATE_SCHEMA = _KEPT.plus(name=TEXT, catalog_name=TEXT, storage_root=TEXT)
UPDATE_SCHEMA = _CHANGED

# Lineage: the platform's page sends the fields of a GET in its body.

LINEAGE = fields(table_name=TEXT, column_name=TEXT, include_entity_lineage=TEXT)

# Tables, functions, volumes. Masks and filters are set by SQL alone.

_COLUMN = fields(
    name=TEXT,
    comment=TEXT,
    nullable=FLAG,
    partition_index=WHOLE,
    type_interval_type=TEXT,
    type_json=TEXT,
    type_name=TEXT,
    type_precision=WHOLE,
    type_scale=WHOLE,
    type_text=TEXT,
)
CREATE_TABLE = fields(
    name=TEXT,
    catalog_name=TEXT,
    schema_name=TEXT,
    table_type=TEXT,
    data_source_format=TEXT,
    storage_location=TEXT,
    columns=ListOf(_COLUMN),
    properties=TEXT_MAP,
    comment=TEXT,
)
UPDATE_OBJECT = fields(owner=TEXT, comment=TEXT)

_PARAMETER = fields(name=TEXT, type_text=TEXT, type_name=TEXT, type_json=TEXT, parameter_default=TEXT, comment=TEXT)
_FUNCTION = fields(
    name=TEXT,
    catalog_name=TEXT,
    schema_name=TEXT,
    input_params=fields(parameters=ListOf(_PARAMETER)),
    data_type=TEXT,
    full_data_type=TEXT,
    routine_body=TEXT,
    routine_definition=TEXT,
    is_deterministic=FLAG,
    comment=TEXT,
)
CREATE_FUNCTION = _FUNCTION.plus(function_info=_FUNCTION)
CREATE_VOLUME = fields(name=TEXT, catalog_name=TEXT, schema_name=TEXT, volume_type=TEXT, storage_location=TEXT, comment=TEXT)
UPDATE_VOLUME = UPDATE_OBJECT.plus(new_name=TEXT)

# Metastores

_METASTORE = fields(
    owner=TEXT,
    delta_sharing_organization_name=TEXT,
    delta_sharing_recipient_token_lifetime_in_seconds=WHOLE,
    delta_sharing_scope=TEXT,
    external_access_enabled=FLAG,
    privilege_model_version=TEXT,
    storage_root_credential_id=TEXT,
)
UPDATE_METASTORE = _METASTORE.plus(new_name=TEXT)
CREATE_METASTORE = fields(name=TEXT, external_access_enabled=FLAG, region=TEXT, storage_root=TEXT)
CREATE_ACCOUNT_METASTORE = fields(metastore_info=CREATE_METASTORE)
UPDATE_ACCOUNT_METASTORE = fields(metastore_info=_METASTORE)
METASTORE_ASSIGNMENT = fields(metastore_assignment=fields(default_catalog_name=TEXT, metastore_id=TEXT))
ASSIGN_METASTORE = fields(metastore_id=TEXT, default_catalog_name=TEXT, workspace_id=WHOLE)

# Storage

_CLOUD = fields(
    aws_iam_role=fields(role_arn=TEXT),
    azure_managed_identity=fields(access_connector_id=TEXT, managed_identity_id=TEXT, credential_id=TEXT),
    azure_service_principal=fields(directory_id=TEXT, application_id=TEXT, client_secret=TEXT),
    cloudflare_api_token=fields(access_key_id=TEXT, secret_access_key=TEXT, account_id=TEXT),
    databricks_gcp_service_account=fields(),
)
_STORED = fields(comment=TEXT, read_only=FLAG, skip_validation=FLAG)
_STORED_CHANGED = _STORED.plus(force=FLAG, isolation_mode=TEXT, new_name=TEXT, owner=TEXT)
CREATE_CREDENTIAL = _STORED.plus(name=TEXT, **_CLOUD.types)
UPDATE_CREDENTIAL = _STORED_CHANGED.plus(**_CLOUD.types)
VALIDATE_CREDENTIAL = fields(storage_credential_name=TEXT, external_location_name=TEXT, url=TEXT, read_only=FLAG).plus(
    **_CLOUD.types
)
_LOCATION = fields(
    credential_name=TEXT,
    url=TEXT,
    encryption_details=OBJECT,
    fallback=FLAG,
    enable_file_events=FLAG,
    effective_enable_file_events=FLAG,
    file_event_queue=OBJECT,
    effective_file_event_queue=OBJECT,
)
CREATE_LOCATION = _STORED.plus(name=TEXT, **_LOCATION.types)
UPDATE_LOCATION = _STORED_CHANGED.plus(**_LOCATION.types)

# Grants, policies, tags

GRANTS = fields(
    changes=ListOf(fields(principal=TEXT, add=TEXTS, remove=TEXTS)),
    omit_permissions_in_response=FLAG,
)
_ARGUMENT = fields(
    alias=TEXT,
    constant=TEXT,
    function_arg_expression=fields(
        tag_introspection=fields(tag_value=fields(tag_key=TEXT), column_tag_value=fields(column_alias=TEXT, tag_key=TEXT))
    ),
)
POLICY = fields(
    name=TEXT,
    comment=TEXT,
    on_securable_type=TEXT,
    on_securable_fullname=TEXT,
    for_securable_type=TEXT,
    policy_type=TEXT,
    to_principals=TEXTS,
    except_principals=TEXTS,
    when_condition=TEXT,
    match_columns=ListOf(fields(alias=TEXT, condition=TEXT)),
    column_mask=fields(function_name=TEXT, on_column=TEXT, using=ListOf(_ARGUMENT)),
    row_filter=fields(function_name=TEXT, using=ListOf(_ARGUMENT)),
    grant=fields(privileges=TEXTS),
    deny=fields(privileges=TEXTS),
    # Not in the SDK's PolicyInfo, but sent by other clients: kept, and without meaning here.
    use_session_identity=FLAG,
)
CREATE_POLICY = POLICY.plus(policy_info=POLICY)
TAG_POLICY = fields(tag_key=TEXT, description=TEXT, values=ListOf(fields(name=TEXT)))
ENTITY_TAG = fields(entity_type=TEXT, entity_name=TEXT, tag_key=TEXT, tag_value=TEXT, source_type=TEXT)
OBJECT_TAG = fields(entity_type=TEXT, entity_id=TEXT, tag_key=TEXT, tag_value=TEXT)
