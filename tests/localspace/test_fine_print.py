"""Details in which a local workspace could silently differ: each is either right or refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.core.statement_runner import SqlError
from support.fake_runner import fake_runner
from support.localspace_server import running_localspace
from support.sql_workspace import SqlWorkspace

ANA = "ana@example.com"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("fine"))
    made.user(ANA)
    made.sql("CREATE FUNCTION main.default.hide(s STRING) RETURNS STRING RETURN 'XXX'")
    yield made
    made.close()


def refused(place: SqlWorkspace, statement: str, who: str | None = None) -> SqlError:
    with pytest.raises(SqlError) as error:
        place.sql(statement, who)
    return error.value


# Policies


@pytest.mark.server
def test_a_deny_policy_is_not_evaluated_and_so_not_kept() -> None:
    body = {
        "name": "p", "on_securable_type": "CATALOG", "on_securable_fullname": "main", "to_principals": ["account users"],
        "policy_type": "POLICY_TYPE_DENY", "for_securable_type": "TABLE", "deny": {"privileges": ["SELECT"]},
    }  # fmt: skip
    with running_localspace(build_runner=fake_runner) as space, space.http() as http:
        answer = http.post("/api/2.1/unity-catalog/policies", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
        assert "does not evaluate DENY policies" in answer.json()["message"]
        assert http.get("/api/2.1/unity-catalog/policies/catalog/main").json().get("policies", []) == []


@pytest.mark.spark
def test_a_deny_policy_by_sql_is_refused(place: SqlWorkspace) -> None:
    error = refused(place, "CREATE POLICY p ON CATALOG main TO `account users` DENY SELECT FOR TABLES")
    assert error.error_class == "UNSUPPORTED_FEATURE.LOCALSPACE"


# Views


@pytest.mark.spark
def test_a_replaced_view_loses_its_tags_and_keeps_its_grants(place: SqlWorkspace) -> None:
    place.sql("CREATE GOVERNED TAG view_tag VALUES ('a')")
    place.sql("CREATE VIEW main.default.v AS SELECT 1 AS a, 2 AS b")
    place.sql(f"GRANT SELECT ON VIEW main.default.v TO `{ANA}`")
    place.sql("SET TAG ON COLUMN main.default.v.b view_tag = a")
    place.sql("SET TAG ON TABLE main.default.v view_tag = a")
    place.sql("CREATE OR REPLACE VIEW main.default.v AS SELECT 1 AS a")
    for tags in ("table_tags", "column_tags"):
        assert place.rows(f"SELECT tag_name FROM main.information_schema.{tags} WHERE table_name = 'v'") == []
    assert [row[0] for row in place.rows("SHOW GRANTS ON VIEW main.default.v")] == [ANA]


# CHAR and VARCHAR


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["VARCHAR(3)", "CHAR(3)"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {t} VALUES (2, 'ab'), (3, 'secret')",
        "INSERT INTO {t} SELECT 2, concat('sec', 'ret')",
        "INSERT OVERWRITE {t} VALUES (1, 'secret')",
        "UPDATE {t} SET name = 'secret' WHERE id = 1",
        "MERGE INTO {t} AS t USING (SELECT 9 AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (9, 'secret')",
        "MERGE INTO {t} AS t USING (SELECT 1 AS id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'secret'",
    ],
)
def test_a_text_longer_than_its_column_is_refused_on_every_write(place: SqlWorkspace, kind: str, statement: str) -> None:
    place.sql(f"CREATE OR REPLACE TABLE main.default.short (id INT, name {kind})")
    place.sql("INSERT INTO main.default.short VALUES (1, 'äöü')")
    error = refused(place, statement.format(t="main.default.short"))
    assert (error.error_class, error.sql_state) == ("DELTA_EXCEED_CHAR_VARCHAR_LIMIT", "22001")
    assert "secret" not in error.message
    assert place.rows("SELECT * FROM main.default.short") == [["1", "äöü"]], "nothing is half-written, characters count"


# information_schema


@pytest.mark.spark
def test_views_of_information_schema_are_described(place: SqlWorkspace) -> None:
    rows = place.rows("DESCRIBE TABLE main.information_schema.columns")
    assert ["ordinal_position", "int", None] in rows
    assert [row[0] for row in rows[:4]] == ["table_catalog", "table_schema", "table_name", "column_name"]
    assert place.rows("DESCRIBE system.information_schema.tables table_name")[1] == ["data_type", "string"]
    assert refused(place, "DESCRIBE main.information_schema.nope").error_class == "TABLE_OR_VIEW_NOT_FOUND"


# Tag keys


@pytest.mark.spark
def test_tag_keys_that_differ_in_case_are_two_keys(place: SqlWorkspace) -> None:
    place.sql("CREATE GOVERNED TAG Pii VALUES ('Email')")
    place.sql("CREATE GOVERNED TAG pii VALUES ('email')")
    place.sql("CREATE TABLE main.default.tagged (mail STRING)")
    place.sql("INSERT INTO main.default.tagged VALUES ('raw')")
    place.sql("SET TAG ON COLUMN main.default.tagged.mail `Pii` = `Email`")
    place.sql("SET TAG ON COLUMN main.default.tagged.mail `pii` = `email`")
    query = "SELECT tag_name, tag_value FROM main.information_schema.column_tags WHERE table_name = 'tagged'"
    assert sorted(place.rows(query)) == [["Pii", "Email"], ["pii", "email"]]
    place.sql(
        "CREATE POLICY by_case ON TABLE main.default.tagged COLUMN MASK main.default.hide TO `account users` FOR TABLES"
        " MATCH COLUMNS has_tag_value('Pii', 'Email') AS m ON COLUMN m"
    )
    assert place.rows("SELECT mail FROM main.default.tagged") == [["XXX"]]
    place.sql("UNSET TAG ON COLUMN main.default.tagged.mail `Pii`")
    assert place.rows("SELECT mail FROM main.default.tagged") == [["raw"]]
    assert place.rows(query) == [["pii", "email"]]
    place.sql("ALTER TABLE main.default.tagged RENAME TO main.default.tagged2")
    assert place.rows(query.replace("'tagged'", "'tagged2'")) == [["pii", "email"]]
    place.sql("DROP GOVERNED TAG Pii")
    assert [row[0] for row in place.rows("SHOW GOVERNED TAGS") if str(row[0]).casefold() == "pii"] == ["pii"]


# Two tables of one name


@pytest.fixture(scope="module")
def twins(place: SqlWorkspace) -> SqlWorkspace:
    for schema, kind in (("one", "a"), ("two", "b")):
        place.sql(f"CREATE SCHEMA main.{schema}")
        place.sql(f"CREATE TABLE main.{schema}.t (id INT, {kind} STRING)")
        place.sql(f"INSERT INTO main.{schema}.t VALUES (1, '{kind}1'), ({3 if kind == 'a' else 4}, '{kind}x')")
    return place


@pytest.mark.spark
@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT main.one.t.a, main.two.t.b FROM main.one.t JOIN main.two.t ON main.one.t.id = main.two.t.id", [["a1", "b1"]]),
        ("SELECT one.t.id, a, b FROM main.one.t JOIN main.two.t ON one.t.id = two.t.id", [["1", "a1", "b1"]]),
        ("SELECT main.two.t.* FROM main.one.t JOIN main.two.t ON main.one.t.id = two.t.id", [["1", "b1"]]),
        ("SELECT a FROM main.one.t WHERE EXISTS (SELECT 1 FROM main.two.t WHERE one.t.id = two.t.id)", [["a1"]]),
        ("SELECT a FROM main.one.t WHERE EXISTS (SELECT 1 FROM main.two.t WHERE one.t.id = t.id)", [["a1"]]),
        (
            "SELECT t.a FROM main.one.t WHERE one.t.id = 3 UNION ALL SELECT t.b FROM main.two.t WHERE two.t.id = 4",
            [["ax"], ["bx"]],
        ),
        ("WITH t AS (SELECT 9 AS id) SELECT t.id, one.t.id FROM t, main.one.t AS u, (SELECT 1) AS one LIMIT 0", None),
        ("SELECT count(*) FROM main.one.t, main.two.t", [["4"]]),
    ],
)
def test_two_tables_of_one_name_are_told_apart(twins: SqlWorkspace, query: str, rows: list[list[str]] | None) -> None:
    if rows is None:
        refused(twins, query)
    else:
        assert sorted(twins.rows(query)) == rows


@pytest.mark.spark
def test_a_name_that_means_two_tables_is_refused(twins: SqlWorkspace) -> None:
    error = refused(twins, "SELECT t.id, main.one.t.a FROM main.one.t JOIN main.two.t ON one.t.id = two.t.id")
    assert "aliases" in error.message
