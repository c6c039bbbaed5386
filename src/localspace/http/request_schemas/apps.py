"""Fields of requests about Databricks Apps (source: SDK 0.156, service.apps)."""

from __future__ import annotations

from localspace.http.request_schemas.types import FLAG, NOTHING, OBJECT, TEXT, TEXTS, WHOLE, FieldType, ListOf, fields

_RESOURCE = fields(
    name=TEXT,
    description=TEXT,
    sql_warehouse=fields(id=TEXT, permission=TEXT),
    serving_endpoint=fields(name=TEXT, permission=TEXT),
    job=fields(id=TEXT, permission=TEXT),
    genie_space=fields(name=TEXT, space_id=TEXT, permission=TEXT),
    uc_securable=fields(securable_full_name=TEXT, securable_type=TEXT, permission=TEXT),
    secret=OBJECT,
    database=OBJECT,
    experiment=OBJECT,
    postgres=OBJECT,
    app=OBJECT,
)
APP = fields(
    name=TEXT,
    description=TEXT,
    resources=ListOf(_RESOURCE),
    user_api_scopes=TEXTS,
    compute_size=TEXT,
    budget_policy_id=TEXT,
    usage_policy_id=TEXT,
    forward_user_access_token=FLAG,
    compute_min_instances=WHOLE,
    compute_max_instances=WHOLE,
    telemetry_export_destinations=ListOf(OBJECT),
    git_repository=OBJECT,
    git_source=OBJECT,
    space=TEXT,
)
DEPLOYMENT = fields(
    source_code_path=TEXT,
    mode=TEXT,
    deployment_id=TEXT,
    command=TEXTS,
    env_vars=ListOf(fields(name=TEXT, value=TEXT, value_from=TEXT)),
    git_source=OBJECT,
    health_check=OBJECT,
)
_ONE = "/api/2.0/apps/{name}"

SCHEMAS: dict[str, FieldType] = {
    "POST /api/2.0/apps": APP,
    f"PATCH {_ONE}": APP,
    f"POST {_ONE}/start": NOTHING,
    f"POST {_ONE}/stop": NOTHING,
    f"POST {_ONE}/deployments": DEPLOYMENT,
}
