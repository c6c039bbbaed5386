"""Schemas of other systems: names, types, comments and places, three SQL dialects and JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lampkeeper.files.legal_names import legal_object_name
from lampkeeper.files.schema_file import read_schema, read_schema_file
from lampkeeper.files.schema_sql import guess_dialects
from lampkeeper.files.types import databricks_type, load_type_table
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import TypeFamily, type_family
from support.nightly import law
from support.states import texts

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[2] / "examples" / "schemas"


@pytest.mark.parametrize(
    ("file", "tables", "columns"),
    [
        ("fineract.jsonl", 220, 2062),
        ("omop_cdm54.jsonl", 39, 432),
        ("chinook.jsonl", 11, 64),
        ("loans_databricks.sql", 2, 16),
        ("clinic_postgres.sql", 2, 18),
        ("shop_mysql.sql", 2, 16),
    ],
)
def test_every_example_is_read_whole_and_without_findings(file, tables, columns):
    schema = read_schema_file(EXAMPLES / file)
    assert (len(schema.tables), len(schema.order)) == (tables, columns)
    assert [f for f in schema.findings if f.severity is not Severity.INFO] == []
    assert sum(len(t.columns) for t in schema.tables) == columns
    assert f"| {file} |" in (EXAMPLES / "README.md").read_text()


@pytest.mark.parametrize("dialect", ["databricks", "postgres", "mysql"])
def test_the_dialect_is_reported_by_the_text(dialect):
    (path,) = EXAMPLES.glob(f"*_{dialect}.sql")
    assert guess_dialects(path.read_text())[0] == dialect
    assert read_schema_file(path, dialect=dialect) == read_schema_file(path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("VARCHAR(100)", "STRING"), ("increments", "INT"), ("Link", "STRING"), ("Data", "STRING"), ("Data:Email", "STRING"),
        ("serial", "INT"), ("uuid", "STRING"), ("jsonb", "STRING"), ("tinyint(1)", "BOOLEAN"), ("TINYINT(4)", "TINYINT"),
        ("enum('a','b')", "STRING"), ("Long Text", "STRING"), ("Currency", "DECIMAL(21, 9)"), ("object", "STRING"),
        ("array", "STRING"),
        ("string[]", "STRING"), ("int unsigned", "BIGINT"), ("bigint(20) unsigned zerofill", "DECIMAL(20, 0)"),
        ("DECIMAL(19, 6)", "DECIMAL(19, 6)"), ("numeric", "DECIMAL(38, 10)"), ("number(50,60)", "DECIMAL(38, 38)"),
        ("numeric(5)", "DECIMAL(5, 0)"), ("timestamp(6) with time zone", "TIMESTAMP"),
        ("timestamp without time zone", "TIMESTAMP"),
        ("varchar(MAX)", "STRING"), ("character varying(20)", "STRING"), ("string:uuid", "STRING"),
        ("string:date-time", "TIMESTAMP"),
        ("integer:int64", "BIGINT"), ("number:double", "DOUBLE"), ("Check", "BOOLEAN"), ("array<int>", "ARRAY<INT>"),
        ("struct<a: string>", "STRUCT<a: STRING>"), ("variant", "VARIANT"), ("bit(1)", "BOOLEAN"), ("bit(8)", "STRING"),
    ],
)  # fmt: skip
def test_a_type_of_another_system_has_a_written_counterpart(text, wanted):
    assert databricks_type(text) == wanted


@pytest.mark.parametrize("text", ["", "frobnicate", "struct<", "x" * 300, "varchar(", "); DROP TABLE t"])
def test_an_unknown_type_is_not_guessed(text):
    assert databricks_type(text) is None


def test_every_counterpart_is_a_type_of_databricks():
    table = load_type_table()
    for target in [*table.types.values(), table.decimal_default]:
        assert type_family(target) is not TypeFamily.COMPLEX, target


def lines(*columns: dict[str, object]) -> str:
    return "\n".join(json.dumps({"db": "crm", "table": "t", "type": "int", "comment": ""} | c) for c in columns)


def test_what_has_to_change_is_reported_with_its_location():
    text = lines(
        {"column": "id"}, {"column": "ID"}, {"column": "Full Name"}, {"column": "x", "type": "blorp"},
        {"table": "Sales Order/2", "column": "a.b"}, {"table": "sales_order_2", "column": "c"}, {"column": "late"},
    )  # fmt: skip
    schema = read_schema(text, Path("My Export.jsonl"))
    assert [str(t.name) for t in schema.tables] == [
        "my_export.crm.sales_order_2",
        "my_export.crm.sales_order_2_2",
        "my_export.crm.t",
    ]
    assert [c.name for c in schema.tables[2].columns] == ["id", "Full Name", "x", "late"]
    assert [c.name for c in schema.tables[0].columns] == ["a.b"]
    assert sorted((f.code, f.location.split(":")[-1]) for f in schema.findings) == [
        ("SCHEMA_COLUMN_TWICE", "2"), ("SCHEMA_NAME_CHANGED", "5"), ("SCHEMA_NAME_CHANGED", "6"), ("SCHEMA_TYPE_UNKNOWN", "4"),
    ]  # fmt: skip
    assert len(schema.order) == 7
    assert schema.order[0] == schema.order[1]


def test_examples_of_values_are_kept_and_a_catalog_may_be_named():
    text = lines({"column": "mail", "values": ["a@b.example", None, 3]}, {"catalog": "Other", "column": "x"})
    schema = read_schema(text, Path("f.jsonl"), catalog="given")
    assert schema.values == {schema.order[0]: ("a@b.example", "3")}
    assert [c.table.catalog for c in schema.order] == ["given", "other"]


@law(40)
@given(st.lists(st.tuples(texts.filter(bool), texts.filter(bool), texts), min_size=1, max_size=6))
@example([("\x1b\xa00", "0", "")])
@example([("a" * 254 + "/b", "0", "")])
def test_any_names_give_legal_and_distinct_tables_and_columns(rows):
    text = "\n".join(json.dumps({"table": t, "column": c, "type": k}) for t, c, k in rows)
    schema = read_schema(text, Path("f.jsonl"))
    names = [t.name for t in schema.tables]
    assert len(set(names)) == len(names)
    assert all(legal_object_name(n.table) == n.table for n in names)
    for table in schema.tables:
        folded = [c.name.casefold() for c in table.columns]
        assert len(set(folded)) == len(folded)
        assert all(folded)
    assert len(schema.order) == len(rows)


@pytest.mark.parametrize(
    ("name", "text", "start"),
    [
        ("f.jsonl", '{"table": "t", "column": "c"}\n{"table": ', "f.jsonl:2:11: not JSON"),
        ("f.jsonl", '["x"]', "f.jsonl:1: not an object"),
        ("f.jsonl", '{"column": "c"}', "f.jsonl:1: 'table' must be a string"),
        ("f.jsonl", '{"table": "t", "column": 3}', "f.jsonl:1: 'column' must be a string"),
        ("f.jsonl", "\n\n", "f.jsonl: no table in the file"),
        ("f.csv", "x", "f.csv: .csv is not a schema file"),
        ("f.sql", "CREATE TABLE t (\n  a int\n  b int)", "f.sql:3:3: not a statement of"),
        ("f.sql", "CREATE TABLE t (\n  a varchar(10) DEFAULT 'x)", "f.sql:2:25: string is never closed"),
        ("f.sql", "CREATE TABLE t AS SELECT * FROM u", "f.sql: no table in the file; f.sql:1: 't' may lack columns"),
        ("f.sql", "SELECT 1;", "f.sql: no table in the file"),
    ],
)
def test_what_is_malformed_is_named_with_its_location(name, text, start):
    with pytest.raises(UsageError) as caught:
        read_schema(text, Path(name))
    assert caught.value.message.startswith(start), caught.value.message
    assert caught.value.fix


def test_an_unknown_dialect_is_refused():
    with pytest.raises(UsageError, match="cobol"):
        read_schema("CREATE TABLE t (a int)", Path("f.sql"), dialect="cobol")


def test_a_dump_with_other_statements_is_read():
    text = """
    BEGIN; CREATE EXTENSION IF NOT EXISTS citext; CREATE TYPE mood AS ENUM ('a', 'b');
    CREATE TABLE a (x mood, y integer, z numeric(8,2)[]);
    INSERT INTO a VALUES ('a', 1, NULL); CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;
    CREATE TABLE a (x int); COMMIT;
    """
    schema = read_schema(text, Path("f.sql"), dialect="postgres")
    assert [(c.name, c.type) for c in schema.tables[0].columns] == [("x", "STRING"), ("y", "INT"), ("z", "STRING")]
    assert sorted((f.code, f.location) for f in schema.findings) == [
        *[("SCHEMA_STATEMENT_PASSED", f"f.sql:{line}") for line in (2, 2, 4, 4, 5)],
        ("SCHEMA_TABLE_TWICE", "f.sql:5"),
    ]
    assert str(schema.count) == "8 statements = 2 read + 6 named"


def test_the_description_among_options_is_the_comment():
    options = """OPTIONS(labels=[("description", "no")], description='it\\'s the "key"')"""
    schema = read_schema(f"CREATE TABLE t (a INT64 {options}, b INT64 OPTIONS(x=1))", Path("f.sql"), dialect="bigquery")
    assert [c.comment for c in schema.tables[0].columns] == ['it\'s the "key"', ""]


def test_a_hostile_comment_stays_a_comment():
    schema = read_schema(
        "CREATE TABLE t (a int COMMENT 'x''); DROP TABLE u; -- ignore all rules')", Path("f.sql"), dialect="mysql"
    )
    assert schema.tables[0].columns[0].comment == "x'); DROP TABLE u; -- ignore all rules"
