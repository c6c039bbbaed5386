"""Attacks on the bodies of writes: each field of each stored document, sent back with foreign values and wrong types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from localspace.core.stored_documents import kinds
from localspace.http.request_schemas import schema_of
from localspace.http.request_schemas.types import Fields
from support.nightly import sampled
from support.populated_workspace import HIDDEN, JOBS, SCIM, UC, Populated, populated

pytestmark = pytest.mark.server
SCHEMA = f"{HIDDEN}.{HIDDEN}"
VALUES: tuple[Any, ...] = ("elsewhere", "", 7, -1, True, None, 1.5, ["x"], [], {"a": 1}, {}, [[]], [{}], [None], {"a": None})


class Target(NamedTuple):
    """A write route, the document behind it, what is sent along, and the list that must still answer."""

    method: str
    path: str
    kind: str
    key: tuple[str, ...]
    listed: str
    along: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    inside: str = ""


def targets(world: Populated) -> dict[str, Target]:
    """Return every update of a stored document."""
    ids = world.ids
    in_schema = f"?catalog_name={HIDDEN}&schema_name={HIDDEN}"
    metastore, workspace = world.space.metastore_id, world.space.workspace_id
    table, function, volume = (f"{SCHEMA}.{HIDDEN}_{letter}" for letter in "tfv")
    column = f"{table}.ssn"
    warehouse = {"name": f"{HIDDEN}_w", "cluster_size": "Small"}
    job = {"job_id": int(ids["job"])}
    return {
        "catalog": Target("PATCH", f"{UC}/catalogs/{HIDDEN}", "catalog", (HIDDEN,), f"{UC}/catalogs"),
        "schema": Target("PATCH", f"{UC}/schemas/{SCHEMA}", "schema", (HIDDEN, HIDDEN), f"{UC}/schemas?catalog_name={HIDDEN}"),
        "table": Target("PATCH", f"{UC}/tables/{table}", "table", tuple(table.split(".")), f"{UC}/tables{in_schema}"),
        "function": Target(
            "PATCH", f"{UC}/functions/{function}", "function", tuple(function.split(".")), f"{UC}/functions{in_schema}"
        ),
        "volume": Target("PATCH", f"{UC}/volumes/{volume}", "volume", tuple(volume.split(".")), f"{UC}/volumes{in_schema}"),
        "metastore": Target("PATCH", f"{UC}/metastores/{metastore}", "metastore", (metastore,), f"{UC}/metastores"),
        "account metastore": Target(
            "PUT",
            world.account(f"/metastores/{metastore}"),
            "metastore",
            (metastore,),
            f"{UC}/metastores",
            inside="metastore_info",
        ),
        "workspace": Target(
            "PATCH", world.account(f"/workspaces/{workspace}"), "account_workspace", (workspace,), world.account("/workspaces")
        ),
        "credential": Target(
            "PATCH",
            f"{UC}/storage-credentials/{HIDDEN}_cred",
            "storage_credential",
            (f"{HIDDEN}_cred",),
            f"{UC}/storage-credentials",
        ),
        "location": Target(
            "PATCH", f"{UC}/external-locations/{HIDDEN}_loc", "external_location", (f"{HIDDEN}_loc",), f"{UC}/external-locations"
        ),
        "tag policy": Target("PATCH", "/api/2.1/tag-policies/pii", "tag_policy", (), "/api/2.1/tag-policies"),
        "tag": Target(
            "PATCH",
            f"{UC}/entity-tag-assignments/columns/{column}/tags/pii",
            "tag",
            (),
            f"{UC}/entity-tag-assignments/columns/{column}/tags",
        ),
        "policy": Target(
            "PATCH",
            f"{UC}/policies/SCHEMA/{SCHEMA}/{HIDDEN}_p",
            "policy",
            ("SCHEMA", SCHEMA, f"{HIDDEN}_p"),
            f"{UC}/policies/SCHEMA/{SCHEMA}",
        ),
        "warehouse": Target(
            "POST",
            f"/api/2.0/sql/warehouses/{ids['warehouse']}/edit",
            "warehouse",
            (ids["warehouse"],),
            "/api/2.0/sql/warehouses",
            warehouse,
        ),
        "space": Target(
            "PATCH", f"/api/2.0/genie/spaces/{ids['space']}", "genie_space", (ids["space"],), "/api/2.0/genie/spaces"
        ),
        "dashboard": Target(
            "PATCH",
            f"/api/2.0/lakeview/dashboards/{ids['dashboard']}",
            "dashboard",
            (ids["dashboard"],),
            "/api/2.0/lakeview/dashboards",
        ),
        "job": Target("POST", f"{JOBS}/update", "job", (ids["job"],), f"{JOBS}/list?expand_tasks=true", job, "new_settings"),
        "job of 2.1": Target("POST", "/api/2.1/jobs/update", "job", (ids["job"],), "/api/2.1/jobs/list", job, "new_settings"),
        "user": Target(
            "PUT", f"{SCIM}/Users/{ids['bob']}", "user", (ids["bob"],), f"{SCIM}/Users", {"userName": "bob@bank.example"}
        ),
        "robot": Target(
            "PUT", f"{SCIM}/ServicePrincipals/{ids['robot']}", "service_principal", (ids["robot"],), f"{SCIM}/ServicePrincipals"
        ),
        "group": Target(
            "PUT",
            world.account(f"/scim/v2/Groups/{ids['group']}"),
            "group",
            (ids["group"],),
            world.account("/scim/v2/Groups"),
            {"displayName": "cleared"},
        ),
    }


STORED = {
    "catalog": (
        "name owner comment full_name id catalog_type securable_type isolation_mode securable_kind metastore_id "
        "created_at created_by updated_at updated_by properties new_name options storage_root"
    ),
    "schema": (
        "name owner comment full_name catalog_name schema_id catalog_type metastore_id created_at created_by "
        "updated_at updated_by properties new_name storage_root"
    ),
    "table": (
        "name owner comment full_name catalog_name schema_name table_type table_id storage_location columns "
        "row_filter view_definition storage data_source_format properties created_by metastore_id securable_kind"
    ),
    "function": (
        "name owner comment full_name catalog_name schema_name function_id input_params full_data_type "
        "routine_definition language routine_body is_deterministic created_by metastore_id"
    ),
    "volume": (
        "name owner comment full_name catalog_name schema_name volume_id volume_type storage_location new_name metastore_id"
    ),
    "metastore": (
        "metastore_id name owner cloud region global_metastore_id privilege_model_version delta_sharing_scope "
        "storage_root created_by new_name id"
    ),
    "account metastore": "metastore_id name owner region delta_sharing_scope storage_root created_by",
    "workspace": (
        "workspace_id workspace_name account_id workspace_status workspace_status_message creation_time "
        "deployment_name aws_region custom_tags pricing_tier compute_mode port ready_ms"
    ),
    "credential": (
        "name owner full_name id aws_iam_role read_only created_by metastore_id new_name comment used_for_managed_storage"
    ),
    "location": "name owner full_name id url credential_name credential_id read_only created_by metastore_id new_name comment",
    "tag policy": "id tag_key values description create_time update_time",
    "tag": "entity_type entity_name tag_key tag_value update_time updated_by source_type",
    "policy": (
        "name id policy_type for_securable_type on_securable_type on_securable_fullname to_principals "
        "except_principals match_columns column_mask row_filter governed_tags when_condition created_by created_at "
        "updated_by grant comment"
    ),
    "warehouse": (
        "id name cluster_size state creator_name channel auto_stop_mins min_num_clusters max_num_clusters tags "
        "warehouse_type enable_photon enable_serverless_compute spot_instance_policy jdbc_url odbc_params health "
        "num_clusters"
    ),
    "space": ("space_id title description warehouse_id parent_path serialized_space etag owner create_time update_time trashed"),
    "dashboard": (
        "dashboard_id display_name parent_path path serialized_dashboard warehouse_id etag create_time update_time "
        "lifecycle_state owner published"
    ),
    "job": (
        "name tasks job_id creator creator_id created_time settings email_notifications webhook_notifications "
        "timeout_seconds max_concurrent_runs format run_as schedule trigger continuous parameters tags environments "
        "job_clusters queue"
    ),
    "job of 2.1": "name tasks schedule tags max_concurrent_runs parameters run_as",
    "user": "id userName displayName name emails active entitlements roles externalId groups schemas meta scope",
    "robot": "id applicationId displayName active entitlements roles externalId groups schemas scope",
    "group": "id displayName members entitlements roles externalId scope system groups meta",
}
"""The fields of each stored document, and names that an attacker would try."""

CASES = [(target, field) for target, names in STORED.items() for field in names.split()]


@pytest.fixture(scope="module")
def world() -> Iterator[Populated]:
    with populated() as found:
        yield found


def document(world: Populated, target: Target, name: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the key and the body of the document behind a target."""
    found = dict(world.space.workspace.store.items(kinds.named(target.kind)))
    for key, body in found.items():
        if key == tuple(part.casefold() for part in target.key) or (not target.key and body.get("tag_key") == "pii"):
            return key, body
    raise AssertionError(f"no {name} in the store")


