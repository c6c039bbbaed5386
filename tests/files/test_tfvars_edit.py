"""Edits of layer files: the bytes of what does not change stay, and the result describes the new state."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.tfvars import part_of, read_layer, render_layer
from lampkeeper.files.tfvars_edit import edit_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.tags import EntityType, TagAssignment
from support.demo_tables import demo_desired
from support.nightly import law

pytestmark = pytest.mark.unit

LISTS = ("tag_policies", "tag_assignments", "policies", "grants", "schemas")


def _tag(column: str, value: str = "v") -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"a.b.c.{column}", key="k", value=value)


@st.composite
def states(draw: st.DrawFn) -> Desired:
    """A state with a part of what the demo asks for, some of it changed; no list is empty."""
    state = demo_desired()
    for name in LISTS:
        items = getattr(state, name)
        kept = draw(st.sets(st.sampled_from(range(len(items))), min_size=1))
        state = replace(state, **{name: tuple(items[i] for i in sorted(kept))})
    changed = draw(st.sets(st.sampled_from(state.policies)))
    emails = draw(st.sets(st.sampled_from(state.tag_assignments)))
    return replace(
        state,
        policies=tuple(replace(p, comment="changed") if p in changed else p for p in state.policies),
        tag_assignments=tuple(replace(t, value="masked_email") if t in emails else t for t in state.tag_assignments),
        tag_policies=tuple(replace(t, values=t.values[: draw(st.integers(0, len(t.values)))]) for t in state.tag_policies),
    )


@law(120)
@given(states(), states(), st.sampled_from([None, *LAYERS]))
def test_an_edited_file_of_lampkeeper_reads_like_a_new_one(before: Desired, after: Desired, layer: Layer | None) -> None:
    if layer is not None:
        before, after = part_of(before, layer), part_of(after, layer)
    edited = edit_layer(render_layer(before, layer), "x", after, layer)
    # A list of values that fits on one line again would align the lines beside it, which stay as they are.
    assert re.sub(" +=", " =", edited) == re.sub(" +=", " =", render_layer(after, layer))


@law(40)
@given(*(st.sets(st.sampled_from(demo_desired().tables)) for _ in range(2)))
def test_a_list_of_tables_is_edited_as_it_is_written(before: set[TableName], after: set[TableName]) -> None:
    old, new = (replace(demo_desired(), tables=tuple(t)) for t in (before, after))
    text = render_layer(old)
    edited = edit_layer(text, "x", new)
    assert read_layer(edited, "x").desired.tables == new.tables
    rest = [t[: t.index("tables = ")] + t[t.index("tag_assignments") :] for t in (text, edited) if "tables = " in t]
    assert len(set(rest)) <= 1


@law(40)
@given(states())
def test_no_change_changes_no_byte(state: Desired) -> None:
    text = render_layer(state).replace("\n\n", "\n\n# mine\n")
    assert edit_layer(text, "x", state) == text


HAND = """\
# The tags of Jane
tag_assignments = [{entity_type="columns", entity_name="a.b.c.d", tag_key="k", tag_value="v"}, # first
   # about e
   {
     entity_type = "columns"   // odd blanks
     entity_name = "a.b.c.e", tag_key="k"
     tag_value = "v" }, /* last */ {entity_type="columns", entity_name="a.b.c.f", tag_key="k"}]
tag_policies = [
  { key = "k", values = ["v",
      "w"] },
]
groups={ x = {} } # done
"""


@pytest.mark.parametrize(
    ("tags", "gone"),
    [
        ((_tag("e"), _tag("f", "")), ["a.b.c.d"]),
        ((_tag("d"), _tag("f", "")), ["a.b.c.e"]),
        ((_tag("d"), _tag("e")), ["a.b.c.f"]),
        ((_tag("d"), _tag("e", "w"), _tag("f", "")), []),
        ((_tag("a"), _tag("d"), _tag("e"), _tag("f", ""), _tag("z")), []),
        ((_tag("d"), _tag("dd"), _tag("e"), _tag("f", ""), _tag("ff")), []),
        ((_tag("z"),), ["a.b.c.d", "a.b.c.e", "a.b.c.f"]),
        ((), ["a.b.c.d", "a.b.c.e", "a.b.c.f"]),
    ],
)
def test_a_file_that_people_wrote_keeps_their_words(tags: tuple[TagAssignment, ...], gone: list[str]) -> None:
    state = read_layer(HAND, "hand").desired
    edited = edit_layer(HAND, "hand", replace(state, tag_assignments=tags))
    assert set(read_layer(edited, "hand").desired.tag_assignments) == set(tags)
    assert edited.startswith("# The tags of Jane\n")
    assert edited.endswith(HAND[HAND.index("tag_policies") :])
    if len(tags) > 1 and "a.b.c.e" not in gone and _tag("e", "w") not in tags:
        assert 'entity_type = "columns"   // odd blanks\n     entity_name = "a.b.c.e", tag_key="k"\n' in edited
    assert not any(name in edited for name in gone)


def test_one_added_column_is_the_only_difference() -> None:
    before = render_layer(demo_desired())
    new = TagAssignment(
        entity_type=EntityType.COLUMNS, entity_name="dev_fin.finance.customers.x", key="pii_level", value="masked_email"
    )
    after = edit_layer(before, "x", replace(demo_desired(), tag_assignments=(*demo_desired().tag_assignments, new)))
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert len(changed) == 6
    assert all(line.startswith("+ ") for line in changed)


def test_an_empty_file_is_written_whole_and_a_missing_section_is_put_in() -> None:
    assert edit_layer("", "x", demo_desired()) == render_layer(demo_desired())
    bare = replace(demo_desired(), tag_assignments=(), schemas=())
    assert edit_layer(render_layer(bare), "x", demo_desired()) == render_layer(demo_desired())
