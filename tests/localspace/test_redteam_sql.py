"""Ways round the enforcement that an attacker tried, each with what must happen instead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.core.errors import ApiError
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents import kinds
from support.sql_workspace import EVE, SqlWorkspace, reported

pytestmark = pytest.mark.spark

BOSS = "boss@bank.example"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("redteam"))
    made.user(EVE)
    made.user(BOSS)
    made.make_group("cleared", [BOSS])
    made.make_group("everybody_else", [EVE])
    setup = """
    CREATE SCHEMA main.hr; CREATE SCHEMA main.open;
    CREATE TABLE main.hr.emp (id INT, ssn STRING);
    INSERT INTO main.hr.emp VALUES (1, '1'), (2, 'SSN-OF-TWO');
    CREATE TABLE main.hr.closed (k STRING);
    INSERT INTO main.hr.closed VALUES ('CLOSED-VALUE');
    CREATE TABLE main.hr.allowed (id INT);
    INSERT INTO main.hr.allowed VALUES (1);
    CREATE FUNCTION main.hr.hide(s STRING) RETURNS STRING RETURN '***';
    CREATE GOVERNED TAG pii VALUES ('ssn');
    SET TAG ON COLUMN main.hr.emp.ssn pii = ssn;
    CREATE POLICY ssn ON TABLE main.hr.emp COLUMN MASK main.hr.hide TO `account users` EXCEPT cleared FOR TABLES
      MATCH COLUMNS has_tag_value('pii', 'ssn') AS c ON COLUMN c;
    CREATE VIEW main.open.semi AS SELECT c.k, e.id FROM main.hr.closed c JOIN main.hr.allowed e ON c.k = CAST(e.id AS STRING);
    CREATE TABLE main.hr.rows (id INT, v STRING);
    INSERT INTO main.hr.rows VALUES (1, '1'), (2, 'HIDDEN-ROW');
    CREATE VIEW main.open.some AS SELECT id, v FROM main.hr.rows WHERE id IN (SELECT id FROM main.hr.allowed);
    CREATE VIEW main.open.joined AS SELECT r.id, r.v FROM main.hr.rows r JOIN main.hr.allowed a ON a.id = r.id;
    GRANT USE CATALOG ON CATALOG main TO `account users`;
    GRANT USE SCHEMA ON SCHEMA main.hr TO `account users`;
    GRANT SELECT ON TABLE main.hr.emp TO `account users`;
    GRANT APPLY TAG ON TABLE main.hr.emp TO everybody_else;
    GRANT ALL PRIVILEGES ON SCHEMA main.open TO `account users`
    """
    for statement in setup.split(";"):
        made.sql(statement)
    yield made
    made.close()


@pytest.mark.parametrize("view", ["some", "joined"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM {v} WHERE CAST(v AS INT) = 1",
        "SELECT a.id FROM {v} a JOIN (SELECT 1 AS z) b ON CAST(a.v AS INT) = b.z",
        "SELECT id FROM {v} WHERE CASE WHEN v <> '1' THEN CAST(v AS INT) ELSE 1 END = 1",
        "SELECT id FROM (SELECT * FROM {v}) WHERE coalesce(raise_error(if(v = '1', NULL, v)), 1) = 1 OR v = '1'",
    ],
)
def test_rows_that_a_view_leaves_out_are_in_no_error(place: SqlWorkspace, view: str, query: str) -> None:
    assert "HIDDEN-ROW" not in reported(place, query.format(v=f"main.open.{view}"))


def test_a_predicate_on_a_view_of_somebody_else_works_on_the_rows_that_it_shows(place: SqlWorkspace) -> None:
    assert place.rows("SELECT id FROM main.open.some WHERE CAST(v AS INT) = 1", EVE) == [["1"]]


def test_a_column_default_copies_nothing_with_the_privileges_of_the_inserter(place: SqlWorkspace) -> None:
    statement = "CREATE TABLE main.open.trap (id INT, v STRING DEFAULT {})"
    for default in ("(SELECT max(ssn) FROM main.hr.emp)", "main.open.steal()", "id", "IDENTIFIER('id')", "(VALUES (1))"):
        assert reported(place, statement.format(default)).startswith("INVALID_DEFAULT_VALUE"), default
    place.sql(statement.format("upper('a')"), EVE)
    assert reported(place, "ALTER TABLE main.open.trap ALTER COLUMN v SET DEFAULT (SELECT 1)").startswith("INVALID_DEFAULT_VALUE")
    assert reported(place, "ALTER TABLE main.open.trap ADD COLUMN w STRING DEFAULT (SELECT 1)").startswith(
        "INVALID_DEFAULT_VALUE"
    )
    place.sql("INSERT INTO main.open.trap (id) VALUES (1)", EVE)
    place.sql("INSERT INTO main.open.trap (id) SELECT 2", EVE)
    assert sorted(place.rows("SELECT * FROM main.open.trap", EVE)) == [["1", "A"], ["2", "A"]]


def test_a_function_made_after_a_default_was_written_is_not_called_by_it(place: SqlWorkspace) -> None:
    assert reported(place, "CREATE TABLE main.open.later (id INT, v STRING DEFAULT sneak())").startswith("UNRESOLVED_ROUTINE")
    # The REST API takes a table that nobody has looked at.
    place.sql("CREATE TABLE main.open.later (id INT, v STRING DEFAULT 'x')", EVE)
    table = place.store.get(kinds.TABLE, "main", "open", "later")
    assert table is not None
    columns = [column | ({"default": "sneak()"} if column["name"] == "v" else {}) for column in table["columns"]]
    place.store.put(kinds.TABLE, ("main", "open", "later"), table | {"columns": columns}, ("main", "open"))
    place.sql("GRANT SELECT, MODIFY ON TABLE main.open.later TO cleared", EVE)
    place.sql("CREATE FUNCTION main.open.sneak() RETURNS STRING RETURN (SELECT max(ssn) FROM main.hr.emp)", EVE)
    place.sql("GRANT EXECUTE ON FUNCTION main.open.sneak TO cleared", EVE)
    for statement in (
        "INSERT INTO main.open.later (id) SELECT 1",
        "MERGE INTO main.open.later t USING (SELECT 1 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
    ):
        with pytest.raises(SqlError):
            place.sql(statement, BOSS, schema="open")
    assert place.rows("SELECT count(*) FROM main.open.later", EVE) == [["0"]]


def test_a_default_of_a_parameter_reads_nothing(place: SqlWorkspace) -> None:
    made = "CREATE FUNCTION main.open.with_default(x STRING DEFAULT {}) RETURNS STRING RETURN x"
    for default in ("(SELECT max(k) FROM main.hr.closed)", "ssn", "main.hr.hide('a')"):
        assert reported(place, made.format(default)).startswith("INVALID_DEFAULT_VALUE"), default


@pytest.mark.parametrize("kind", ["function", "table"])
def test_nobody_gains_the_privileges_of_another_by_giving_away_a_view_or_function(place: SqlWorkspace, kind: str) -> None:
    eve = place.repositories.identity.by_name(EVE)
    assert eve is not None
    # The REST API takes a body that nobody has looked at.
    body: dict[str, object] = {"name": f"gift_{kind}"}
    if kind == "function":
        body |= {"routine_definition": "(SELECT max(k) FROM main.hr.closed)", "input_params": []}
        body |= {"full_data_type": "STRING", "routine_body": "SQL", "language": "SQL"}
    else:
        column = {"name": "k", "type_text": "string", "type_name": "STRING", "position": 0, "physical": "c0"}
        body |= {"table_type": "VIEW", "view_definition": "SELECT k FROM main.hr.closed", "columns": [column]}
    place.repositories.objects.create(eve, kind, "main", "open", body)
    with pytest.raises(ApiError, match="metastore admin"):
        place.repositories.objects.change(
            eve, kind, f"main.open.gift_{kind}", {"owner": place.repositories.identity.by_id(place.ids.admin_id).name}
        )
    place.repositories.objects.change(eve, kind, f"main.open.gift_{kind}", {"owner": "everybody_else"})
    query = "SELECT main.open.gift_function()" if kind == "function" else "SELECT * FROM main.open.gift_table"
    assert "CLOSED-VALUE" not in reported(place, query)


def test_who_replaces_a_view_or_function_of_another_does_not_read_as_that_other(place: SqlWorkspace) -> None:
    place.sql("CREATE VIEW main.open.theirs AS SELECT 'x' AS k")
    place.sql("CREATE FUNCTION main.open.their_f() RETURNS STRING RETURN 'x'")
    place.sql(f"GRANT MANAGE, SELECT ON TABLE main.open.theirs TO `{EVE}`")
    place.sql(f"GRANT MANAGE, EXECUTE ON FUNCTION main.open.their_f TO `{EVE}`")
    place.sql(f"GRANT SELECT ON TABLE main.hr.closed TO `{EVE}`")
    place.sql("CREATE OR REPLACE VIEW main.open.theirs AS SELECT k FROM main.hr.closed", EVE)
    place.sql("CREATE OR REPLACE FUNCTION main.open.their_f() RETURNS STRING RETURN (SELECT max(k) FROM main.hr.closed)", EVE)
    place.sql(f"REVOKE SELECT ON TABLE main.hr.closed FROM `{EVE}`")
    assert "CLOSED-VALUE" not in reported(place, "SELECT * FROM main.open.theirs")
    assert "CLOSED-VALUE" not in reported(place, "SELECT main.open.their_f()")


def test_a_tag_key_of_another_case_does_not_displace_a_governed_tag(place: SqlWorkspace) -> None:
    reported(place, "SET TAG ON COLUMN main.hr.emp.ssn PII = ssn")
    assert "***" in reported(place, "SELECT ssn FROM main.hr.emp")
    assert "SSN-OF-TWO" not in reported(place, "SELECT ssn FROM main.hr.emp")