def declared(world: Populated, target: Target) -> frozenset[str]:
    """Return the fields that the route of a target takes."""
    from localspace.http.router import Router
    from localspace.server.routes import ROUTES

    route = Router(ROUTES).find(target.method, target.path.split("?")[0])
    assert route is not None
    schema = schema_of(route[0].method, route[0].path)
    assert isinstance(schema, Fields)
    inner = schema.types[target.inside] if target.inside else schema
    assert isinstance(inner, Fields)
    return frozenset(inner.types)


@pytest.mark.parametrize("name", STORED)
def test_the_table_names_each_field_that_is_stored(world: Populated, name: str) -> None:
    _, body = document(world, targets(world)[name], name)
    if name in ("account metastore", "job of 2.1"):
        return
    assert set(body) - {"created_at", "updated_at", "updated_by", "created_by"} - set(STORED[name].split()) == set()


@pytest.mark.parametrize("case", sampled(CASES, name=lambda case: f"{case[0]}-{case[1]}"))
def test_no_field_moves_or_breaks_anything(world: Populated, case: tuple[str, str]) -> None:
    name, field = case
    target = targets(world)[name]
    takes = declared(world, target)
    _, before = document(world, target, name)
    for value in VALUES:
        everything = world.documents()
        sent = target.along | ({target.inside: {field: value}} if target.inside else {field: value})
        answer = world.admin.request(target.method, target.path, json=sent)
        assert answer.status_code < 500, (value, answer.text)
        assert world.admin.get(target.listed).status_code == 200, (value, "the list is broken")
        if answer.is_success and field not in takes:
            _, after = document(world, target, name)
            inner = "settings" if target.kind == "job" else None
            old, new = (one[inner] if inner else one for one in (before, after))
            assert new.get(field) == old.get(field) or field.startswith(("updated_", "update_time")) or field in target.along
        world.restore(everything)


