"""JSON lines of columns in, labels out: order, tolerance, errors that name line and field."""

from __future__ import annotations

import json

import pytest

from lampkeeper.design.classify.lines import classify_lines


def _line(**fields: object) -> str:
    return json.dumps(fields)


def test_answers_come_in_the_order_of_the_rows_and_echo_them() -> None:
    lines = [
        _line(db="a", table="customers", column="email", type="STRING", comment=""),
        _line(schema="b", table="orders", column="status", type="STRING", comment=""),
        _line(db="a", table="customers", column="first_name", type="STRING", comment=""),
    ]
    answered = classify_lines(lines)
    assert [(r["table"], r["column"], r["label"], r["protect"]) for r in answered.rows] == [
        ("customers", "email", "email", "yes"),
        ("orders", "status", "none", "no"),
        ("customers", "first_name", "name", "yes"),
    ]
    assert answered.rows[0]["db"] == "a"
    assert all(0 <= r["confidence"] <= 1 and r["evidence"] for r in answered.rows)


def test_rows_of_one_table_inform_each_other_wherever_they_stand() -> None:
    name = _line(db="a", table="borang", column="nama", type="varchar")
    other = _line(db="a", table="orders", column="id", type="int")
    assert classify_lines([name, other]).rows[0]["protect"] == "no"
    birth = _line(db="a", table="borang", column="tarikh_lahir", type="date")
    assert classify_lines([name, other, birth]).rows[0]["label"] == "name"


def test_only_the_column_is_needed_and_blank_lines_and_a_bom_are_skipped() -> None:
    answered = classify_lines(
        ["\ufeff" + _line(column="email"), "", "  ", _line(column="x", type=None, comment=None, values=None, more=1)]
    )
    assert len(answered.rows) == 2
    assert answered.findings == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"column": "x"', "column 15: not JSON"),
        ("[1]", "expected an object"),
        ('{"table": "t"}', "'column'"),
        ('{"column": ""}', "'column'"),
        ('{"column": 7}', "'column'"),
        ('{"column": "x", "type": 3}', "'type'"),
        ('{"column": "x", "values": "a"}', "'values'"),
        ('{"column": "x", "values": [["a"]]}', "'values'"),
    ],
)
def test_a_bad_row_is_an_error_with_line_and_field_and_the_others_are_answered(line: str, says: str) -> None:
    answered = classify_lines([_line(column="email"), line, _line(column="phone")], location="in.jsonl")
    assert [r["column"] for r in answered.rows] == ["email", "phone"]
    assert [f.location for f in answered.findings] == ["in.jsonl:2"]
    assert says in answered.findings[0].message


def test_values_that_are_no_text_are_read_as_text() -> None:
    answered = classify_lines([_line(column="c1", values=[None, *range(40)])])
    assert answered.rows[0]["protect"] == "no"
