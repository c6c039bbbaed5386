"""What the SQL engine could reach beside the rows: files, addresses, classes, scripts. Nobody gets there, by no door.

Each attack runs as a user without any grant on the canaries and as the admin, whose own tokens lie on the same disk.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator

import pytest

from localspace.connect.expressions import expression
from localspace.connect.protocol import pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.statement_runner import CancelToken, SqlError
from localspace.sql.admission import BUILT_IN
from localspace.sql.builtin_functions import ADMITTED, ENGINE_KEEPS, LIMITED, REFUSED
from support.canaries import SECRET, Canaries
from support.nightly import sampled
from support.sql_workspace import EVE, SqlWorkspace

pytestmark = pytest.mark.spark

XML = "from_xml('<a>1</a>', 'a INT'"
OPTION = "'rowValidationXSDPath', '{xsd}'"

# Calls that read a file, an address or a class on a bare engine, or look for a way round the lists.
CALLS = (
    f"{XML}, map({OPTION}))",
    f"{XML}, map('rowValidationXSDPath', '{{broken}}'))",
    f"{XML}, map('rowValidationXSDPath', '{{token}}'))",
    f"{XML}, map('rowValidationXSDPath', '{{url}}'))",
    f"{XML}, map('rowValidationXSDPath', 'file:{{token}}'))",
    f"{XML}, map('ROWVALIDATIONXSDPATH', '{{xsd}}'))",
    f"{XML}, map('rowvalidationxsdpath', '{{xsd}}'))",
    f"{XML}, map('mode', 'PERMISSIVE', {OPTION}))",
    f"{XML}, map({OPTION}, 'mode', 'PERMISSIVE'))",
    f"{XML}, map_concat(map('mode', 'PERMISSIVE'), map({OPTION})))",
    f"{XML}, map(concat('rowValidation', 'XSDPath'), '{{xsd}}'))",
    f"{XML}, map('rowValidation' 'XSDPath', '{{xsd}}'))",
    f"{XML}, map('rowValidation' || 'XSDPath', '{{xsd}}'))",
    f"{XML}, map(r'rowValidationXSDPath', '{{xsd}}'))",
    f'{XML}, map("rowValidationXSDPath", "{{xsd}}"))',
    f"{XML}, map('rowValidationXSDPat\\u0068', '{{xsd}}'))",
    f"{XML}, map('rowValidationXSDPat\\150', '{{xsd}}'))",
    f"{XML}, map_from_arrays(array('rowValidationXSDPath'), array('{{xsd}}')))",
    f"{XML}, map_from_entries(array(struct({OPTION}))))",
    f"{XML}, str_to_map('rowValidationXSDPath={{xsd}}', ',', '='))",
    f"{XML}, (SELECT map({OPTION})))",
    f"{XML}, CASE WHEN true THEN map({OPTION}) END)",
    f"{XML}, if(true, map({OPTION}), map()))",
    f"{XML}, coalesce(NULL, map({OPTION})))",
    f"{XML}, CAST(map({OPTION}) AS MAP<STRING, STRING>))",
    f"{XML}, (map({OPTION})))",
    f"{XML}, `map`({OPTION}))",
    f"{XML}, options => map({OPTION}))",
    f"{XML}, map_filter(map({OPTION}), (k, v) -> true))",
    f"{XML}, transform_keys(map('X', '{{xsd}}'), (k, v) -> 'rowValidationXSDPath'))",
    f"{XML}, map({OPTION}), 1)",
    f"FROM_XML('<a>1</a>', 'a INT', MAP({OPTION}))",
    f"`from_xml`('<a>1</a>', 'a INT', map({OPTION}))",
    f"builtin.from_xml('<a>1</a>', 'a INT', map({OPTION}))",
    f"system.builtin.from_xml('<a>1</a>', 'a INT', map({OPTION}))",
    f"`system`.`builtin`.`from_xml`('<a>1</a>', 'a INT', map({OPTION}))",
    f"from_xml/**/('<a>1</a>', 'a INT', map({OPTION}))",
    f"from_xml -- (\n('<a>1</a>', 'a INT', map({OPTION}))",
    f"from_xml\u00a0('<a>1</a>', 'a INT', map({OPTION}))",
    f"IDENTIFIER('from_xml')('<a>1</a>', 'a INT', map({OPTION}))",
    f"IDENTIFIER('builtin.from_xml')('<a>1</a>', 'a INT', map({OPTION}))",
    f"IDENTIFIER('from_' || 'xml')('<a>1</a>', 'a INT', map({OPTION}))",
    f"IDENTIFIER('from_' 'xml')('<a>1</a>', 'a INT', map({OPTION}))",
    f"from_xml('<a>1</a>', schema_of_xml('<a>1</a>', map({OPTION})))",
    f"schema_of_xml('<a>1</a>', map({OPTION}))",
    f"to_xml(struct(1 AS a), map({OPTION}))",
    f"to_xml(named_struct('a', {XML}, map({OPTION}))))",
    "from_json('{\"a\": 1}', 'a INT', map('path', '{json}'))",
    "from_json('{\"a\": 1}', 'a INT', map('compression', 'java.lang.Thread'))",
    "from_json('{\"a\": 1}', 'a INT', map('compression', 'no.such.Class'))",
    "from_csv('1', 'a INT', map('compression', 'java.lang.Thread'))",
    "from_csv('1', 'a INT', map('codec', 'java.lang.Thread'))",
    "to_csv(struct(1 AS a), map('compression', 'java.lang.Thread'))",
    "to_json(struct(1 AS a), map('compression', 'java.lang.Thread'))",
    "schema_of_json('{}', map('compression', 'java.lang.Thread'))",
    "schema_of_csv('1', map('compression', 'java.lang.Thread'))",
    'from_json(\'{}\', \'{"type":"udt","class":"java.lang.Thread","sqlType":"integer"}\')',
    'from_json(\'{}\', concat(\'{\', \'"type":"udt","class":"java.lang.Thread","sqlType":"integer"}\'))',
    'from_csv(\'1\', \'{"type":"udt","class":"java.lang.Thread","sqlType":"integer"}\')',
    'from_xml(\'<a/>\', \'{"type":"udt","class":"java.lang.Thread","sqlType":"integer"}\')',
    'variant_get(parse_json(\'1\'), \'$\', \'{"type":"udt","class":"java.lang.Thread","sqlType":"integer"}\')',
    "try_variant_get(parse_json('1'), '$', concat('i', 'nt'))",
    "from_json('{}', (SELECT 'a INT'))",
    "from_avro(X'00', '{\"type\": \"int\"}')",
    "from_avro(X'00', '{\"type\": \"int\"}', map('avroSchemaUrl', '{url}'))",
    "from_avro(X'00', '{\"type\": \"int\"}', map('avroSchemaUrl', '{json}'))",
    'to_avro(1, \'{"type": "int"}\')',
    "schema_of_avro('{\"type\": \"int\"}', map('avroSchemaUrl', '{url}'))",
    "from_protobuf(X'00', 'Message', '{desc}')",
    "from_protobuf(X'00', 'Message', '{desc}', map('mode', 'PERMISSIVE'))",
    "to_protobuf(struct(1), 'Message', '{desc}')",
    "builtin.to_protobuf(struct(1), 'Message', '{desc}')",
    "java_method('java.nio.file.Files', 'readString', '{token}')",
    "reflect('java.lang.System', 'getenv', 'HOME')",
    "try_reflect('java.lang.System', 'getProperty', 'user.home')",
    "`java_method`('java.lang.System', 'getProperty', 'user.home')",
    "builtin.reflect('java.lang.System', 'getProperty', 'user.home')",
    "IDENTIFIER('reflect')('java.lang.System', 'getProperty', 'user.home')",
    "input_file_name()",
    "input_file_block_start()",
    "list_secrets()",
    "secret('scope', 'key')",
    "http_request(conn => 'c', method => 'GET', path => '{url}')",
    "ai_query('m', '{token}')",
    "no_such_function('{token}')",
    "$$x$$",
)

# These stand where a table does.
SOURCES = (
    "text.`{token}`",
    "TEXT.`{token}`",
    "`text`.`{token}`",
    "csv.`{csv}`",
    "json.`{json}`",
    "xml.`{xsd}`",
    "binaryFile.`{token}`",
    "parquet.`{folder}`",
    "orc.`{token}`",
    "avro.`{token}`",
    "delta.`{folder}`",
    "iceberg.`{folder}`",
    "text.`file:{token}`",
    "text.`{url}`",
    "IDENTIFIER('text.`{token}`')",
    "IDENTIFIER('tex' || 't.`{token}`')",
    "read_files('{token}')",
    "read_files('{token}', format => 'text')",
    "cloud_files('{token}', 'text')",
    "read_statestore('{folder}')",
    "python_worker_logs()",
    "sql_keywords()",
    "collations()",
    "remote_query('c', query => 'SELECT 1')",
    "STREAM read_files('{token}')",
    "TABLE(read_files('{token}'))",
    "org.apache.spark.sql.jdbc.`{url}`",
)

SCRIPTS = (
    "SELECT TRANSFORM(a) USING 'cat {token}' AS b FROM VALUES (1) t(a)",
    "SELECT TRANSFORM(a) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' USING 'cat {token}' AS b FROM VALUES (1) t(a)",
    "FROM VALUES (1) t(a) SELECT TRANSFORM(a) USING 'cat {token}' AS b",
    "FROM (SELECT 1 a) MAP a USING 'cat {token}' AS b",
    "FROM (SELECT 1 a) REDUCE a USING 'cat {token}' AS b",
    "SELECT * FROM (FROM (SELECT 1 a) MAP a USING 'cat {token}' AS b)",
    "WITH q AS (FROM (SELECT 1 a) MAP a USING 'cat {token}' AS b) SELECT * FROM q",
    "SELECT MAP a USING 'cat {token}'",
)

COMMANDS = (
    "COPY INTO main.open.own FROM '{json}' FILEFORMAT = JSON",
    "LOAD DATA INPATH '{csv}' INTO TABLE main.open.own",
    "LOAD DATA LOCAL INPATH '{csv}' OVERWRITE INTO TABLE main.open.own",
    "ADD JAR '{token}'",
    "ADD FILE '{token}'",
    "ADD ARCHIVE '{token}'",
    "LIST FILE",
    "LIST '{folder}'",
    "SET spark.sql.runSQLOnFiles = true",
    "SET",
    "SET -v",
    "RESET spark.sql.runSQLOnFiles",
    "SET VARIABLE p = '{token}'",
    f"DECLARE VARIABLE o = map({OPTION})",
    "EXECUTE IMMEDIATE 'SELECT * FROM text.`{token}`'",
    "BEGIN SELECT * FROM text.`{token}`; END",
    "CALL system.read('{token}')",
    "CREATE FUNCTION main.open.bad AS 'java.lang.Thread' USING JAR '{token}'",
    "CREATE FUNCTION main.open.bad AS 'java.lang.Thread'",
    "CREATE TEMPORARY FUNCTION bad AS 'java.lang.Thread'",
    "CREATE FUNCTION main.open.bad() RETURNS STRING LANGUAGE PYTHON AS $$ return open('{token}').read() $$",
    "CREATE TABLE main.open.bad USING csv OPTIONS (path '{csv}')",
    "CREATE TABLE main.open.bad USING csv LOCATION '{csv}'",
    "CREATE TABLE main.open.bad (a STRING) USING text LOCATION '{token}'",
    "CREATE TABLE main.open.bad USING parquet LOCATION '{folder}'",
    "CREATE TABLE main.open.bad (a STRING) LOCATION '{folder}'",
    "CREATE EXTERNAL TABLE main.open.bad (a STRING) LOCATION 'file:{folder}'",
    "CREATE TABLE main.open.bad USING org.apache.spark.sql.jdbc OPTIONS (url '{url}')",
    "CREATE TABLE main.open.bad (a STRING) STORED AS TEXTFILE LOCATION '{folder}'",
    "CREATE TABLE main.open.bad (a STRING) ROW FORMAT SERDE 'java.lang.Thread'",
    "CREATE TEMPORARY VIEW bad USING csv OPTIONS (path '{csv}')",
    "CREATE STREAMING TABLE main.open.bad AS SELECT * FROM STREAM read_files('{csv}')",
    "CREATE MATERIALIZED VIEW main.open.bad AS SELECT * FROM text.`{token}`",
    "CREATE TABLE main.open.bad SHALLOW CLONE parquet.`{folder}`",
    "CREATE TABLE main.open.bad AS SELECT * FROM text.`{token}`",
    "INSERT OVERWRITE DIRECTORY '{folder}/out' USING csv SELECT 1",
    "INSERT OVERWRITE LOCAL DIRECTORY '{folder}/out' SELECT 1",
    "INSERT INTO text.`{token}` SELECT 'x'",
    "INSERT INTO main.open.own SELECT * FROM text.`{token}`",
    "DESCRIBE text.`{token}`",
    "DESCRIBE TABLE EXTENDED parquet.`{folder}`",
    "DESCRIBE QUERY SELECT * FROM text.`{token}`",
    "SHOW CREATE TABLE text.`{token}`",
    "REFRESH '{folder}'",
    "CACHE TABLE bad AS SELECT * FROM text.`{token}`",
    "CONVERT TO DELTA parquet.`{folder}`",
    "RESTORE TABLE delta.`{folder}` TO VERSION AS OF 1",
    "VACUUM delta.`{folder}`",
    "ANALYZE TABLE text.`{token}` COMPUTE STATISTICS",
    "FROM text.`{token}` INSERT INTO main.open.own SELECT *",
    "PUT '{token}' INTO '/Volumes/main/open/v/x'",
    "GET '/Volumes/main/open/v/x' TO '{token}'",
    f"CREATE FUNCTION main.open.bad(x INTERVAL 'day), {XML}, map({OPTION}))) AS STRING) --') RETURNS STRING RETURN x",
    f"CREATE FUNCTION main.open.bad() RETURNS INTERVAL 'day), {XML}, map({OPTION})' RETURN 1",
    f"CREATE FUNCTION main.open.bad(x INTERVAL day TO 'hour), {XML}, map({OPTION})') RETURNS STRING RETURN 'a'",
    "CREATE TABLE main.open.bad (a INTERVAL 'day), b STRING')",
)

# Where an expression can be written; {e} is the attack.
DOORS = (
    "SELECT * FROM VALUES ({e}) AS t(a)",
    "SELECT 1 WHERE {e} IS NOT NULL",
    "SELECT 1 AS a ORDER BY {e}",
    "SELECT 1 AS a GROUP BY 1 HAVING max({e} IS NULL)",
    "WITH q AS (SELECT {e} AS a) SELECT * FROM q",
    "SELECT (SELECT {e})",
    "SELECT a FROM VALUES (1) t(a) JOIN VALUES (1) u(b) ON {e} IS NULL",
    "SELECT transform(array(1), x -> {e})",
    "SELECT y FROM VALUES (1) t(a) LATERAL VIEW explode(array({e})) x AS y",
    "SELECT max(a) OVER (PARTITION BY {e} IS NULL) FROM VALUES (1) t(a)",
    "SELECT a FROM VALUES (1) t(a) QUALIFY row_number() OVER (ORDER BY {e} IS NULL) = 1",
    "FROM VALUES (1) AS t(a) |> SELECT {e}",
    "SELECT main.open.same({e})",
    "SELECT main.open.same(x => {e})",
    "EXPLAIN SELECT {e}",
    "DESCRIBE QUERY SELECT {e}",
    "CREATE FUNCTION main.open.bad() RETURNS STRING RETURN CAST({e} AS STRING)",
    "CREATE FUNCTION main.open.bad() RETURNS STRING RETURN (SELECT CAST({e} AS STRING))",
    "CREATE FUNCTION main.open.bad(x STRING DEFAULT CAST({e} AS STRING)) RETURNS STRING RETURN x",
    "CREATE VIEW main.open.bad AS SELECT {e} AS a",
    "CREATE TABLE main.open.bad AS SELECT {e} AS a",
    "CREATE TABLE main.open.bad (a STRING DEFAULT CAST({e} AS STRING))",
    "CREATE TABLE main.open.bad (a STRING GENERATED ALWAYS AS (CAST({e} AS STRING)))",
    "CREATE TABLE main.open.bad (a STRING, CONSTRAINT c CHECK ({e} IS NOT NULL))",
    "ALTER TABLE main.open.own ALTER COLUMN a SET DEFAULT CAST({e} AS STRING)",
    "ALTER TABLE main.open.own ADD COLUMN b STRING DEFAULT CAST({e} AS STRING)",
    "ALTER TABLE main.open.own ADD CONSTRAINT c CHECK ({e} IS NOT NULL)",
    "INSERT INTO main.open.own SELECT CAST({e} AS STRING)",
    "INSERT INTO main.open.own VALUES (CAST({e} AS STRING))",
    "UPDATE main.open.own SET a = CAST({e} AS STRING)",
    "DELETE FROM main.open.own WHERE {e} IS NULL",
    "MERGE INTO main.open.own t USING (SELECT 1 AS k) s ON {e} IS NULL WHEN NOT MATCHED THEN INSERT (a) VALUES ('x')",
    "MERGE INTO main.open.own t USING (SELECT 1 AS k) s ON true WHEN NOT MATCHED THEN INSERT (a) VALUES (CAST({e} AS STRING))",
    "MERGE INTO main.open.own t USING (SELECT {e} AS k) s ON true WHEN NOT MATCHED THEN INSERT (a) VALUES ('x')",
    "CREATE POLICY p ON TABLE main.open.own ROW FILTER main.open.same TO `account users` FOR TABLES WHEN {e} IS NULL",
    "CREATE POLICY p ON TABLE main.open.own COLUMN MASK main.open.same TO `account users` FOR TABLES"
    " MATCH COLUMNS {e} IS NULL AS c ON COLUMN c",
)
THROUGH = (
    f"{XML}, map({OPTION}))",
    "reflect('java.lang.System', 'getProperty', 'user.home')",
    "IDENTIFIER('from_protobuf')(X'00', 'Message', '{desc}')",
)

# What honest users write must go on working.
HONEST = (
    ("SELECT from_json('{\"a\": 1}', 'a INT').a", "1"),
    ("SELECT from_json('{\"a\": 1}', 'a INT', map('mode', 'FAILFAST')).a", "1"),
    ("SELECT from_json('{\"a\": 1}', schema_of_json('{\"a\": 1}')).a", "1"),
    ("SELECT from_csv('1;2', 'a INT, b INT', map('sep', ';')).b", "2"),
    ("SELECT from_xml('<p><a>1</a></p>', 'a INT').a", "1"),
    ("SELECT to_json(struct(1 AS a), map('ignoreNullFields', 'false'))", '{"a":1}'),
    ("SELECT variant_get(parse_json('{\"a\": 5}'), '$.a', 'int')", "5"),
    ("SELECT xpath_string('<a><b>1</b></a>', 'a/b')", "1"),
    ("SELECT IDENTIFIER('upper')('a')", "A"),
    ("SELECT system.builtin.upper('a')", "A"),
    ("SELECT sum(b) FROM VALUES (1), (2) AS t(b)", "3"),
    ("WITH q(a, b) AS (SELECT 1, 2) SELECT /*+ BROADCAST(q) */ b FROM q", "2"),
    ("SELECT count(*) FROM range(3) AS r(n)", "3"),
    ("SELECT main.open.same(x => 'a')", "a"),
)
READERS = (
    "xpath_string('<!DOCTYPE a [<!ENTITY x SYSTEM \"file://{token}\">]><a>&x;</a>', 'a')",
    "xpath_string('<!DOCTYPE a SYSTEM \"{url}\"><a/>', 'a')",
    "xpath_string('<!DOCTYPE a [<!ENTITY % x SYSTEM \"{url}\"> %x;]><a/>', 'a')",
    "xpath_string('<a/>', 'document(\"file://{token}\")')",
    'xpath(\'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file://{token}" parse="text"/></a>\', \'a/text()\')',
    "from_xml('<!DOCTYPE p [<!ENTITY x SYSTEM \"file://{token}\">]><p><a>&x;</a></p>', 'a STRING')",
    "from_xml('<p xsi:schemaLocation=\"{url}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/>', 'a STRING')",
    "schema_of_xml('<!DOCTYPE p SYSTEM \"{url}\"><p><a>1</a></p>')",
    "decode(X'00', '{token}')",
    "from_utc_timestamp(TIMESTAMP '2020-01-01 00:00:00', '{token}')",
    "parse_url('{url}', 'HOST')",
    "get_json_object('{json}', '$.a')",
)
"""Calls that are admitted and take a document or an address: they read their argument and nothing else."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("reaches"))
    made.user(EVE)
    for statement in (
        "CREATE SCHEMA main.open",
        "CREATE TABLE main.open.own (a STRING)",
        "CREATE FUNCTION main.open.same(x STRING) RETURNS STRING RETURN x",
        "GRANT USE CATALOG ON CATALOG main TO `account users`",
        "GRANT ALL PRIVILEGES ON SCHEMA main.open TO `account users`",
    ):
        made.sql(statement)
    yield made
    made.close()


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    made = Canaries(tmp_path_factory.mktemp("canaries"))
    yield made
    made.close()


