"""The unmodified databricks-sdk, as a user and as a service principal, on objects that are stored and checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, PermissionDenied, ResourceAlreadyExists
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import compute, iam, sql

from localspace.api.cluster_policies import check_definition
from localspace.api.connections import _NEEDED
from localspace.core.errors import ApiError
from support.callers import CALLERS, Callers, running_callers
from support.fake_runner import fake_runner

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with running_callers(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(params=CALLERS)
def label(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_configuration_finds_runtimes_and_node_types(callers: Callers, label: str) -> None:
    w = callers.client(label)
    assert w.clusters.select_spark_version(long_term_support=True).startswith("16.4.x-scala")
    assert w.clusters.select_spark_version(ml=True, spark_version="3.5.0").startswith("15.4.x-ml")
    small = w.clusters.select_node_type(local_disk=True, min_memory_gb=16)
    types = {one.node_type_id: one for one in w.clusters.list_node_types().node_types}
    assert (types[small].memory_mb >= 16_384, types[small].node_instance_type.local_disks) == (True, 1)
    zones = w.clusters.list_zones()
    assert zones.default_zone in zones.zones
    assert list(w.clusters.list()) == []
    assert list(w.instance_pools.list()) == []


DEFINITION = {
    "spark_version": {"type": "unlimited", "defaultValue": "auto:latest-lts"},
    "node_type_id": {"type": "allowlist", "values": ["m5d.large", "i3.xlarge"], "isOptional": True},
    "autotermination_minutes": {"type": "range", "minValue": 10, "maxValue": 60},
    "cluster_name": {"type": "regex", "pattern": "team-.*"},
    "spark_conf.spark.databricks.cluster.profile": {"type": "forbidden"},
    "num_workers": {"type": "fixed", "value": 1, "hidden": True},
    "instance_pool_id": {"type": "blocklist", "values": ["p"]},
}


def test_cluster_policies_are_kept_and_used_by_who_may(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    name, definition = f"small {label}", json.dumps(DEFINITION)
    made = w.cluster_policies.create(name=name, definition=definition)
    policy_id = str(made.policy_id)
    got = w.cluster_policies.get(policy_id)
    assert (got.name, got.definition, got.creator_user_name) == (name, definition, callers.names[label])
    assert {"description", "libraries", "max_clusters_per_user"} & got.as_dict().keys() == set()
    w.cluster_policies.edit(policy_id, name=name, definition="{}", description="d", max_clusters_per_user=2)
    edited = w.cluster_policies.get(policy_id)
    assert (edited.definition, edited.description, edited.max_clusters_per_user) == ("{}", "d", 2)
    assert edited.created_at_timestamp == got.created_at_timestamp
    assert [one.policy_id for one in w.cluster_policies.list()] == [policy_id]
    with pytest.raises(InvalidParameterValue, match="already exists"):
        w.cluster_policies.create(name=name, definition="{}")

    with pytest.raises(PermissionDenied):
        eve.cluster_policies.create(name="mine", definition="{}")
    with pytest.raises(PermissionDenied):
        eve.cluster_policies.get(policy_id)
    assert list(eve.cluster_policies.list()) == []
    use = [
        compute.ClusterPolicyAccessControlRequest(
            user_name=callers.names["stranger"], permission_level=compute.ClusterPolicyPermissionLevel.CAN_USE
        )
    ]
    acl = w.cluster_policies.set_permissions(policy_id, access_control_list=use)
    assert (acl.object_type, acl.object_id) == ("cluster-policy", f"/cluster-policies/{policy_id}")
    w.cluster_policies.update_permissions(policy_id, access_control_list=use)
    assert callers.names["stranger"] in {
        one.user_name for one in w.cluster_policies.get_permissions(policy_id).access_control_list
    }
    levels = w.cluster_policies.get_permission_levels(policy_id).permission_levels
    assert [one.permission_level for one in levels] == [compute.ClusterPolicyPermissionLevel.CAN_USE]
    assert eve.cluster_policies.get(policy_id).name == name
    for refused in (
        lambda: eve.cluster_policies.edit(policy_id, name="x", definition="{}"),
        lambda: eve.cluster_policies.delete(policy_id),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    w.cluster_policies.delete(policy_id)
    with pytest.raises(NotFound):
        w.cluster_policies.get(policy_id)


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"a": 1}', "attribute 'a'"),
        ('{"a": {}}', "type 'None' is not one of"),
        ('{"a": {"type": "fix"}}', "type 'fix' is not one of"),
        ('{"a": {"type": "fixed"}}', "needs 'value'"),
        ('{"a": {"type": "forbidden", "value": 1}}', "has no 'value'"),
        ('{"a": {"type": "allowlist", "values": []}}', "not empty"),
        ('{"a": {"type": "blocklist", "values": "x"}}', "must be a list"),
        ('{"a": {"type": "regex", "pattern": "("}}', "not a regular expression"),
        ('{"a": {"type": "regex", "pattern": 1}}', "not a regular expression"),
        ('{"a": {"type": "range"}}', "minValue or maxValue"),
        ('{"a": {"type": "range", "minValue": 3, "maxValue": 2}}', "above"),
        ('{"a": {"type": "range", "minValue": "3"}}', "must be numbers"),
        ('{"a": {"type": "unlimited", "isOptional": "yes"}}', "true or false"),
        ('{"": {"type": "unlimited"}}', "must be an object"),
    ],
)
def test_a_definition_that_is_wrong_is_refused_with_its_place(definition: str, says: str) -> None:
    with pytest.raises(ApiError, match="definition") as refused:
        check_definition(definition)
    assert says in refused.value.message


def test_system_schemas_are_switched_by_admins(callers: Callers, label: str) -> None:
    w, metastore = callers.client(label), callers.space.metastore_id

    def states() -> dict[str, str]:
        return {one.schema: one.state for one in w.system_schemas.list(metastore)}

    assert (states()["access"], states()["billing"]) == ("AVAILABLE", "MANAGED")
    w.system_schemas.enable(metastore, "access")
    assert states()["access"] == "ENABLE_COMPLETED"
    with pytest.raises(BadRequest, match="already exists"):
        w.system_schemas.enable(metastore, "access")
    w.system_schemas.disable(metastore, "access")
    with pytest.raises(BadRequest, match="is not enabled"):
        w.system_schemas.disable(metastore, "access")
    with pytest.raises(NotFound):
        w.system_schemas.enable(metastore, "weather")
    with pytest.raises(NotFound):
        list(w.system_schemas.list("elsewhere"))
    with pytest.raises(PermissionDenied):
        list(callers.client("stranger").system_schemas.list(metastore))


def test_allowlists_are_for_who_manages_them(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    kind = uc.ArtifactType.LIBRARY_MAVEN if label == "user" else uc.ArtifactType.LIBRARY_JAR
    assert w.artifact_allowlists.get(kind).as_dict() == {"metastore_id": callers.space.metastore_id}
    matchers = [uc.ArtifactMatcher(artifact="com.example:", match_type=uc.MatchType.PREFIX_MATCH)]
    made = w.artifact_allowlists.update(kind, matchers)
    assert (made.artifact_matchers, made.created_by) == (matchers, callers.names[label])
    assert w.artifact_allowlists.get(kind).artifact_matchers == matchers
    with pytest.raises(InvalidParameterValue, match=r"artifact_matchers\[0\]"):
        w.artifact_allowlists.update(kind, [uc.ArtifactMatcher(artifact="", match_type=uc.MatchType.PREFIX_MATCH)])
    with pytest.raises(PermissionDenied, match="MANAGE ALLOWLIST"):
        eve.artifact_allowlists.update(kind, [])
    name = callers.names["stranger"]
    for change in ({"add": [uc.Privilege.MANAGE_ALLOWLIST]}, {"remove": [uc.Privilege.MANAGE_ALLOWLIST]}):
        w.grants.update("metastore", callers.space.metastore_id, changes=[uc.PermissionsChange(principal=name, **change)])
        if "add" in change:
            assert eve.artifact_allowlists.get(kind).artifact_matchers == matchers
    w.artifact_allowlists.update(kind, [])
    assert "artifact_matchers" not in w.artifact_allowlists.get(kind).as_dict()


MYSQL = {"host": "db.example", "port": "3306", "user": "u", "password": "hidden-word"}


def test_connections_keep_no_password(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    name = f"orders_{label}"
    made = w.connections.create(name=name, connection_type=uc.ConnectionType.MYSQL, options=MYSQL, comment="c")
    assert (made.options, made.url) == ({"host": "db.example", "port": "3306"}, "jdbc:mysql://db.example:3306/")
    assert (made.owner, made.read_only, made.credential_type) == (callers.names[label], True, uc.CredentialType.USERNAME_PASSWORD)
    assert "properties" not in made.as_dict()
    assert "hidden-word" not in json.dumps([body for _, _, body in callers.space.workspace.store.bodies()])
    assert w.connections.get(name).connection_id == made.connection_id
    changed = w.connections.update(name, options={**MYSQL, "host": "new.example"})
    assert (changed.options["host"], changed.comment) == ("new.example", "c")
    assert name in {one.name for one in w.connections.list()}
    assert name not in {one.name for one in eve.connections.list()}
    with pytest.raises(PermissionDenied):
        eve.connections.get(name)
    with pytest.raises(PermissionDenied, match="CREATE CONNECTION"):
        eve.connections.create(name="mine", connection_type=uc.ConnectionType.MYSQL, options=MYSQL)
    add = uc.PermissionsChange(principal=callers.names["stranger"], add=[uc.Privilege.USE_CONNECTION])
    w.grants.update("connection", name, changes=[add])
    assert eve.connections.get(name).name == name
    with pytest.raises(PermissionDenied):
        eve.connections.update(name, options=MYSQL)
    with pytest.raises(BadRequest, match="already exists"):
        w.connections.create(name=name, connection_type=uc.ConnectionType.MYSQL, options=MYSQL)
    renamed = w.connections.update(name, options=MYSQL, new_name=f"{name}_2")
    assert w.grants.get("connection", str(renamed.name)).privilege_assignments[0].principal == callers.names["stranger"]
    w.connections.delete(f"{name}_2")
    with pytest.raises(NotFound):
        w.connections.get(f"{name}_2")


@pytest.mark.parametrize("kind", sorted(_NEEDED))
def test_a_connection_needs_the_options_of_its_type(callers: Callers, kind: str) -> None:
    full = dict.fromkeys(_NEEDED[kind], "1")
    w = callers.client("user")
    for missing in _NEEDED[kind]:
        rest = {name: value for name, value in full.items() if name != missing}
        with pytest.raises(BadRequest, match=missing):
            w.connections.create(name="x", connection_type=uc.ConnectionType(kind), options=rest)
    w.connections.create(name=f"c_{kind}", connection_type=uc.ConnectionType(kind), options=full)
    w.connections.delete(f"c_{kind}")


def _new_version(callers: Callers, label: str, model: str, **more: Any) -> int:
    path = "/api/2.0/mlflow/unity-catalog/model-versions"
    with callers.space.http(callers.tokens[label]) as http:
        made = http.post(f"{path}/create", json={"name": model, "source": "dbfs:/x", **more})
        assert made.is_success, made.text
        version = made.json()["model_version"]
        assert version["status"] == "PENDING_REGISTRATION"
        done = http.post(f"{path}/finalize", json={"name": model, "version": version["version"]}).json()
    assert done["model_version"]["status"] == "READY"
    return int(version["version"])


def test_models_have_versions_and_aliases(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    catalog = f"cat_{label}"
    w.catalogs.create(catalog)
    w.schemas.create("ml", catalog)
    schema = f"{catalog}.ml"
    made = w.registered_models.create(name="Churn", catalog_name=catalog, schema_name="ml")
    full = str(made.full_name)
    assert (full, made.owner, made.comment) == (f"{schema}.churn", callers.names[label], None)
    assert w.registered_models.update(full, comment="c").comment == "c"
    assert [one.full_name for one in w.registered_models.list(catalog_name=catalog, schema_name="ml")] == [full]
    assert full in {one.full_name for one in w.registered_models.list()}

    assert [_new_version(callers, label, full, run_id="r", description="first"), _new_version(callers, label, full)] == [1, 2]
    assert [one.version for one in w.model_versions.list(full)] == [2, 1]
    first = w.model_versions.get(full, 1)
    assert (first.status, first.run_id, first.comment) == (uc.ModelVersionInfoStatus.READY, "r", "first")
    assert {"run_id", "comment", "aliases"} & w.model_versions.get(full, 2).as_dict().keys() == set()
    assert w.model_versions.update(full, 2, comment="second").comment == "second"
    assert w.registered_models.set_alias(full, "Champion", 2).version_num == 2
    assert w.model_versions.get_by_alias(full, "champion").version == 2
    assert [one.alias_name for one in w.registered_models.get(full, include_aliases=True).aliases] == ["champion"]
    assert [one.alias_name for one in w.model_versions.get(full, 2, include_aliases=True).aliases] == ["champion"]
    assert "aliases" not in w.registered_models.get(full).as_dict()
    w.registered_models.set_alias(full, "champion", 1)
    with pytest.raises(NotFound):
        w.registered_models.set_alias(full, "champion", 9)
    w.registered_models.delete_alias(full, "champion")
    for gone in (
        lambda: w.registered_models.delete_alias(full, "champion"),
        lambda: w.model_versions.get_by_alias(full, "champion"),
    ):
        with pytest.raises(NotFound):
            gone()

    for refused in (lambda: eve.registered_models.get(full), lambda: list(eve.model_versions.list(full))):
        with pytest.raises(PermissionDenied):
            refused()
    name = callers.names["stranger"]
    for on, kind, privilege in (
        (catalog, "catalog", "USE_CATALOG"),
        (schema, "schema", "USE_SCHEMA"),
        (full, "function", "EXECUTE"),
    ):
        w.grants.update(kind, on, changes=[uc.PermissionsChange(principal=name, add=[uc.Privilege(privilege)])])
    assert eve.model_versions.get(full, 1).version == 1
    with pytest.raises(PermissionDenied):
        eve.registered_models.update(full, comment="mine")
    with callers.space.http(callers.tokens["stranger"]) as http:
        path = "/api/2.0/mlflow/unity-catalog/model-versions/create"
        assert http.post(path, json={"name": full, "source": "x"}).status_code == 403

    w.registered_models.set_alias(full, "champion", 2)
    w.model_versions.delete(full, 2)
    assert "aliases" not in w.registered_models.get(full, include_aliases=True).as_dict()
    moved = str(w.registered_models.update(full, new_name="leavers").full_name)
    assert [one.version for one in w.model_versions.list(moved)] == [1]
    assert _new_version(callers, label, moved) == 3
    w.registered_models.delete(moved)
    again = w.registered_models.create(name="leavers", catalog_name=catalog, schema_name="ml")
    assert list(w.model_versions.list(str(again.full_name))) == []
    w.schemas.delete(schema, force=True)
    with pytest.raises(NotFound):
        w.registered_models.get(moved)


def test_bindings_of_catalogs_say_where_they_are_used(callers: Callers, label: str) -> None:
    w, eve, here = callers.client(label), callers.client("stranger"), int(callers.space.workspace_id)
    name, mode = f"bound_{label}", uc.CatalogIsolationMode
    own = uc.WorkspaceBinding(here, uc.WorkspaceBindingBindingType.BINDING_TYPE_READ_WRITE)
    w.catalogs.create(name)
    assert list(w.workspace_bindings.get_bindings("catalog", name)) == []
    w.catalogs.update(name, isolation_mode=mode.ISOLATED)
    assert list(w.workspace_bindings.get_bindings("catalog", name)) == [own]
    assert w.workspace_bindings.get(name).workspaces == [here]
    use = uc.PermissionsChange(principal=callers.names["stranger"], add=[uc.Privilege.USE_CATALOG])
    w.grants.update("catalog", name, changes=[use])
    assert name in {one.name for one in eve.catalogs.list()}

    assert w.workspace_bindings.update_bindings("catalog", name, remove=[own]).bindings == []
    for client in (w, eve):
        assert name not in {one.name for one in client.catalogs.list()}
    with pytest.raises(PermissionDenied, match="is not accessible in current workspace"):
        eve.catalogs.get(name)
    for refused in (lambda: w.schemas.get(f"{name}.default"), lambda: w.schemas.create("s", name)):
        with pytest.raises(PermissionDenied):
            refused()
    assert name in {one.name for one in w.catalogs.list(include_unbound=True)}
    assert w.catalogs.get(name).isolation_mode is mode.ISOLATED

    read = uc.WorkspaceBinding(here, uc.WorkspaceBindingBindingType.BINDING_TYPE_READ_ONLY)
    assert w.workspace_bindings.update_bindings("catalog", name, add=[read]).bindings == [read]
    assert w.schemas.get(f"{name}.default").name == "default"
    for refused in (lambda: w.schemas.create("s", name), lambda: w.schemas.delete(f"{name}.default")):
        with pytest.raises(PermissionDenied):
            refused()
    assert w.workspace_bindings.update(name, assign_workspaces=[here]).workspaces == [here]
    w.schemas.create("s", name)
    renamed = f"{name}_2"
    w.catalogs.update(name, new_name=renamed)
    assert list(w.workspace_bindings.get_bindings("catalog", renamed)) == [own]
    with pytest.raises(NotFound):
        w.workspace_bindings.update(renamed, assign_workspaces=[1])
    with pytest.raises(PermissionDenied):
        list(eve.workspace_bindings.get_bindings("catalog", renamed))
    with pytest.raises(InvalidParameterValue):
        list(w.workspace_bindings.get_bindings("table", renamed))
    w.catalogs.delete(renamed, force=True)
    w.catalogs.create(renamed)
    assert list(w.workspace_bindings.get_bindings("catalog", renamed)) == []


def test_bindings_of_storage_hide_it(callers: Callers, label: str) -> None:
    w, here = callers.client(label), int(callers.space.workspace_id)
    credential, location = f"cred_{label}", f"loc_{label}"
    role = uc.AwsIamRoleRequest("arn:aws:iam::1:role/r")
    w.storage_credentials.create(credential, aws_iam_role=role, skip_validation=True)
    w.external_locations.create(location, f"s3://{label.replace('_', '-')}/a", credential, skip_validation=True)
    for kind, service, name in (
        ("external_location", w.external_locations, location),
        ("storage_credential", w.storage_credentials, credential),
    ):
        service.update(name, isolation_mode=uc.IsolationMode.ISOLATION_MODE_ISOLATED)
        bound = list(w.workspace_bindings.get_bindings(kind, name))
        assert [one.workspace_id for one in bound] == [here]
        assert name in {one.name for one in service.list()}
        w.workspace_bindings.update_bindings(kind, name, remove=bound)
        assert name not in {one.name for one in service.list()}
        service.update(name, isolation_mode=uc.IsolationMode.ISOLATION_MODE_OPEN)
        assert service.get(name).name == name


def test_a_field_that_is_needed_and_missing_is_named(callers: Callers, label: str) -> None:
    uc_path = "/api/2.1/unity-catalog"
    with callers.space.http(callers.tokens[label]) as http:
        for path, body, field in (
            ("/api/2.0/policies/clusters/create", {"definition": "{}"}, "name"),
            ("/api/2.0/policies/clusters/create", {"name": "x"}, "definition"),
            ("/api/2.0/policies/clusters/edit", {"name": "x"}, "policy_id"),
            ("/api/2.0/policies/clusters/delete", {}, "policy_id"),
            (f"{uc_path}/connections", {"name": "x", "options": MYSQL}, "connection_type"),
            (f"{uc_path}/connections", {"connection_type": "MYSQL", "options": MYSQL}, "name"),
            (f"{uc_path}/models", {"catalog_name": "main", "name": "m"}, "schema_name"),
            (f"{uc_path}/models", {"catalog_name": "main", "schema_name": "default"}, "name"),
        ):
            answer = http.post(path, json=body)
            assert (answer.status_code, field in answer.json()["message"]) == (400, True), answer.text


CLUSTER = {"spark_version": "15.4.x-scala2.12", "node_type_id": "i3.xlarge", "num_workers": 1}


def test_jobs_of_version_2_0_have_their_task_in_the_settings(callers: Callers, label: str) -> None:
    old, new = "/api/2.0/jobs", "/api/2.2/jobs"
    with callers.space.http(callers.tokens[label]) as http:

        def post(path: str, body: Any) -> Any:
            answer = http.post(path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        notebook = {"notebook_path": f"/Users/{callers.names[label]}/n"}
        settings = {"name": f"old {label}", "new_cluster": CLUSTER, "notebook_task": notebook, "max_retries": 1}
        job = post(f"{old}/create", settings)["job_id"]
        shown = http.get(f"{old}/get", params={"job_id": job}).json()
        assert {name: shown["settings"][name] for name in settings} == settings
        assert (shown["settings"]["format"], shown["creator_user_name"]) == ("SINGLE_TASK", callers.names[label])
        assert {"tasks", "libraries", "existing_cluster_id"} & shown["settings"].keys() == set()
        [task] = http.get(f"{new}/get", params={"job_id": job}).json()["settings"]["tasks"]
        assert (task["notebook_task"], task["new_cluster"], task["max_retries"]) == (notebook, CLUSTER, 1)
        assert job in {one["job_id"] for one in http.get(f"{old}/list").json()["jobs"]}

        post(f"{old}/update", {"job_id": job, "new_settings": {"name": "renamed"}})
        assert http.get(f"{old}/get", params={"job_id": job}).json()["settings"]["notebook_task"] == notebook
        python = {"python_file": "/Workspace/x.py"}
        changed = {"existing_cluster_id": "c", "spark_python_task": python}
        post(f"{old}/update", {"job_id": job, "new_settings": changed})
        shown = http.get(f"{old}/get", params={"job_id": job}).json()["settings"]
        assert (shown["spark_python_task"], shown["name"], "notebook_task" in shown) == (python, "renamed", False)
        post(f"{old}/reset", {"job_id": job, "new_settings": settings})
        assert http.get(f"{old}/get", params={"job_id": job}).json()["settings"]["name"] == f"old {label}"

        run = post(f"{old}/run-now", {"job_id": job})["run_id"]
        assert http.get(f"{old}/runs/get", params={"run_id": run}).json()["task"]["notebook_task"] == notebook
        assert run in {one["run_id"] for one in http.get(f"{old}/runs/list", params={"job_id": job}).json()["runs"]}
        post(f"{old}/runs/cancel", {"run_id": run})
        once = post(f"{old}/runs/submit", {"run_name": "once", "existing_cluster_id": "c", "notebook_task": notebook})
        post(f"{old}/runs/cancel", once)

        for body, says in (
            ({"name": "x", "new_cluster": CLUSTER}, "exactly one of notebook_task"),
            ({"name": "x", "notebook_task": notebook}, "new_cluster or existing_cluster_id"),
            ({"name": "x", "tasks": [{"task_key": "a"}]}, "2.1 or later"),
        ):
            answer = http.post(f"{old}/create", json=body)
            assert (answer.status_code, says in answer.json()["message"]) == (400, True), answer.text
        several = [{"task_key": key, "notebook_task": notebook} for key in "ab"]
        many = post(f"{new}/create", {"tasks": several})["job_id"]
        shown = http.get(f"{old}/get", params={"job_id": many}).json()["settings"]
        assert (shown["format"], "tasks" in shown) == ("MULTI_TASK", False)
        with callers.space.http(callers.tokens["stranger"]) as eve:
            assert eve.get(f"{old}/list").json() == {}
            for path in ("reset", "update", "delete", "run-now"):
                answer = eve.post(f"{old}/{path}", json={"job_id": job, "new_settings": settings})
                assert answer.status_code == 403, (path, answer.text)
            assert eve.get(f"{old}/get", params={"job_id": job}).status_code == 403
        for one in (job, many):
            post(f"{old}/delete", {"job_id": one})
        assert http.get(f"{old}/get", params={"job_id": job}).status_code in (400, 404)


def test_saved_queries_are_checked_and_shared(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    name = f"daily {label}"
    query = sql.CreateQueryRequestQuery(display_name=name, query_text="SELECT :day", warehouse_id=callers.space.warehouse_id)
    made = w.queries.create(query=query)
    query_id = str(made.id)
    assert (made.owner_user_name, made.lifecycle_state, made.run_as_mode) == (
        callers.names[label],
        sql.LifecycleState.ACTIVE,
        sql.RunAsMode.OWNER,
    )
    assert made.parent_path == f"/Workspace/Users/{callers.names[label]}"
    assert {"description", "tags", "parameters", "catalog", "schema"} & made.as_dict().keys() == set()
    with pytest.raises(ResourceAlreadyExists, match="already exists"):
        w.queries.create(query=query)
    assert w.queries.create(query=query, auto_resolve_display_name=True).display_name == f"{name} (1)"
    parameter = sql.QueryParameter(name="day", title="Day", text_value=sql.TextValue(value="1"))
    change = sql.UpdateQueryRequestQuery(description="d", parameters=[parameter], tags=["a"])
    changed = w.queries.update(query_id, update_mask="description,parameters,tags", query=change)
    assert (changed.description, changed.parameters, changed.query_text) == ("d", [parameter], "SELECT :day")
    cleared = w.queries.update(query_id, update_mask="description", query=sql.UpdateQueryRequestQuery())
    assert "description" not in cleared.as_dict()
    assert query_id in {one.id for one in w.queries.list()}
    assert list(w.queries.list_visualizations(query_id)) == []
    twice = sql.UpdateQueryRequestQuery(parameters=[parameter, parameter])
    with pytest.raises(InvalidParameterValue, match="defined twice"):
        w.queries.update(query_id, update_mask="parameters", query=twice)

    with pytest.raises(PermissionDenied):
        eve.queries.get(query_id)
    entry = iam.AccessControlRequest(user_name=callers.names["stranger"], permission_level=iam.PermissionLevel.CAN_RUN)
    acl = w.permissions.set("queries", query_id, access_control_list=[entry])
    assert (acl.object_type, acl.object_id) == ("query", f"/queries/{query_id}")
    assert [one.id for one in eve.queries.list()] == [query_id]
    for refused in (
        lambda: eve.queries.update(query_id, update_mask="tags", query=sql.UpdateQueryRequestQuery(tags=["b"])),
        lambda: eve.queries.delete(query_id),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    w.queries.delete(query_id)
    assert w.queries.get(query_id).lifecycle_state is sql.LifecycleState.TRASHED
    assert query_id not in {one.id for one in w.queries.list()}


def test_alerts_stand_on_queries(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    query = w.queries.create(query=sql.CreateQueryRequestQuery(display_name=f"for alert {label}", query_text="SELECT 1 AS n"))
    condition = sql.AlertCondition(
        op=sql.AlertOperator.GREATER_THAN,
        operand=sql.AlertConditionOperand(column=sql.AlertOperandColumn(name="n")),
        threshold=sql.AlertConditionThreshold(value=sql.AlertOperandValue(double_value=3)),
    )
    wanted = sql.CreateAlertRequestAlert(display_name=f"a {label}", query_id=query.id, condition=condition)
    made = w.alerts.create(alert=wanted)
    alert_id = str(made.id)
    assert (made.state, made.condition.as_dict()) == (sql.AlertState.UNKNOWN, condition.as_dict())
    assert {"custom_body", "notify_on_ok", "trigger_time"} & made.as_dict().keys() == set()
    changed = w.alerts.update(alert_id, "custom_body", alert=sql.UpdateAlertRequestAlert(custom_body="b"))
    assert (w.alerts.get(alert_id).custom_body, changed.display_name) == ("b", f"a {label}")
    assert alert_id in {one.id for one in w.alerts.list()}
    bad = sql.CreateAlertRequestAlert(display_name="x", query_id=query.id, condition=sql.AlertCondition(op=condition.op))
    with pytest.raises(InvalidParameterValue, match=r"condition\.operand"):
        w.alerts.create(alert=bad)
    with pytest.raises(NotFound):
        w.alerts.create(alert=sql.CreateAlertRequestAlert(display_name="x", query_id="none", condition=condition))
    for refused in (lambda: eve.alerts.get(alert_id), lambda: eve.alerts.create(alert=wanted)):
        with pytest.raises(PermissionDenied):
            refused()
    w.alerts.delete(alert_id)
    assert w.alerts.get(alert_id).lifecycle_state is sql.LifecycleState.TRASHED

    evaluation = sql.AlertV2Evaluation(
        source=sql.AlertV2OperandColumn(name="n", aggregation=sql.Aggregation.MAX),
        comparison_operator=sql.ComparisonOperator.GREATER_THAN,
        threshold=sql.AlertV2Operand(value=sql.AlertV2OperandValue(double_value=3)),
    )
    schedule = sql.CronSchedule(quartz_cron_schedule="0 0 8 * * ?", timezone_id="Europe/Berlin")
    v2 = sql.AlertV2(
        display_name=f"v2 {label}",
        query_text="SELECT 1 AS n",
        warehouse_id=callers.space.warehouse_id,
        evaluation=evaluation,
        schedule=schedule,
    )
    new = w.alerts_v2.create_alert(v2)
    run_as = new.effective_run_as.service_principal_name or new.effective_run_as.user_name
    assert (run_as, new.evaluation.state) == (callers.names[label], sql.AlertEvaluationState.UNKNOWN)
    assert (
        w.alerts_v2.update_alert(str(new.id), sql.AlertV2(**{**vars(v2), "custom_summary": "s"}), "custom_summary").custom_summary
        == "s"
    )
    assert new.id in {one.id for one in w.alerts_v2.list_alerts()}
    wrong = sql.CronSchedule(quartz_cron_schedule="0 0 8 * * ?", timezone_id="Mars/Olympus")
    with pytest.raises(InvalidParameterValue, match="time zone"):
        w.alerts_v2.create_alert(sql.AlertV2(**{**vars(v2), "schedule": wrong}))
    other = sql.AlertV2RunAs(user_name=callers.names["stranger"])
    with pytest.raises(PermissionDenied, match="run as"):
        w.alerts_v2.create_alert(sql.AlertV2(**{**vars(v2), "run_as": other}))
    with pytest.raises(PermissionDenied):
        eve.alerts_v2.get_alert(str(new.id))
    w.alerts_v2.trash_alert(str(new.id))
    assert w.alerts_v2.get_alert(str(new.id)).lifecycle_state is sql.AlertLifecycleState.DELETED
    w.alerts_v2.trash_alert(str(new.id), purge=True)
    with pytest.raises(NotFound):
        w.alerts_v2.get_alert(str(new.id))
