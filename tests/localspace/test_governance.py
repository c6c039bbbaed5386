"""Catalog privileges, governed tags and ABAC policies over REST: rights, limits, messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
UC = "/api/2.1/unity-catalog"


class World:
    """A workspace with a table, a function, a governed tag and one person without rights."""

    def __init__(self, space: LocalWorkspace) -> None:
        self.space = space
        self.admin = space.http()
        space.client().users_v2.create(user_name="eve@example.com")
        self.eve = space.http(space.mint("eve@example.com"))
        self.ok("POST", f"{UC}/schemas", {"name": "fin", "catalog_name": "main"})
        space.external_location("b", "s3://b")
        columns = [{"name": one, "type_text": "string", "type_name": "STRING"} for one in ("id", "email", "odd.name`x")]
        self.ok(
            "POST",
            f"{UC}/tables",
            {
                "name": "people",
                "catalog_name": "main",
                "schema_name": "fin",
                "table_type": "EXTERNAL",
                "storage_location": "s3://b/p",
                "columns": columns,
            },
        )
        for name, count in (("mask", 1), ("keep", 2)):
            parameters = [{"name": f"p{at}", "type_text": "STRING"} for at in range(count)]
            self.ok(
                "POST",
                f"{UC}/functions",
                {
                    "name": name,
                    "catalog_name": "main",
                    "schema_name": "fin",
                    "full_data_type": "STRING",
                    "routine_definition": "p0",
                    "input_params": {"parameters": parameters},
                },
            )
        self.ok("POST", "/api/2.1/tag-policies", {"tag_key": "pii", "values": [{"name": "email"}, {"name": "name"}]})

    def ok(self, method: str, path: str, body: Any = None, who: Any = None) -> Document:
        answer = (who or self.admin).request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        found: Document = answer.json()
        return found

    def refused(self, method: str, path: str, body: Any = None, who: Any = None) -> tuple[int, str, str]:
        answer = (who or self.admin).request(method, path, json=body)
        return answer.status_code, answer.json()["error_code"], answer.json()["message"]

    def grant(self, kind: str, name: str, *privileges: str, who: str = "eve@example.com") -> None:
        body = {"changes": [{"principal": who, "add": list(privileges)}]}
        self.ok("PATCH", f"{UC}/permissions/{kind}/{name}", body)

    def tag(self, kind: str, name: str, key: str, value: str | None = None, who: Any = None) -> Any:
        body = {"entity_type": kind, "entity_name": name, "tag_key": key, "tag_value": value}
        return (who or self.admin).post(f"{UC}/entity-tag-assignments", json=body)

    def mask(self, **changes: Any) -> Document:
        return {
            "name": "m",
            "on_securable_type": "SCHEMA",
            "on_securable_fullname": "main.fin",
            "policy_type": "POLICY_TYPE_COLUMN_MASK",
            "for_securable_type": "TABLE",
            "to_principals": ["account users"],
            "match_columns": [{"alias": "c", "condition": "has_tag_value('pii', 'email')"}],
            "column_mask": {"function_name": "main.fin.mask", "on_column": "c"},
            **changes,
        }


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture
def world(shared: LocalWorkspace) -> Iterator[World]:
    shared.control("POST", "reset")
    made = World(shared)
    yield made
    made.admin.close()
    made.eve.close()


# Privileges


def test_lists_show_only_what_the_caller_holds_a_privilege_on(world: World) -> None:
    def seen() -> tuple[set[str], int, int]:
        catalogs = {one["name"] for one in world.ok("GET", f"{UC}/catalogs", who=world.eve)["catalogs"]}
        schema = world.eve.get(f"{UC}/schemas", params={"catalog_name": "main"}).status_code
        table = world.eve.get(f"{UC}/tables/main.fin.people").status_code
        return catalogs, schema, table

    assert seen() == ({"samples", "system"}, 403, 403)
    world.grant("catalog", "main", "USE_CATALOG")
    assert seen() == ({"main", "samples", "system"}, 200, 403)
    world.grant("table", "main.fin.people", "SELECT")
    assert seen()[2] == 403
    world.grant("schema", "main.fin", "USE_SCHEMA")
    assert seen()[2] == 200


def test_browse_shows_that_a_table_exists_without_use_privileges(world: World) -> None:
    world.grant("catalog", "main", "BROWSE")
    assert world.ok("GET", f"{UC}/tables/main.fin.people", who=world.eve)["name"] == "people"
    actor = world.space.workspace.repositories.identity.by_name("eve@example.com")
    assert isinstance(actor, Principal)
    assert not world.space.workspace.repositories.privileges.holds(actor, "SELECT", "TABLE", "main.fin.people")


def test_granting_needs_manage_or_ownership(world: World) -> None:
    path, body = f"{UC}/permissions/schema/main.fin", {"changes": [{"principal": "eve@example.com", "add": ["SELECT"]}]}
    assert world.refused("PATCH", path, body, world.eve)[:2] == (403, "PERMISSION_DENIED")
    world.grant("schema", "main.fin", "MANAGE")
    world.ok("PATCH", path, body, world.eve)


def test_manage_gives_no_select_and_ownership_of_the_schema_neither(world: World) -> None:
    privileges = world.space.workspace.repositories.privileges
    actor = world.space.workspace.repositories.identity.require_name("eve@example.com")
    world.grant("schema", "main.fin", "MANAGE")
    world.ok("PATCH", f"{UC}/schemas/main.fin", {"owner": "eve@example.com"})
    assert not privileges.holds(actor, "SELECT", "TABLE", "main.fin.people")
    assert privileges.manages(actor, "TABLE", "main.fin.people")


def test_all_privileges_leave_manage_out(world: World) -> None:
    world.grant("catalog", "main", "ALL_PRIVILEGES")
    actor = world.space.workspace.repositories.identity.require_name("eve@example.com")
    held = world.space.workspace.repositories.privileges.held(actor, "TABLE", "main.fin.people")
    assert {"SELECT", "MODIFY", "APPLY_TAG"} <= held
    assert "MANAGE" not in held


def test_a_privilege_that_does_not_fit_the_type_is_refused(world: World) -> None:
    body = {"changes": [{"principal": "eve@example.com", "add": ["EXECUTE"]}]}
    assert world.refused("PATCH", f"{UC}/permissions/table/main.fin.people", body)[0] == 400


def test_a_dropped_schema_takes_grants_tags_and_policies_along(world: World) -> None:
    world.grant("table", "main.fin.people", "SELECT")
    assert world.tag("columns", "main.fin.people.email", "pii", "email").status_code == 200
    world.ok("POST", f"{UC}/policies", world.mask())
    world.ok("DELETE", f"{UC}/schemas/main.fin?force=true")
    store = world.space.workspace.store
    assert [store.count(kind) for kind in (kinds.TAG, kinds.POLICY, kinds.FUNCTION)] == [0, 0, 0]
    assert {table["catalog_name"] for table in store.list(kinds.TABLE)} == {"samples"}
    assert all(one["full_name"] != "main.fin.people" for one in store.list(kinds.GRANT))


def test_a_renamed_schema_keeps_grants_tags_and_policies(world: World) -> None:
    world.grant("table", "main.fin.people", "SELECT")
    world.tag("columns", "main.fin.people.email", "pii", "email")
    world.ok("POST", f"{UC}/policies", world.mask())
    world.ok("PATCH", f"{UC}/schemas/main.fin", {"new_name": "money"})
    repositories = world.space.workspace.repositories
    assert repositories.tags.effective_column_tags("main.money.people") == {"email": {"pii": "email"}}
    assert [one["name"] for one in repositories.policies.in_scope("main.money.people")] == ["m"]
    assert world.ok("GET", f"{UC}/permissions/table/main.money.people")["privilege_assignments"]


# Governed tags


def test_a_value_outside_the_tag_policy_is_refused_in_the_platforms_words(world: World) -> None:
    answer = world.tag("columns", "main.fin.people.email", "pii", "phone")
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "Tag value phone is not an allowed value for tag policy key pii. Allowed values: [email, name]"
    )


@pytest.mark.parametrize("key", ["a.b", "a/b", "a*b", " a", "a ", "a=b", "a?b", "x" * 257, "a\nb", ""])
def test_tag_keys_that_the_platform_refuses(world: World, key: str) -> None:
    assert world.refused("POST", "/api/2.1/tag-policies", {"tag_key": key})[0] == 400


def test_tag_keys_and_values_are_case_sensitive(world: World) -> None:
    assert world.tag("columns", "main.fin.people.email", "pii", "Email").status_code == 400
    assert world.admin.get("/api/2.1/tag-policies/PII").status_code == 404


def test_limits_of_values_and_tags(world: World) -> None:
    many = {"tag_key": "many", "values": [{"name": f"v{at}"} for at in range(501)]}
    assert world.refused("POST", "/api/2.1/tag-policies", many)[1] == "RESOURCE_LIMIT_EXCEEDED"
    for at in range(50):
        assert world.tag("tables", "main.fin.people", f"k{at}").status_code == 200
    assert world.tag("tables", "main.fin.people", "k50").json()["error_code"] == "RESOURCE_LIMIT_EXCEEDED"


def test_assigning_a_governed_tag_needs_apply_tag_and_assign(world: World) -> None:
    world.grant("catalog", "main", "USE_CATALOG", "USE_SCHEMA", "SELECT")
    name = "main.fin.people.email"
    assert world.tag("columns", name, "free", who=world.eve).status_code == 403
    world.grant("table", "main.fin.people", "APPLY_TAG")
    assert world.tag("columns", name, "free", who=world.eve).status_code == 200
    refused = world.tag("columns", name, "pii", "email", who=world.eve)
    assert (refused.status_code, "ASSIGN" in refused.json()["message"]) == (403, True)
    policy = world.ok("GET", "/api/2.1/tag-policies/pii")
    rule_set = f"accounts/{world.space.account_id}/tagPolicies/{policy['id']}/ruleSets/default"
    path = "/api/2.0/preview/accounts/access-control/rule-sets"
    old = world.ok("GET", f"{path}?name={rule_set}&etag=")
    rule = {"role": "roles/tagPolicy.assigner", "principals": ["users/eve@example.com"]}
    body = {"name": rule_set, "rule_set": {**old, "grant_rules": [*old["grant_rules"], rule]}}
    world.ok("PUT", path, body)
    assert world.refused("PUT", path, body)[:2] == (409, "RESOURCE_CONFLICT")
    assert world.tag("columns", name, "pii", "email", who=world.eve).status_code == 200


def test_columns_never_inherit_and_tables_do(world: World) -> None:
    world.tag("catalogs", "main", "team", "a")
    world.tag("schemas", "main.fin", "team", "b")
    tags = world.space.workspace.repositories.tags
    assert tags.effective_table_tags("main.fin.people") == {"team": "b"}
    assert tags.effective_column_tags("main.fin.people") == {}


def test_a_column_with_dots_and_backticks_can_be_tagged(world: World) -> None:
    assert world.tag("columns", "main.fin.people.odd.name`x", "pii", "name").status_code == 200
    assert world.space.workspace.repositories.tags.effective_column_tags("main.fin.people") == {"odd.name`x": {"pii": "name"}}


def test_an_absent_field_that_the_mask_names_is_cleared(world: World) -> None:
    changed = world.ok("PATCH", "/api/2.1/tag-policies/pii?update_mask=values", {"tag_key": "pii"})
    assert "values" not in changed


# Policies


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"match_columns": [{"alias": "c", "condition": "has_tag('nope')"}]}, "Unknown tag policy key"),
        ({"match_columns": [{"alias": "c", "condition": "has_tag_value('pii', 'nope')"}]}, "Invalid tag value"),
        ({"match_columns": [{"alias": "c", "condition": "has_tag('pii'"}]}, "UC_INVALID_POLICY_CONDITION"),
        ({"match_columns": [{"alias": a, "condition": "has_tag('pii')"} for a in "cdef"]}, "at most 3 MATCH COLUMNS"),
        ({"to_principals": []}, "at least one principal"),
        ({"to_principals": ["nobody"]}, "Could not find principal"),
        ({"column_mask": {"function_name": "main.fin.nope", "on_column": "c"}}, "does not exist"),
        ({"column_mask": {"function_name": "main.fin.mask", "on_column": "z"}}, "not an alias"),
        ({"column_mask": {"function_name": "main.fin.keep", "on_column": "c"}}, "takes 2 argument"),
        ({"for_securable_type": "VOLUME"}, "must be for TABLE"),
        ({"policy_type": "POLICY_TYPE_X"}, "Invalid policy_type"),
        ({"row_filter": {"function_name": "main.fin.mask"}}, "cannot have 'row_filter'"),
        ({"on_securable_type": "VOLUME"}, "cannot be on"),
        ({"on_securable_fullname": "main.nope"}, "does not exist"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_at_create(world: World, change: dict[str, Any], says: str) -> None:
    status, _, message = world.refused("POST", f"{UC}/policies", world.mask(**change))
    assert status in (400, 404)
    assert says in message


def test_a_policy_names_at_most_20_principals(world: World) -> None:
    account = f"/api/2.0/accounts/{world.space.account_id}/scim/v2/Groups"
    names = [f"g{at}" for at in range(21)]
    for name in names:
        assert world.admin.post(account, json={"displayName": name}).status_code == 201
    too_many = world.mask(to_principals=names[:11], except_principals=names[11:])
    assert world.refused("POST", f"{UC}/policies", too_many)[1] == "RESOURCE_LIMIT_EXCEEDED"
    world.ok("POST", f"{UC}/policies", world.mask(to_principals=names[:11], except_principals=names[11:20]))


@pytest.mark.parametrize(("kind", "name", "limit"), [("TABLE", "main.fin.people", 50), ("SCHEMA", "main.fin", 100)])
def test_quota_of_policies(world: World, kind: str, name: str, limit: int) -> None:
    place = {"on_securable_type": kind, "on_securable_fullname": name}
    for at in range(limit):
        world.ok("POST", f"{UC}/policies", world.mask(name=f"p{at}", **place))
    assert world.refused("POST", f"{UC}/policies", world.mask(name="over", **place))[1] == "QUOTA_EXCEEDED"
    quotas = world.ok("GET", f"{UC}/resource-quotas/all-resource-quotas")["quotas"]
    assert any(one["quota_count"] == limit and one["parent_full_name"] == name for one in quotas)


def test_a_quota_counter_can_lag_behind_deletions(world: World) -> None:
    world.space.control("PUT", "lag", {"quotas": 60})
    place = {"on_securable_type": "TABLE", "on_securable_fullname": "main.fin.people"}
    for at in range(50):
        world.ok("POST", f"{UC}/policies", world.mask(name=f"p{at}", **place))
    world.space.control("POST", "clock/tick", {"seconds": 61})
    world.ok("DELETE", f"{UC}/policies/TABLE/main.fin.people/p0")
    assert world.refused("POST", f"{UC}/policies", world.mask(name="again", **place))[1] == "QUOTA_EXCEEDED"
    world.space.control("POST", "clock/tick", {"seconds": 61})
    world.ok("POST", f"{UC}/policies", world.mask(name="again", **place))


def test_unknown_policy_fields_are_ignored_and_masked_absent_ones_cleared(world: World) -> None:
    world.ok("POST", f"{UC}/policies", world.mask(use_session_identity=True, comment="old", colour="red"))
    path = f"{UC}/policies/SCHEMA/main.fin/m"
    changed = world.ok("PATCH", f"{path}?update_mask=comment", {})
    assert changed["use_session_identity"] is True
    assert "colour" not in changed
    assert "comment" not in world.ok("GET", path)
    renamed = world.ok("PATCH", path, {"name": "n"})
    assert renamed["name"] == "n"
    assert world.refused("GET", path)[0] == 404


def test_creating_a_policy_needs_manage_on_the_securable_and_execute_on_the_function(world: World) -> None:
    world.grant("catalog", "main", "USE_CATALOG", "USE_SCHEMA")
    assert world.refused("POST", f"{UC}/policies", world.mask(), world.eve)[0] == 403
    world.grant("schema", "main.fin", "MANAGE")
    assert "EXECUTE" in world.refused("POST", f"{UC}/policies", world.mask(), world.eve)[2]
    world.grant("function", "main.fin.mask", "EXECUTE")
    world.ok("POST", f"{UC}/policies", world.mask(), world.eve)


def test_row_filters_need_one_argument_a_parameter(world: World) -> None:
    def body(*using: dict[str, str]) -> Document:
        filtered = world.mask(policy_type="POLICY_TYPE_ROW_FILTER")
        del filtered["column_mask"]
        return filtered | {"row_filter": {"function_name": "main.fin.keep", "using": list(using)}}

    assert "gives 1" in world.refused("POST", f"{UC}/policies", body({"alias": "c"}))[2]
    world.ok("POST", f"{UC}/policies", body({"alias": "c"}, {"constant": "x"}))


def test_a_column_with_a_governed_tag_cannot_be_dropped(world: World) -> None:
    world.tag("columns", "main.fin.people.email", "pii", "email")
    repositories = world.space.workspace.repositories
    admin = repositories.identity.require_name("admin@localspace.example")
    table = repositories.objects.read(admin, "table", "main.fin.people")
    rest = [one for one in table["columns"] if one["name"] != "email"]
    with pytest.raises(Exception, match="governed tags"):
        repositories.objects.change(admin, "table", "main.fin.people", {"columns": rest})
    renamed = [one | {"name": "mail"} if one["name"] == "email" else one for one in table["columns"]]
    repositories.objects.change(admin, "table", "main.fin.people", {"columns": renamed})
    assert repositories.tags.effective_column_tags("main.fin.people") == {"mail": {"pii": "email"}}
