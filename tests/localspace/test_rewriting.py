"""The rewriter and our own grammar, without an engine: what text comes out, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localspace.core.lexer import Cursor, quote_name, quote_text, tokenize, without_comments
from localspace.core.statement_runner import SqlError
from localspace.sql.calls import find_calls
from localspace.sql.engine_answers import java_double
from localspace.sql.literals import NotLiteralError, read_rows
from localspace.sql.parameters import bind
from localspace.sql.reader import SqlSession
from localspace.sql.rewrite import BARRIER, Rewriter
from localspace.sql.types import parse_type
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.unit

ANA = "ana@bank.example"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("rewriting"))
    made.user(ANA)
    made.make_group("analysts", [ANA])
    made.make_group("O'Brien \\ team", [ANA])
    for statement in (
        "CREATE SCHEMA main.hr",
        "CREATE TABLE main.hr.emp (id INT, `Full ``Name` STRING, ssn STRING, `a.b` STRING)",
        "CREATE TABLE main.hr.open (id INT)",
        "CREATE GOVERNED TAG pii VALUES ('ssn', 'id')",
        "SET TAG ON COLUMN main.hr.emp.ssn pii = ssn",
        "SET TAG ON COLUMN main.hr.emp.id pii = id",
        "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO analysts",
    ):
        made.sql(statement)
    _function(made, "hide", [("s", "string")], "string", "CASE WHEN is_account_group_member('hr') THEN s ELSE 'X' END")
    _function(made, "keep", [("i", "int")], "boolean", "i > 1")
    made.sql(
        "CREATE POLICY m ON CATALOG main COLUMN MASK main.hr.hide TO analysts FOR TABLES"
        " MATCH COLUMNS has_tag_value('pii', 'ssn') AS c ON COLUMN c"
    )
    made.sql(
        "CREATE POLICY f ON CATALOG main ROW FILTER main.hr.keep TO analysts FOR TABLES"
        " MATCH COLUMNS has_tag_value('pii', 'id') AS c USING COLUMNS (c)"
    )
    yield made
    made.close()


def _function(place: SqlWorkspace, name: str, inputs: list[tuple[str, str]], returns: str, body: str) -> None:
    # The engine checks bodies at CREATE FUNCTION; here the document is put as it would be.
    actor = place.repositories.identity.by_id(place.ids.admin_id)
    assert actor is not None
    document = {
        "name": name,
        "input_params": [{"name": one, "type_text": kind} for one, kind in inputs],
        "full_data_type": returns,
        "routine_definition": body,
    }
    place.repositories.objects.create(actor, "function", "main", "hr", document)


def rewrite(place: SqlWorkspace, query: str, who: str | None = ANA) -> tuple[str, Rewriter]:
    runner = place.runner
    principal = place.repositories.identity.by_id(place.ids.admin_id if who is None else place._ids[who])
    assert principal is not None
    rewriter = Rewriter(
        runner._reader, runner._storage, SqlSession(principal=principal, catalog="main"), runner._information.relation
    )
    return rewriter.query(query), rewriter


def test_a_table_becomes_a_derived_table_under_its_own_name(place: SqlWorkspace) -> None:
    text, rewriter = rewrite(place, "SELECT id FROM main.hr.open", None)
    (spec,) = rewriter.reads.views.values()
    assert text == f"SELECT id FROM (SELECT {spec.name}.`c1` AS `id` FROM {spec.name}) AS `open`"
    assert not rewriter.reads.protected


def test_masks_and_filters_are_inlined_behind_a_barrier(place: SqlWorkspace) -> None:
    text, rewriter = rewrite(place, "SELECT e.ssn FROM main.hr.emp AS e")
    assert rewriter.reads.protected
    assert "CASE WHEN FALSE THEN CAST(ls_" in text
    assert BARRIER in text
    assert text.endswith("AS e")
    assert "AS `Full ``Name`" in text


def test_nobody_else_is_masked(place: SqlWorkspace) -> None:
    text, rewriter = rewrite(place, "SELECT ssn FROM main.hr.emp", None)
    assert not rewriter.reads.protected
    assert "CASE" not in text
    assert BARRIER not in text


def test_a_common_table_hides_a_table_only_where_it_is_visible(place: SqlWorkspace) -> None:
    text, rewriter = rewrite(place, "WITH emp AS (SELECT 1 AS x) SELECT * FROM emp")
    assert text == "WITH emp AS (SELECT 1 AS x) SELECT * FROM emp"
    assert not rewriter.reads.documents
    _, rewriter = rewrite(place, "WITH open AS (SELECT * FROM main.hr.open) SELECT * FROM open")
    assert set(rewriter.reads.documents) == rewriter.reads.named == {("main", "hr", "open")}
    with pytest.raises(SqlError, match="TABLE_OR_VIEW_NOT_FOUND"):
        rewrite(place, "SELECT * FROM (WITH q AS (SELECT 1) SELECT * FROM q) JOIN q")


def test_qualifiers_are_cut_off(place: SqlWorkspace) -> None:
    text, _ = rewrite(place, "SELECT main.hr.open.id, hr.open.id, open.id FROM main.hr.open", None)
    assert text.startswith("SELECT open.id, open.id, open.id FROM (")


def test_identity_functions_become_literals(place: SqlWorkspace) -> None:
    text, _ = rewrite(place, "SELECT upper(current_user()), 1 + if(is_account_group_member('analysts'), 1, 0)")
    assert text == f"SELECT upper('{ANA}'), 1 + if(TRUE, 1, 0)"
    text, _ = rewrite(place, "SELECT 1 WHERE is_account_group_member(upper('x'))")
    assert "array_contains(CAST(array('O\\'Brien \\\\ team', 'account users', 'analysts') AS ARRAY<STRING>), upper('x'))" in text


def test_a_call_that_is_a_column_keeps_its_name(place: SqlWorkspace) -> None:
    text, _ = rewrite(place, "SELECT current_user(), is_member('x'), current_user() AS me FROM range(1)")
    assert text == f"SELECT '{ANA}' AS `current_user()`, FALSE AS `is_member(x)`, '{ANA}' AS me FROM range(1)"


def test_comments_never_reach_the_engine(place: SqlWorkspace) -> None:
    text, _ = rewrite(place, "SELECT 1 /* x /* y */ z */ , 2 -- FROM main.hr.emp\n, '/* kept */'")
    assert "x" not in text
    assert "FROM" not in text
    assert "'/* kept */'" in text


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT * FROM main.hr.emp VERSION AS OF 1", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT * FROM delta.`/x`", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT * FROM read_files('/x')", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT java_method('a', 'b')", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT * FROM main.hr.nothing", "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT * FROM a.b.c.d", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT * FROM global_temp.x", "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT main.hr.nothing(1)", "UNRESOLVED_ROUTINE"),
        ("SELECT main.hr.hide(ssn) FROM main.hr.emp", "INSUFFICIENT_PERMISSIONS"),
        ("SELECT :p", "UNBOUND_SQL_PARAMETER"),
        ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR"),
        ("SELECT FROM WHERE", "PARSE_SYNTAX_ERROR"),
        ("SELECT 'open", "PARSE_SYNTAX_ERROR"),
        ("DROP TABLE main.hr.emp", "PARSE_SYNTAX_ERROR"),
    ],
)
def test_what_is_not_a_plain_query_is_refused(place: SqlWorkspace, query: str, error: str) -> None:
    with pytest.raises(SqlError) as caught:
        rewrite(place, query)
    assert caught.value.error_class == error


def test_a_function_that_calls_itself_ends_in_an_error(place: SqlWorkspace) -> None:
    _function(place, "endless", [("s", "string")], "string", "main.hr.endless(s)")
    with pytest.raises(SqlError, match="RECURSIVE_VIEW"):
        rewrite(place, "SELECT main.hr.endless('x')", None)


def test_parameters_of_a_function_are_not_taken_for_columns_of_its_subquery(place: SqlWorkspace) -> None:
    _function(
        place,
        "known",
        [("id", "int"), ("x", "int")],
        "boolean",
        "EXISTS (SELECT 1 FROM main.hr.open o WHERE o.id = x AND id > 0)",
    )
    text, rewriter = rewrite(place, "SELECT main.hr.known(7, 8)", None)
    (function,) = rewriter.reads.functions.values()
    assert text == f"SELECT {function.name}(CAST(7 AS int), CAST(8 AS int)) AS `main.hr.known(7, 8)`"
    assert function.declaration.startswith(f"CREATE TEMPORARY FUNCTION {function.name}(`id` int, `x` int) RETURNS boolean")
    assert "o.id = x AND id > 0" in function.declaration


def test_a_parameter_behind_the_name_of_its_function_is_bound_in_the_engine_too(place: SqlWorkspace) -> None:
    body = "EXISTS (SELECT 1 FROM main.hr.open WHERE open.id = qualified.id)"
    _function(place, "qualified", [("id", "int")], "boolean", body)
    _, rewriter = rewrite(place, "SELECT main.hr.qualified(7)", None)
    (function,) = rewriter.reads.functions.values()
    assert f"WHERE open.id = {function.name}.id" in function.declaration


def test_a_plain_body_takes_its_arguments_in_place_unless_they_differ_each_time(place: SqlWorkspace) -> None:
    _function(place, "twice", [("x", "double")], "boolean", "x = x")
    text, rewriter = rewrite(place, "SELECT main.hr.twice(1) AS same", None)
    assert text == "SELECT CAST((CAST(1 AS double) = CAST(1 AS double)) AS boolean) AS same"
    assert not rewriter.reads.functions
    _, rewriter = rewrite(place, "SELECT main.hr.twice(rand()) AS same", None)
    assert len(rewriter.reads.functions) == 1


def test_a_lambda_takes_arguments_in_place_unless_its_variable_is_named_in_them(place: SqlWorkspace) -> None:
    _function(place, "added", [("a", "array<int>"), ("y", "int")], "array<int>", "transform(a, v -> v + y)")
    _, rewriter = rewrite(place, "SELECT main.hr.added(a, b) FROM VALUES (array(1), 2) AS t(a, b)", None)
    assert not rewriter.reads.functions
    for query in (
        "SELECT main.hr.added(a, v) FROM VALUES (array(1), 2) AS t(a, v)",
        "SELECT main.hr.added(v.a, 1) FROM VALUES (array(1)) AS v(a)",
    ):
        _, rewriter = rewrite(place, query, None)
        assert len(rewriter.reads.functions) == 1, query


def test_hints_are_comments(place: SqlWorkspace) -> None:
    plain = rewrite(place, "SELECT                           id FROM main.hr.open", None)[0]
    hinted = "SELECT /*+ BROADCAST(nothing.x) */ id FROM main.hr.open"
    assert rewrite(place, hinted, None)[0].split() == plain.split()
    assert rewrite(place, "SELECT /*+ MERGE(main.hr.emp), REPARTITION(3, ssn) */ 1")[0].split() == ["SELECT", "1"]


@given(st.text(max_size=40))
def test_a_quoted_string_reads_back(value: str) -> None:
    (token,) = tokenize(quote_text(value))
    assert (token.kind, token.text) == ("string", value)


@given(st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable()))
def test_a_quoted_name_reads_back(name: str) -> None:
    cursor = Cursor(quote_name(name))
    assert cursor.path() == (name,)
    assert cursor.done


@given(
    st.lists(st.sampled_from(["SELECT", "'a--b'", "/* x */", "-- y\n", "`n/*`", ",", " ", "\n", "1", '"/*"', "é"]), max_size=12)
)
def test_blanking_comments_keeps_tokens_and_positions(pieces: list[str]) -> None:
    text = " ".join(pieces)
    tokens = tokenize(text)
    clean = without_comments(text, tokens)
    assert len(clean) == len(text)
    assert [(t.text, t.start) for t in tokenize(clean)] == [(t.text, t.start) for t in tokens]


def test_parameters_become_typed_literals() -> None:
    bound = bind(
        "SELECT :s, :n, :d, c:field, 'x :s' WHERE a=:s LIMIT :n",
        (("s", "STRING", "it's"), ("n", "INT", "5"), ("d", "DATE", "2020-01-01")),
    )
    assert bound == "SELECT 'it\\'s', 5, CAST('2020-01-01' AS date), c:field, 'x :s' WHERE a='it\\'s' LIMIT 5"


@pytest.mark.parametrize(("kind", "value"), [("INT", "1; DROP"), ("BIGINT", "1.5"), ("SMALLINT", "")])
def test_a_parameter_is_no_way_to_smuggle_sql(kind: str, value: str) -> None:
    with pytest.raises(SqlError):
        bind("SELECT :p", (("p", kind, value),))


def test_literal_rows_are_typed_strictly() -> None:
    kinds = [parse_type(kind) for kind in ("int", "string", "decimal(5,2)", "date", "boolean")]
    rows = read_rows(tokenize("(1, 'a''b', 1.5, '2020-01-02', TRUE), (-2, NULL, 3, DATE'2020-01-02', false)"), kinds, [None] * 5)
    assert rows[0] == [1, -2]
    assert rows[1] == ["a'b", None]
    assert rows[2] == [Decimal("1.5"), Decimal("3")]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "'1'"),
        ("tinyint", "300"),
        ("int", "1 + 1"),
        ("string", "1"),
        ("decimal(3,2)", "1.234"),
        ("date", "'soon'"),
        ("string", "'a' || 'b'"),
        ("boolean", "1"),
        ("varchar(2)", "'abc'"),
        ("array<int>", "1"),
        ("int", "current_user()"),
    ],
)
def test_anything_else_is_left_to_the_engine(kind: str, text: str) -> None:
    with pytest.raises(NotLiteralError):
        read_rows(tokenize(f"({text})"), [parse_type(kind)], [None])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("LONG", "bigint"),
        ("numeric", "decimal(10,0)"),
        ("Struct<A: INT, `b c`: array<map<string,decimal(4,1)>>>", "struct<A:int,`b c`:array<map<string,decimal(4,1)>>>"),
        ("varchar(10)", "varchar(10)"),
        ("TIMESTAMP_LTZ", "timestamp"),
    ],
)
def test_types_have_one_spelling(text: str, canonical: str) -> None:
    assert parse_type(text).text == canonical
    assert parse_type(canonical) == parse_type(text)


@pytest.mark.parametrize("text", ["link", "varchar", "decimal(40,2)", "array<>", "int int", ""])
def test_unknown_types_are_refused(text: str) -> None:
    with pytest.raises(SqlError):
        parse_type(text)


def test_doubles_print_as_java_does() -> None:
    shown = [java_double(value) for value in (1e10, 0.001, 1e-4, 123456.789, 1.0, -2.5e-7, float("nan"), float("inf"))]
    assert shown == ["1.0E10", "0.001", "1.0E-4", "123456.789", "1.0", "-2.5E-7", "NaN", "Infinity"]


def test_calls_are_found_innermost_first() -> None:
    calls = [
        call.path for call in find_calls(tokenize("SELECT a.b.f(g(x), h(y)), count(*) FROM t WHERE x IN (1) AND NOT (k(z))"))
    ]
    assert calls == [("k",), ("count",), ("h",), ("g",), ("a", "b", "f")]


def test_rows_outlive_a_kill(tmp_path: Path) -> None:
    place = SqlWorkspace(tmp_path)
    place.sql("CREATE TABLE main.default.t (id INT)")
    place.sql("INSERT INTO main.default.t VALUES (1), (2)")
    orphan = tmp_path / "files" / "tables" / "half-written"
    orphan.mkdir()
    place.store.close()
    again = SqlWorkspace(tmp_path)
    table = again.runner._reader.require_table(("main", "default", "t"))
    folder = again.runner._storage.folder(table)
    assert folder is not None
    assert again.runner._storage.row_count(folder) == 2
    assert not orphan.exists()
    again.close()


def test_a_wide_table_is_read_by_the_columns_that_the_text_can_mean(place: SqlWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localspace.sql.parse.WIDE", 2)
    text, rewriter = rewrite(place, "SELECT count(*) FROM main.hr.emp WHERE SSN = 'x'")
    (spec,) = rewriter.reads.views.values()
    assert "AS `ssn`" in text
    assert "AS `a.b`" not in text
    assert spec.ddl == "`c1` int, `c3` string", "the filter's input is read and not shown"
    for query in ("SELECT *", "SELECT hash(*)", "SELECT emp.*", "SELECT struct(*) AS ssn"):
        assert "AS `a.b`" in rewrite(place, f"{query} FROM main.hr.emp")[0], query
    assert "AS `a.b`" in rewrite(place, "SELECT ssn FROM main.hr.emp NATURAL JOIN main.hr.open")[0]
