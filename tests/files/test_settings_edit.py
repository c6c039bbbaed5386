"""Edits of env.auto.tfvars: the new settings are read back, and what people wrote about the others stays."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given

from files.test_settings import settings
from lampkeeper.files.settings import read_settings, render_settings
from lampkeeper.files.settings_edit import edit_settings
from support.nightly import law

pytestmark = pytest.mark.unit

TEXT = """\
# The bank's spaces. Ask Olga before you add one.
genie_spaces = [
  { name = "Retail", genie_space_id = "", uc_tables = ["dev.retail.*"] }, # read by 40 people
  {
    name      = "Risk"   // no PII in here
    uc_tables = [
      "dev.risk.scores", # weekly
    ]
  }
]

country   = "ANZ"  # from ticket 12
unreviewed = "allow" # until the new year
"""


@law(60)
@given(settings, settings)
def test_law_the_edited_text_gives_the_new_settings_and_keeps_every_comment(old, new):
    counter = iter(range(1000))
    text = re.sub(r"^(?=[a-z_]+ *=)", lambda _: f"# note {next(counter)}\n", render_settings(old), flags=re.MULTILINE)
    edited = edit_settings(text, "f", new)
    assert read_settings(edited, "f").settings == new
    assert re.findall("# note [0-9]+", edited) == re.findall("# note [0-9]+", text)


def changed(**values):
    return edit_settings(TEXT, "f", replace(read_settings(TEXT, "f").settings, **values))


def test_the_same_settings_leave_every_byte():
    assert changed() == TEXT


def test_a_value_changes_in_its_place():
    assert changed(country=("IN",)) == TEXT.replace('"ANZ"', '"IN"')


def test_a_field_of_a_space_changes_in_its_place_and_a_new_one_follows_the_last():
    one, two = read_settings(TEXT, "f").settings.spaces
    edited = changed(spaces=(replace(one, space_id="01ab", warehouse_id="w"), replace(two, warehouse_id="w")))
    assert edited == TEXT.replace('genie_space_id = ""', 'genie_space_id = "01ab"').replace(
        '["dev.retail.*"]', '["dev.retail.*"], sql_warehouse_id = "w"'
    ).replace("    ]\n", '    ]\n    sql_warehouse_id = "w"\n')


def test_an_added_space_follows_the_last_one():
    spaces = read_settings(TEXT, "f").settings.spaces
    edited = changed(spaces=(*spaces, replace(spaces[0], name="New")))
    head, tail = edited.split("\n  },\n  {")
    assert TEXT.startswith(head)
    assert tail.endswith(TEXT[TEXT.index("\n]\n\ncountry") :])


def test_a_setting_that_ends_goes_with_its_line_and_a_new_one_is_added_at_the_end():
    settings = read_settings(TEXT, "f").settings
    edited = changed(unreviewed=type(settings.unreviewed).DENY, pilot="stewards")
    assert edited == TEXT[: TEXT.index("unreviewed")] + '\npilot = {\n  group = "stewards"\n}\n'
