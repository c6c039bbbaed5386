"""HCL: readers and renderer are each other's inverse, the two readers agree, and errors name the location."""

from __future__ import annotations

import os
import subprocess
import sys

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark.exceptions import UnexpectedInput

from lampkeeper.files import hcl_tree
from lampkeeper.files.auth_file import read_auth
from lampkeeper.files.hcl import parse_hcl, quote_hcl, read_hcl, render_hcl
from lampkeeper.files.hcl_tree import read_variables
from lampkeeper.files.settings import read_settings
from lampkeeper.files.tfvars import render_layer
from lampkeeper.model.errors import UsageError
from support.hcl_texts import hcl_files
from support.nightly import law
from support.states import desired_states, texts

pytestmark = pytest.mark.unit

identifiers = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
scalars = st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
values = st.recursive(
    scalars,
    lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(st.one_of(identifiers, texts), v, max_size=4)),
    max_leaves=10,
)
files = st.dictionaries(identifiers, values, max_size=4)


@law(40)
@given(files)
def test_reading_what_was_rendered_gives_the_same(file):
    assert parse_hcl(render_hcl(file), "f") == file


@law(40)
@given(files, st.randoms(use_true_random=False))
def test_bytes_do_not_depend_on_the_order_of_keys(file, random):
    def shuffled(value):
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {k: shuffled(value[k]) for k in keys}
        return [shuffled(v) for v in value] if isinstance(value, list) else value

    assert render_hcl(shuffled(file)) == render_hcl(file)


