"""Functions as SQL text: nothing lost, errors say where, nothing breaks out of its statement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from lampkeeper.files.masks_sql import read_masks_sql, render_masks_sql
from lampkeeper.model.errors import UsageError
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName
from support.nightly import law
from support.states import functions, tuples

pytestmark = pytest.mark.unit

MASK = Function(
    name=FunctionName("c", "s", "mask_x"), role=FunctionRole.MASK, parameters=(Parameter(name="v", type="STRING"),),
    returns="STRING", body="'***'",
)  # fmt: skip


@law(40)
@given(tuples(functions, lambda f: f.name))
def test_functions_read_back_as_they_were(some):
    text = render_masks_sql(some)
    assert read_masks_sql(text, "f") == tuple(sorted(some, key=lambda f: f.name))
    assert render_masks_sql(reversed(some)) == text


@pytest.mark.parametrize("body", ["'open", "1; DROP TABLE t", "1 /* open", "`x", "", " 1", "f(1) --x\n; SELECT 1"])
def test_a_body_that_would_not_read_back_is_refused(body):
    with pytest.raises(UsageError, match="mask_x"):
        render_masks_sql([replace(MASK, body=body)])


def test_types_and_names_cannot_carry_sql():
    with pytest.raises(UsageError):
        render_masks_sql([replace(MASK, returns="STRING RETURN 1; DROP TABLE t; --")])
    odd = replace(MASK, name=FunctionName("c`; DROP", "s\n--", "f'"))
    assert read_masks_sql(render_masks_sql([odd]), "f") == (odd,)


def test_hand_written_text_is_read():
    text = """
    -- our masks
    USE CATALOG fin; USE SCHEMA gov;
    create function if not exists mask_a(v string, n INT)
      RETURNS DECIMAL(10,2) LANGUAGE SQL DETERMINISTIC COMMENT 'it\\'s; fine' -- why not
      RETURN CASE WHEN v = ';' THEN 1 ELSE 2 END; -- done
    CREATE OR REPLACE FUNCTION other.gov.filter_rows(flag BOOLEAN) RETURNS BOOLEAN RETURN NOT flag
    """
    a, b = read_masks_sql(text, "f")
    assert (a.name.plain, a.comment, a.returns, a.role) == ("fin.gov.mask_a", "it's; fine", "DECIMAL(10,2)", FunctionRole.MASK)
    assert (b.name.plain, b.body, b.role) == ("other.gov.filter_rows", "NOT flag", FunctionRole.FILTER)
    assert a.parameters == (Parameter(name="v", type="string"), Parameter(name="n", type="INT"))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("USE CATALOG c;\nUSE SCHEMA s;\nDROP TABLE t;", "f:3:1: expected USE CATALOG, USE SCHEMA or CREATE FUNCTION"),
        ("CREATE FUNCTION f() RETURNS INT RETURN 1;", "f:1:1: f has no catalog and schema"),
        ("CREATE FUNCTION a.b.f() RETURNS INT;", "f:1:1: a.b.f has no RETURN clause"),
        ("CREATE FUNCTION a.b.f(x STRING DEFAULT 'a') RETURNS INT RETURN 1;", "f:1:32: expected a comma or )"),
        ("CREATE FUNCTION a.b.f() RETURNS INT\n  RETURN 'x", "f:2:10: string is never closed"),
        (
            "CREATE FUNCTION a.b.f() RETURNS INT RETURN 1;\nCREATE FUNCTION a.b.f() RETURNS INT RETURN 2;",
            "f:2:1: a.b.f is defined twice",
        ),
        ("CREATE TABLE a.b.c (x INT)", "f:1:8: expected FUNCTION"),
    ],
)
def test_what_cannot_be_read_says_where(text, start):
    with pytest.raises(UsageError) as caught:
        read_masks_sql(text, "f")
    assert caught.value.message.startswith(start), caught.value.message
