"""Every document of the store is as its kind declares it."""

import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any, NotRequired, TypedDict, get_origin, get_type_hints, is_typeddict

import pytest

from localspace.core.errors import ApiError
from localspace.core.store import Store
from localspace.core.stored_documents import (
    apps,
    catalog,
    compute,
    conversations,
    directory,
    jobs,
    kinds,
    queries,
    securables,
    workspace,
)
from localspace.core.stored_documents.kind import Kind
from localspace.http.request_schemas import catalog as catalog_requests
from localspace.http.request_schemas import compute as compute_requests
from localspace.http.request_schemas import directory as directory_requests
from localspace.http.request_schemas import workspace as workspace_requests
from localspace.http.request_schemas.types import Fields
from support.populated_workspace import UC, Populated, populated
from support.stored import misfits, undeclared

PASSED_ON: tuple[tuple[Kind[Any], Fields, set[str]], ...] = (
    (kinds.CATALOG, catalog_requests.CREATE_CATALOG, set()),
    (kinds.CATALOG, catalog_requests.UPDATE_CATALOG, {"new_name"}),
    (kinds.SCHEMA, catalog_requests.CREATE_SCHEMA, set()),
    (kinds.SCHEMA, catalog_requests.UPDATE_SCHEMA, {"new_name"}),
    (kinds.TABLE, catalog_requests.CREATE_TABLE, set()),
    (kinds.VOLUME, catalog_requests.CREATE_VOLUME, set()),
    (kinds.METASTORE, catalog_requests.UPDATE_METASTORE, {"new_name"}),
    (kinds.STORAGE_CREDENTIAL, catalog_requests.CREATE_CREDENTIAL, {"skip_validation"}),
    (kinds.STORAGE_CREDENTIAL, catalog_requests.UPDATE_CREDENTIAL, {"skip_validation", "force", "new_name"}),
    (kinds.EXTERNAL_LOCATION, catalog_requests.CREATE_LOCATION, {"skip_validation"}),
    (kinds.EXTERNAL_LOCATION, catalog_requests.UPDATE_LOCATION, {"skip_validation", "force", "new_name"}),
    (kinds.TAG_POLICY, catalog_requests.TAG_POLICY, set()),
    (kinds.TAG, catalog_requests.ENTITY_TAG, set()),
    (kinds.OBJECT_TAG, catalog_requests.OBJECT_TAG, set()),
    (kinds.POLICY, catalog_requests.POLICY, set()),
    (kinds.WAREHOUSE, workspace_requests.WAREHOUSE, set()),
    (kinds.WAREHOUSE_CONFIG, workspace_requests.WAREHOUSE_CONFIG, set()),
    (kinds.SERVING_ENDPOINT, workspace_requests.CREATE_ENDPOINT, set()),
    (kinds.CLUSTER_POLICY, compute_requests.POLICY, {"policy_family_id", "policy_family_definition_overrides"}),
    (kinds.ACCOUNT_WORKSPACE, directory_requests.CREATE_WORKSPACE, set()),
    (kinds.ACCOUNT_WORKSPACE, directory_requests.UPDATE_WORKSPACE, set()),
)
"""Kinds that keep what a client sends, the request, and the fields of it that are not kept."""


@pytest.mark.unit
def test_every_declared_document_has_a_kind_or_is_part_of_one() -> None:
    modules: tuple[ModuleType, ...] = (apps, catalog, compute, conversations, directory, jobs, queries, securables, workspace)
    declared = {one for module in modules for _, one in inspect.getmembers(module, is_typeddict)}
    source = "".join(inspect.getsource(module) for module in modules)
    parts = {one for one in declared if source.count(one.__name__) > 1}
    assert declared - parts <= {kind.fields for kind in kinds.ALL}
    constants = {one for _, one in inspect.getmembers(kinds) if isinstance(one, Kind)}
    assert constants == set(kinds.ALL)
    assert len({kind.name for kind in kinds.ALL}) == len(kinds.ALL)


@pytest.mark.unit
@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_the_parent_of_a_kind_has_at_most_as_many_parts_as_its_key(kind: Kind[Any]) -> None:
    assert len(kind.parent) <= len(kind.key)


@pytest.mark.unit
@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_a_field_is_optional_where_its_declaration_says_so(kind: Kind[Any]) -> None:
    # With postponed annotations every field of a TypedDict would count as required.
    hints = get_type_hints(kind.fields, include_extras=True)
    assert kind.optional == {name for name, hint in hints.items() if get_origin(hint) is NotRequired}


