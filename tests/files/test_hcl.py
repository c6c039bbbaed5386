"""HCL: reader and renderer are each other's inverse, and errors say where."""

from __future__ import annotations

import os
import subprocess
import sys

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark.exceptions import UnexpectedInput

from lampkeeper.files.hcl import parse_hcl, quote_hcl, read_hcl, render_hcl
from lampkeeper.model.errors import UsageError
from support.nightly import law
from support.states import texts

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


@law(40)
@given(st.lists(texts, max_size=5))
def test_the_public_reader_agrees_about_rendered_text(items):
    """python-hcl2 (version 8) keeps quotes and escapes: its raw strings are ours, character by character."""
    readable = [item.replace("{", "") for item in items]  # it refuses an escaped $${ that is never closed
    raw = hcl2.loads(render_hcl({"items": readable}))["items"]
    assert raw == [quote_hcl(item) for item in readable]


def test_why_the_public_reader_is_not_used():
    """Pins the quirks of python-hcl2 that our reader does not have; if one of these fails, look again."""
    assert hcl2.loads("a = 1\na = 2\n") == {"a": 2}
    assert hcl2.loads('a = "x\\n"\n') == {"a": '"x\\n"'}
    with pytest.raises(UnexpectedInput):
        hcl2.loads('a = "cost $${"\n')
    with pytest.raises(UsageError):
        parse_hcl("a = 1\na = 2\n", "f")
    assert parse_hcl('a = "cost $${"\n', "f") == {"a": "cost ${"}
    assert parse_hcl('a = "x\\n"\n', "f") == {"a": "x\n"}


@pytest.mark.parametrize(
    ("text", "place"),
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
    ],
)
def test_what_is_malformed_is_named_with_line_and_column(text, place):
    with pytest.raises(UsageError) as caught:
        parse_hcl(text, "f")
    assert caught.value.message.startswith(f"{place}: "), caught.value.message


def test_hand_written_forms_are_read():
    text = (
        '# note\nm = { "a b": 1, c = -2.5e1, // tail\n d = [\n"x", /* in */ true,\n] }\r\n'
        "t = <<-EOT\n    one $${x}\n      two\n    EOT\nn = null\n"
    )
    assert parse_hcl(text, "f") == {"m": {"a b": 1, "c": -25.0, "d": ["x", True]}, "t": "one ${x}\n  two\n", "n": None}


def test_every_value_has_a_place():
    document = read_hcl('a = [\n  { x = 1 },\n  { y = "v" },\n]\n', "f")
    assert document.place("a", 1, "y") == "f:3:9"
    assert document.place("a", 1, "gone") == "f:3:3"


def test_invisible_characters_are_shown_as_codes():
    assert quote_hcl("a\u202eb\x00\u200b") == '"a\\u202eb\\u0000\\u200b"'


def test_a_lone_surrogate_is_refused():
    with pytest.raises(UsageError, match="surrogate"):
        quote_hcl("\ud800")


def test_errors_about_secret_files_quote_nothing():
    with pytest.raises(UsageError) as caught:
        read_hcl("databricks_token = dapi0123456789", "f", secret=True)
    assert "dapi" not in str(caught.value) + caught.value.fix
    assert caught.value.message.startswith("f:1:20: ")
