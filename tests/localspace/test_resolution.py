"""Which masks and filters a principal meets, without an engine."""

from __future__ import annotations

from typing import Any

import pytest

from localspace.core.statement_runner import SqlError
from localspace.governance.conditions import holds, parse_condition, references
from localspace.sql.resolve import ColumnInput, ConstantInput, Protection, Resolver, TableFacts

pytestmark = pytest.mark.unit

NAMES = frozenset({"ana@x", "analysts", "account users"})


def facts(**more: Any) -> TableFacts:
    base: dict[str, Any] = {
        "path": ("main", "hr", "emp"),
        "columns": ("id", "SSN", "email", "region"),
        "table_tags": {"domain": "hr"},
        "column_tags": {"ssn": {"pii": "ssn"}, "email": {"pii": "email"}, "region": {"geo": ""}},
    }
    return TableFacts(**(base | more))


def mask(name: str = "m", value: str = "ssn", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "policy_type": "POLICY_TYPE_COLUMN_MASK",
        "to_principals": ["analysts"],
        "match_columns": [{"alias": "c", "condition": f"has_tag_value('pii', '{value}')"}],
        "column_mask": {"function_name": "main.f.hide", "on_column": "c"},
    } | more


def row_filter(name: str = "f", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "policy_type": "POLICY_TYPE_ROW_FILTER",
        "to_principals": ["account users"],
        "match_columns": [{"alias": "g", "condition": "has_tag('geo')"}],
        "row_filter": {"function_name": "main.f.own", "using": [{"alias": "g"}]},
    } | more


def resolve(*policies: dict[str, Any], names: frozenset[str] = NAMES, **more: Any) -> Protection:
    return Resolver(facts(**more), policies, {"pii", "geo", "domain"}, names).protection()


def error_of(*policies: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SqlError) as caught:
        resolve(*policies, **more)
    return caught.value.error_class


def test_a_mask_falls_on_the_column_with_the_tag() -> None:
    found = resolve(mask())
    assert list(found.masks) == ["ssn"]
    assert found.masks["ssn"].inputs == (ColumnInput("SSN"),)
    assert found.row_filter is None


def test_except_wins_over_to() -> None:
    assert not resolve(mask(except_principals=["account users"])).any


def test_who_is_not_in_to_is_open() -> None:
    assert not resolve(mask(), names=frozenset({"bob@x", "account users"})).any


def test_when_looks_at_table_tags() -> None:
    assert resolve(mask(when_condition="has_tag_value('domain', 'hr')")).any
    assert not resolve(mask(when_condition="NOT has_tag('domain')")).any


def test_a_policy_needs_every_match_to_hold() -> None:
    twice = [{"alias": "c", "condition": "has_tag_value('pii', 'ssn')"}, {"alias": "d", "condition": "has_tag_value('pii', 'x')"}]
    assert not resolve(mask(match_columns=twice)).any


def test_values_and_keys_compare_exactly() -> None:
    assert not resolve(mask(value="SSN")).any


def test_an_alias_of_several_columns_masks_each() -> None:
    found = resolve(mask(match_columns=[{"alias": "c", "condition": "has_tag('pii')"}]))
    assert sorted(found.masks) == ["email", "ssn"]


def test_arguments_are_columns_constants_and_tag_values() -> None:
    using = [
        {"alias": "g"},
        {"constant": "k"},
        {"function_arg_expression": {"tag_introspection": {"tag_value": {"tag_key": "domain"}}}},
        {"function_arg_expression": {"tag_introspection": {"column_tag_value": {"column_alias": "c", "tag_key": "pii"}}}},
    ]
    matches = [*mask()["match_columns"], {"alias": "g", "condition": "has_tag('geo')"}]
    spec = {"function_name": "main.f.hide", "on_column": "c", "using": using}
    found = resolve(mask(match_columns=matches, column_mask=spec)).masks["ssn"]
    assert found.inputs == (
        ColumnInput("SSN"),
        ColumnInput("region"),
        ConstantInput("k"),
        ConstantInput("hr"),
        ConstantInput("ssn"),
    )