@pytest.mark.unit
@pytest.mark.parametrize(("kind", "request_fields", "dropped"), PASSED_ON)
def test_a_kind_declares_every_field_of_the_request_that_it_keeps(
    kind: Kind[Any], request_fields: Fields, dropped: set[str]
) -> None:
    assert set(request_fields.types) - dropped <= kind.required | kind.optional


class Inner(TypedDict):
    n: int


class Sample(TypedDict):
    name: str
    inner: list[Inner]
    note: NotRequired[str | None]


GOOD = {"name": "a", "inner": [{"n": 1}], "note": None}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("body", "found"),
    [
        (GOOD, []),
        ({"name": "a", "inner": []}, []),
        (GOOD | {"extra": 1}, [".extra is not declared"]),
        ({"inner": []}, [".name is missing"]),
        (GOOD | {"name": 1}, [".name is 1, declared <class 'str'>"]),
        (GOOD | {"inner": [{"n": 1, "m": 2}]}, [".inner[0].m is not declared"]),
        (GOOD | {"inner": [{"n": True}]}, [".inner[0].n is True, declared <class 'int'>"]),
    ],
)
def test_a_document_that_is_not_as_declared_is_found(body: dict[str, Any], found: list[str]) -> None:
    assert list(misfits(body, Sample)) == found