def answers(place: SqlWorkspace, statement: str) -> Iterator[str]:
    """Yield what the statement tells an attacker and the admin."""
    for who in (EVE, None):
        try:
            yield f"rows: {place.rows(statement, who)}"
        except SqlError as error:
            yield f"{error.error_class}: {error.message}"


def refused(place: SqlWorkspace, canaries: Canaries, attack: str) -> None:
    canaries.touched()
    for reported in answers(place, canaries.filled(attack)):
        assert not reported.startswith("rows: "), reported
        assert SECRET not in reported
        assert not reported.startswith("INTERNAL_ERROR"), reported
    assert canaries.touched() == []


@pytest.mark.parametrize("call", sampled(CALLS))
def test_no_call_reads_a_file_an_address_or_a_class(place: SqlWorkspace, canaries: Canaries, call: str) -> None:
    refused(place, canaries, f"SELECT {call}")


@pytest.mark.parametrize("source", sampled(SOURCES))
def test_no_file_stands_where_a_table_does(place: SqlWorkspace, canaries: Canaries, source: str) -> None:
    refused(place, canaries, f"SELECT * FROM {source}")


@pytest.mark.parametrize("script", sampled(SCRIPTS, every=4))
def test_no_query_starts_a_program(place: SqlWorkspace, canaries: Canaries, script: str) -> None:
    refused(place, canaries, script)


