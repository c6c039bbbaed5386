"""Synthesised rows: of the right type, always the same, with valid check digits, and no literal that breaks out."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.schema_file import read_schema_file
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Table, TypeFamily
from lampkeeper.testdata import check_digits, invented
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.rows import name_words, synthesise
from lampkeeper.testdata.seeding import create_table, insert_rows, literal
from support.nightly import law
from support.states import names, table_names, texts

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[2] / "examples" / "schemas"
TYPES = (
    "STRING",
    "VARCHAR(5)",
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "DECIMAL(10, 8)",
    "DECIMAL(4, 4)",
    "DECIMAL(38, 10)",
    "DECIMAL(3, 0)",
    "DOUBLE",
    "FLOAT",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "BINARY",
    "ARRAY<STRING>",
    "STRUCT<a: INT, b: MAP<STRING, DATE>>",
    "VARIANT",
)
_PYTHON = {
    TypeFamily.STRING: str,
    TypeFamily.INTEGER: int,
    TypeFamily.DECIMAL: Decimal,
    TypeFamily.DOUBLE: float,
    TypeFamily.BOOLEAN: bool,
    TypeFamily.DATE: date,
    TypeFamily.TIMESTAMP: datetime,
    TypeFamily.BINARY: bytes,
    TypeFamily.COMPLEX: str,
}
_LIMITS = {"TINYINT": 2**7, "SMALLINT": 2**15, "INT": 2**31, "BIGINT": 2**63}


def labelled(table: Table, kind: LabelClass) -> dict[ColumnName, Label]:
    return {c: Label(column=c, label=kind, protect=Protect.YES, confidence=1.0) for c in table.column_names()}


@pytest.mark.parametrize("kind", LabelClass)
def test_every_class_fits_every_type(kind):
    table = Table(
        name=TableName("c", "s", "t"),
        columns=tuple(
            Column(name=f"{word} {i}", type=t) for i, t in enumerate(TYPES) for word in ("lat", "id", "first name", "year")
        ),
    )
    rows = synthesise(table, labelled(table, kind), 20)
    assert len(rows) == 20
    assert None not in rows[0]
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in rows if row[index] is not None]
        assert len(cells) < 20 or column.type, "NULLs come and go"
        for cell in cells:
            assert type(cell) is _PYTHON[column.family], (column, cell)
            if column.type in _LIMITS:
                assert -_LIMITS[column.type] <= cell < _LIMITS[column.type]
            if isinstance(cell, Decimal):
                precision, scale = (int(n) for n in column.type[8:-1].split(","))
                assert abs(cell) < Decimal(10) ** (precision - scale)
                assert cell == round(cell, scale)
            if column.type == "VARCHAR(5)":
                assert len(cell) <= 5
            if column.family is TypeFamily.COMPLEX:
                json.loads(cell)


def test_rows_are_the_same_every_time_and_differ_from_each_other():
    schema = read_schema_file(EXAMPLES / "chinook.jsonl")
    for table in schema.tables:
        rows = synthesise(table)
        assert rows == synthesise(table)
        assert len(set(rows)) == len(rows) == 16


def test_about_one_cell_in_eight_is_null_where_it_may_be():
    columns = tuple(Column(name=f"c{i}", type="STRING", nullable=i % 2 == 0) for i in range(40))
    rows = synthesise(Table(name=TableName("c", "s", "t"), columns=columns), count=50)
    nulls = [sum(row[i] is None for row in rows) for i in range(40)]
    assert not any(nulls[1::2])
    assert 0.08 < sum(nulls[::2]) / (20 * 50) < 0.16


@law(40)
@given(table_names, st.lists(names, min_size=1, max_size=4, unique_by=str.casefold), texts, texts)
def test_hostile_names_and_values_stay_in_their_place(name, columns, comment, value):
    table = Table(name=name, comment=comment, columns=tuple(Column(name=c, type="STRING", comment=comment) for c in columns))
    value = value.replace("\0", "")
    (created,) = sqlglot.parse(create_table(table, "m"), dialect="databricks")
    assert created is not None
    assert [c.name for c in created.find_all(sqlglot.exp.ColumnDef)] == list(columns)
    (insert,) = insert_rows(table, [(value,) * len(columns)])
    (inserted,) = sqlglot.parse(insert, dialect="databricks")
    assert inserted is not None
    assert [x.this for x in inserted.find_all(sqlglot.exp.Literal)] == [value] * len(columns)


def test_long_tables_come_in_few_statements():
    table = Table(name=TableName("c", "s", "t"), columns=(Column(name="a", type="INT"),))
    assert len(insert_rows(table, [(i,) for i in range(1_001)])) == 3
    assert insert_rows(table, []) == ()


def test_column_mapping_is_asked_for_only_where_names_need_it():
    def ddl(name: str) -> str:
        return create_table(Table(name=TableName("c", "s", "t"), columns=(Column(name=name, type="INT"),)), "")

    assert "columnMapping" in ddl("Full Name")
    assert "columnMapping" not in ddl("full_name")


@pytest.mark.parametrize(
    ("cell", "kind", "wanted"),
    [
        (None, "STRING", "NULL"),
        (True, "BOOLEAN", "true"),
        (Decimal("1E+3"), "DECIMAL(9,2)", "1000"),
        (b"\x00\xff", "BINARY", "X'00ff'"),
        (date(2026, 1, 2), "DATE", "DATE '2026-01-02'"),
        (datetime(2026, 1, 2, 3, 4, 5), "TIMESTAMP", "TIMESTAMP '2026-01-02 03:04:05'"),
        ("it's\n", "STRING", "'it\\'s\\n'"),
        (1e30, "DOUBLE", "CAST('1e+30' AS DOUBLE)"),
        (-3, "INT", "-3"),
        ("[1]", "ARRAY<INT>", "from_json('[1]', 'ARRAY<INT>')"),
        ("{}", "VARIANT", "parse_json('{}')"),
    ],
)
def test_a_cell_is_a_literal_of_its_type(cell, kind, wanted):
    assert literal(cell, Column(name="x", type=kind)) == wanted


def test_check_digits_agree_with_published_examples():
    assert check_digits.luhn("7992739871") == "3"
    assert check_digits.verhoeff("236") == "3"
    assert check_digits.iban("GB", "NWBK60161331926819") == "GB29NWBK60161331926819"
    assert check_digits.routing("01100001") == "5"
    assert check_digits.tfn("12345678") == "2"
    assert check_digits.nhs("943476591") == "9"
    assert check_digits.nric("1234567") == "D"
    assert check_digits.gstin("27AAPFU0939F1Z") == "V"


def test_identifiers_come_from_ranges_that_nobody_holds():
    for index in range(50):
        draw = DeterministicRandom("identifiers", index)
        ssn = invented.social_security_number(draw)
        assert ssn[0] == "9"
        assert int(ssn[4:6]) < 50
        card = invented.card_number(draw, draw.choice(("VISA", "MASTERCARD", "AMEX", "DISCOVER")))
        assert check_digits.luhn(card[:-1]) == card[-1]
        assert invented.aadhaar(draw).startswith("9999")
        assert invented.nhs_number(draw).startswith("999")
        assert invented.tax_file_number(draw).startswith("0000")
        who = invented.person(index)
        assert "-555-01" in who.phone
        assert who.email.split("@")[1] in ("example.com", "example.org", "example.net")


def test_words_of_a_name_are_found_in_any_spelling():
    assert name_words("firstName") == name_words("FIRST_NAME") == name_words("first name") == {"first", "name"}
    assert name_words("IBANNumber") == {"iban", "number"}
