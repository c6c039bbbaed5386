"""How somebody who is masked by a keyed hash tries to learn the key, or to make a dictionary of it; none of it works."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest

from lampkeeper.design.knowledge.library import load_library
from lampkeeper.model.hash_key import HashKey
from support.sql_workspace import EVE, SqlWorkspace, reported

pytestmark = pytest.mark.spark

BOSS = "boss@bank.example"
KEY = HashKey.parse(secrets.token_hex(32), "a test")
REF = "C-1001"


def pseudonym(text: str) -> str:
    """Return what the mask makes of a text, computed apart."""
    return KEY.sign(f"text:{text}".encode()).hex()[:32]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("keys"))
    for who in (EVE, BOSS):
        made.user(who)
    made.make_group("cleared", [BOSS])
    made.make_group("readers", [EVE])
    made.sql("CREATE SCHEMA main.lampkeeper")
    made.sql(KEY.insert(load_library()["mask_hash"].at("main", "lampkeeper").create_sql()))
    setup = """
    CREATE SCHEMA main.crm; CREATE SCHEMA main.own;
    CREATE TABLE main.crm.people (ref STRING, city STRING);
    INSERT INTO main.crm.people VALUES ('C-1001', 'Oslo'), ('C-1002', 'Rome'), (NULL, 'Bern');
    CREATE TABLE main.crm.orders (ref STRING, total INT);
    INSERT INTO main.crm.orders VALUES ('C-1001', 5), ('C-1001', 7), ('C-1009', 1);
    CREATE GOVERNED TAG pii VALUES ('ref');
    SET TAG ON COLUMN main.crm.people.ref pii = ref;
    SET TAG ON COLUMN main.crm.orders.ref pii = ref;
    CREATE POLICY ref ON CATALOG main COLUMN MASK main.lampkeeper.mask_hash TO `account users` EXCEPT cleared FOR TABLES
      MATCH COLUMNS has_tag_value('pii', 'ref') AS c ON COLUMN c;
    GRANT USE CATALOG ON CATALOG main TO `account users`;
    GRANT USE SCHEMA, SELECT ON SCHEMA main.crm TO `account users`;
    GRANT ALL PRIVILEGES ON SCHEMA main.own TO readers;
    GRANT USE SCHEMA, BROWSE ON SCHEMA main.lampkeeper TO readers
    """
    for statement in setup.split(";"):
        made.sql(statement)
    yield made
    made.close()


def leaks(text: str) -> bool:
    """Say whether a text holds the key, a piece of it, or what the function is made of."""
    pieces = [pad[i : i + 12] for pad in KEY.pads for i in range(0, 60, 6)]
    return any(p in text.lower() for p in pieces) or "unhex" in text.lower()


def test_the_masked_see_the_keyed_hash_and_the_cleared_the_value(place: SqlWorkspace) -> None:
    assert sorted(place.rows("SELECT ref FROM main.crm.people WHERE ref IS NOT NULL", EVE)) == sorted(
        [[pseudonym("C-1001")], [pseudonym("C-1002")]]
    )
    assert [REF] in place.rows("SELECT ref FROM main.crm.people", BOSS)


def test_joins_of_the_masked_find_what_joins_of_the_cleared_find(place: SqlWorkspace) -> None:
    query = "SELECT p.city, sum(o.total) FROM main.crm.people p JOIN main.crm.orders o ON p.ref = o.ref GROUP BY p.city"
    assert place.rows(query, EVE) == place.rows(query, BOSS) == [["Oslo", "12"]]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT main.lampkeeper.mask_hash('C-1001')",
        "SELECT mask_hash(ref) FROM main.crm.people",
        "SHOW CREATE FUNCTION main.lampkeeper.mask_hash",
        "SHOW CREATE TABLE main.crm.people",
        "DESCRIBE FUNCTION main.lampkeeper.mask_hash",
        "DESCRIBE FUNCTION EXTENDED main.lampkeeper.mask_hash",
        "DESCRIBE TABLE EXTENDED main.crm.people",
        "SHOW FUNCTIONS IN main.lampkeeper",
        "SELECT * FROM main.information_schema.routines",
        "SELECT * FROM system.information_schema.routines",
        "SELECT * FROM main.information_schema.parameters",
        "SELECT * FROM main.information_schema.column_masks",
        "SHOW POLICIES ON CATALOG main",
        "SHOW EFFECTIVE POLICIES ON TABLE main.crm.people",
        "EXPLAIN SELECT ref FROM main.crm.people",
        "EXPLAIN EXTENDED SELECT ref FROM main.crm.people WHERE ref = 'x'",
        "EXPLAIN CODEGEN SELECT ref FROM main.crm.people",
        "EXPLAIN COST SELECT count(*) FROM main.crm.people GROUP BY ref",
        "EXPLAIN FORMATTED SELECT ref FROM main.crm.people",
        "SELECT ref + INTERVAL '1' DAY FROM main.crm.people",
        "SELECT CAST(ref AS INT) FROM main.crm.people",
        "SELECT date_add(ref, 1) FROM main.crm.people",
        "SELECT raise_error(ref) FROM main.crm.people",
        "SELECT assert_true(ref = 'x') FROM main.crm.people",
        "SELECT element_at(array(ref), 9) FROM main.crm.people",
        "SELECT from_json(ref, ref) FROM main.crm.people",
        "SELECT explode(ref) FROM main.crm.people",
        "SELECT ref.x FROM main.crm.people",
        "SELECT nothing FROM main.crm.people",
        "SELECT ref, count(*) FROM main.crm.people",
        "SELECT schema_of_json(ref), typeof(ref) FROM main.crm.people",
        "SELECT ref FROM main.crm.people ORDER BY 7",
        "SELECT * FROM main.crm.people TABLESAMPLE (x ROWS)",
        "SELECT secret('lampkeeper', 'hash_key')",
        "SELECT * FROM list_secrets()",
        "SELECT * FROM system.query.history",
    ],
)
def test_no_statement_shows_the_key(place: SqlWorkspace, statement: str) -> None:
    answer = reported(place, statement)
    assert not leaks(answer), answer[:300]
    if "mask_hash(" in statement:
        assert re.match(r"INSUFFICIENT_PERMISSIONS|UNRESOLVED_ROUTINE", answer)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW main.own.v AS SELECT main.lampkeeper.mask_hash('C-1001') AS h",
        "CREATE TABLE main.own.t AS SELECT main.lampkeeper.mask_hash('C-1001') AS h",
        "CREATE FUNCTION main.own.lend(v STRING) RETURNS STRING RETURN main.lampkeeper.mask_hash(v)",
        "ALTER TABLE main.own.guesses ALTER COLUMN ref SET MASK main.lampkeeper.mask_hash",
        "CREATE POLICY mine ON TABLE main.own.guesses COLUMN MASK main.lampkeeper.mask_hash TO `account users` FOR TABLES"
        " MATCH COLUMNS true AS c ON COLUMN c",
        "SET TAG ON COLUMN main.own.guesses.ref pii = ref",
        "ALTER TABLE main.own.guesses ALTER COLUMN ref SET TAGS ('pii' = 'ref')",
        "INSERT INTO main.crm.people VALUES ('C-1001', 'guess')",
        "MERGE INTO main.crm.people p USING main.own.guesses g ON p.ref = g.ref WHEN NOT MATCHED"
        " THEN INSERT (ref) VALUES (g.ref)",
        "UPDATE main.crm.people SET ref = 'C-1001'",
        "GRANT EXECUTE ON FUNCTION main.lampkeeper.mask_hash TO readers",
        "ALTER FUNCTION main.lampkeeper.mask_hash SET OWNER TO readers",
        "CREATE OR REPLACE FUNCTION main.lampkeeper.mask_hash(value STRING) RETURNS STRING RETURN value",
    ],
)
def test_no_dictionary_can_be_made(place: SqlWorkspace, statement: str) -> None:
    place.sql("CREATE TABLE IF NOT EXISTS main.own.guesses (ref STRING)", EVE)
    place.sql("INSERT INTO main.own.guesses VALUES ('C-1001')", EVE)
    answer = reported(place, statement)
    assert not leaks(answer)
    assert pseudonym(REF) not in reported(place, "SELECT * FROM main.own.guesses")
    for made in ("v", "t"):
        assert pseudonym(REF) not in reported(place, f"SELECT * FROM main.own.{made}")
    assert pseudonym(REF) not in reported(place, "SELECT main.own.lend('C-1001')")


def test_copies_hold_hashes_and_a_guess_finds_no_row(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.own.copy AS SELECT * FROM main.crm.people", EVE)
    place.sql("CREATE VIEW main.own.seen AS SELECT * FROM main.crm.people", EVE)
    for source in ("main.own.copy", "main.own.seen", "main.crm.people"):
        assert REF not in reported(place, f"SELECT * FROM {source}")
        for query in (
            f"SELECT count(*) FROM {source} WHERE ref = 'C-1001'",
            f"SELECT count(*) FROM {source} s JOIN (SELECT 'C-1001' AS g) ON s.ref = g",
            f"SELECT count(*) FROM {source} WHERE ref IN ('C-1001', sha2('C-1001', 256), left(sha2('text:C-1001', 256), 32))",
        ):
            assert place.rows(query, EVE) == [["0"]]


def test_who_may_execute_can_read_the_body_which_is_why_nobody_masked_may(place: SqlWorkspace) -> None:
    place.sql("GRANT EXECUTE ON FUNCTION main.lampkeeper.mask_hash TO readers")
    try:
        assert leaks(reported(place, "DESCRIBE FUNCTION EXTENDED main.lampkeeper.mask_hash"))
        assert pseudonym(REF) in reported(place, "SELECT main.lampkeeper.mask_hash('C-1001')")
    finally:
        place.sql("REVOKE EXECUTE ON FUNCTION main.lampkeeper.mask_hash FROM readers")
