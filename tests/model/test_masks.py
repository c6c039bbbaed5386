"""A function's digest and statement."""

from dataclasses import replace

import pytest

from lampkeeper.model.masks import Parameter
from support.access_models import FUNCTIONS

pytestmark = pytest.mark.unit


def test_the_digest_changes_with_signature_and_body_and_with_nothing_else() -> None:
    first = FUNCTIONS[0]
    same = [replace(first, comment="x"), replace(first, body="  left(value,\n 1) "), replace(first, returns="string")]
    other = [
        replace(first, body="left(value, 2)"),
        replace(first, returns="INT"),
        replace(first, parameters=(Parameter(name="value", type="INT"),)),
    ]
    assert {f.digest for f in same} == {first.digest}
    assert first.digest not in {f.digest for f in other}


def test_the_statement_quotes_names_and_comment() -> None:
    text = replace(FUNCTIONS[0], comment="it's `quoted`").create_sql()
    assert text.startswith(
        "CREATE OR REPLACE FUNCTION `main`.`lampkeeper`.`mask_a`(`value` STRING) RETURNS STRING COMMENT 'it\\'s"
    )