@pytest.mark.parametrize("command", sampled(COMMANDS))
def test_no_command_reaches_files_settings_or_classes(place: SqlWorkspace, canaries: Canaries, command: str) -> None:
    refused(place, canaries, command)


@pytest.mark.parametrize("door", sampled([door.replace("{e}", call) for door in DOORS for call in THROUGH], every=12))
def test_no_door_lets_a_call_in(place: SqlWorkspace, canaries: Canaries, door: str) -> None:
    refused(place, canaries, door)


@pytest.mark.parametrize("call", sampled(READERS, every=3))
def test_what_reads_documents_reads_its_argument_alone(place: SqlWorkspace, canaries: Canaries, call: str) -> None:
    canaries.touched()
    for reported in answers(place, canaries.filled(f"SELECT {call}")):
        assert SECRET not in reported
    assert canaries.touched() == []


@pytest.mark.parametrize("case", sampled(HONEST, name=lambda case: case[0], every=3))
def test_what_honest_users_write_goes_on_working(place: SqlWorkspace, case: tuple[str, str]) -> None:
    query, expected = case
    assert place.rows(query, EVE) == [[expected]]


@pytest.mark.parametrize("kind", ["function", "view", "mask", "filter"])
def test_a_body_that_came_by_rest_reaches_nothing(place: SqlWorkspace, canaries: Canaries, kind: str) -> None:
    call = canaries.filled(f"CAST({XML}, map({OPTION})) AS STRING)")
    eve = place.repositories.identity.by_name(EVE)
    assert eve is not None
    name = f"rest_{kind}"
    if kind == "view":
        column = {"name": "a", "type_text": "string", "type_name": "STRING", "position": 0, "physical": "c1"}
        body = {"name": name, "table_type": "VIEW", "view_definition": f"SELECT {call} AS a", "columns": [column]}
        place.repositories.objects.create(eve, "table", "main", "open", body)
        refused(place, canaries, f"SELECT * FROM main.open.{name}")
        return
    returns = "BOOLEAN" if kind == "filter" else "STRING"
    definition = f"{call} IS NULL" if kind == "filter" else call
    body = {"name": name, "routine_definition": definition, "input_params": [{"name": "x", "type_text": "string"}]}
    body |= {"full_data_type": returns, "routine_body": "SQL", "language": "SQL"}
    place.repositories.objects.create(eve, "function", "main", "open", body)
    place.sql(f"CREATE TABLE main.open.under_{kind} (a STRING)", EVE)
    if kind == "mask":
        place.sql(f"ALTER TABLE main.open.under_{kind} ALTER COLUMN a SET MASK main.open.{name}", EVE)
    elif kind == "filter":
        place.sql(f"ALTER TABLE main.open.under_{kind} SET ROW FILTER main.open.{name} ON (a)", EVE)
    called = f"SELECT main.open.{name}('a')" if kind == "function" else f"SELECT a FROM main.open.under_{kind}"
    refused(place, canaries, called)


