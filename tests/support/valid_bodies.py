"""A valid body for routes that write, to start from when requests are generated."""

from __future__ import annotations

from typing import Any

UC = "/api/2.1/unity-catalog"
_IN = {"catalog_name": "main", "schema_name": "default"}
_COLUMN = {
    "name": "a",
    "type_text": "decimal(10,2)",
    "type_name": "DECIMAL",
    "type_precision": 10,
    "type_scale": 2,
    "nullable": False,
}
_TASK = {"task_key": "t", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "{{job.parameters.p}}"}}
_ENTRY = {"group_name": "users", "permission_level": "CAN_READ"}
_RULES = {"issuer": "https://issuer.example", "subject": "ci", "audiences": ["x"], "subject_claim": "sub"}
_JOB = {
    "name": "j", "tasks": [_TASK, {"task_key": "u", "depends_on": [{"task_key": "t", "outcome": "true"}], "notebook_task": {
        "notebook_path": "/Shared/n", "base_parameters": {"a": "b"}}}],
    "parameters": [{"name": "p", "default": "1"}], "schedule": {"quartz_cron_expression": "0 0 0 * * ?", "timezone_id": "UTC"},
    "queue": {"enabled": True}, "tags": {"a": "b"}, "environments": [{"environment_key": "e", "spec": {"dependencies": ["x"]}}],
}  # fmt: skip
_POLICY = {
    "name": "p", "policy_type": "POLICY_TYPE_COLUMN_MASK", "on_securable_type": "SCHEMA", "on_securable_fullname": "main.default",
    "for_securable_type": "TABLE", "to_principals": ["account users"], "except_principals": ["cleared"],
    "when_condition": "has_tag('pii')", "match_columns": [{"alias": "c", "condition": "has_tag_value('pii', 'ssn')"}],
    "column_mask": {"function_name": "main.default.f", "on_column": "c", "using": [{"constant": "x"}, {"alias": "c"}]},
}  # fmt: skip

