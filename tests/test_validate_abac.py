"""The validations by name, one class a function."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lampkeeper.design.rules import (
    RULES,
    _condition_matches_tags,
    parse_sql_function_arg_counts,
    parse_sql_functions,
    validate_fgac_policies,
    validate_groups,
    validate_tag_assignments,
    validate_tag_policies,
)
from lampkeeper.model.conditions import ConditionError, HasTag
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding
from lampkeeper.model.groups import Group
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from support.demo_tables import CUSTOMERS, demo_desired, demo_snapshot

pytestmark = pytest.mark.unit


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {f.code for f in findings}


def tagged(state: Desired, entity: str, key: str, value: str) -> Desired:
    tag = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=entity, key=key, value=value)
    return replace(state, tag_assignments=(*state.tag_assignments, tag))


class TestValidateGroups:
    def test_the_demo_has_good_groups(self) -> None:
        assert validate_groups(demo_desired(), demo_snapshot()) == ()

    def test_no_group_and_two_of_one_name(self) -> None:
        assert "LK501" in codes(validate_groups(replace(demo_desired(), groups=())))
        assert "LK502" in codes(validate_groups(replace(demo_desired(), groups=(Group(name="a"), Group(name="A")))))


class TestValidateTagPolicies:
    def test_the_demo_has_good_tag_policies(self) -> None:
        assert validate_tag_policies(demo_desired(), demo_snapshot()) == ()

    def test_a_key_defined_twice_and_a_bad_spelling(self) -> None:
        state = demo_desired()
        twice = replace(
            state, tag_policies=(*state.tag_policies, TagPolicy(key="pii_level"), TagPolicy(key="x", values=("a.b",)))
        )
        assert codes(validate_tag_policies(twice)) == {"LK104", "LK105"}


class TestValidateTagAssignments:
    def test_the_demo_has_good_assignments(self) -> None:
        assert validate_tag_assignments(demo_desired(), demo_snapshot()) == ()

    def test_an_undefined_key_an_unknown_value_and_two_values(self) -> None:
        assert "LK101" in codes(validate_tag_assignments(tagged(demo_desired(), f"{CUSTOMERS}.city", "nope", "x")))
        assert "LK102" in codes(validate_tag_assignments(tagged(demo_desired(), f"{CUSTOMERS}.city", "pii_level", "nope")))
        assert "LK103" in codes(
            validate_tag_assignments(tagged(demo_desired(), f"{CUSTOMERS}.email", "pii_level", "masked_name"))
        )

    def test_a_tag_that_no_policy_covers(self) -> None:
        assert "LK401" in codes(validate_tag_assignments(replace(demo_desired(), policies=()), demo_snapshot()))


class TestValidateFgacPolicies:
    def test_the_demo_has_good_policies(self) -> None:
        assert validate_fgac_policies(demo_desired(), demo_snapshot()) == ()

    def test_a_function_that_is_missing_and_a_principal_that_is_nobody(self) -> None:
        state = demo_desired()
        assert "LK201" in codes(validate_fgac_policies(replace(state, functions=())))
        bad = replace(state.policies[0], except_principals=("nobody",))
        assert "LK303" in codes(validate_fgac_policies(replace(state, policies=(bad, *state.policies[1:]))))


class TestTheFour:
    def test_together_they_are_every_rule_but_those_of_spaces(self) -> None:
        # Every rule finds something in some state; here it is only asked whether a rule would be run at all.
        from lampkeeper.design import rules

        covered = rules._OF_TAG_POLICIES | rules._OF_COVERAGE
        covered |= {r.code for r in RULES if r.code.startswith(("LK1", "LK2", "LK3", "LK4", "LK5"))}
        assert {r.code for r in RULES} - covered == {r.code for r in RULES if r.code.startswith("LK6")}


class TestParseSqlFunctions:
    def test_names_in_every_spelling(self) -> None:
        text = """
        CREATE FUNCTION a() RETURNS INT RETURN 1;
        create or replace function c.s.b(x INT) RETURNS INT RETURN x;
        CREATE FUNCTION IF NOT EXISTS `my cat`.s.`d``e`(x INT) RETURNS INT RETURN x;
        """
        assert parse_sql_functions(text) == {"a", "b", "d`e"}

    def test_comments_and_strings_define_nothing(self) -> None:
        text = "-- CREATE FUNCTION a() RETURN 1\n/* CREATE FUNCTION b() RETURN 1 */\nSELECT 'CREATE FUNCTION c() RETURN 1'"
        assert parse_sql_functions(text) == frozenset()

    @pytest.mark.parametrize("text", ["", "CREATE FUNCTION", "CREATE FUNCTION f", "CREATE FUNCTION f(", "CREATE FUNCTION .f()"])
    def test_what_is_cut_off_defines_nothing(self, text: str) -> None:
        assert parse_sql_functions(text) == frozenset()


class TestParseSqlFunctionArgCounts:
    def test_arguments_are_counted_past_types_with_commas(self) -> None:
        text = """
        CREATE FUNCTION none() RETURNS BOOLEAN RETURN TRUE;
        CREATE FUNCTION one(a DECIMAL(18, 2)) RETURNS INT RETURN 1;
        CREATE FUNCTION three(a MAP<STRING, STRUCT<x: INT, y: INT>>, b STRING COMMENT 'a, b', c INT /* , d */) RETURN 1;
        """
        assert parse_sql_function_arg_counts(text) == {"none": 0, "one": 1, "three": 3}

    def test_the_last_definition_counts(self) -> None:
        text = "CREATE FUNCTION f(a INT) RETURN 1; CREATE OR REPLACE FUNCTION f(a INT, b INT) RETURN 1;"
        assert parse_sql_function_arg_counts(text) == {"f": 2}


class TestConditionMatchesTags:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("hasTagValue('pii', 'email')", True),
            ('has_tag_value("pii", "email")', True),
            ("has_column_tag_value ( 'pii' , 'email' )", True),
            ("hasTag('pii') AND NOT hasTag('phi')", True),
            ("has_tag('phi') or (has_tag('pii') and has_tag('pci'))", False),
            ("hasTagValue('PII', 'email')", False),
        ],
    )
    def test_every_spelling(self, condition: str, expected: bool) -> None:
        assert _condition_matches_tags(condition, {"pii": "email"}) is expected

    def test_a_condition_as_a_value(self) -> None:
        assert _condition_matches_tags(HasTag("pii"), {"pii": ""})

    @pytest.mark.parametrize(
        ("condition", "position"),
        [("hasTag('a'", 11), ("hasTag('a') AND", 16), ("columnName()", 1), ("hasTag('a') IN ('b')", 13)],
    )
    def test_an_error_says_where(self, condition: str, position: int) -> None:
        with pytest.raises(ConditionError, match=f"position {position}:"):
            _condition_matches_tags(condition, {})
