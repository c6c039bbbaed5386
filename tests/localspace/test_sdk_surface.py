"""The unmodified databricks-sdk drives every served operation of the local workspace, and checks what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.errors import NotFound
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam, oauth2, serving, settings, sql, tags, workspace

from localspace.api.coverage import TEST, table
from localspace.core.stored_documents import kinds
from localspace.server.routes import ROUTES
from support.driven_methods import driven
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


def test_the_sdk_drives_every_operation(space: LocalWorkspace) -> None:
    w, a = space.client(), space.account()
    for drive in (_identity, _tokens, _account, _catalog, _functions_and_volumes, _grants, _tags, _policies):
        drive(w, a, space)
    for drive in (_warehouses, _statements, _permissions, _genie, _secrets, _serving, _storage, _settings, _rule_sets):
        drive(w, a, space)
    _end(w, a, space)
    seen = driven()
    mine = {row["path"] for row in table(ROUTES) if row["test"] == TEST}
    undriven = [
        f"{route.method} {route.path}" for route in ROUTES if route.sdk and route.path in mine and not seen & set(route.sdk)
    ]
    served = {name for route in ROUTES for name in route.sdk}
    assert undriven == []
    assert len(seen & served) >= 80


def _identity(w: Any, a: Any, space: LocalWorkspace) -> None:
    me = w.current_user.me()
    assert me.user_name == "admin@localspace.example"
    assert {one.display for one in me.groups} >= {"admins", "users"}
    assert str(space.client().get_workspace_id()) == space.workspace_id

    for kind, make in (
        ("groups_v2", {"display_name": "analysts"}),
        ("users_v2", {"user_name": "ana@example.com"}),
        ("service_principals_v2", {"display_name": "robot"}),
    ):
        account, local = getattr(a, kind), getattr(w, kind)
        made = account.create(**make)
        assert account.get(made.id).id == made.id
        assert made.id in {one.id for one in account.list()}
        patch = [iam.Patch(op=iam.PatchOp.ADD, path="externalId", value="x-1")]
        account.patch(made.id, operations=patch, schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP])
        assert account.get(made.id).external_id == "x-1"
        account.update(made.id, **make, external_id="x-2")
        assert account.get(made.id).external_id == "x-2"
        a.workspace_assignment.update(int(space.workspace_id), int(made.id), permissions=[iam.WorkspacePermission.USER])
        assert local.get(made.id).id == made.id

    member = a.users_v2.create(user_name="bob@example.com")
    group = next(iter(a.groups_v2.list(filter='displayName eq "analysts"')))
    add = [iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": member.id}])]
    a.groups_v2.patch(group.id, operations=add)
    assert [one.value for one in a.groups_v2.get(group.id).members] == [member.id]
    assert [one.display for one in a.users.get(member.id).groups] == ["analysts"]

    local = w.groups_v2.create(display_name="local only")
    assert {one.display_name for one in w.groups_v2.list()} >= {"admins", "users", "local only", "analysts"}
    w.groups_v2.patch(local.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="renamed")])
    assert w.groups_v2.get(local.id).display_name == "renamed"
    w.groups_v2.update(local.id, display_name="again")
    w.groups_v2.delete(local.id)
    user = w.users_v2.create(user_name="eve@example.com")
    w.users_v2.update(user.id, user_name="eve@example.com", display_name="Eve")
    entitle = [iam.Patch(op=iam.PatchOp.ADD, path="entitlements", value=[{"value": "allow-cluster-create"}])]
    w.users_v2.patch(user.id, operations=entitle)
    assert [one.value for one in w.users_v2.get(user.id).entitlements] == ["allow-cluster-create"]
    assert "eve@example.com" in {one.user_name for one in w.users_v2.list()}
    w.users_v2.delete(user.id)
    robot = w.service_principals_v2.create(display_name="helper")
    w.service_principals_v2.update(robot.id, display_name="helper two")
    w.service_principals_v2.patch(robot.id, operations=entitle)
    assert robot.id in {one.id for one in w.service_principals_v2.list()}
    w.service_principals_v2.delete(robot.id)


def _tokens(w: Any, a: Any, space: LocalWorkspace) -> None:
    made = w.tokens.create(comment="mine", lifetime_seconds=3600)
    assert made.token_info.token_id in {one.token_id for one in w.tokens.list()}
    assert w.token_management.get(made.token_info.token_id).token_info.comment == "mine"
    assert made.token_info.token_id in {one.token_id for one in w.token_management.list()}
    w.tokens.delete(made.token_info.token_id)
    robot = next(iter(w.service_principals_v2.list(filter='displayName eq "robot"')))
    behalf = w.token_management.create_obo_token(application_id=robot.application_id, lifetime_seconds=60)
    assert space.client(behalf.token_value).current_user.me().id == robot.id
    w.token_management.delete(behalf.token_info.token_id)


def _account(w: Any, a: Any, space: LocalWorkspace) -> None:
    here = int(space.workspace_id)
    assert [one.workspace_id for one in a.workspaces.list()] == [here]
    other = a.workspaces.create(workspace_name="other", aws_region="eu-west-1").result()
    assert a.workspaces.get(other.workspace_id).workspace_name == "other"
    a.workspaces.update(other.workspace_id, customer_facing_workspace=_renamed("second"))
    a.metastore_assignments.create(other.workspace_id, space.metastore_id, metastore_assignment=_assignment(space, other))
    assert set(a.metastore_assignments.list(space.metastore_id)) == {here, other.workspace_id}
    assert a.metastore_assignments.get(other.workspace_id).metastore_assignment.metastore_id == space.metastore_id
    a.metastore_assignments.update(other.workspace_id, space.metastore_id)
    a.metastore_assignments.delete(other.workspace_id, space.metastore_id)
    a.workspaces.delete(other.workspace_id)
    assert [one.metastore_id for one in a.metastores.list()] == [space.metastore_id]
    assert a.metastores.get(space.metastore_id).metastore_info.name == "localspace"
    a.metastores.update(space.metastore_id, metastore_info=uc.UpdateAccountsMetastore(owner="admin@localspace.example"))
    assert {one.value for one in (p.permission_level for p in a.workspace_assignment.get(here).permissions)} == {"USER", "ADMIN"}
    assert "analysts" in {one.principal.group_name for one in a.workspace_assignment.list(here)}
    robot = next(iter(a.service_principals_v2.list(filter='displayName eq "robot"')))
    for service in (a.service_principal_secrets, w.service_principal_secrets_proxy):
        secret = service.create(robot.id, lifetime="3600s")
        assert secret.id in {one.id for one in service.list(robot.id)}
        service.delete(robot.id, secret.id)
    rules = oauth2.OidcFederationPolicy(issuer="https://idp.example", subject="ci")
    for service, whose in ((a.service_principal_federation_policy, (int(robot.id),)), (a.federation_policy, ())):
        rules.subject = "ci" if whose else None
        service.create(*whose, oauth2.FederationPolicy(oidc_policy=rules), policy_id="tour")
        service.update(*whose, "tour", oauth2.FederationPolicy(description="changed"), update_mask="description")
        assert service.get(*whose, "tour").as_dict() == next(iter(service.list(*whose))).as_dict()
        assert (service.get(*whose, "tour").description, service.get(*whose, "tour").oidc_policy) == ("changed", rules)
        service.delete(*whose, "tour")
        assert list(service.list(*whose)) == []


def _renamed(name: str) -> Any:
    from databricks.sdk.service.provisioning import Workspace

    return Workspace(workspace_name=name)


def _assignment(space: LocalWorkspace, other: Any) -> Any:
    return uc.CreateMetastoreAssignment(
        workspace_id=other.workspace_id, metastore_id=space.metastore_id, default_catalog_name="main"
    )


def _catalog(w: Any, a: Any, space: LocalWorkspace) -> None:
    assert {one.name for one in w.catalogs.list()} == {"main", "samples", "system"}
    w.catalogs.create("extra", comment="made here")
    assert w.catalogs.update("extra", comment="changed").comment == "changed"
    assert w.catalogs.get("extra").comment == "changed"
    w.schemas.create("fin", "main", comment="finance")
    assert [one.name for one in w.schemas.list("main")] == ["default", "fin", "information_schema"]
    assert w.schemas.get("main.information_schema").owner == "System user"
    assert w.schemas.update("main.fin", comment="money").comment == "money"
    assert w.schemas.get("main.fin").full_name == "main.fin"
    space.external_location("people", "s3://bucket/people")
    w.tables.create(
        "people",
        "main",
        "fin",
        uc.TableType.EXTERNAL,
        uc.DataSourceFormat.DELTA,
        "s3://bucket/people",
        columns=[
            uc.ColumnInfo(name="id", type_text="int", type_name=uc.ColumnTypeName.INT),
            uc.ColumnInfo(name="Email", type_text="string", type_name=uc.ColumnTypeName.STRING),
        ],
    )
    table = w.tables.get("main.fin.people")
    assert [one.name for one in table.columns] == ["id", "Email"]
    assert [one.name for one in w.tables.list("main", "fin")] == ["people"]
    assert [one.full_name for one in w.tables.list_summaries("main", schema_name_pattern="f%")] == ["main.fin.people"]
    assert w.tables.exists("main.fin.people").table_exists
    assert not w.tables.exists("main.fin.nobody").table_exists
    w.tables.update("main.fin.people", owner="analysts")
    assert w.tables.get("main.fin.people").owner == "analysts"
    w.tables.update("main.fin.people", owner="admin@localspace.example")
    assert w.metastores.current().metastore_id == space.metastore_id
    assert w.metastores.summary().metastore_id == space.metastore_id
    assert [one.metastore_id for one in w.metastores.list()] == [space.metastore_id]
    assert w.metastores.get(space.metastore_id).owner == "admin@localspace.example"
    w.metastores.update(space.metastore_id, delta_sharing_scope=uc.DeltaSharingScopeEnum.INTERNAL)
    assert any(one.quota_name == "schema-quota" for one in w.resource_quotas.list_quotas())
    whole = w.resource_quotas.get_quota("METASTORE", space.metastore_id, "abac-policy-quota").quota_info
    assert (whole.quota_count, whole.quota_limit) == (0, 10_000)
    assert w.resource_quotas.get_quota("CATALOG", "main", "abac-policy-quota").quota_info.quota_limit == 100
    with pytest.raises(NotFound):
        w.resource_quotas.get_quota("CATALOG", "main", "no-such-quota")


def _functions_and_volumes(w: Any, a: Any, space: LocalWorkspace) -> None:
    made = w.functions.create(_function("mask_text", ["v"]))
    assert made.full_name == "main.fin.mask_text"
    assert w.functions.get("main.fin.mask_text").input_params.parameters[0].name == "v"
    assert [one.name for one in w.functions.list("main", "fin")] == ["mask_text"]
    w.functions.update("main.fin.mask_text", owner="admin@localspace.example")
    w.volumes.create("main", "fin", "files", uc.VolumeType.MANAGED)
    assert [one.name for one in w.volumes.list("main", "fin")] == ["files"]
    assert w.volumes.update("main.fin.files", new_name="papers").full_name == "main.fin.papers"
    assert w.volumes.read("main.fin.papers").volume_type is uc.VolumeType.MANAGED


def _function(name: str, parameters: list[str]) -> uc.CreateFunction:
    text = uc.ColumnTypeName.STRING
    return uc.CreateFunction(
        name=name,
        catalog_name="main",
        schema_name="fin",
        data_type=text,
        full_data_type="STRING",
        input_params=uc.FunctionParameterInfos(
            parameters=[uc.FunctionParameterInfo(one, "STRING", text, at) for at, one in enumerate(parameters)]
        ),
        routine_body=uc.CreateFunctionRoutineBody.SQL,
        routine_definition="'***'",
        is_deterministic=True,
        is_null_call=False,
        parameter_style=uc.CreateFunctionParameterStyle.S,
        security_type=uc.CreateFunctionSecurityType.DEFINER,
        specific_name=name,
        sql_data_access=uc.CreateFunctionSqlDataAccess.NO_SQL,
    )


def _grants(w: Any, a: Any, space: LocalWorkspace) -> None:
    change = uc.PermissionsChange(principal="analysts", add=[uc.Privilege.USE_CATALOG, uc.Privilege.SELECT])
    w.grants.update("catalog", "main", changes=[change])
    direct = w.grants.get("catalog", "main").privilege_assignments
    assert [(one.principal, {p.value for p in one.privileges}) for one in direct] == [("analysts", {"USE_CATALOG", "SELECT"})]
    effective = w.grants.get_effective("table", "main.fin.people").privilege_assignments
    assert [(p.privilege.value, p.inherited_from_name) for one in effective for p in one.privileges] == [("SELECT", "main")]
    assert [one.principal for one in w.grants.list("catalog", "main")] == ["analysts"]
    assert [one.principal for one in w.grants.list_effective("schema", "main.fin")] == ["analysts"]


def _tags(w: Any, a: Any, space: LocalWorkspace) -> None:
    made = w.tag_policies.create_tag_policy(tags.TagPolicy(tag_key="pii", values=[tags.Value("email"), tags.Value("name")]))
    assert w.tag_policies.get_tag_policy("pii").id == made.id
    assert [one.tag_key for one in w.tag_policies.list_tag_policies()] == ["pii"]
    changed = tags.TagPolicy(tag_key="pii", description="personal data", values=[tags.Value("email")])
    assert w.tag_policies.update_tag_policy("pii", changed, "description,values").description == "personal data"
    column = uc.EntityTagAssignment(entity_type="columns", entity_name="main.fin.people.Email", tag_key="pii", tag_value="email")
    w.entity_tag_assignments.create(column)
    assert w.entity_tag_assignments.get("columns", "main.fin.people.email", "pii").tag_value == "email"
    w.entity_tag_assignments.update("columns", "main.fin.people.Email", "pii", column, "tag_value")
    assert [one.tag_key for one in w.entity_tag_assignments.list("columns", "main.fin.people.Email")] == ["pii"]


def _policies(w: Any, a: Any, space: LocalWorkspace) -> None:
    policy = uc.PolicyInfo(
        name="mask_pii",
        policy_type=uc.PolicyType.POLICY_TYPE_COLUMN_MASK,
        for_securable_type=uc.SecurableType.TABLE,
        to_principals=["account users"],
        except_principals=["analysts"],
        on_securable_type=uc.SecurableType.SCHEMA,
        on_securable_fullname="main.fin",
        match_columns=[uc.MatchColumn(alias="c", condition="has_tag_value('pii', 'email')")],
        column_mask=uc.ColumnMaskOptions(function_name="main.fin.mask_text", on_column="c"),
    )
    made = w.policies.create_policy(policy)
    assert made.id
    assert w.policies.get_policy("SCHEMA", "main.fin", "mask_pii").except_principals == ["analysts"]
    assert [one.name for one in w.policies.list_policies("TABLE", "main.fin.people", include_inherited=True)] == ["mask_pii"]
    assert list(w.policies.list_policies("TABLE", "main.fin.people")) == []
    policy.comment = "changed"
    assert w.policies.update_policy("SCHEMA", "main.fin", "mask_pii", policy, update_mask="comment").comment == "changed"


def _warehouses(w: Any, a: Any, space: LocalWorkspace) -> None:
    made = w.warehouses.create(name="small", cluster_size="2X-Small", max_num_clusters=1, auto_stop_mins=10).result()
    assert made.state is sql.State.RUNNING
    w.warehouses.edit(made.id, name="renamed", cluster_size="Small", max_num_clusters=1, auto_stop_mins=5).result()
    assert w.warehouses.get(made.id).name == "renamed"
    assert w.warehouses.stop(made.id).result().state is sql.State.STOPPED
    assert w.warehouses.start(made.id).result().state is sql.State.RUNNING
    assert {one.id for one in w.warehouses.list()} == {made.id, space.warehouse_id}
    assert made.id in {one.id for one in w.data_sources.list()}
    w.warehouses.delete(made.id)
    w.warehouses.set_workspace_warehouse_config(sql_configuration_parameters=None)
    assert w.warehouses.get_workspace_warehouse_config().enabled_warehouse_types


def _statements(w: Any, a: Any, space: LocalWorkspace) -> None:
    done = w.statement_execution.execute_statement("SELECT 6000 ROWS", space.warehouse_id)
    assert done.status.state is sql.StatementState.SUCCEEDED
    assert done.result.data_array[0] == ["0", None]
    second = w.statement_execution.get_statement_result_chunk_n(done.statement_id, done.result.next_chunk_index)
    assert second.data_array[0] == ["5000", None]
    assert w.statement_execution.get_statement(done.statement_id).manifest.total_row_count == 6000
    assert "SELECT 6000 ROWS" in {one.query_text for one in w.query_history.list().res or []}
    slow = w.statement_execution.execute_statement("SLEEP 30", space.warehouse_id, wait_timeout="0s")
    w.statement_execution.cancel_execution(slow.statement_id)
    assert w.statement_execution.get_statement(slow.statement_id).status.state is sql.StatementState.CANCELED


def _permissions(w: Any, a: Any, space: LocalWorkspace) -> None:
    entry = iam.AccessControlRequest(group_name="analysts", permission_level=iam.PermissionLevel.CAN_USE)
    w.permissions.set("warehouses", space.warehouse_id, access_control_list=[entry])
    found = w.permissions.get("warehouses", space.warehouse_id)
    assert {one.group_name for one in found.access_control_list} == {"analysts", "admins", None}
    w.permissions.update("warehouses", space.warehouse_id, access_control_list=[entry])
    assert w.permissions.get_permission_levels("warehouses", space.warehouse_id).permission_levels


def _genie(w: Any, a: Any, space: LocalWorkspace) -> None:
    payload = json.dumps({"version": 2, "data_sources": {"tables": [{"identifier": "main.fin.people"}]}})
    made = w.genie.create_space(space.warehouse_id, payload, title="Finance", parent_path="/Workspace/Shared")
    assert made.parent_path == "/Shared"
    assert w.genie.get_space(made.space_id).serialized_space is None
    full = w.genie.get_space(made.space_id, include_serialized_space=True)
    assert json.loads(full.serialized_space)["version"] == 2
    assert w.genie.update_space(made.space_id, title="Money").title == "Money"
    assert [one.space_id for one in w.genie.list_spaces().spaces] == [made.space_id]
    tag = tags.TagAssignment(entity_type="geniespaces", entity_id=made.space_id, tag_key="team", tag_value="a")
    w.workspace_entity_tag_assignments.create_tag_assignment(tag)
    tag.tag_value = "b"
    w.workspace_entity_tag_assignments.update_tag_assignment("geniespaces", made.space_id, "team", tag, "tag_value")
    got = w.workspace_entity_tag_assignments.get_tag_assignment("geniespaces", made.space_id, "team")
    assert got.tag_value == "b"
    assert len(list(w.workspace_entity_tag_assignments.list_tag_assignments("geniespaces", made.space_id))) == 1
    w.workspace_entity_tag_assignments.delete_tag_assignment("geniespaces", made.space_id, "team")
    w.genie.trash_space(made.space_id)
    with pytest.raises(NotFound):
        w.genie.get_space(made.space_id)


def _secrets(w: Any, a: Any, space: LocalWorkspace) -> None:
    w.secrets.create_scope("vault")
    w.secrets.put_secret("vault", "key", string_value="value")
    assert w.secrets.get_secret("vault", "key").value == "dmFsdWU="
    assert [one.key for one in w.secrets.list_secrets("vault")] == ["key"]
    w.secrets.put_acl("vault", "analysts", workspace.AclPermission.READ)
    assert w.secrets.get_acl("vault", "analysts").permission is workspace.AclPermission.READ
    assert {one.principal for one in w.secrets.list_acls("vault")} == {"analysts", "admin@localspace.example"}
    w.secrets.delete_acl("vault", "analysts")
    w.secrets.delete_secret("vault", "key")
    assert [one.name for one in w.secrets.list_scopes()] == ["vault"]
    w.secrets.delete_scope("vault")


def _serving(w: Any, a: Any, space: LocalWorkspace) -> None:
    assert [one.name for one in w.serving_endpoints.list()] == ["databricks-claude-sonnet-4"]
    w.serving_endpoints.create("mine").result()
    assert w.serving_endpoints.get("mine").name == "mine"
    space.control("PUT", "stub-responses/mine", {"kind": "canned", "replies": ["one", "two"]})
    ask = [serving.ChatMessage(content="hello", role=serving.ChatMessageRole.USER)]
    answers = [w.serving_endpoints.query("mine", messages=ask).choices[0].message.content for _ in range(3)]
    assert answers == ["one", "two", "two"]
    w.serving_endpoints.delete("mine")


def _storage(w: Any, a: Any, space: LocalWorkspace) -> None:
    role = uc.AwsIamRoleRequest("arn:aws:iam::1:role/r")
    space.workspace.store.delete(kinds.EXTERNAL_LOCATION, "people")
    made = w.storage_credentials.create("cred", aws_iam_role=role, skip_validation=True)
    assert made.aws_iam_role.external_id
    assert w.storage_credentials.get("cred").aws_iam_role.external_id == made.aws_iam_role.external_id
    w.storage_credentials.update("cred", comment="c")
    assert [one.name for one in w.storage_credentials.list()] == ["cred"]
    w.external_locations.create("loc", "s3://bucket/a", "cred", skip_validation=True)
    assert w.external_locations.get("loc").url == "s3://bucket/a"
    w.external_locations.update("loc", comment="c")
    assert [one.name for one in w.external_locations.list()] == ["loc"]
    assert w.storage_credentials.validate(storage_credential_name="cred", url="s3://bucket/a").results
    w.external_locations.delete("loc")
    w.storage_credentials.delete("cred")


def _settings(w: Any, a: Any, space: LocalWorkspace) -> None:
    namespace = w.settings.default_namespace
    with pytest.raises(NotFound) as refused:
        namespace.get()
    etag = refused.value.get_error_info()[0].metadata["etag"]
    setting = settings.DefaultNamespaceSetting(namespace=settings.StringMessage(value="samples"), etag=etag)
    made = namespace.update(allow_missing=True, setting=setting, field_mask="namespace.value")
    assert namespace.get().namespace.value == "samples"
    assert namespace.delete(etag=made.etag).etag != made.etag


def _rule_sets(w: Any, a: Any, space: LocalWorkspace) -> None:
    policy = w.tag_policies.get_tag_policy("pii")
    resource = f"accounts/{space.account_id}/tagPolicies/{policy.id}"
    rule = iam.GrantRule(role="roles/tagPolicy.assigner", principals=["groups/analysts"])
    for service in (w.account_access_control_proxy, a.access_control):
        old = service.get_rule_set(f"{resource}/ruleSets/default", "")
        new = iam.RuleSetUpdateRequest(name=old.name, etag=old.etag, grant_rules=[rule])
        assert service.update_rule_set(old.name, new).grant_rules == [rule]
        roles = service.get_assignable_roles_for_resource(resource)
        assert {one.name for one in roles.roles} == {"roles/tagPolicy.manager", "roles/tagPolicy.assigner"}


def _end(w: Any, a: Any, space: LocalWorkspace) -> None:
    w.policies.delete_policy("SCHEMA", "main.fin", "mask_pii")
    w.entity_tag_assignments.delete("columns", "main.fin.people.Email", "pii")
    w.tag_policies.delete_tag_policy("pii")
    w.functions.delete("main.fin.mask_text")
    w.volumes.delete("main.fin.papers")
    w.tables.delete("main.fin.people")
    w.schemas.delete("main.fin")
    w.catalogs.delete("extra", force=True)
    for kind, name in (("groups_v2", "analysts"), ("service_principals_v2", "robot")):
        found = next(iter(getattr(a, kind).list(filter=f'displayName eq "{name}"')))
        a.workspace_assignment.delete(int(space.workspace_id), int(found.id))
        getattr(a, kind).delete(found.id)
    for name in ("ana@example.com", "bob@example.com"):
        found = next(iter(a.users_v2.list(filter=f'userName eq "{name}"')))
        a.users_v2.delete(found.id)
    assert w.grants.get("catalog", "main").privilege_assignments in ([], None)
