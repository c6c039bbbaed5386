"""Conditions: one spelling out, every spelling in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.model.conditions import (
    And,
    Condition,
    ConditionError,
    HasTag,
    HasTagValue,
    Not,
    Or,
    matches,
    negated_keys,
    parse_condition,
    tag_references,
)
from support.access_models import conditions
from support.nightly import law

pytestmark = pytest.mark.unit

tags = st.dictionaries(st.sampled_from(("pii", "pci")), st.sampled_from(("email", "card", "")))


@given(condition=conditions)
def test_what_is_printed_reads_back_to_the_same_meaning(condition: Condition) -> None:
    again = parse_condition(str(condition))
    assert str(again) == str(condition) or str(parse_condition(str(again))) == str(again)
    for key in ("pii", "pci"):
        for value in ("email", "card", "", None):
            found = {} if value is None else {key: value}
            assert matches(again, found) == matches(condition, found)


@given(key=st.text(min_size=1), value=st.text())
def test_any_key_and_value_survive_printing(key: str, value: str) -> None:
    assert parse_condition(str(HasTagValue(key, value))) == HasTagValue(key, value)
    assert parse_condition(str(HasTag(key))) == HasTag(key)


@law(50)
@given(a=conditions, b=conditions, held=tags)
def test_the_connectives_mean_what_they_say(a: Condition, b: Condition, held: dict[str, str]) -> None:
    assert matches(And((a, b)), held) == (matches(a, held) and matches(b, held))
    assert matches(Or((a, b)), held) == (matches(a, held) or matches(b, held))
    assert matches(Not(a), held) != matches(a, held)
    assert {*tag_references(And((a, b)))} == {*tag_references(a), *tag_references(b)}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("hasTag('pii')", "has_tag('pii')"),
        ('has_column_tag_value("pii", "e")', "has_tag_value('pii', 'e')"),
        ("hasTagValue('a','b') and not HAS_TAG('c')", "has_tag_value('a', 'b') AND NOT has_tag('c')"),
        ("(has_tag('a'))", "has_tag('a')"),
        ("has_tag('it''s')", "has_tag('it\\'s')"),
    ],
)
def test_other_spellings_read_the_same(text: str, same: str) -> None:
    assert str(parse_condition(text)) == same


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 1), ("has_tag(pii)", 9), ("has_tag('a') has_tag('b')", 14), ("has_tag('a', 'b')", 1), ("x('a')", 1), ("a = 1", 3)],
)
def test_an_error_names_the_position(text: str, position: int) -> None:
    with pytest.raises(ConditionError, match=f"position {position}:"):
        parse_condition(text)


@law(50)
@given(a=conditions, held=tags)
def test_only_a_negated_key_can_make_a_condition_false_by_being_there(a: Condition, held: dict[str, str]) -> None:
    for key in set(held) - negated_keys(a):
        without = {k: v for k, v in held.items() if k != key}
        assert matches(a, held) or not matches(a, without)