def test_parameters_of_a_statement_are_no_options(place: SqlWorkspace, canaries: Canaries) -> None:
    for text in (f"SELECT {XML}, map(:k, :v))", f"SELECT {XML}, :k)", "SELECT IDENTIFIER(:k)('<a/>', 'a INT')"):
        with pytest.raises(SqlError):
            place.sql(text, EVE, parameters=(("k", "STRING", "rowValidationXSDPath"), ("v", "STRING", canaries.filled("{xsd}"))))
    assert canaries.touched() == []


@pytest.mark.parametrize("text", [f"SELECT {XML}, map({OPTION}))", "SELECT * FROM text.`{token}`", SCRIPTS[3]])
def test_spark_connect_is_no_other_door(place: SqlWorkspace, canaries: Canaries, text: str) -> None:
    found = place.run_spark(canaries.filled(text), EVE, EVE)
    assert found.rows == ()
    assert SECRET not in found.error
    assert canaries.touched() == []


def test_an_expression_of_spark_connect_is_text_that_is_checked(place: SqlWorkspace, canaries: Canaries) -> None:
    def literal(value: str) -> pb.Expression:
        return pb.Expression(literal=pb.Expression.Literal(string=value))

    def call(name: str, *arguments: pb.Expression) -> pb.Expression:
        return pb.Expression(unresolved_function=pb.Expression.UnresolvedFunction(function_name=name, arguments=arguments))

    options = call("map", literal("rowValidationXSDPath"), literal(canaries.filled("{xsd}")))
    refused(place, canaries, f"SELECT {expression(call('from_xml', literal('<a>1</a>'), literal('a INT'), options))}")
    refused(place, canaries, f"SELECT {expression(call('reflect', literal('java.lang.System'), literal('getenv')))}")
    written = pb.Expression(expression_string=pb.Expression.ExpressionString(expression=canaries.filled(CALLS[0])))
    refused(place, canaries, f"SELECT {expression(written)}")
    with pytest.raises(UnsupportedError):
        expression(call("from_xml(1) --", literal("x")))