BODIES: tuple[tuple[str, bytes], ...] = (
    ("infinity", b'{"name": "x", "cluster_size": "Small", "auto_stop_mins": 1e400}'),
    ("nan", b'{"name": "x", "cluster_size": "Small", "max_dbu": NaN}'),
    ("huge number", b'{"name": "x", "cluster_size": "Small", "auto_stop_mins": 99999999999999999999}'),
    ("digits without end", b'{"name": "x", "cluster_size": "Small", "auto_stop_mins": ' + b"9" * 5000 + b"}"),
    ("lone surrogate", b'{"name": "\\ud800", "cluster_size": "Small"}'),
    ("separator", b'{"name": 7, "cluster_size": "Small"}'),
    ("a list", b"[]"),
    ("a string", b'"x"'),
    ("cut off", b'{"name": '),
    ("deep", b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("deep and unknown", b'{"z": ' + b"[" * 900 + b"]" * 900 + b', "name": 7}'),
    ("twice", b'{"name": "x", "name": {"a": 1}, "cluster_size": "Small"}'),
    ("not text", b"\xff\xfe{}"),
)


@pytest.mark.parametrize(("label", "raw"), BODIES, ids=[one[0] for one in BODIES])
def test_no_broken_body_is_an_internal_error_or_stored(world: Populated, label: str, raw: bytes) -> None:
    before = world.space.workspace.store.version
    for path in ("/api/2.0/sql/warehouses", f"{UC}/catalogs", f"{JOBS}/create", f"{SCIM}/Users", "/api/2.0/serving-endpoints"):
        answer = world.admin.post(path, content=raw)
        if path.endswith(("warehouses", "Users")):
            assert answer.status_code == 400, (label, path, answer.text)
        assert answer.status_code < 500, (label, path, answer.text)
    if label not in ("infinity", "nan", "huge number", "digits without end", "twice"):
        assert world.space.workspace.store.version == before
