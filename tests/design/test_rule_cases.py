"""Every rule: the demo state passes it, and one change of the state fails it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lampkeeper.design import rules
from lampkeeper.design.rules import RULES
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.design.synthesis.pilot import bound_to, widened
from lampkeeper.model.conditions import HasTag, HasTagValue
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import ExampleQuery, Snippet
from lampkeeper.model.groups import Group
from lampkeeper.model.masks import Function
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Snapshot, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from support.demo_tables import CUSTOMERS, TRANSACTIONS, demo_desired, demo_snapshot

EMAIL = f"{CUSTOMERS}.email"


def _tag(name: str, key: str, value: str, kind: EntityType = EntityType.COLUMNS) -> TagAssignment:
    return TagAssignment(entity_type=kind, entity_name=name, key=key, value=value)


def _with_tag(state: Desired, name: str, key: str, value: str) -> Desired:
    return replace(state, tag_assignments=(*state.tag_assignments, _tag(name, key, value)))


def _moved_tag(state: Desired, name: str, key: str, value: str) -> Desired:
    others = tuple(t for t in state.tag_assignments if t.entity_name != name)
    return _with_tag(replace(state, tag_assignments=others), name, key, value)


def _policy(state: Desired, part: str) -> Policy:
    return next(p for p in state.policies if part in p.name and p.securable == ("dev_fin",))


def _with_policy(state: Desired, part: str, **changes: object) -> Desired:
    old = _policy(state, part)
    new = replace(old, **changes)  # type: ignore[arg-type]
    kept = tuple(p for p in state.policies if p is not old)
    return replace(state, policies=(*kept, new))


def _more_policies(state: Desired, *policies: Policy) -> Desired:
    return replace(state, policies=(*state.policies, *policies))


def _with_function(state: Desired, name: str, **changes: object) -> Desired:
    old = next(f for f in state.functions if f.name == FunctionName("dev_fin", "lampkeeper", name))
    new: Function = replace(old, **changes)  # type: ignore[arg-type]
    return replace(state, functions=(*(f for f in state.functions if f is not old), new))


def _with_space(state: Desired, **changes: object) -> Desired:
    first = state.spaces[0]
    return replace(state, spaces=(replace(first, **changes), *state.spaces[1:]))  # type: ignore[arg-type]


def _with_groups(state: Desired, *groups: Group) -> Desired:
    return replace(state, groups=(*state.groups, *groups))


def _second_mask(state: Desired) -> Desired:
    redact = _policy(state, "redacted_address")
    return _more_policies(
        state,
        replace(
            redact, name="again", match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii_level", "masked_email")),)
        ),
    )


def _second_filter(state: Desired) -> Desired:
    first = _policy(state, "aml_restricted")
    other = next(f for f in state.functions if f.name == first.function)
    name = FunctionName("dev_fin", "lampkeeper", "filter_more")
    more = replace(first, name="more", function=name)
    return _more_policies(replace(state, functions=(*state.functions, replace(other, name=name))), more)


CASES: dict[str, Callable[[Desired], Desired]] = {
    "LK101": lambda s: _with_tag(s, f"{CUSTOMERS}.city", "pii_levle", "x"),
    "LK102": lambda s: _moved_tag(s, EMAIL, "pii_level", "masked_mail"),
    "LK103": lambda s: _with_tag(s, EMAIL, "pii_level", "masked_name"),
    "LK104": lambda s: replace(s, tag_policies=(*s.tag_policies, TagPolicy(key="pii_level", values=("x",)))),
    "LK105": lambda s: replace(s, tag_policies=(*s.tag_policies, TagPolicy(key="other", values=("a.b",)))),
    "LK106": lambda s: _with_tag(s, f"{CUSTOMERS}.e_mail", "pii_level", "masked_email"),
    "LK107": lambda s: _with_policy(s, "masked_email", match_columns=(MatchColumn(alias="m", condition=HasTag("nope")),)),
    "LK201": lambda s: replace(s, functions=tuple(f for f in s.functions if f.name.function != "mask_email")),
    "LK202": lambda s: _with_policy(s, "masked_email", using=(Argument(constant="1"),)),
    "LK203": lambda s: _moved_tag(s, f"{CUSTOMERS}.date_of_birth", "pii_level", "masked_email"),
    "LK204": lambda s: replace(s, policies=tuple(p for p in s.policies if "masked_phone" not in p.name)),
    "LK205": lambda s: _with_function(s, "mask_email", body="CASE WHEN is_account_group_member('hr') THEN value ELSE NULL END"),
    "LK206": lambda s: _with_function(s, "mask_email", body=" (value) "),
    "LK207": lambda s: _with_function(s, "mask_email", body="`dev_fin`.`lampkeeper`.`mask_name`(value)"),
    "LK301": lambda s: _more_policies(s, s.policies[0]),
    "LK302": lambda s: _with_policy(s, "masked_email", on_column="x"),
    "LK303": lambda s: _with_policy(s, "masked_email", except_principals=("fraud_team",)),
    "LK304": lambda s: _more_policies(s, *(replace(_policy(s, "masked_email"), name=f"p{i}") for i in range(100))),
    "LK305": lambda s: _with_policy(s, "masked_email", except_principals=tuple(f"g{i}" for i in range(21))),
    "LK306": lambda s: _with_policy(
        s, "masked_email", match_columns=tuple(MatchColumn(alias=a, condition=HasTag("pii_level")) for a in "abcm")
    ),
    "LK401": lambda s: replace(s, policies=tuple(p for p in s.policies if "masked_email" not in p.name)),
    "LK402": _second_mask,
    "LK403": _second_filter,
    "LK404": lambda s: _with_tag(s, f"{TRANSACTIONS}.status", "compliance_scope", "aml_restricted"),
    "LK405": lambda s: _with_tag(s, f"{TRANSACTIONS}.aml_flag", "pii_level", "masked_email"),
    "LK407": lambda s: _with_policy(s, "masked_email", to_principals=("data_analysts",)),
    "LK501": lambda s: replace(s, groups=()),
    "LK502": lambda s: _with_groups(s, Group(name="Data_Analysts")),
    "LK503": lambda s: replace(
        s,
        grants=(
            *s.grants,
            Grant(securable_type=SecurableType.CATALOG, securable=("dev_fin",), principal="x", privileges=("USE_CATALOG",)),
        ),
    ),
    "LK504": lambda s: replace(_with_groups(s, Group(name="idp", external=True)), members={"idp": ("a@b.c",)}),
    "LK505": lambda s: replace(s, members={"data_analysts": ("compliance_officers",), "compliance_officers": ("data_analysts",)}),
    "LK506": lambda s: _with_policy(s, "masked_email", except_principals=()),
    "LK507": lambda s: _with_policy(s, "masked_email", except_principals=("compliance_officers", "data_analysts")),
    "LK508": lambda s: replace(
        s,
        grants=(
            *s.grants,
            Grant(
                securable_type=SecurableType.SCHEMA,
                securable=("dev_fin", "finance"),
                principal="data_analysts",
                privileges=("SELECT",),
            ),
        ),
    ),
    "LK601": lambda s: _with_space(s, tables=(*s.spaces[0].tables, TableName("a", "b", "c"))),
    "LK602": lambda s: replace(s, spaces=(*s.spaces, replace(s.spaces[0], name="clinical-analytics"))),
    "LK603": lambda s: _with_space(s, acl_groups=("analyst",)),
    "LK604": lambda s: replace(s, grants=tuple(g for g in s.grants if g.securable_type is not SecurableType.TABLE)),
    "LK609": lambda s: _with_space(s, acl_groups=("account users",)),
    "LK610": lambda s: _with_space(s, instructions="", examples=(ExampleQuery(question="q", sql="SELECT 'ana@bank.example'"),)),
    "LK605": lambda s: _with_space(s, measures=(Snippet(sql="SUM(`encounters`.`amout`)", display_name="total"),)),
}


def _codes(findings: tuple[Finding, ...]) -> set[str]:
    return {f.code for f in findings}


def test_the_demo_state_has_no_finding_at_all() -> None:
    assert check(demo_desired(), demo_snapshot()) == ()


@pytest.mark.parametrize("code", sorted(CASES))
def test_one_change_fails_the_rule(code: str) -> None:
    findings = check(CASES[code](demo_desired()), demo_snapshot())
    assert code in _codes(findings)
    assert all(f.location and f.message for f in findings)


def test_a_pilot_warns_once_about_everybody_else_and_is_no_error() -> None:
    state = demo_desired()
    piloted = replace(state, policies=bound_to(state.policies, "data_analysts"))
    (found,) = {f.code: f for f in check(piloted, demo_snapshot(), pilot="data_analysts") if "dev_fin" in f.location}.values()
    assert (found.code, found.severity) == ("LK410", Severity.WARNING)
    assert _codes(check(piloted, demo_snapshot(), pilot="data_analysts")) == {"LK410"}
    assert {"LK401", "LK407"} <= _codes(check(piloted, demo_snapshot()))
    assert _codes(check(state, demo_snapshot(), pilot="data_analysts")) == {"LK410"}
    assert widened(piloted.policies, "data_analysts") == state.policies


def test_a_pilot_still_needs_a_policy_for_each_tag() -> None:
    piloted = replace(demo_desired(), policies=bound_to(demo_desired().policies, "data_analysts"))
    less = replace(piloted, policies=tuple(p for p in piloted.policies if "masked_email" not in p.name))
    assert "LK401" in _codes(check(less, demo_snapshot(), pilot="data_analysts"))


def test_a_view_with_sensitive_columns_is_out_of_reach() -> None:
    tables = tuple(replace(t, kind=TableKind.VIEW) if t.name.plain == CUSTOMERS else t for t in demo_snapshot().tables)
    assert "LK406" in _codes(check(demo_desired(), Snapshot(tables=tables)))
    assert "LK406" not in _codes(check(demo_desired(), demo_snapshot()))


def test_every_rule_has_a_case_a_code_of_its_own_and_a_docstring_with_an_example() -> None:
    assert {r.code for r in RULES} >= {*CASES, "LK406"}
    assert len({r.code for r in RULES}) == len({r.name for r in RULES}) == len(RULES)
    for rule in RULES:
        assert "Example:" in rule.text, rule.code


def test_every_public_check_of_the_rules_package_is_a_rule() -> None:
    modules = (rules.tags, rules.functions, rules.policies, rules.coverage, rules.people, rules.spaces, rules.pilot)
    registered = {r.look for r in RULES}
    for module in modules:
        for name, thing in vars(module).items():
            if getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_") and name != "filter_columns":
                assert thing in registered, f"{module.__name__}.{name}"


def test_without_a_snapshot_the_catalog_is_not_asked() -> None:
    assert check(demo_desired(), None) == ()
    assert "LK106" not in _codes(check(CASES["LK106"](demo_desired()), None))


def test_quotas_are_configurable() -> None:
    assert "LK304" in _codes(check(demo_desired(), demo_snapshot(), RemainingQuota(policies_per_catalog=3)))


def test_a_policy_on_a_schema_covers_that_schema_only() -> None:
    state = demo_desired()
    moved = _with_policy(state, "masked_email", securable_type=SecurableType.SCHEMA, securable=("dev_fin", "elsewhere"))
    assert "LK401" in _codes(check(moved, demo_snapshot()))


def test_a_row_filter_needs_a_boolean() -> None:
    state = _with_function(demo_desired(), "filter_aml", returns="STRING")
    assert "LK203" in _codes(check(state, demo_snapshot()))
    assert _policy(state, "aml_restricted").kind is PolicyKind.ROW_FILTER
