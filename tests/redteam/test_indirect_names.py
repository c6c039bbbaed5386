"""Names and statements that a statement puts together (IDENTIFIER, EXECUTE IMMEDIATE) meet the same rules as written ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.core.statement_runner import SqlError
from localspace.sql.statement_service import remembered
from support.sql_workspace import EVE, SqlWorkspace, reported

pytestmark = pytest.mark.spark

SETUP = f"""
CREATE SCHEMA main.hr;
CREATE SCHEMA main.open;
CREATE TABLE main.hr.emp (id INT, ssn STRING, site STRING);
INSERT INTO main.hr.emp VALUES (1, 'RAW-1', 'bonn'), (2, 'RAW-2', 'HIDDEN');
CREATE TABLE main.hr.closed (k STRING);
INSERT INTO main.hr.closed VALUES ('CLOSED-VALUE');
CREATE FUNCTION main.hr.hide(s STRING) RETURNS STRING RETURN '***';
CREATE FUNCTION main.hr.at(s STRING, want STRING) RETURNS BOOLEAN RETURN s = want;
ALTER TABLE main.hr.emp ALTER COLUMN ssn SET MASK main.hr.hide;
ALTER TABLE main.hr.emp SET ROW FILTER main.hr.at ON (site, 'bonn');
GRANT USE CATALOG ON CATALOG main TO `account users`;
GRANT USE SCHEMA ON SCHEMA main.hr TO `account users`;
GRANT SELECT ON TABLE main.hr.emp TO `{EVE}`;
GRANT ALL PRIVILEGES ON SCHEMA main.open TO `{EVE}`
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("indirect"))
    made.user(EVE)
    for statement in SETUP.split(";"):
        made.sql(statement)
    yield made
    made.close()


NAMES = (
    "IDENTIFIER('main.hr.{t}')",
    "IDENTIFIER('main' || '.hr.' || '{t}')",
    "IDENTIFIER(concat('main.', lower('HR'), ('.{t}')))",
    "IDENTIFIER(trim(' main.hr ') || '.' || upper('{t}'))",
    "IDENTIFIER(:place || '.{t}')",
    "IDENTIFIER('main' '.hr.{t}')",
)
PLACE = (("place", "STRING", "main.hr"),)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_put_together_is_read_with_masks_and_filters(place: SqlWorkspace, name: str) -> None:
    query = f"SELECT * FROM {name.format(t='emp')}"
    assert place.sql(query, EVE, parameters=PLACE).rows == [["1", "***", "bonn"]]
    with pytest.raises(SqlError) as caught:
        place.sql(f"SELECT * FROM {name.format(t='closed')}", EVE, parameters=PLACE)
    assert caught.value.error_class == "INSUFFICIENT_PERMISSIONS"


def test_every_kind_of_statement_takes_such_a_name(place: SqlWorkspace) -> None:
    made = "IDENTIFIER('main.open' || '.made')"
    for statement in (
        f"CREATE TABLE {made} (id INT, IDENTIFIER('a' || 'b') STRING)",
        f"INSERT INTO {made} VALUES (1, 'x')",
        f"UPDATE {made} SET ab = 'y' WHERE IDENTIFIER('id') = 1",
        f"ALTER TABLE {made} ALTER COLUMN ab COMMENT 'c'",
        f"CREATE VIEW IDENTIFIER('main.open.seen') AS SELECT * FROM {made}",
        f"DESCRIBE TABLE {made}",
        "USE SCHEMA IDENTIFIER('main.' || 'open')",
    ):
        place.sql(statement, EVE)
    assert place.rows("SELECT ab FROM main.open.seen", EVE) == [["y"]]
    place.sql(f"DROP TABLE {made}", EVE)


