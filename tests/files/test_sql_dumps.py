"""Scripts as the dump tools of seven systems write them: every statement is read or named, and no column is lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.schema_file import SchemaFile, read_schema
from lampkeeper.files.schema_sql import DIALECTS, LOST, guess_dialects, read_sql
from lampkeeper.files.sql_statements import read_statements
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import TableKind
from support.nightly import law

pytestmark = pytest.mark.unit

DUMPS = Path(__file__).parent / "dumps"
STAFF = "id ssn region mail address born ts"
CUSTOMER = "id email addr bal phone fax"
COLUMNS = {
    "databricks": {
        "main.hr.staff": STAFF, "main.hr.a": "x email passport b_c z", "main.hr.st": "id phone", "main.hr.st2": "id s",
        "main.hr.st3": "id mail", "main.hr.mv": "id c1", "main.hr.v": "a b", "main.hr.feat": "id c1 c2 c3 c4",
        "main.hr.cl": STAFF, "main.hr.lk": STAFF, "main.hr.ext": "a country b", "other.s.t": "2fa 1y key index date m v",
    },
    "postgres": {
        "postgres.public.people": "id email Full_Name home fmt postal tags born k total",
        "postgres.public.people_2024": "id email Full_Name home fmt postal tags born k total ssn",
        "postgres.public.events": "day who", "postgres.public.events_2024": "day who",
        "postgres.public.contacts": "id c1 zip n", "postgres.public.mv": "id email",
    },
    "mysql": {
        "mysql.shop.customers": "id e-mail status bal ts full flag loc doc",
        "mysql.shop.customers_bak": "id e-mail status bal ts full vip loc ssn nick",
        "mysql.shop.v_contacts": "id mail", "mysql.shop.t2": "extra id status",
    },
    "tsql": {
        "shop.dbo.customer": "Customer_ID SSN Mail Total Born Guid S Phone Fax", "shop.dbo.vc": "id m",
        "shop.tsql.a": "x email", "shop.tsql.b": "y", "shop.dbo.cond": "id",
    },
    "snowflake": {
        "crm.public.customer": "ID EMAIL TS V A B PHONE FAX", "crm.public.v_customer": "ID MAIL", "crm.public.dt": "ID EMAIL",
        "crm.public.sv": "ID EMAIL TS A B",
    },
    "bigquery": {
        "`my-proj`.crm.customers": CUSTOMER, "`my-proj`.crm.v": "id email addr", "`my-proj`.crm.mv": "id n",
        "`my-proj`.crm.copy": CUSTOMER, "`my-proj`.crm.snap": CUSTOMER,
    },
    "oracle": {
        "oracle.hr.employees": "EMPLOYEE_ID FIRST_NAME EMAIL HIRED TS D DOC N R PHONE SSN", "oracle.hr.v": "ID MAIL",
    },
}  # fmt: skip
LOST_AT = {"databricks": [36, 38, 49], "tsql": [44]}
"""Where a dump has what cannot be followed: an inferred schema, a metric view, a nested field; a renaming by procedure."""


def dump(name: str) -> tuple[str, Path]:
    return (DUMPS / f"{name}.sql").read_text(), Path(f"{name}.sql")


def lost(schema: SchemaFile) -> list[int]:
    return sorted(int(f.location.split(":")[1]) for f in schema.findings if f.severity is Severity.ERROR)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dump_is_read_whole_without_naming_its_dialect(name: str) -> None:
    text, path = dump(name)
    schema = read_schema(text, path)
    found = {str(t.name): " ".join(c.name.replace(" ", "_") for c in t.columns) for t in schema.tables}
    assert found == COLUMNS[name]
    assert guess_dialects(text)[0] == name
    assert lost(schema) == LOST_AT.get(name, [])
    assert schema == read_schema(text, path, dialect=name)


def test_comments_types_kinds_and_controls_of_dumps_are_kept() -> None:
    schema = {name: read_schema(*dump(name)) for name in DIALECTS}

    def column(dialect: str, table: str, name: str) -> tuple[str, str, bool]:
        found = next(t for t in schema[dialect].tables if str(t.name) == table)
        return next((c.type, c.comment, c.nullable) for c in found.columns if c.name == name)

    assert column("databricks", "main.hr.staff", "ssn") == ("STRING", "the number", False)
    assert column("databricks", "main.hr.mv", "id") == ("BIGINT", "k", True)
    assert column("databricks", "main.hr.feat", "c2") == ("STRING", "the number", True)
    assert column("databricks", "main.hr.a", "email") == ("STRING", "private mail", True)
    assert column("postgres", "postgres.public.people", "k") == ("STRING", "passport; number", True)
    assert column("postgres", "postgres.public.people", "postal")[0] == "STRUCT<`street`: STRING, `zip`: STRING>"
    assert column("mysql", "mysql.shop.customers", "e-mail") == ("STRING", "it's; the address", True)
    assert column("snowflake", "crm.public.customer", "EMAIL") == ("STRING", "mail", True)
    assert column("bigquery", "`my-proj`.crm.customers", "addr")[0] == "ARRAY<STRUCT<street: STRING, zip: STRING>>"
    assert column("oracle", "oracle.hr.employees", "EMAIL") == ("STRING", "mail; of it", False)
    kinds = {str(t.name): t.kind for t in schema["databricks"].tables if t.kind is not TableKind.TABLE}
    assert kinds == {
        "main.hr.st": TableKind.STREAMING_TABLE, "main.hr.st2": TableKind.STREAMING_TABLE,
        "main.hr.st3": TableKind.STREAMING_TABLE,
        "main.hr.mv": TableKind.MATERIALIZED_VIEW, "main.hr.v": TableKind.VIEW,
    }  # fmt: skip
    controls = {n: sum(f.code == "SCHEMA_CONTROL" for f in s.findings) for n, s in schema.items()}
    assert {n: c for n, c in controls.items() if c} == {"databricks": 5, "tsql": 1, "snowflake": 3}


PEOPLE = "CREATE TABLE public.people (id bigint PRIMARY KEY, email text, ssn text);\n"
READ = {
    "like": ("CREATE TABLE x (LIKE public.people INCLUDING ALL)", "x", "id email ssn"),
    "like of mysql": ("CREATE TABLE x LIKE people", "x", "id email ssn"),
    "inherits": ("CREATE TABLE x (badge text) INHERITS (public.people)", "x", "id email ssn badge"),
    "an added column": (
        "ALTER TABLE ONLY public.people ADD COLUMN passport_no character varying(20)", "people", "id email ssn passport_no",
    ),
    "several": ("ALTER TABLE people ADD COLUMN a int DEFAULT 1, ADD b text NOT NULL, DROP COLUMN ssn", "people", "id email a b"),
    "renamed": ("ALTER TABLE people RENAME COLUMN ssn TO tax_no", "people", "id email tax_no"),
    "a table renamed": ("ALTER TABLE people RENAME TO persons", "persons", "id email ssn"),
    "an inherited addition": (
        "CREATE TABLE x () INHERITS (people); ALTER TABLE people ADD COLUMN dob date", "x", "id email ssn dob",
    ),
    "a copy": ("CREATE TABLE x AS SELECT id, email c1, ssn c2 FROM people", "x", "id c1 c2"),
    "a copy of all": ("CREATE TABLE x AS SELECT p.*, 1 AS n FROM people p", "x", "id email ssn n"),
    "a copy by TABLE": ("CREATE TABLE x AS TABLE people", "x", "id email ssn"),
    "a view with names": ("CREATE VIEW x (a, b) AS SELECT email, ssn FROM people", "x", "a b"),
    "a recursive view": (
        "CREATE VIEW x AS WITH RECURSIVE r (k, m) AS (SELECT id, email FROM people UNION ALL SELECT k, m FROM r) SELECT * FROM r",
        "x", "k m",
    ),
    "a view of a view": (
        "CREATE VIEW v AS SELECT ssn s FROM people; CREATE MATERIALIZED VIEW x AS SELECT * FROM v WITH NO DATA", "x", "s",
    ),
    "a view made again": (
        "CREATE VIEW x AS SELECT id FROM people; CREATE OR REPLACE VIEW x AS SELECT ssn FROM people", "x", "ssn",
    ),
    "what is dropped and made again": ("DROP TABLE people; CREATE TABLE people (a int)", "people", "a"),
    "a table made twice": ("CREATE TABLE IF NOT EXISTS public.people (id int, phone text)", "people", "id email ssn phone"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_gives_columns_is_read(name: str) -> None:
    text, table, columns = READ[name]
    schema = read_schema(PEOPLE + text, Path("f.sql"), dialect="mysql" if "mysql" in name else "postgres")
    found = {t.name.table: " ".join(c.name for c in t.columns) for t in schema.tables}
    assert (found[table], lost(schema)) == (columns, [])


NAMED = [
    "CREATE TABLE x (LIKE elsewhere)",
    "CREATE TABLE x (a int) INHERITS (elsewhere)",
    "CREATE TABLE x AS SELECT * FROM elsewhere",
    "CREATE TABLE x AS SELECT e.*, p.ssn FROM people p JOIN elsewhere e ON true",
    "CREATE VIEW x AS SELECT upper(email) || 'a' FROM people",
    "CREATE VIEW x AS SELECT FROM WHERE",
    "CREATE TABLE x PARTITION OF elsewhere DEFAULT",
    "CREATE TABLE x USING csv LOCATION '/x'",
    "CREATE TABLE x OF sometype",
    "CREATE SCHEMA s CREATE TABLE x (a int)",
    "ALTER TABLE elsewhere ADD COLUMN ssn text",
    "ALTER TABLE people FROBNICATE ssn",
    "ALTER TABLE people RENAME COLUMN nothing TO ssn",
    "SELECT * INTO x FROM people",
    "DO $$ BEGIN EXECUTE 'CREATE TABLE x (a int)'; END $$",
    "EXECUTE 'ALTER TABLE people ADD COLUMN a int'",
    "FROBNICATE people",
    "INSERT INTO people VALUES (1) CREATE TABLE x (a int)",
    "CREATE PROCEDURE p() BEGIN SELECT 1; CREATE TABLE x (a int)",
    "CREATE SOMETHING x (a int)",
]


@pytest.mark.parametrize("text", NAMED)
def test_what_may_lose_a_relation_is_an_error_with_its_line(text: str) -> None:
    schema = read_schema(PEOPLE + "\n" + text + ";", Path("f.sql"), dialect="postgres")
    assert lost(schema) == [3]
    assert schema.count.named == 1
    assert all(f.fix for f in schema.findings if f.code == LOST)


MALFORMED = [
    ("CREATE TABLE t (\n  a int\n  b int)", "f.sql:3:3"),
    ("CREATE TABLE t (a int DEFAULT 1 b text)", "f.sql:1:33"),
    ("CREATE TABLE t (a int, PRIMARY KEY (a) ssn text)", "f.sql:1:40"),
    ("CREATE TABLE t (a int CHECK (a > 0) ssn text)", "f.sql:1:37"),
    ("CREATE TABLE t (a int", "f.sql:1:22"),
    ("CREATE TABLE t (a int)) , b int)", "f.sql:1:23"),
    ("CREATE TABLE t (a int) CREATE TABLE u (b int)", "f.sql:1:24"),
    ("CREATE TABLE a.b.c.d (a int)", "f.sql:1:22"),
    ("COPY t FROM stdin;\n1\t2\n", "f.sql:1"),
]


@pytest.mark.parametrize(("text", "location"), MALFORMED)
def test_a_malformed_statement_refuses_the_file_with_the_location(text: str, location: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_schema(text, Path("f.sql"))
    assert caught.value.message.startswith(f"{location}: "), caught.value.message
    assert caught.value.fix


STATEMENTS = {
    name: [s.source for s in read_statements((DUMPS / f"{name}.sql").read_text(), Path(name), name)]
    for name in ("databricks", "postgres", "snowflake", "bigquery")
}


@law(400)
@given(st.data(), st.sampled_from(sorted(STATEMENTS)))
def test_the_count_closes_over_any_statements_in_any_order(data: st.DataObject, name: str) -> None:
    chosen = data.draw(st.lists(st.sampled_from(STATEMENTS[name]), max_size=8))
    lines = ["CREATE TABLE first (id int)", *(" ".join(s.split("\n")) for s in chosen if "COPY" not in s and "--" not in s)]
    made = read_sql(";\n".join(lines), Path("f.sql"), name)
    assert (made.count.statements, made.count.named) == (len(lines), len(made.unfollowed))
    named = {int(u.location.split(":")[1]) for u in made.unfollowed}
    reported = " ".join(f"{f.location} {f.message}" for f in made.findings)
    assert all(f"{n}" in reported for n in named)
    relations = {c["table"] for c in made.columns}
    for number, line in enumerate(lines, 1):
        words = line.upper().split()
        if words[0] == "CREATE" and "TABLE" in words[:6] and "(" in line and number not in named:
            assert relations, line
    assert len(named) == made.count.named


def test_a_type_of_a_schema_of_its_own_is_no_reason_for_a_warning() -> None:
    made = "CREATE TYPE public.f AS ENUM ('a');\n"
    text = made + 'CREATE TABLE t (a public.f, b public.geometry(Point,4326), c "public"."citext", d public.own)'
    schema = read_schema(text, Path("f.sql"), dialect="postgres")
    assert [c.type for c in schema.tables[0].columns] == ["STRING"] * 4
    assert [f for f in schema.findings if f.severity is not Severity.INFO] == []
