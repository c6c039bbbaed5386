"""The fixes of drafts that people or models wrote, one class a function; and the laws that hold for all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.drafts.draft_fixes import (
    FIXES,
    autofix_fgac_policy_count,
    autofix_invalid_tag_values,
    autofix_missing_fgac_policies,
    autofix_tag_policies,
    autofix_undefined_tag_refs,
    fix_draft,
    fix_hcl_syntax,
    split_answer,
)
from lampkeeper.design.drafts.exposure import tables_of, widened
from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.hcl import parse_hcl, quote_hcl
from lampkeeper.model.conditions import And, HasTag, HasTagValue, Not, parse_condition
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function
from lampkeeper.model.policies import MatchColumn, Policy, SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from support.access_models import access_models
from support.demo_tables import CUSTOMERS, demo_desired, demo_snapshot
from support.nightly import law

pytestmark = pytest.mark.unit


def without_policies(state: Desired, *parts: str) -> Desired:
    return replace(state, policies=tuple(p for p in state.policies if not any(x in p.name for x in parts)))


def retagged(state: Desired, column: str, key: str, value: str) -> Desired:
    kept = tuple(t for t in state.tag_assignments if t.entity_name != column)
    new = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=column, key=key, value=value)
    return replace(state, tag_assignments=(*kept, new))


def tag_of(state: Desired, column: str) -> tuple[str, str]:
    return next((t.key, t.value) for t in state.tag_assignments if t.entity_name == column)


def values_of(state: Desired, key: str) -> tuple[str, ...]:
    return next(p.values for p in state.tag_policies if p.key == key)


class TestFixHclSyntax:
    def test_commas_missing_between_objects_and_in_a_line_are_added(self) -> None:
        made = fix_hcl_syntax('tag_policies = [\n  { key = "a" values = ["x" "y"] }\n  { key = "b" }\n]\n')
        read = parse_hcl(made.text, "draft")
        assert read == {"tag_policies": [{"key": "a", "values": ["x", "y"]}, {"key": "b"}]}
        assert [c.location for c in made.changes] == ["line 2"] * 3
        assert not made.findings

    def test_stray_commas_and_brackets_go(self) -> None:
        made = fix_hcl_syntax("a = [, 1,, 2,],\nb = { x = 1,, y = 2 },\n}\n]\n")
        assert parse_hcl(made.text, "draft") == {"a": [1, 2], "b": {"x": 1, "y": 2}}

    @pytest.mark.parametrize(
        "text",
        [
            'a = "[^0-9,] { ,, ] ... -- # // /*"\n',
            "a = <<-EOT\n  SELECT 1,, FROM t -- [ { ...\n  EOT\nb = 1\n",
            "# it's a comment, with { and [ and \"\na = 1 // and ,,\nb = /* ... [ */ 2\n",
        ],
    )
    def test_text_heredocs_and_comments_are_left_alone(self, text: str) -> None:
        assert fix_hcl_syntax(text) == replace(fix_hcl_syntax(text), text=text, changes=(), findings=())

    def test_a_fenced_answer_with_prose_is_unpacked(self) -> None:
        text = "Sure!\n\n```sql\nCREATE FUNCTION f() RETURNS INT RETURN 1;\n```\n\n```hcl\na = 1\n```\nAnything else?\n"
        assert fix_hcl_syntax(text).text == "a = 1\n"
        assert split_answer(text).sql == "CREATE FUNCTION f() RETURNS INT RETURN 1;"

    def test_code_outside_of_fences_is_kept(self) -> None:
        text = "groups = {}\n```\n"
        assert parse_hcl(fix_hcl_syntax(text).text, "draft") == {"groups": {}}

    def test_a_truncated_draft_keeps_what_is_whole_and_is_an_error(self) -> None:
        text = 'tag_assignments = [\n  { tag_key = "a" },\n  { tag_key = "b", tag_val'
        made = fix_hcl_syntax(text)
        assert parse_hcl(made.text, "draft") == {"tag_assignments": [{"tag_key": "a"}]}
        assert [f.code for f in made.findings] == ["LK701"]
        assert "line 2" in made.findings[0].message

    def test_a_section_that_never_closes_ends_where_the_next_begins(self) -> None:
        made = fix_hcl_syntax('tag_policies = [\n  { key = "a"\ntag_assignments = []\n')
        assert parse_hcl(made.text, "draft") == {"tag_policies": [{"key": "a"}], "tag_assignments": []}

    def test_placeholders_go_and_are_reported(self) -> None:
        made = fix_hcl_syntax('a = ["x", ...]\nb = {\n  ...\n}\nbenchmarks = "${var.benchmarks}"\n')
        assert parse_hcl(made.text, "draft") == {"a": ["x"], "b": {}, "benchmarks": []}
        assert {f.code for f in made.findings} == {"LK706"}

    def test_values_in_maps_quotes_escapes_and_dashes(self) -> None:
        made = fix_hcl_syntax('-- draft\nvalues = [{ name = "x" }]\na = \'it\\\'s "so"\'\nb = "\\d+"\n')
        assert parse_hcl(made.text, "draft") == {"values": ["x"], "a": 'it\'s "so"', "b": "\\d+"}

    @law(300)
    @given(text=st.text(alphabet="ab=[]{},:.\"'\n #-<E1…", max_size=60))
    def test_a_fixed_text_is_left_as_it_is(self, text: str) -> None:
        once = fix_hcl_syntax(text)
        again = fix_hcl_syntax(once.text)
        assert again.text == once.text
        assert not again.changes

    @given(values=st.dictionaries(st.sampled_from("abc"), st.lists(st.text(max_size=8).filter(str.isprintable), max_size=3)))
    def test_valid_hcl_is_not_touched(self, values: dict[str, list[str]]) -> None:
        text = "".join(f"{k} = [{', '.join(map(quote_hcl, v))}]\n" for k, v in values.items())
        assert fix_hcl_syntax(text).text == text

    def test_deep_nesting_ends(self) -> None:
        assert fix_hcl_syntax("a = " + "[" * 3000).text


class TestAutofixTagPolicies:
    def test_a_value_that_assignments_use_is_added(self) -> None:
        made = autofix_tag_policies(retagged(demo_desired(), f"{CUSTOMERS}.city", "pii_level", "masked_town"))
        assert "masked_town" in values_of(made.desired, "pii_level")
        assert "masked_town" in made.changes[0].what

    def test_a_value_that_the_tag_of_somebody_else_lacks_is_an_error(self) -> None:
        state = retagged(demo_desired(), f"{CUSTOMERS}.city", "pii_level", "masked_town")
        theirs = replace(state, tag_policies=tuple(replace(p, external=p.key == "pii_level") for p in state.tag_policies))
        made = autofix_tag_policies(theirs)
        assert (made.desired, made.changes) == (theirs, ())
        assert [f.code for f in made.findings] == ["LK702"]

    def test_two_policies_of_a_key_become_one(self) -> None:
        state = demo_desired()
        doubled = replace(state, tag_policies=(*state.tag_policies, TagPolicy(key="pii_level", values=("z",))))
        made = autofix_tag_policies(doubled).desired
        assert [p.key for p in made.tag_policies].count("pii_level") == 1
        assert {"z", "masked_email"} <= set(values_of(made, "pii_level"))

    def test_a_state_that_agrees_is_not_touched(self) -> None:
        assert autofix_tag_policies(demo_desired()).desired == demo_desired()


class TestAutofixInvalidTagValues:
    def test_a_slip_takes_the_only_near_value(self) -> None:
        made = autofix_invalid_tag_values(retagged(demo_desired(), f"{CUSTOMERS}.email", "pii_level", "masked_emial"))
        assert tag_of(made.desired, f"{CUSTOMERS}.email") == ("pii_level", "masked_email")
        assert len(made.changes) == 1

    def test_a_value_near_to_none_or_to_several_stays(self) -> None:
        for value in ("something_else", "masked_xxxxx"):
            state = retagged(demo_desired(), f"{CUSTOMERS}.email", "pii_level", value)
            assert autofix_invalid_tag_values(state).desired == state

    def test_a_slip_of_public_is_for_a_person_to_say(self) -> None:
        state = retagged(demo_desired(), f"{CUSTOMERS}.email", "pii_level", "pubilc")
        policies = tuple(replace(p, values=(*p.values, "public")) for p in state.tag_policies)
        made = fix_draft(replace(state, tag_policies=policies), demo_snapshot())
        assert tag_of(made.desired, f"{CUSTOMERS}.email") == ("pii_level", "pubilc")
        assert "LK702" in {f.code for f in made.findings}

    def test_a_value_that_a_condition_names_is_no_slip(self) -> None:
        state = demo_desired()
        email = next(p for p in state.policies if "masked_email" in p.name and p.securable == ("dev_fin",))
        own = replace(
            email, name="own", match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii_level", "masked_emial")),)
        )
        state = retagged(replace(state, policies=(*state.policies, own)), f"{CUSTOMERS}.email", "pii_level", "masked_emial")
        assert autofix_invalid_tag_values(state).desired == state
        made = fix_draft(state, demo_snapshot()).desired
        assert "masked_emial" in values_of(made, "pii_level")


class TestAutofixUndefinedTagRefs:
    def test_a_slip_of_a_key_takes_the_defined_one(self) -> None:
        made = autofix_undefined_tag_refs(retagged(demo_desired(), f"{CUSTOMERS}.email", "pii_levle", "masked_email"))
        assert tag_of(made.desired, f"{CUSTOMERS}.email") == ("pii_level", "masked_email")

    def test_a_key_used_by_assignments_and_conditions_alike_is_defined(self) -> None:
        state = demo_desired()
        made = autofix_undefined_tag_refs(
            replace(state, tag_policies=tuple(p for p in state.tag_policies if p.key != "pci_level"))
        )
        assert values_of(made.desired, "pci_level") == values_of(state, "pci_level")

    def test_a_key_that_nothing_explains_is_an_error_and_stays(self) -> None:
        state = retagged(demo_desired(), f"{CUSTOMERS}.email", "colour", "blue")
        made = autofix_undefined_tag_refs(state)
        assert made.desired == state
        assert [f.code for f in made.findings] == ["LK702"]

    def test_a_slip_under_not_is_not_fixed_when_that_would_unmask(self) -> None:
        state = demo_desired()
        email = next(p for p in state.policies if "masked_email" in p.name and p.securable == ("dev_fin",))
        condition = And((HasTag("pii_level"), Not(HasTagValue("pii_level", "masked_emial"))))
        loose = replace(email, match_columns=(MatchColumn(alias="m", condition=condition),))
        others = tuple(p for p in state.policies if p.securable != ("dev_fin",))
        state = replace(state, policies=(*others, loose))
        made = autofix_undefined_tag_refs(state)
        assert made.desired == state
        assert {f.code for f in made.findings} == {"LK702", "LK705"}


class TestAutofixMissingFgacPolicies:
    def test_an_uncovered_column_gets_the_mask_of_its_value_for_everybody_but_the_cleared(self) -> None:
        state = without_policies(demo_desired(), "masked_email")
        made = autofix_missing_fgac_policies(state, snapshot=demo_snapshot())
        assert made.desired == demo_desired()
        assert check(made.desired, demo_snapshot()) == ()

    def test_one_policy_serves_many_columns_of_a_value(self) -> None:
        columns = tuple(Column(name=f"mail_{n}", type="STRING") for n in range(9))
        table = Table(name=demo_snapshot().tables[-1].name, columns=columns)
        state = Desired(tag_policies=(TagPolicy(key="pii_level", values=("masked_email",)),), groups=demo_desired().groups)
        for name in table.column_names():
            state = retagged(state, name.plain, "pii_level", "masked_email")
        made = autofix_missing_fgac_policies(state).desired
        assert len(made.policies) == 1
        assert made.policies[0].to_principals == (EVERYBODY,)
        assert made.policies[0].except_principals == ()
        assert made.functions[0].name == made.policies[0].function
        assert made.schemas == (("dev_fin", "lampkeeper"),)

    def test_a_value_of_ones_own_is_redacted_by_the_type_of_the_column(self) -> None:
        state = retagged(demo_desired(), f"{CUSTOMERS}.created_at", "pii_level", "masked_signup")
        state = autofix_tag_policies(state).desired
        made = autofix_missing_fgac_policies(state, snapshot=demo_snapshot())
        assert "LK401" not in {f.code for f in check(made.desired, demo_snapshot())}
        new = (set(made.desired.policies) - set(state.policies)).pop()
        assert new.function.function == "mask_null_timestamp"

    def test_without_the_type_of_the_column_it_is_an_error(self) -> None:
        state = autofix_tag_policies(retagged(demo_desired(), f"{CUSTOMERS}.city", "pii_level", "masked_town")).desired
        made = autofix_missing_fgac_policies(state)
        assert made.desired == state
        assert [f.code for f in made.findings] == ["LK703"]

    def test_public_values_need_none(self) -> None:
        state = autofix_tag_policies(retagged(demo_desired(), f"{CUSTOMERS}.city", "pii_level", "public")).desired
        assert autofix_missing_fgac_policies(state, snapshot=demo_snapshot()).desired == state


class TestAutofixFgacPolicyCount:
    @staticmethod
    def crowded(state: Desired, count: int) -> Desired:
        email = next(p for p in state.policies if "masked_email" in p.name and p.securable == ("dev_fin",))
        made = []
        for number in range(count):
            condition = parse_condition(f"has_tag_value('pii_level', 'email_{number}')")
            made.append(
                replace(email, name=f"p{number:03d}", match_columns=(MatchColumn(alias=f"a{number}", condition=condition),))
            )
        values = TagPolicy(key="pii_level", values=(*values_of(state, "pii_level"), *(f"email_{n}" for n in range(count))))
        others = tuple(p for p in state.tag_policies if p.key != "pii_level")
        return replace(state, policies=(*state.policies, *made), tag_policies=(*others, values))

    def test_policies_that_do_the_same_are_merged_and_nothing_is_lost(self) -> None:
        state = self.crowded(demo_desired(), 150)
        state = retagged(state, f"{CUSTOMERS}.city", "pii_level", "email_149")
        made = autofix_fgac_policy_count(state)
        assert sum(p.securable == ("dev_fin",) for p in made.desired.policies) <= 100
        tables = tables_of((state,), demo_snapshot())
        assert widened(state, made.desired, tables) == widened(made.desired, state, tables) == ()

    def test_within_the_quota_nothing_happens(self) -> None:
        assert autofix_fgac_policy_count(demo_desired()).desired == demo_desired()

    def test_what_cannot_be_merged_is_an_error_and_stays(self) -> None:
        made = autofix_fgac_policy_count(demo_desired(), limits=RemainingQuota(policies_per_catalog=2))
        assert made.desired == demo_desired()
        assert {f.code for f in made.findings} == {"LK704"}


KEYS = ("pii", "pci", "pii_", "pcii")
VALUES = ("email", "card", "emial", "crad", "public")


@st.composite
def drafts(draw: st.DrawFn) -> Desired:
    """Draw a draft in which keys and values are now and then misspelt, undefined or defined twice."""
    model = draw(access_models())
    tags = tuple(
        dict.fromkeys(
            replace(t, key=draw(st.sampled_from((t.key, *KEYS))), value=draw(st.sampled_from((t.value, *VALUES))))
            for t in model.tags
        )
    )
    policies: list[Policy] = [p for p in model.policies if p.securable_type is not SecurableType.METASTORE]
    functions: tuple[Function, ...] = draw(st.sampled_from((model.functions, ())))
    defined = draw(st.lists(st.builds(TagPolicy, key=st.sampled_from(KEYS), values=st.lists(st.sampled_from(VALUES)).map(tuple))))
    return Desired(
        tag_assignments=tags, policies=tuple(policies), functions=functions, tag_policies=tuple(defined), members=model.members
    )


class TestLaws:
    @law(120)
    @given(state=drafts(), quota=st.integers(min_value=1, max_value=4), typed=st.booleans())
    def test_no_fix_shows_anybody_more_and_a_fixed_draft_stays_as_it_is(self, state: Desired, quota: int, typed: bool) -> None:
        snapshot = None
        if typed:
            snapshot = Snapshot(tables=tables_of((state,)))
        limits = RemainingQuota(policies_per_catalog=quota)
        made = fix_draft(state, snapshot, limits)
        assert widened(state, made.desired, tables_of((state, made.desired), snapshot)) == ()
        assert (made.desired == state) == (not made.changes)
        again = fix_draft(made.desired, snapshot, limits)
        assert again.desired == made.desired
        assert not again.changes

    def test_every_fix_bears_its_name(self) -> None:
        assert [f.__name__ for f in FIXES] == [
            "autofix_undefined_tag_refs", "autofix_invalid_tag_values", "autofix_tag_policies",
            "autofix_missing_fgac_policies", "autofix_fgac_policy_count",
        ]  # fmt: skip


class TestNearWords:
    def test_case_separators_and_slips_are_near_and_digits_are_not(self) -> None:
        known = ("masked_email", "masked_card_last4", "masked_name")
        assert near_word("Masked-Email", known) == "masked_email"
        assert near_word("masked_eamil", known) == "masked_email"
        assert near_word("masked_card_last6", known) is None
        assert near_word("mask", known) is None
        assert near_word("ab", ("ac", "ad")) is None