@pytest.mark.parametrize(
    ("argument", "error_class"),
    [
        ("ssn", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("NULL", "NOT_A_CONSTANT_STRING.NULL"),
        ("'main.hr.emp' || ssn", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("(SELECT 'main.hr.emp')", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("1", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("reverse('pme.rh.niam')", "UNSUPPORTED_FEATURE.LOCALSPACE"),
    ],
)
def test_what_is_no_constant_is_refused_by_name(place: SqlWorkspace, argument: str, error_class: str) -> None:
    assert reported(place, f"SELECT * FROM IDENTIFIER({argument})").startswith(error_class)


IMMEDIATE = (
    ("EXECUTE IMMEDIATE 'SELECT * FROM main.hr.emp'", [["1", "***", "bonn"]]),
    ("EXECUTE IMMEDIATE 'SELECT ssn ' || 'FROM main.hr.emp'", [["***"]]),
    ("EXECUTE IMMEDIATE 'SELECT ssn FROM IDENTIFIER(:t)' USING 'main.hr.emp' AS t", [["***"]]),
    ("EXECUTE IMMEDIATE 'SELECT ? || ssn, id + ? FROM main.hr.emp' USING 'a', 1 + 1", [["a***", "3"]]),
    ("EXECUTE IMMEDIATE 'SELECT SUM(c1) FROM VALUES(?), (?) AS t(c1)' USING 5, 6", [["11"]]),
    ("EXECUTE IMMEDIATE 'SELECT SUM(c1) FROM VALUES(:one), (:two) AS t(c1)' USING (5 AS one, 6 two)", [["11"]]),
    ("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE \\'SELECT ssn FROM main.hr.emp\\''", [["***"]]),
    ("EXECUTE IMMEDIATE 'SELECT id FROM main.hr.emp WHERE ssn = ?' USING 'RAW-1'", []),
)  # fmt: skip


@pytest.mark.parametrize(("statement", "rows"), IMMEDIATE)
def test_the_inner_statement_is_the_callers(place: SqlWorkspace, statement: str, rows: list[list[str]]) -> None:
    assert place.rows(statement, EVE) == rows


def test_a_parameter_can_be_the_statement(place: SqlWorkspace) -> None:
    text = "SELECT ssn FROM main.hr.emp WHERE id < :n"
    with pytest.raises(SqlError, match="UNBOUND_SQL_PARAMETER"):
        place.sql("EXECUTE IMMEDIATE :s", EVE, parameters=(("s", "STRING", text), ("n", "INT", "2")))
    found = place.sql("EXECUTE IMMEDIATE :s USING :n AS n", EVE, parameters=(("s", "STRING", text), ("n", "INT", "2")))
    assert found.rows == [["***"]]


@pytest.mark.parametrize(
    "inner",
    [
        "SELECT * FROM main.hr.closed",
        "INSERT INTO main.hr.emp VALUES (3, 'x', 'bonn')",
        "DELETE FROM main.hr.emp",
        "CREATE TABLE main.hr.mine AS SELECT * FROM main.hr.emp",
        "ALTER TABLE main.hr.emp ALTER COLUMN ssn DROP MASK",
        "GRANT SELECT ON TABLE main.hr.closed TO `account users`",
        "SELECT main.hr.hide('a')",
        "SELECT * FROM main.hr.ghost",
    ],
)
def test_the_inner_statement_fails_as_it_does_alone(place: SqlWorkspace, inner: str) -> None:
    wrapped = f"EXECUTE IMMEDIATE '{inner.replace(chr(39), chr(92) + chr(39))}'"
    alone, within = reported(place, inner), reported(place, wrapped)
    assert alone == within
    assert not alone.startswith("[")


@pytest.mark.parametrize(
    ("statement", "error_class"),
    [
        ("EXECUTE IMMEDIATE 'SELECT 1' INTO x", "UNSUPPORTED_FEATURE.LOCALSPACE"),
        ("EXECUTE IMMEDIATE (SELECT max(ssn) FROM main.hr.emp)", "NOT_A_CONSTANT_STRING.NOT_CONSTANT"),
        ("EXECUTE IMMEDIATE 'SELECT ?' USING (SELECT max(k) FROM main.hr.closed)", "UNSUPPORTED_EXPR_FOR_PARAMETER"),
        ("EXECUTE IMMEDIATE 'SELECT ? FROM main.hr.emp' USING ssn", "UNSUPPORTED_EXPR_FOR_PARAMETER"),
        ("EXECUTE IMMEDIATE 'SELECT ?, ?' USING 1", "UNBOUND_SQL_PARAMETER"),
        ("EXECUTE IMMEDIATE 'SELECT ?, :a' USING 1 AS a, 2 AS b", "INVALID_QUERY_MIXED_QUERY_PARAMETERS"),
        ("EXECUTE IMMEDIATE 'SELECT :a' USING 1", "ALL_PARAMETERS_MUST_BE_NAMED"),
        ("EXECUTE IMMEDIATE 'SELECT 1; SELECT 2'", "PARSE_SYNTAX_ERROR"),
        ("EXECUTE IMMEDIATE ''", "PARSE_EMPTY_STATEMENT"),
    ],
)
def test_what_cannot_be_run_is_refused_by_its_class(place: SqlWorkspace, statement: str, error_class: str) -> None:
    told = reported(place, statement)
    assert told.startswith(error_class), told
    assert "CLOSED-VALUE" not in told
    assert "RAW-" not in told


def test_the_history_keeps_no_text_that_may_make_a_function() -> None:
    text = "/* a */ EXECUTE IMMEDIATE 'CREATE FUN' || 'CTION main.a.f() RETURNS STRING RETURN sha2(\\'KEY\\', 256)'"
    assert remembered(text) == "EXECUTE IMMEDIATE …"