def test_conflicts_have_the_platforms_classes() -> None:
    other = mask("n", column_mask={"function_name": "main.f.other", "on_column": "c"})
    assert error_of(mask(), other) == "COLUMN_MASKS_FEATURE_NOT_SUPPORTED.MULTIPLE_MASKS"
    second = row_filter("g2", row_filter={"function_name": "main.f.two", "using": [{"alias": "g"}]})
    assert error_of(row_filter(), second) == "INVALID_PARAMETER_VALUE.UC_ABAC_MULTIPLE_ROW_FILTERS"
    wide = row_filter(match_columns=[{"alias": "g", "condition": "has_tag('pii')"}])
    assert error_of(wide) == "INVALID_PARAMETER_VALUE.UC_ABAC_AMBIGUOUS_COLUMN_MATCH"
    assert (
        error_of(mask(match_columns=[{"alias": "c", "condition": "has_tag('gone')"}]))
        == "INVALID_PARAMETER_VALUE.UC_ABAC_UNKNOWN_TAG_POLICY"
    )


def test_the_same_function_with_the_same_arguments_counts_once() -> None:
    assert resolve(mask(), mask("again"), row_filter(), row_filter("again")).any


def test_an_unknown_tag_fails_principals_outside_to_as_well() -> None:
    gone = mask(match_columns=[{"alias": "c", "condition": "has_tag('gone')"}], to_principals=["nobody"])
    assert error_of(gone).endswith("UC_ABAC_UNKNOWN_TAG_POLICY")


def test_a_masked_column_may_not_feed_a_filter() -> None:
    onto = mask(match_columns=[{"alias": "c", "condition": "has_tag('geo')"}])
    assert error_of(onto, row_filter()).startswith("COLUMN_MASKS_FEATURE_NOT_SUPPORTED")


def test_manual_controls_bind_everybody_and_conflict_with_policies() -> None:
    manual = {
        "manual_masks": {"SSN": ("main.f.manual", (ColumnInput("id"),))},
        "manual_filter": ("main.f.rows", (ColumnInput("id"),)),
    }
    nobody: frozenset[str] = frozenset()
    found = resolve(names=nobody, **manual)
    assert found.masks["ssn"].inputs == (ColumnInput("SSN"), ColumnInput("id"))
    assert found.row_filter is not None
    assert error_of(mask(), **manual).endswith("MULTIPLE_MASKS")


def test_grant_policies_mask_nothing() -> None:
    assert not resolve({"name": "g", "policy_type": "POLICY_TYPE_GRANT", "to_principals": ["analysts"]}).any


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("has_tag('a') AND has_tag('b')", {"a": ""}, False),
        ("has_tag('a') OR has_tag('b') AND has_tag('c')", {"a": ""}, True),
        ("(has_tag('a') OR has_tag('b')) AND has_tag('c')", {"a": ""}, False),
        ("NOT has_tag('a')", {}, True),
        ("NOT has_tag('a') AND has_tag('b')", {"b": ""}, True),
        ("hasTagValue(\"k\", 'it''s')", {"k": "it's"}, True),
        ("has_column_tag_value('k', 'v')", {"k": "V"}, False),
        ("TRUE", {}, True),
    ],
)
def test_conditions_read_as_sql_does(text: str, tags: dict[str, str], expected: bool) -> None:
    assert holds(parse_condition(text), tags) is expected


@pytest.mark.parametrize("text", ["", "has_tag()", "has_tag('a', 'b')", "has_tag(a)", "1 = 1", "has_tag('a') x", "has_tag('a'"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_condition(text)
    assert caught.value.error_class == "INVALID_PARAMETER_VALUE.UC_INVALID_POLICY_CONDITION"


def test_references_name_every_tag() -> None:
    found = references(parse_condition("has_tag('a') OR NOT (has_tag_value('b', 'c') AND has_column_tag('d'))"))
    assert [(tag.key, tag.value) for tag in found] == [("a", None), ("b", "c"), ("d", None)]