@pytest.mark.unit
@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"run_id": 1, "more": 2}, 501, "The local workspace does not keep more of a run token."),
        ({}, 400, "Missing required field: run_id"),
    ],
)
def test_a_kind_refuses_unknown_and_missing_fields_by_name(body: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        kinds.RUN_TOKEN.document(body)
    assert (raised.value.status, raised.value.message) == (status, message)


@pytest.mark.unit
def test_documents_are_found_by_their_kind_and_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    store.put(kinds.RUN_TOKEN, ("a",), {"run_id": 1})
    assert (store.get(kinds.RUN_TOKEN, "a"), store.get(kinds.RUN_TOKEN, "b")) == ({"run_id": 1}, None)
    store.close()


def write_the_rest(world: Populated) -> None:
    """Write a document of each kind that the populated workspace lacks."""
    space, made, robot = world.space, world.made, world.ids["robot"]
    made("POST", world.account(f"/servicePrincipals/{robot}/credentials/secrets"), {})
    policy = {"oidc_policy": {"issuer": "https://issuer.example", "subject": "robot", "audiences": ["x"]}}
    made("POST", world.account(f"/servicePrincipals/{robot}/federationPolicies"), policy)
    tag = {"entity_type": "geniespaces", "entity_id": world.ids["space"], "tag_key": "team", "tag_value": "risk"}
    made("POST", "/api/2.0/entity-tag-assignments", tag)
    made("POST", "/api/2.2/jobs/run-now", {"job_id": int(world.ids["job"]), "idempotency_token": "once"})
    made("PUT", "/api/2.0/sql/config/warehouses", {"security_policy": "NONE"})
    unset = world.admin.get("/api/2.0/settings/types/default_namespace_ws/names/default").json()
    setting = {"namespace": {"value": "main"}, "etag": unset["details"][0]["metadata"]["etag"], "setting_name": "default"}
    body = {"allow_missing": True, "field_mask": "namespace.value", "setting": setting}
    made("PATCH", "/api/2.0/settings/types/default_namespace_ws/names/default", body)
    space.control("PUT", "stub-responses/model", {"kind": "rules", "rules": [{"pattern": "a", "reply": "b"}], "default": "c"})
    space.control("PUT", "classification", {"results": [{"catalog_name": "main", "samples": ["x"], "frequency": 0.5}]})
    space.control("POST", "clock/tick", {"seconds": 1})
    space.control("PUT", "lag", {"tags": 60, "memberships": 60, "tag_policies": 60, "quotas": 60})
    sts = {"sts_role": {"role_arn": "arn:aws:iam::1:role/x"}}
    made("POST", world.account("/credentials"), {"credentials_name": "c", "aws_credentials": sts})
    made("POST", world.account("/networks"), {"network_name": "n"})
    bucket = {"storage_configuration_name": "s", "root_bucket_info": {"bucket_name": "b"}}
    made("POST", world.account("/storage-configurations"), bucket)
    access = {"private_access_settings_name": "p", "region": "us-east-1"}
    made("POST", world.account("/private-access-settings"), access)
    made("POST", world.account("/vpc-endpoints"), {"vpc_endpoint_name": "v"})
    made("POST", world.account("/customer-managed-keys"), {"use_cases": ["STORAGE"]})
    made("POST", world.account("/network-policies"), {"network_policy_id": "np", "egress": {}})
    option = {"network_policy_id": "np"}
    made("PUT", world.account(f"/workspaces/{space.workspace_id}/network"), option)
    made("POST", f"{UC}/entity-tag-assignments", {"entity_type": "catalogs", "entity_name": "main", "tag_key": "k"})
    made("PATCH", "/api/2.1/tag-policies/pii", {"tag_key": "pii", "description": "personal"})


def write_the_newest(world: Populated) -> None:
    """Write a document of each kind of compute and of the securables beside tables."""
    made, metastore = world.made, world.space.metastore_id
    made("POST", "/api/2.0/policies/clusters/create", {"name": "p", "definition": "{}", "libraries": [{"whl": "/x.whl"}]})
    matcher = {"artifact": "com.example:", "match_type": "PREFIX_MATCH"}
    made("PUT", f"{UC}/artifact-allowlists/LIBRARY_JAR", {"artifact_matchers": [matcher]})
    made("PUT", f"{UC}/metastores/{metastore}/systemschemas/access", {})
    options = {"host": "h", "port": "1", "user": "u", "password": "p"}
    made("POST", f"{UC}/connections", {"name": "c", "connection_type": "MYSQL", "options": options, "comment": "x"})
    made("PATCH", f"{UC}/catalogs/elsewhere", {"isolation_mode": "ISOLATED"})
    made("POST", "/api/data-classification/v1/catalogs/elsewhere/config", {"included_schemas": {"names": ["default"]}})
    made("POST", f"{UC}/schemas", {"name": "ml", "catalog_name": "elsewhere"})
    made("POST", f"{UC}/models", {"name": "m", "catalog_name": "elsewhere", "schema_name": "ml", "comment": "x"})
    version = {"name": "elsewhere.ml.m", "source": "dbfs:/m", "run_id": "r", "description": "d"}
    made("POST", "/api/2.0/mlflow/unity-catalog/model-versions/create", version)
    made("PUT", f"{UC}/models/elsewhere.ml.m/aliases/best", {"version_num": 1})
    parameter = {"name": "p", "text_value": {"value": "x"}}
    query = {"display_name": "q", "query_text": "SELECT 1", "tags": ["t"], "parameters": [parameter]}
    saved = made("POST", "/api/2.0/sql/queries", {"query": query})["id"]
    condition = {"op": "EQUAL", "operand": {"column": {"name": "c"}}, "threshold": {"value": {"double_value": 1}}}
    made("POST", "/api/2.0/sql/alerts", {"alert": {"display_name": "a", "query_id": saved, "condition": condition}})
    evaluation = {"source": {"name": "c"}, "comparison_operator": "EQUAL", "threshold": {"value": {"double_value": 1}}}
    schedule = {"quartz_cron_schedule": "0 0 8 * * ?", "timezone_id": "UTC"}
    benchmark = {"id": "b" * 32, "question": ["q"], "answer": [{"format": "SQL", "content": ["SELECT 1"]}]}
    text = json.dumps({"version": 2, "benchmarks": {"questions": [benchmark]}})
    space = made("POST", "/api/2.0/genie/spaces", {"warehouse_id": world.space.warehouse_id, "serialized_space": text})
    genie = f"/api/2.0/genie/spaces/{space['space_id']}"
    asked = made("POST", f"{genie}/start-conversation", {"content": "x"})
    message = f"{genie}/conversations/{asked['conversation_id']}/messages/{asked['message_id']}"
    made("POST", f"{message}/comments", {"content": "x"})
    made("POST", f"{message}/feedback", {"rating": "POSITIVE"})
    made("POST", f"{genie}/eval-runs", {})
    world.space.control("PUT", "genie-responder", {"kind": "rules", "rules": [{"pattern": "a", "text": "b"}]})
    made("POST", "/api/2.0/apps", {"name": "shop", "description": "d", "user_api_scopes": ["sql"]})
    made("POST", "/api/2.0/workspace/mkdirs", {"path": "/Shared/shop"})
    made("POST", "/api/2.0/apps/shop/deployments", {"source_code_path": "/Workspace/Shared/shop", "command": ["true"]})
    alert = {"display_name": "a", "query_text": "SELECT 1", "warehouse_id": world.space.warehouse_id}
    made("POST", "/api/2.0/alerts", alert | {"evaluation": evaluation, "schedule": schedule})


@pytest.mark.server
def test_a_workspace_with_a_document_of_each_kind_holds_declared_documents_only() -> None:
    with populated() as world:
        write_the_rest(world)
        write_the_newest(world)
        store = world.space.workspace.store
        assert undeclared(store) == []
        assert {kind for kind, _, _ in store.bodies()} == {kind.name for kind in kinds.ALL}
