"""Desired states as files: nothing lost, nothing unknown passes, each layer keeps to its keys."""

from __future__ import annotations

import random

import pytest
from hypothesis import given

from lampkeeper.files.tfvars import SECTIONS, part_of, read_layer, render_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import LAYERS, Layer
from support.nightly import law
from support.states import desired_states

pytestmark = pytest.mark.unit


@law(40)
@given(desired_states)
def test_a_draft_reads_back_as_it_was(desired):
    read = read_layer(render_layer(desired), "f", None, desired.functions)
    assert read.desired == desired
    assert read.findings == ()


@law(40)
@given(desired_states)
def test_each_layer_reads_back_as_its_part(desired):
    for layer in LAYERS:
        part = part_of(desired, layer)
        read = read_layer(render_layer(desired, layer), "f", layer, part.functions)
        assert (read.desired, read.findings) == (part, ())


@law(40)
@given(desired_states)
def test_bytes_do_not_depend_on_the_order_given(desired):
    rng = random.Random(7)
    fields = {s.field: getattr(desired, s.field) for s in SECTIONS}
    mixed = {k: tuple(rng.sample(v, len(v))) if isinstance(v, tuple) else dict(reversed(v.items())) for k, v in fields.items()}
    assert render_layer(Desired(**mixed)) == render_layer(desired)


def test_every_field_of_a_desired_state_has_a_section():
    assert {s.field for s in SECTIONS} | {"functions"} == {f.name for f in Desired.__dataclass_fields__.values()}


def test_the_common_short_form_is_read():
    text = """
    groups = { analysts = { description = "read" } }
    tag_policies = [{ key = "pii_level", values = ["masked_email"] }]
    tag_assignments = [{ entity_type = "columns", entity_name = "c.s.t.e", tag_key = "pii_level", tag_value = "masked_email" }]
    fgac_policies = [{
      name = "mask_emails", policy_type = "POLICY_TYPE_COLUMN_MASK", catalog = "c", to_principals = ["account users"]
      match_condition = "hasTagValue('pii_level', 'masked_email')", match_alias = "m"
      function_name = "mask_email", function_catalog = "c", function_schema = "s"
    }]
    genie_space_configs = { "Sales" = { title = "Sales", sample_questions = ["how many?"] } }
    """
    read = read_layer(text, "f")
    (policy,) = read.desired.policies
    assert read.findings == ()
    assert (policy.securable, policy.on_column, str(policy.match_columns[0].condition)) == (
        ("c",), "m", "has_tag_value('pii_level', 'masked_email')",
    )  # fmt: skip
    assert read.desired.spaces[0].acl_groups == ("analysts",), "no acl_groups: every group of the file"


@pytest.mark.parametrize(
    ("layer", "text", "code", "location"),
    [
        (Layer.ACCOUNT, "\ntag_assignments = []", "FILE_WRONG_LAYER", "f:2:19"),
        (Layer.ACCOUNT, "genie_space_configs = {}", "FILE_WRONG_LAYER", "f:1:23"),
        (Layer.DATA_ACCESS, "group_members = {}", "FILE_WRONG_LAYER", "f:1:17"),
        (Layer.DATA_ACCESS, "tag_policies = []", "FILE_WRONG_LAYER", "f:1:16"),
        (Layer.DATA_ACCESS, 'genie_space_title = "x"', "FILE_WRONG_LAYER", "f:1:21"),
        (Layer.WORKSPACE, "fgac_policies = []", "FILE_WRONG_LAYER", "f:1:17"),
        (Layer.WORKSPACE, 'genie_space_title = "x"', "FILE_OLD_KEY", "f:1:21"),
        (None, "tag_polices = []", "FILE_UNKNOWN_KEY", "f:1:15"),
        (None, 'tag_policies = [{ key = "k",\n  valeus = ["v"] }]', "FILE_UNKNOWN_KEY", "f:2:12"),
        (None, 'grants = [\n{ securable_type = "CATALOG", securable = "c", principal = "p" },\n'
         '{ securable_type = "CATALOG", securable = "c", principal = "p", privileges = ["SELECT"] }]', "FILE_GIVEN_TWICE", "f"),
    ],
)  # fmt: skip
def test_what_does_not_belong_is_a_finding_with_its_location(layer, text, code, location):
    (finding,) = read_layer(text, "f", layer).findings
    assert (finding.code, finding.location, bool(finding.fix)) == (code, location, True)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('tag_policies = { key = "k" }', "f:1:16: tag_policies must be a list of maps"),
        ("tag_policies = [{ values = [] }]", "f:1:17: key is missing"),
        ('tag_assignments = [{ entity_type = "column", entity_name = "x", tag_key = "k" }]', "f:1:36: entity_type is 'column'"),
        ('groups = ["a"]', "f:1:10: groups must be a map"),
        ('tables = ["a.b"]', "f:1:11: 'a.b' is not a table name"),
        ('tables = ["a.`b.c"]', "f:1:11: back-tick never closed"),
        ('tag_policies = [{ key = "k", values = [\n1] }]', "f:2:1: values[0] must be a string"),
    ],
)
def test_what_cannot_be_read_says_where_and_what(text, start):
    with pytest.raises(UsageError) as caught:
        read_layer(text, "f")
    assert caught.value.message.startswith(start), caught.value.message


def test_every_condition_that_does_not_parse_is_reported_with_its_location_and_its_policy_left_out():
    head = 'function_name = "f", function_catalog = "c", function_schema = "s", catalog = "c"'
    text = f"""fgac_policies = [
      {{ name = "a", policy_type = "POLICY_TYPE_ROW_FILTER", {head},
      when_condition = "has_tag('x'" }},
      {{ name = "b", policy_type = "POLICY_TYPE_COLUMN_MASK", {head},
      match_condition = "hasTag(x)", match_alias = "m", when_condition = "has_tag('x') XOR has_tag('y')" }},
      {{ name = "c", policy_type = "POLICY_TYPE_ROW_FILTER", {head},
      match_columns = [{{ alias = "m", condition = "" }}] }},
      {{ name = "d", policy_type = "POLICY_TYPE_ROW_FILTER", {head}, when_condition = "has_tag('x')" }}]"""
    read = read_layer(text, "f")
    assert [p.name for p in read.desired.policies] == ["d"]
    assert sorted((f.location, f.message.partition(": ")[0]) for f in read.findings) == [
        ("f:3:24", "condition, position 12"),
        ("f:5:25", "condition, position 8"),
        ("f:5:74", "condition, position 14"),
        ("f:7:51", "condition, position 1"),
    ]
    assert {f.code for f in read.findings} == {"FILE_BAD_CONDITION"}