VALID: dict[str, dict[str, Any]] = {
    f"POST {UC}/catalogs": {"name": "made", "comment": "c", "properties": {"a": "b"}},
    f"PATCH {UC}/catalogs/{{name}}": {"new_name": "other", "owner": "cleared", "isolation_mode": "OPEN"},
    f"POST {UC}/schemas": {"name": "made", "catalog_name": "main", "properties": {"a": "b"}},
    f"PATCH {UC}/schemas/{{full_name}}": {"new_name": "other", "comment": "x"},
    f"POST {UC}/tables": {"name": "made", **_IN, "table_type": "MANAGED", "columns": [_COLUMN]},
    f"POST {UC}/functions": {
        "function_info": {
            "name": "made", **_IN, "full_data_type": "STRING", "routine_definition": "concat(v, 'x')", "routine_body": "SQL",
            "input_params": {"parameters": [{"name": "v", "type_text": "STRING", "parameter_default": "'a'"}]},
        }
    },
    f"POST {UC}/volumes": {"name": "made", **_IN, "volume_type": "MANAGED"},
    f"PATCH {UC}/volumes/{{name}}": {"new_name": "other", "owner": "cleared"},
    f"POST {UC}/storage-credentials": {"name": "made", "aws_iam_role": {"role_arn": "arn:aws:iam::1:role/x"}},
    f"PATCH {UC}/storage-credentials/{{name}}": {"new_name": "other", "aws_iam_role": {"role_arn": "arn:aws:iam::1:role/y"}},
    f"POST {UC}/external-locations": {"name": "made", "url": "s3://other/x", "credential_name": "hidden7f3_cred"},
    f"PATCH {UC}/external-locations/{{name}}": {"url": "s3://third/x", "owner": "cleared", "new_name": "other"},
    f"PATCH {UC}/permissions/{{securable_type}}/{{full_name}}": {"changes": [{"principal": "cleared", "add": ["SELECT"]}]},
    "POST /api/2.1/tag-policies": {"tag_key": "made", "values": [{"name": "v"}], "description": "d"},
    "PATCH /api/2.1/tag-policies/{tag_key}": {"tag_key": "pii", "values": [{"name": "ssn"}, {"name": "w"}]},
    f"POST {UC}/entity-tag-assignments": {
        "entity_type": "columns", "entity_name": "hidden7f3.hidden7f3.hidden7f3_t.ssn", "tag_key": "x", "tag_value": "y",
    },
    f"POST {UC}/policies": _POLICY,
    f"PATCH {UC}/policies/{{on_securable_type}}/{{on_securable_fullname}}/{{name}}": _POLICY,
    "PUT /api/2.0/permissions/{object_type}/{object_id}": {"access_control_list": [_ENTRY]},
    "PATCH /api/2.0/permissions/{object_type}/{object_id}": {"access_control_list": [_ENTRY]},
    "POST /api/2.0/sql/warehouses": {"name": "made", "cluster_size": "Small", "channel": {"name": "CHANNEL_NAME_CURRENT"}},
    "POST /api/2.0/sql/warehouses/{id}/edit": {"name": "made", "cluster_size": "Small", "auto_stop_mins": 10},
    "POST /api/2.0/sql/statements": {"statement": "SELECT 1", "warehouse_id": "w", "wait_timeout": "0s", "row_limit": 1},
    "POST /api/2.0/secrets/put": {"scope": "hidden7f3_k", "key": "k", "string_value": "v"},
    "POST /api/2.0/secrets/acls/put": {"scope": "hidden7f3_k", "principal": "users", "permission": "READ"},
    "POST /api/2.0/serving-endpoints": {"name": "made", "config": {"served_entities": []}, "tags": [{"key": "a"}]},
    "POST /api/2.0/lakeview/dashboards": {"display_name": "made", "serialized_dashboard": '{"pages": [1], "datasets": {"a": 1}}'},
    "PATCH /api/2.0/lakeview/dashboards/{dashboard_id}": {"display_name": "other", "serialized_dashboard": "{}"},
    "POST /api/2.0/workspace/import": {"path": "/Shared/made", "content": "eA==", "format": "SOURCE", "language": "PYTHON"},
    "POST /api/2.0/workspace/delete": {"path": "/Shared/made", "recursive": True},
    **{f"POST /api/{version}/jobs/create": _JOB for version in ("2.1", "2.2")},
    **{f"POST /api/{version}/jobs/runs/submit": _JOB | {"run_name": "r"} for version in ("2.1", "2.2")},
    "POST /api/2.0/accounts/{account_id}/federationPolicies": {"oidc_policy": _RULES},
    "POST /api/2.0/accounts/{account_id}/servicePrincipals/{service_principal_id}/federationPolicies": {"oidc_policy": _RULES},
    "POST /api/2.0/accounts/{account_id}/workspaces": {"workspace_name": "made", "aws_region": "us-east-1"},
    **{
        f"POST {base}{plural}": body
        for base in ("/api/2.0/accounts/{account_id}/scim/v2/", "/api/2.0/preview/scim/v2/")
        for plural, body in (
            ("Users", {"userName": "made@bank.example", "name": {"givenName": "A"}, "emails": [{"value": "a@b"}]}),
            ("Groups", {"displayName": "made", "members": [{"value": "1"}], "entitlements": [{"value": "allow-cluster-create"}]}),
            ("ServicePrincipals", {"displayName": "made", "roles": [{"value": "r"}]}),
        )
    },
    **{
        f"PATCH {base}{plural}/{{id}}": {"Operations": [{"op": "add", "path": path, "value": value}]}
        for base in ("/api/2.0/accounts/{account_id}/scim/v2/", "/api/2.0/preview/scim/v2/")
        for plural, path, value in (
            ("Users", "name.givenName", "A"), ("Groups", 'members[value eq "1"]', [{"value": "1"}]),
            ("ServicePrincipals", "entitlements", [{"value": "x"}]),
        )
    },
}  # fmt: skip
"""`METHOD path` of a route to a body that it takes, or nearly."""
