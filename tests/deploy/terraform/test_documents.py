"""Terraform's JSON plan and state become changes and objects of lampkeeper; no Terraform runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.kinds import ENTITLEMENT, GRANT, GROUP, MEMBER, POLICY, TAG, TAG_POLICY, WAREHOUSE
from lampkeeper.deploy.plan import Plan, SavedLayer, StateVersion
from lampkeeper.deploy.stages import Action, Stage, key_of
from lampkeeper.deploy.terraform.documents import changes_in, held_in
from lampkeeper.deploy.terraform.resources import objects_of, parts_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import Policy

pytestmark = pytest.mark.unit
RECORDED = Path(__file__).parent / "recorded"
TAG_VALUES = {"entity_type": "columns", "entity_name": "dev.s.t.email", "tag_key": "pii", "tag_value": "mail"}


def plan_of(*entries: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"format_version": "1.2", "resource_changes": list(entries), **more}


def entry(actions: list[str], before: object, after: object, kind: str = "databricks_entity_tag_assignment") -> dict[str, Any]:
    index = "columns|dev.s.t.email|pii"
    return {
        "address": f'{kind}.this["{index}"]', "mode": "managed", "type": kind, "name": "this", "index": index,
        "change": {"actions": actions, "before": before, "after": after},
    }  # fmt: skip


def test_a_creation_a_deletion_and_a_change_of_a_field() -> None:
    (made,) = changes_in(plan_of(entry(["create"], None, TAG_VALUES)))
    assert (made.kind, made.action, made.stage, made.key) == (TAG, Action.CREATE, Stage.PROTECT, "columns|dev.s.t.email|pii")
    assert made.address == 'databricks_entity_tag_assignment.this["columns|dev.s.t.email|pii"]'
    (gone,) = changes_in(plan_of(entry(["delete"], TAG_VALUES, None)))
    assert (gone.action, gone.after, gone.before.value) == (Action.DELETE, None, "mail")
    (changed,) = changes_in(plan_of(entry(["update"], TAG_VALUES, TAG_VALUES | {"tag_value": "phone"})))
    assert changed.reasons == ("tag_value: mail -> phone",)


def test_a_replacement_is_a_deletion_and_a_creation() -> None:
    found = changes_in(plan_of(entry(["delete", "create"], TAG_VALUES, TAG_VALUES)))
    assert [c.action for c in found] == [Action.DELETE, Action.CREATE]


def test_nothing_is_hidden_that_terraform_would_send() -> None:
    (found,) = changes_in(plan_of(entry(["update"], TAG_VALUES | {"x": 1}, TAG_VALUES | {"x": 2})))
    assert (found.action, found.reasons) == (Action.UPDATE, ("Terraform sets x",))


def test_reads_and_resources_without_a_change_are_left_out() -> None:
    read = entry(["read"], None, TAG_VALUES) | {"mode": "data"}
    assert changes_in(plan_of(entry(["no-op"], TAG_VALUES, TAG_VALUES), read)) == ()
    assert changes_in(plan_of(entry(["create"], None, {"input": 1}, "terraform_data"))) == ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (plan_of(entry(["create"], None, {}, "null_resource")), "null_resource is not one"),
        (plan_of(entry(["create"], None, {"entity_type": "columns"})), "another form"),
        (plan_of(entry(["create"], None, TAG_VALUES | {"entity_type": "planets"})), "another form"),
        (plan_of(entry(["forget"], TAG_VALUES, None)), "actions forget"),
        (plan_of(errored=True), "not complete"),
        (plan_of(complete=False), "not complete"),
        (plan_of() | {"format_version": "2.0"}, "format 2.0"),
        ({}, "format unknown"),
    ],
)
def test_a_plan_that_is_not_understood_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        changes_in(document)


def test_one_resource_of_entitlements_is_one_object_for_each() -> None:
    old = {"workspace_consume": True, "workspace_access": None}
    new = {"workspace_consume": None, "workspace_access": True}
    raw = entry(["update"], old, new, "databricks_entitlements") | {"index": "analysts"}
    assert [(c.action, c.kind, c.spec.entitlement) for c in changes_in(plan_of(raw))] == [
        (Action.DELETE, ENTITLEMENT, "workspace-consume"),
        (Action.CREATE, ENTITLEMENT, "workspace-access"),
    ]


def test_access_comes_after_protection() -> None:
    review = TAG_VALUES | {"tag_key": "lampkeeper_review"}
    grant = {"catalog": "dev", "principal": "analysts", "privileges": ["USE_CATALOG"]}
    found = changes_in(
        plan_of(entry(["create"], None, review), entry(["create"], None, grant, "databricks_grant"))
    )  # fmt: skip
    assert [c.stage for c in found] == [Stage.OPEN, Stage.OPEN]
    assert found[1].key == "CATALOG|dev|analysts"


@pytest.mark.parametrize("parts", [("a", "b"), ("a|b", "c\\"), ("", "x"), ("\\|", "|\\"), ("one",)])
def test_the_parts_of_a_key_are_found_again(parts: tuple[str, ...]) -> None:
    assert parts_of(key_of(*parts)) == parts


def test_a_policy_is_read_as_a_policy_and_not_as_an_unknown_document() -> None:
    values = {
        "name": "lk_mail", "on_securable_type": "CATALOG", "on_securable_fullname": "dev",
        "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE",
        "to_principals": ["account users"], "except_principals": None, "when_condition": None,
        "match_columns": [{"alias": "m", "condition": "has_tag_value('pii', 'mail')"}], "comment": "c", "row_filter": None,
        "column_mask": {
            "function_name": "dev.lampkeeper.f", "on_column": "m", "using": [{"alias": None, "constant": "1"}],
        },
    }  # fmt: skip
    (placed,) = objects_of("databricks_policy_info", "", values)
    assert placed.kind is POLICY
    assert isinstance(placed.spec, Policy)
    assert placed.key == "CATALOG|dev|lk_mail"


def test_a_state_lists_its_objects_with_addresses_and_ids() -> None:
    state = {
        "version": 4,
        "resources": [
            {"mode": "data", "type": "databricks_user", "name": "member", "instances": [{"attributes": {}}]},
            {"mode": "managed", "type": "terraform_data", "name": "wait", "instances": [{"index_key": 0, "attributes": {}}]},
            {
                "mode": "managed", "type": "databricks_group", "name": "this",
                "instances": [{"index_key": "a\"b", "attributes": {"display_name": 'a"b', "id": "7"}}],
            },
        ],
    }  # fmt: skip
    (held,) = held_in(json.dumps(state), "terraform.tfstate")
    assert (held.placed.kind, held.placed.key, held.placed.remote_id) == (GROUP, 'a"b', "7")
    assert held.address == 'databricks_group.this["a\\"b"]'
    assert held_in("", "terraform.tfstate") == ()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 3}', '{"version": 4, "encrypted_data": "x"}', '{"version": 4, "resources": [{}]}']
)
def test_a_state_that_cannot_be_read_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(UsageError, match=r"envs/dev/terraform\.tfstate"):
        held_in(text, "envs/dev/terraform.tfstate")


def test_a_plan_with_saved_layers_survives_its_json_form() -> None:
    (change,) = changes_in(plan_of(entry(["create"], None, TAG_VALUES)))
    plan = Plan(
        env="dev", state_versions=(StateVersion(layer=Layer.DATA_ACCESS, lineage="", serial=0),), changes=(change,),
        terraform=(SavedLayer(layer=Layer.DATA_ACCESS, content=b"PK\x00\xff"),),
    )  # fmt: skip
    read = Plan.from_json(plan.to_json())
    assert read == plan
    assert read.changes[0].address == change.address
    damaged = plan.as_dict() | {"terraform": [{"layer": "data_access", "content": "?"}]}
    with pytest.raises(UsageError, match="damaged"):
        Plan.from_dict(damaged)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda p: p.stem)
def test_recorded_plans_of_terraform_are_read_whole(path: Path) -> None:
    document = json.loads(path.read_text())
    writing = [
        e for e in document["resource_changes"]
        if e["mode"] == "managed" and e["type"] != "terraform_data" and e["change"]["actions"] not in (["no-op"], ["read"])
    ]  # fmt: skip
    found = changes_in(document)
    assert {e["address"] for e in writing} == {c.address for c in found}
    assert len(found) >= len(writing) > 0


def test_the_recorded_plans_show_every_kind_that_terraform_writes() -> None:
    found = {c.kind for path in RECORDED.glob("*.json") for c in changes_in(json.loads(path.read_text()))}
    assert {GROUP, MEMBER, TAG_POLICY, POLICY, TAG, GRANT, ENTITLEMENT, WAREHOUSE} <= found
