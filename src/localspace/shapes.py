"""JSON types of the fields that many operations share, checked once at the border; unknown fields pass untouched."""

from __future__ import annotations

from typing import Any

from localspace.errors import invalid

_STRINGS = frozenset(
    [
        "name",
        "owner",
        "comment",
        "full_name",
        "new_name",
        "catalog_name",
        "schema_name",
        "storage_location",
        "table_type",
        "volume_type",
        "tag_key",
        "tag_value",
        "description",
        "entity_type",
        "entity_name",
        "entity_id",
        "policy_type",
        "on_securable_type",
        "on_securable_fullname",
        "for_securable_type",
        "when_condition",
        "function_name",
        "on_column",
        "alias",
        "condition",
        "principal",
        "scope",
        "key",
        "permission",
        "string_value",
        "bytes_value",
        "initial_manage_principal",
        "title",
        "parent_path",
        "serialized_space",
        "warehouse_id",
        "etag",
        "role",
        "url",
        "credential_name",
        "routine_definition",
        "routine_body",
        "full_data_type",
        "type_text",
        "type_name",
        "cluster_size",
        "warehouse_type",
        "workspace_name",
        "group_name",
        "user_name",
        "service_principal_name",
        "permission_level",
        "application_id",
        "token_id",
    ]
)
_LISTS_OF_STRINGS = frozenset(["add", "remove", "to_principals", "except_principals", "principals", "permissions", "privileges"])
_LISTS_OF_OBJECTS = frozenset(
    ["values", "columns", "changes", "match_columns", "using", "access_control_list", "grant_rules", "parameters"]
)
_OBJECTS = frozenset(
    [
        "function_info",
        "input_params",
        "column_mask",
        "row_filter",
        "grant",
        "deny",
        "policy_info",
        "metastore_info",
        "metastore_assignment",
        "rule_set",
        "channel",
        "properties",
        "aws_iam_role",
    ]
)
_CHECKED = (
    "/api/2.1/unity-catalog/",
    "/api/2.1/tag-policies",
    "/api/2.0/entity-tag-assignments",
    "/api/2.0/accounts/",
    "/api/2.0/preview/accounts/",
    "/api/2.0/sql/",
    "/api/2.0/permissions/",
    "/api/2.0/secrets/",
    "/api/2.0/genie/",
    "/api/2.0/token",
)


def check_shapes(path: str, body: dict[str, Any]) -> None:
    """Refuse a request whose shared fields have another JSON type than the platform's; null counts as absent."""
    # SCIM has names of its own, where `name` is an object.
    if path.startswith(_CHECKED) and "/scim/" not in path:
        _check(body, "")


def _check(value: Any, place: str) -> None:
    if isinstance(value, list):
        for at, one in enumerate(value):
            _check(one, f"{place}[{at}]")
    elif isinstance(value, dict):
        for name, one in value.items():
            where = f"{place}.{name}" if place else name
            if one is not None:
                _check_field(name, one, where)
                _check(one, where)


def _check_field(name: str, value: Any, place: str) -> None:
    if name in _STRINGS and not isinstance(value, str):
        raise invalid(f"{place} must be a string.")
    if name in _OBJECTS and not isinstance(value, dict):
        raise invalid(f"{place} must be an object.")
    for names, kind, noun in ((_LISTS_OF_STRINGS, str, "strings"), (_LISTS_OF_OBJECTS, dict, "objects")):
        if name in names and not (isinstance(value, list) and all(isinstance(one, kind) for one in value)):
            raise invalid(f"{place} must be a list of {noun}.")