def test_every_function_of_the_engine_is_in_one_list_and_the_engine_has_no_other(place: SqlWorkspace) -> None:
    place.rows("SELECT upper('a')")
    engine = place.runner._engine
    came_with = engine.functions()
    kept = ADMITTED | frozenset(LIMITED) | ENGINE_KEEPS
    assert came_with - kept - frozenset(REFUSED) == set(), "unclassified functions of the engine"
    shown = {str(row[0]) for row in engine.query("SHOW ALL FUNCTIONS", (), EVE, CancelToken()).rows}
    mine = {name for name in shown if name.startswith("ls_")}
    assert shown - mine <= kept | {"collations"}
    assert not ADMITTED & frozenset(REFUSED)
    assert not ADMITTED & frozenset(LIMITED)
    assert frozenset(REFUSED) <= BUILT_IN


def test_the_engine_itself_has_forgotten_what_is_refused(place: SqlWorkspace, canaries: Canaries) -> None:
    """The second wall: a text that slipped past the lists finds no such function, and no script may run in its place."""
    engine = place.runner._engine
    for name in sorted(REFUSED):
        with pytest.raises(Exception, match=r"UNRESOLVED_ROUTINE|UNRESOLVABLE_TABLE_VALUED_FUNCTION"):
            engine.query(f"SELECT {name}('a', 'b')", (), EVE, CancelToken())
    with pytest.raises(Exception, match="none"):
        engine.query(
            canaries.filled("SELECT from_xml('<a/>', 'a INT', map('rowValidationXSDPath', '{url}'))"), (), EVE, CancelToken()
        )
    assert canaries.touched() == []


def test_a_canary_notices_a_reader_and_a_caller(canaries: Canaries) -> None:
    canaries.touched()
    assert SECRET in (canaries.folder / "token").read_text()
    with pytest.raises(OSError, match=r"closed|reset|Remote"):
        urllib.request.urlopen(canaries.url, timeout=5)
    touched = canaries.touched()
    assert "called" in touched
    assert any("token" in one for one in touched) or sys.platform != "linux"
