"""Masks and row filters with literals among their arguments, as databricks/dbt-databricks #1033 and #1193 write them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.core.statement_runner import SqlError
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.spark

SETUP = """
CREATE SCHEMA main.lit;
CREATE FUNCTION main.lit.cover(v STRING, owner BIGINT, word STRING, n INT) RETURNS STRING
  RETURN CASE WHEN owner = 1 THEN v ELSE concat(word, n) END;
CREATE FUNCTION main.lit.one(v STRING) RETURNS STRING RETURN '***';
CREATE FUNCTION main.lit.kinds(v STRING, a BOOLEAN, b STRING, c DOUBLE) RETURNS STRING RETURN concat_ws(' ', a, isnull(b), c);
CREATE FUNCTION main.lit.in_site(s STRING, want STRING) RETURNS BOOLEAN RETURN s = want
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("literals"))
    for statement in SETUP.split(";"):
        made.sql(statement)
    yield made
    made.close()


def table(place: SqlWorkspace, name: str, columns: str) -> str:
    place.sql(f"CREATE OR REPLACE TABLE main.lit.{name} {columns}")
    place.sql(f"INSERT INTO main.lit.{name} VALUES (1, 'bonn', 'one'), (2, 'graz', 'two')")
    return f"main.lit.{name}"


PLAIN = "(id BIGINT, site STRING, secret STRING)"
MASKED = "(id BIGINT, site STRING, secret STRING MASK main.lit.cover USING COLUMNS (ID, 'x', 5)) WITH ROW FILTER main.lit.in_site ON (site, 'bonn')"  # fmt: skip  # noqa: E501


def test_literals_reach_the_functions_in_their_places(place: SqlWorkspace) -> None:
    name = table(place, "acct", PLAIN)
    place.sql(f"ALTER TABLE {name} ALTER COLUMN secret SET MASK main.lit.cover USING COLUMNS (id, 'x', 5)")
    assert place.rows(f"SELECT id, secret FROM {name} ORDER BY id") == [["1", "one"], ["2", "x5"]]
    place.sql(f"ALTER TABLE {name} SET ROW FILTER main.lit.in_site ON (site, 'bonn')")
    assert place.rows(f"SELECT id, secret FROM {name}") == [["1", "one"]]
    place.sql(f"ALTER TABLE {name} SET ROW FILTER main.lit.in_site ON ('a', 'b')")
    assert place.rows(f"SELECT count(*) FROM {name}") == [["0"]]


def test_create_table_takes_them_too(place: SqlWorkspace) -> None:
    assert place.rows(f"SELECT id, secret FROM {table(place, 'made', MASKED)}") == [["1", "one"]]
    status, found = place.ask("GET", "/api/2.1/unity-catalog/tables/main.lit.made", None, None)
    assert status == 200
    assert found["row_filter"] == {
        "function_name": "main.lit.in_site",
        "input_column_names": ["site"],
        "input_arguments": [{"column": "site"}, {"constant": "bonn"}],
    }
    assert found["columns"][2]["mask"]["using_arguments"] == [{"column": "id"}, {"constant": "x"}, {"constant": "5"}]


def test_each_kind_of_literal_comes_as_its_value(place: SqlWorkspace) -> None:
    name = table(place, "kinds_of", PLAIN)
    place.sql(f"ALTER TABLE {name} ALTER COLUMN secret SET MASK main.lit.kinds USING COLUMNS (TRUE, NULL, -1.5)")
    assert place.rows(f"SELECT DISTINCT secret FROM {name}") == [["true true -1.5"]]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {t} ALTER COLUMN secret SET MASK main.lit.one USING COLUMNS (id)",
        "ALTER TABLE {t} ALTER COLUMN secret SET MASK main.lit.one USING COLUMNS ('a')",
        "ALTER TABLE {t} SET ROW FILTER main.lit.in_site ON (site)",
        "CREATE TABLE main.lit.bad (id BIGINT, secret STRING MASK main.lit.one USING COLUMNS (id))",
        "CREATE TABLE main.lit.bad (id BIGINT, secret STRING MASK main.lit.cover)",
        "CREATE TABLE main.lit.bad (id BIGINT, site STRING) WITH ROW FILTER main.lit.in_site ON (site)",
        "CREATE TABLE main.lit.bad WITH ROW FILTER main.lit.in_site ON (site) AS SELECT 'a' AS site",
    ],
)
def test_the_wrong_number_of_arguments_is_refused_at_once(place: SqlWorkspace, statement: str) -> None:
    name = table(place, "whole", PLAIN)
    with pytest.raises(SqlError) as caught:
        place.sql(statement.format(t=name))
    assert caught.value.error_class == "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"
    assert len(place.rows(f"SELECT * FROM {name}")) == 2
    with pytest.raises(SqlError, match="TABLE_OR_VIEW_NOT_FOUND"):
        place.sql("SELECT * FROM main.lit.bad")


def test_a_column_that_is_not_there_is_refused_at_once(place: SqlWorkspace) -> None:
    with pytest.raises(SqlError, match="UNRESOLVED_COLUMN"):
        place.sql("CREATE TABLE main.lit.bad (id BIGINT, site STRING) WITH ROW FILTER main.lit.in_site ON (place, 'a')")
