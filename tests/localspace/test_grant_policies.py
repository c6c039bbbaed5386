"""GRANT policies through the unmodified SDK and by SQL: what they give, by which tags, and what they never give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk.errors import DatabricksError, PermissionDenied
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import tags

from support.callers import CALLERS, Callers, running_callers
from support.fake_runner import fake_runner

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with running_callers(build_runner=fake_runner) as running:
        w = running.client("user")
        w.tag_policies.create_tag_policy(tags.TagPolicy(tag_key="stage", values=[tags.Value("prod"), tags.Value("test")]))
        w.catalogs.create("ml")
        for schema, value in (("live", "prod"), ("lab", "test")):
            w.schemas.create(schema, "ml")
            tag = uc.EntityTagAssignment(entity_name=f"ml.{schema}", tag_key="stage", entity_type="schemas", tag_value=value)
            w.entity_tag_assignments.create(tag)
            w.registered_models.create(name="churn", catalog_name="ml", schema_name=schema)
        yield running


def policy(callers: Callers, **changes: object) -> uc.PolicyInfo:
    found = {
        "name": "open_models",
        "policy_type": uc.PolicyType.POLICY_TYPE_GRANT,
        "for_securable_type": uc.SecurableType.MODEL,
        "on_securable_type": uc.SecurableType.CATALOG,
        "on_securable_fullname": "ml",
        "to_principals": [callers.names["stranger"]],
        "when_condition": "has_tag_value('stage', 'prod')",
        "grant": uc.GrantOptions(privileges=["EXECUTE"]),
    }
    return uc.PolicyInfo(**{**found, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("label", CALLERS)
def test_a_policy_gives_models_by_their_tags(callers: Callers, label: str) -> None:
    w, eve, name = callers.client(label), callers.client("stranger"), callers.names["stranger"]
    made = w.policies.create_policy(policy(callers))
    assert (made.grant.privileges, [one.as_dict() for one in made.governed_tags]) == (
        ["EXECUTE"],
        [{"tag_key": "stage", "tag_value": "prod"}],
    )
    with pytest.raises(PermissionDenied):
        eve.registered_models.get("ml.live.churn")
    use = [uc.Privilege.USE_CATALOG, uc.Privilege.USE_SCHEMA]
    w.grants.update("catalog", "ml", changes=[uc.PermissionsChange(principal=name, add=use)])
    assert eve.registered_models.get("ml.live.churn").name == "churn"
    assert [one.full_name for one in eve.registered_models.list(catalog_name="ml")] == ["ml.live.churn"]
    with pytest.raises(PermissionDenied):
        eve.registered_models.get("ml.lab.churn")
    with pytest.raises(PermissionDenied):
        eve.registered_models.update("ml.live.churn", comment="mine")
    assert w.grants.get("function", "ml.live.churn").privilege_assignments in ([], None)

    changed = policy(callers, to_principals=["account users"], except_principals=[name])
    w.policies.update_policy("CATALOG", "ml", "open_models", changed, update_mask="to_principals,except_principals")
    with pytest.raises(PermissionDenied):
        eve.registered_models.get("ml.live.churn")
    w.policies.delete_policy("CATALOG", "ml", "open_models")
    w.grants.update("catalog", "ml", changes=[uc.PermissionsChange(principal=name, remove=use)])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"for_securable_type": uc.SecurableType.SCHEMA}, "must be for one of"),
        ({"grant": uc.GrantOptions(privileges=["MANAGE"])}, "Privilege MANAGE cannot be granted"),
        ({"grant": uc.GrantOptions(privileges=["USE_CATALOG"])}, "Privilege USE_CATALOG cannot be granted"),
        ({"grant": None}, "needs 'grant'"),
        ({"when_condition": "has_tag_value('stage', 'dev')"}, "UC_INVALID_POLICY_CONDITION"),
        ({"match_columns": [uc.MatchColumn(alias="c", condition="has_tag('stage')")]}, "match_columns"),
        ({"policy_type": uc.PolicyType.POLICY_TYPE_DENY, "grant": None, "deny": uc.DenyOptions(["EXECUTE"])}, "DENY policies"),
    ],
)
def test_what_a_policy_cannot_grant_is_refused(callers: Callers, changes: dict[str, object], says: str) -> None:
    with pytest.raises(DatabricksError, match=says):
        callers.client("user").policies.create_policy(policy(callers, **changes))
