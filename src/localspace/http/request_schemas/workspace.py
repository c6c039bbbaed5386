"""Fields of requests about warehouses, secrets, spaces, dashboards, endpoints and files (source: SDK 0.156)."""

from __future__ import annotations

from localspace.http.request_schemas.types import ANYTHING, FLAG, NUMBER, OBJECT, TEXT, WHOLE, ListOf, fields

# SQL warehouses and statements

_PAIR = fields(key=TEXT, value=TEXT)
_CHANNEL = fields(name=TEXT, dbsql_version=TEXT)
WAREHOUSE = fields(
    name=TEXT,
    cluster_size=TEXT,
    auto_stop_mins=WHOLE,
    min_num_clusters=WHOLE,
    max_num_clusters=WHOLE,
    channel=_CHANNEL,
    customer_version_label=TEXT,
    enable_photon=FLAG,
    enable_serverless_compute=FLAG,
    instance_profile_arn=TEXT,
    max_dbu=WHOLE,
    reyden_cluster_size_multiplier=NUMBER,
    spot_instance_policy=TEXT,
    statement_timeout=WHOLE,
    tags=fields(custom_tags=ListOf(_PAIR)),
    warehouse_type=TEXT,
)
_PAIRS = fields(config_pair=ListOf(_PAIR), configuration_pairs=ListOf(_PAIR))
WAREHOUSE_CONFIG = fields(
    channel=_CHANNEL,
    config_param=_PAIRS,
    data_access_config=ListOf(_PAIR),
    enable_serverless_compute=FLAG,
    enabled_warehouse_types=ListOf(fields(warehouse_type=TEXT, enabled=FLAG)),
    global_param=_PAIRS,
    google_service_account=TEXT,
    instance_profile_arn=TEXT,
    security_policy=TEXT,
    sql_configuration_parameters=_PAIRS,
)
_PARAMETER = fields(name=TEXT, type=TEXT, value=TEXT)
_PLAIN_STATEMENT = fields(statement=TEXT, catalog=TEXT, schema=TEXT, parameters=ListOf(_PARAMETER))
TASK_STATEMENT = _PLAIN_STATEMENT.plus(views=ListOf(fields(name=TEXT, query=TEXT, catalog=TEXT, schema=TEXT)))
STATEMENT = _PLAIN_STATEMENT.plus(
    warehouse_id=TEXT,
    byte_limit=WHOLE,
    row_limit=WHOLE,
    disposition=TEXT,
    format=TEXT,
    wait_timeout=TEXT,
    on_wait_timeout=TEXT,
    query_tags=ListOf(_PAIR),
)

# Secrets

CREATE_SCOPE = fields(
    scope=TEXT,
    initial_manage_principal=TEXT,
    scope_backend_type=TEXT,
    backend_azure_keyvault=fields(resource_id=TEXT, dns_name=TEXT),
)
DELETE_SCOPE = fields(scope=TEXT)
PUT_SECRET = fields(scope=TEXT, key=TEXT, string_value=TEXT, bytes_value=TEXT)
DELETE_SECRET = fields(scope=TEXT, key=TEXT)
PUT_ACL = fields(scope=TEXT, principal=TEXT, permission=TEXT)
DELETE_ACL = fields(scope=TEXT, principal=TEXT)

# Genie spaces, dashboards, serving endpoints

CREATE_SPACE = fields(title=TEXT, description=TEXT, warehouse_id=TEXT, parent_path=TEXT, serialized_space=TEXT)
UPDATE_SPACE = CREATE_SPACE.plus(etag=TEXT)
CREATE_DASHBOARD = fields(display_name=TEXT, parent_path=TEXT, serialized_dashboard=TEXT, warehouse_id=TEXT)
UPDATE_DASHBOARD = fields(display_name=TEXT, serialized_dashboard=TEXT, warehouse_id=TEXT, etag=TEXT)
PUBLISH_DASHBOARD = fields(embed_credentials=FLAG, warehouse_id=TEXT)
CREATE_ENDPOINT = fields(
    name=TEXT,
    task=TEXT,
    description=TEXT,
    config=OBJECT,
    ai_gateway=OBJECT,
    budget_policy_id=TEXT,
    email_notifications=OBJECT,
    rate_limits=ListOf(OBJECT),
    route_optimized=FLAG,
    tags=ListOf(_PAIR),
    telemetry_config=OBJECT,
)
CHAT = fields(model=TEXT, messages=ListOf(OBJECT), stream=FLAG)

# Files, settings, telemetry

IMPORT = fields(path=TEXT, content=TEXT, format=TEXT, language=TEXT, overwrite=FLAG)
MAKE_FOLDERS = fields(path=TEXT)
DELETE_OBJECT = fields(path=TEXT, recursive=FLAG)
DEFAULT_NAMESPACE = fields(
    allow_missing=FLAG,
    field_mask=TEXT,
    setting=fields(namespace=fields(value=TEXT), etag=TEXT, setting_name=TEXT),
)
TELEMETRY = fields(items=ListOf(ANYTHING), protoLogs=ListOf(TEXT))
CONTROL = OBJECT
"""The control API takes what its handlers check: nobody but the local administrator calls it."""