def test_bytes_do_not_depend_on_the_hash_seed():
    code = (
        "from lampkeeper.files.hcl import render_hcl\n"
        "print(render_hcl({n: {x: sorted({'b', 'a'}) for x in {'p', 'q'}} for n in {'k', 'l'}}))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


READERS = pytest.mark.parametrize("read", [read_hcl, read_variables])


def read_by(read, text):
    """Return what a reader reads, or the line that it names in its error."""
    try:
        document = read(text, "f")
    except UsageError as error:
        path, line, column, _ = error.message.split(":", 3)
        assert (path, int(column) > 0) == ("f", True)
        return int(line)
    return document.values, document.offsets


@law(400, every=10)
@given(hcl_files())
def test_both_readers_agree_on_what_people_write(written):
    text, values = written
    assert read_variables(text, "f").values == values
    assert read_by(read_variables, text) == read_by(read_hcl, text)


@law(40)
@given(files)
def test_both_readers_agree_on_what_is_rendered(file):
    assert read_by(read_variables, render_hcl(file)) == read_by(read_hcl, render_hcl(file))


@law(40)
@given(desired_states)
def test_both_readers_agree_on_drafts(desired):
    text = render_layer(desired)
    assert read_by(read_variables, text) == read_by(read_hcl, text)


@law(600, every=10)
@given(hcl_files(), st.integers(0, 300), st.integers(0, 3), st.text('"\\$%{}[],=:#/*<\n\r -1a.é\u00a0', max_size=3))
def test_both_readers_refuse_the_same_damage(written, at, cut, new):
    """The tree may name an earlier line: where an expression starts, not where it stops being a literal."""
    text = written[0][:at] + new + written[0][at + cut :]
    fast, tree = read_by(read_hcl, text), read_by(read_variables, text)
    assert tree <= fast if isinstance(fast, int) and isinstance(tree, int) else tree == fast


def test_what_the_tree_reads_otherwise_than_terraform_is_covered_up():
    """Pins the quirks of python-hcl2; if one of these fails, look whether hcl_tree still has to cover it up."""
    assert hcl2.loads("a = 1\na = 2\n") == {"a": 2}
    assert hcl2.loads('a = "x\\n"\n') == {"a": '"x\\n"'}
    assert hcl2.loads('a = ["$${", "}"]\n') == {"a": ['"$${", "}"']}
    for text in ('a = "cost $${"\n', "a = /* c */ 1\n", "é = 1\n", "a = <<E\nx\nE \n"):
        with pytest.raises(UnexpectedInput):
            hcl2.loads(text)
    with pytest.raises(UsageError):
        read_variables("a = 1\na = 2\n", "f")
    assert read_variables('a = ["$${", "}"]\nb = "x\\n" /* c */\né = <<E\nx\nE \n', "f").values == {
        "a": ["${", "}"], "b": "x\n", "é": "x\n",
    }  # fmt: skip


def test_files_that_people_write_are_read_by_the_tree(monkeypatch):
    read = []
    monkeypatch.setattr(hcl2, "parses_to_tree", lambda text, parse=hcl2.parses_to_tree: read.append(text) or parse(text))
    hcl_tree._parser.cache_clear()
    read_settings('country = "IN"\n', "env.auto.tfvars")
    read_auth('databricks_token = "x"\n', "auth.auto.tfvars")
    hcl_tree._parser.cache_clear()
    assert [text.split()[0] for text in read] == ["country", "databricks_token"]


@READERS
@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("a = 1\nb = [1,\n  2\n", "f:2:5"),
        ('a = "x\ny"\n', "f:1:5"),
        ("a = 1\n  a = 2", "f:2:3"),
        ("m = {\n  x = 1\n  x = 2\n}", "f:3:3"),
        ("a == 1", "f:1:4"),
        ("a = var.region", "f:1:5"),
        ('a = "${var.x}"', "f:1:6"),
        ('resource "x" "y" {}', "f:1:10"),
        ("a = 1 b = 2", "f:1:7"),
        ('a = "\\q"', "f:1:6"),
        ("a = <<EOT\nx\n", "f:1:5"),
        ("a = [1 2]", "f:1:8"),
        ("a = {x = 1 y = 2}", "f:1:12"),
        ("/* open", "f:1:1"),
        ("a =", "f:1:4"),
        ("a = " + "[" * 80, "f:1:69"),
        ("a = " + "[" * 80 + "]" * 80, "f:1:69"),
        ("a = (1)", "f:1:5"),
        ("m = { 1 = 2 }", "f:1:7"),
        ("/*/ a = 1", "f:1:1"),
    ],
)
def test_what_is_malformed_is_named_with_line_and_column(read, text, location):
    with pytest.raises(UsageError) as caught:
        read(text, "f")
    assert caught.value.message.startswith(f"{location}: "), caught.value.message


@READERS
def test_hand_written_forms_are_read(read):
    text = (
        '# note\nm = { "a b": 1, c = -2.5e1, // tail\n d = [\n"x", /* in */ true,\n] }\r\n'
        "t = <<-EOT\n    one $${x}\n      two\n    EOT\nn = null\n"
    )
    assert read(text, "f").values == {"m": {"a b": 1, "c": -25.0, "d": ["x", True]}, "t": "one ${x}\n  two\n", "n": None}


@READERS
def test_every_value_has_a_location(read):
    document = read('a = [\n  { x = 1 },\n  { y = "v" },\n]\n', "f")
    assert document.location("a", 1, "y") == "f:3:9"
    assert document.location("a", 1, "gone") == "f:3:3"


def test_invisible_characters_are_shown_as_codes():
    assert quote_hcl("a\u202eb\x00\u200b") == '"a\\u202eb\\u0000\\u200b"'


def test_a_lone_surrogate_is_refused():
    with pytest.raises(UsageError, match="surrogate"):
        quote_hcl("\ud800")


@READERS
@pytest.mark.parametrize("text", ["databricks_token = dapi0123456789", "databricks_token = dapi0123456789 ["])
def test_errors_about_secret_files_quote_nothing(read, text):
    with pytest.raises(UsageError) as caught:
        read(text, "f", secret=True)
    assert "dapi" not in str(caught.value) + caught.value.fix
    assert caught.value.message.startswith("f:1:20: ")
