"""A person that SQL of a space writes out is found, whatever the form; aggregates, ranges and domains are not persons."""

from __future__ import annotations

import pytest

from lampkeeper.design.genie.space_literals import compared_columns, literal_formats
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table

pytestmark = pytest.mark.unit

COLUMNS = ("id", "first_name", "email", "account_no", "city", "status", "contact")
PEOPLE = Table(name=TableName("c", "s", "people"), columns=tuple(Column(name=n, type="STRING") for n in COLUMNS))
TABLES = {"c.s.people": PEOPLE}
SENSITIVE = frozenset(f"c.s.people.{n}" for n in ("first_name", "email", "account_no", "contact"))

PERSONS = (
    "SELECT id FROM c.s.people WHERE first_name = 'Ana'",
    "SELECT id FROM c.s.people WHERE 'Ana' = first_name",
    "SELECT id FROM c.s.people p WHERE p.first_name <=> 'Ana'",
    "SELECT id FROM c.s.people WHERE lower(trim(first_name)) <> 'ana'",
    "SELECT id FROM c.s.people WHERE `First_Name` IN ('Ana', 'Ben')",
    "SELECT id FROM c.s.people WHERE first_name LIKE '%Petrova%'",
    "SELECT id FROM c.s.people WHERE first_name ILIKE 'petrova'",
    "SELECT id FROM c.s.people WHERE email RLIKE '^ana[.]'",
    "SELECT id FROM c.s.people WHERE account_no = 1234567",
    "SELECT id FROM c.s.people WHERE account_no IN (1234567)",
    "SELECT count_if(first_name = 'Ana') FROM c.s.people",
    "SELECT CASE WHEN first_name = 'Ana' THEN 1 END FROM c.s.people",
    "SELECT CASE first_name WHEN 'Ana' THEN 1 END FROM c.s.people",
    "SELECT count(*) FILTER (WHERE first_name = 'Ana') FROM c.s.people",
    "SELECT id FROM c.s.people WHERE contact.name = 'Ana'",
    "SELECT id FROM c.s.people WHERE concat(first_name, ' ', city) = 'Ana Oslo'",
    "SELECT id FROM c.s.people WHERE startswith(first_name, 'Petr')",
    "SELECT id FROM c.s.people WHERE array_contains(array('Ana', 'Ben'), first_name)",
    "SELECT * FROM (SELECT * FROM c.s.people WHERE first_name = 'Ana') x",
    "WITH x AS (SELECT * FROM c.s.people) SELECT * FROM x WHERE x.first_name = 'Ana'",
    "people.first_name = 'Ana'",
    "SELECT id FROM c.s.people WHERE first_name = :who",
)
NOBODY = (
    "SELECT count(*) FROM c.s.people",
    "SELECT city, count(DISTINCT email) FROM c.s.people GROUP BY city",
    "SELECT id FROM c.s.people WHERE status = 'active'",
    "SELECT id FROM c.s.people WHERE email LIKE '%@bank.example'",
    "SELECT id FROM c.s.people WHERE email IS NULL",
    "SELECT id FROM c.s.people WHERE email = ''",
    "SELECT id FROM c.s.people WHERE first_name = :other",
    "SELECT email FROM c.s.people WHERE email IN (SELECT email FROM c.s.people WHERE status = 'active')",
    "SELECT first_name, 'people' AS source FROM c.s.people",
    "people.account_no = orders.account_no",
    "this is no SQL (",
)


@pytest.mark.parametrize("sql", PERSONS)
def test_a_written_value_against_a_sensitive_column_is_found(sql: str) -> None:
    assert compared_columns(sql, TABLES, SENSITIVE, ["who"])


@pytest.mark.parametrize("sql", NOBODY)
def test_what_names_no_person_is_left_alone(sql: str) -> None:
    assert compared_columns(sql, TABLES, SENSITIVE, ["who"]) == ()
    assert literal_formats(sql) == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("what did ana.k+x@bank.example buy?", "e-mail address"),
        ("SELECT 1 -- for 219-09-9999", "social security number"),
        ("pay 4532 0151 1283 0366 now", "payment card number"),
        ("to DE89 3704 0044 0532 0130 00", "account number (IBAN)"),
    ],
)
def test_a_value_of_an_identifying_format_is_found_and_not_repeated(text: str, what: str) -> None:
    assert literal_formats(text) == (what,)


@pytest.mark.parametrize("text", ["219-09-99999", "000-00-0000", "4532 0151 1283 0367", "2026-11-30", "10.0.0.1", "@team", "a@b"])
def test_what_only_looks_alike_is_no_person(text: str) -> None:
    assert literal_formats(text) == ()
