"""What routes take in their bodies: each route declares typed fields, real clients send no other, others are ignored."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import databricks.sdk.service
import pytest

from localspace.core.errors import ApiError
from localspace.http.request_schemas import RAW, SCHEMAS, schema_of
from localspace.http.request_schemas.types import (
    ANYTHING,
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    ElementsOf,
    Fields,
    FieldType,
    ListOf,
    MapOf,
)
from localspace.server.routes import ROUTES

pytestmark = pytest.mark.unit
WRONG: dict[FieldType, tuple[Any, ...]] = {
    TEXT: (1, True, 1.5, ["x"], {"a": 1}, "\ud800"),
    FLAG: (1, "true", 0.0, [True], {}),
    WHOLE: ("x", True, 1.5, [1], {}, 2**63, "", float("inf")),
    NUMBER: ("1", True, [1], {}, float("nan")),
    OBJECT: (1, "x", [{}], {"a": float("inf")}, {"a": "\ud800"}),
    ANYTHING: (float("nan"), [[float("inf")]], "\udfff"),
}
OUTPUT_ONLY = frozenset(
    [
        "accountId",
        "active",
        "autoscope_enabled",
        "create_time",
        "created_at",
        "created_by",
        "creator_name",
        "dashboard_id",
        "groups",
        "governed_tags",
        "id",
        "lifecycle_state",
        "meta",
        "path",
        "policy_id",
        "schemas",
        "scopes",
        "service_principal_id",
        "uid",
        "update_time",
        "updated_at",
        "updated_by",
        "workspace_id",
        "workspace_status",
        "workspace_status_message",
        "creation_time",
        "account_id",
        "expected_workspace_status",
        "network",
        "storage_mode",
        "azure_workspace_info",
        "cloud",
        "deployment_name",
        "gke_config",
        "gcp_managed_network_config",
        "cloud_resource_container",
        "location",
    ]
)
"""What clients may send that the server decides: ignored."""

UNUSED = frozenset(
    [
        "parameter_style",
        "sql_data_access",
        "is_null_call",
        "security_type",
        "specific_name",
        "external_language",
        "external_name",
        "properties",
        "return_params",
        "routine_dependencies",
        "sql_path",
        "dataframe_records",
        "dataframe_split",
        "client_request_id",
        "extra_params",
        "input",
        "inputs",
        "instances",
        "max_tokens",
        "n",
        "prompt",
        "stop",
        "temperature",
        "usage_context",
    ]
)
"""What clients may send and this server has no use for: ignored too."""

UNUSED_HERE = {
    **{
        one: {
            *("aliases", "browse_only", "full_name", "metastore_id", "catalog_name", "schema_name", "name"),
            *("storage_location", "owner"),
        }
        for one in ("RegisteredModels.create", "RegisteredModels.update")
    },
    **{one: {"effective_run_as", "owner_user_name"} for one in ("AlertsV2.create_alert", "AlertsV2.update_alert")},
    **{f"DataClassification.{one}_catalog_config": {"name"} for one in ("create", "update")},
    **{
        one: {
            *("active_deployment", "app_status", "compute_status", "creator", "default_git_source", "default_source_code_path"),
            *("effective_budget_policy_id", "effective_usage_policy_id", "effective_user_api_scopes", "oauth2_app_client_id"),
            *("oauth2_app_integration_id", "pending_deployment", "service_principal_client_id", "service_principal_name"),
            *("source_code_path", "thumbnail_url", "updater", "url"),
        }
        for one in ("Apps.create", "Apps.update")
    },
    "Apps.deploy": {"creator", "deployment_artifacts", "status"},
    "RegisteredModels.set_alias": {"alias", "full_name"},
    "ModelVersions.update": {
        *("catalog_name", "metastore_id", "model_name", "model_version_dependencies", "run_id", "run_workspace_id"),
        *("schema_name", "source", "status", "storage_location", "aliases"),
    },
    "AccountFederationPolicy.create": {"name"},
    "AccountFederationPolicy.update": {"name"},
    "ServicePrincipalFederationPolicy.create": {"name"},
    "ServicePrincipalFederationPolicy.update": {"name"},
    "Lakeview.create": {"etag"},
    "Lakeview.update": {"parent_path"},
}


def test_every_write_route_declares_its_fields() -> None:
    writes = {f"{one.method} {one.path}" for one in ROUTES if one.method in ("POST", "PUT", "PATCH")}
    served = {one for one in writes if " /_localspace/" not in one}
    assert served == set(SCHEMAS) | RAW
    assert not set(SCHEMAS) & RAW


def places(kind: FieldType, value: Any = None) -> Iterator[tuple[str, FieldType, Any]]:
    """Yield each typed place below an object: its path, its type, and how to put a value there into a body."""
    if isinstance(kind, Fields):
        for name, inner in kind.types.items():
            yield name, inner, lambda one, name=name: {name: one}
            for path, deeper, into in places(inner):
                yield f"{name}.{path}", deeper, lambda one, name=name, into=into: {name: into(one)}
    elif isinstance(kind, (ListOf, ElementsOf)):
        yield "[0]", kind.element, lambda one: [one]
        for path, deeper, into in places(kind.element):
            yield f"[0].{path}", deeper, lambda one, into=into: [into(one)]
    elif isinstance(kind, MapOf):
        yield "k", kind.value, lambda one: {"k": one}


def wrong_for(kind: FieldType) -> tuple[Any, ...]:
    if isinstance(kind, (ListOf, ElementsOf)):
        return (1, "x", True, {"a": 1})
    if isinstance(kind, (MapOf, Fields)):
        return (1, "x", True, ["a"])
    return WRONG[kind]


@pytest.mark.parametrize("route", SCHEMAS)
def test_each_field_of_each_route_refuses_each_wrong_type_with_its_location(route: str) -> None:
    schema = SCHEMAS[route]
    for path, kind, into in places(schema):
        for wrong in wrong_for(kind):
            if isinstance(wrong, str) and path.endswith("[0]") and wrong.isascii() and isinstance(kind, Fields):
                continue  # SCIM takes the value of an element alone
            with pytest.raises(ApiError) as raised:
                schema.read(into(wrong), "")
            assert (raised.value.status, raised.value.error_code) == (400, "INVALID_PARAMETER_VALUE")
            first = path.split(".")[0].split("[")[0]
            assert raised.value.message.startswith(first), raised.value.message


@pytest.mark.parametrize("route", SCHEMAS)
def test_no_undeclared_field_comes_through_at_any_depth(route: str) -> None:
    schema = SCHEMAS[route]
    assert isinstance(schema, Fields)
    assert schema.read({"foreign": [1, {"x": None}], "__proto__": {}}, "") == {}
    for _, kind, into in places(schema):
        if isinstance(kind, Fields):
            assert "foreign" not in repr(schema.read(into({"foreign": {"deep": 1}}), ""))


def test_null_counts_as_absent_and_digits_as_a_number() -> None:
    schema = schema_of("POST", "/api/2.0/sql/warehouses")
    assert schema.read({"name": None, "auto_stop_mins": "10", "max_num_clusters": 2.0}, "") == {
        "auto_stop_mins": 10,
        "max_num_clusters": 2,
    }


def test_null_counts_as_absent_within_a_free_value_and_is_no_element_of_a_list() -> None:
    assert OBJECT.read({"a": None, "b": {"c": None, "d": [1]}}, "o") == {"b": {"d": [1]}}
    with pytest.raises(ApiError, match="o must not hold null in a list"):
        OBJECT.read({"a": [None]}, "o")


def test_a_free_value_may_nest_a_hundred_levels() -> None:
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    assert ANYTHING.read(deep, "x") == deep
    with pytest.raises(ApiError, match="nests too deeply"):
        ANYTHING.read([deep], "x")


def services() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(databricks.sdk.service.__path__):
        loaded = importlib.import_module(f"databricks.sdk.service.{module.name}")
        for name, value in vars(loaded).items():
            if inspect.isclass(value) and name.endswith("API") and value.__module__ == loaded.__name__:
                found[name.removesuffix("API")] = value
    return found


def test_every_field_that_the_sdk_sends_is_declared_or_known_to_be_ignored() -> None:
    """A field that a client sends and nobody here has thought of would be lost in silence."""
    known = services()
    forgotten: dict[str, list[str]] = {}
    for route in ROUTES:
        schema = SCHEMAS.get(f"{route.method} {route.path}")
        if not isinstance(schema, Fields):
            continue
        for one in route.sdk:
            service, method = one.split(".")
            function = getattr(known[service], method)
            sent = set(re.findall(r'body\["(\w+)"\]', inspect.getsource(function)))
            whole = re.findall(r"body = (\w+)\.as_dict", inspect.getsource(function))
            for name in whole:
                kind = inspect.signature(function).parameters[name].annotation
                module = inspect.getmodule(known[service])
                sent |= set(getattr(module, str(kind)).__dataclass_fields__)
            lost = sorted(sent - set(schema.types) - OUTPUT_ONLY - UNUSED - UNUSED_HERE.get(one, set()))
            if lost:
                forgotten[one] = lost
    assert forgotten == {}
