"""Arguments of SQL functions whose bodies have names of their own: none is captured, nobody learns a hidden value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localspace.core.statement_runner import SqlError
from support.nightly import sampled
from support.sql_workspace import EVE, SqlWorkspace, reported

pytestmark = pytest.mark.spark

HIDDEN = [("a", "SECRET-1", 1), ("b", "SECRET-2", 2), ("b", "SECRET-3", 3)]

# Name and body over main.hr.hidden (k, ssn, n): each gives its argument back.
FUNCTIONS = (
    ("echo", "(SELECT max(y) FROM (SELECT x AS y, k FROM main.hr.hidden) AS d)"),
    ("echo_first", "(SELECT x FROM main.hr.hidden LIMIT 1)"),
    ("echo_alias", "(SELECT max(y) FROM (SELECT x AS y, h.ssn FROM main.hr.hidden AS h) AS d)"),
    ("echo_own", "(SELECT max(y) FROM (SELECT echo_own.x AS y FROM main.hr.hidden AS h WHERE h.n > 0) AS d)"),
    ("echo_cte", "(WITH c AS (SELECT k, ssn FROM main.hr.hidden) SELECT max(y) FROM (SELECT x AS y FROM c) AS d)"),
    ("echo_inner", "main.hr.echo(main.hr.echo_alias(x))"),
    ("echo_lambda", "transform(array('z'), v -> concat(x, substr(v, 2)))[0]"),
    ("echo_named", "main.hr.echo(x => x)"),
    ("echo_union", "(SELECT max(y) FROM (SELECT x AS y UNION ALL SELECT x FROM main.hr.hidden) AS u)"),
    ("echo_view", "(SELECT max(y) FROM (SELECT x AS y, ssn FROM main.hr.seen) AS d)"),
    ("echo_join", "(SELECT max(y) FROM (SELECT x AS y FROM main.hr.hidden k JOIN main.hr.hidden h ON k.n = h.n) AS d)"),
    ("echo_if", "CASE WHEN EXISTS (SELECT 1 FROM main.hr.hidden WHERE n > 0) THEN x ELSE 'nothing' END"),
)
# What an attacker passes, hoping that the body has such a name.
NAMES = (
    "ssn",
    "SSN",
    "`ssn`",
    "h.ssn",
    "hidden.ssn",
    "main.hr.hidden.ssn",
    "c.ssn",
    "d.ssn",
    "k.ssn",
    "seen.ssn",
    "(SELECT ssn)",
    "upper(ssn)",
    "struct(ssn).ssn",
    "CASE WHEN ssn > '' THEN ssn END",
    "IDENTIFIER('ssn')",
    "IDENTIFIER('h.ssn')",
    "concat(h.ssn, '')",
    "array_join(collect_list(ssn), ',')",
    "max(ssn)",
    "(SELECT max(ssn) FROM h)",
    "(SELECT max(ssn) FROM c)",
    "transform(array('q'), v -> ssn)[0]",
)
ATTACKS = [f"SELECT main.hr.{one[0]}({name})" for one in FUNCTIONS for name in NAMES]

# What honest users ask: a column of their own under a name that the body uses; every function gives its argument back.
CALLERS = (
    "SELECT main.hr.{f}(ssn) FROM VALUES ('mine') AS t(ssn)",
    "SELECT main.hr.{f}(h.ssn) FROM VALUES ('mine') AS h(ssn)",
    "SELECT main.hr.{f}(hidden.k) FROM VALUES ('mine') AS hidden(k)",
    "SELECT main.hr.{f}(x) FROM VALUES ('mine') AS x(x)",
    "SELECT main.hr.{f}(v) FROM VALUES ('mine') AS v(v)",
    "SELECT main.hr.{f}(y) FROM VALUES ('mine') AS d(y)",
    "WITH c AS (SELECT 'mine' AS n) SELECT main.hr.{f}(c.n) FROM c",
    "SELECT main.hr.{f}(x => ssn) FROM VALUES ('mine') AS t(ssn)",
    "SELECT main.hr.{f}((SELECT max(ssn) FROM VALUES ('mine') AS h(ssn)))",
    "SELECT main.hr.{f}(s.ssn) FROM (SELECT struct('mine' AS ssn) AS s)",
    "SELECT ssn FROM VALUES ('mine'), ('SECRET-1') AS t(ssn) WHERE main.hr.{f}(ssn) = 'mine'",
    "SELECT main.hr.{f}(max(ssn)) FROM VALUES ('mine') AS t(ssn) GROUP BY ssn",
    "SELECT (SELECT main.hr.{f}(t.ssn)) FROM VALUES ('mine') AS t(ssn)",
)
# The engine itself fails, loudly, on some subqueries whose arguments are subqueries again: those are asked one by one below.
HONEST = [
    caller.replace("{f}", one[0])
    for one in FUNCTIONS
    if one[0] != "echo_inner"
    for caller in CALLERS
    # The engine takes no subquery within a higher-order function and says so.
    if not (one[0] == "echo_lambda" and "((SELECT" in caller)
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("captured"))
    made.user(EVE)
    rows = ", ".join(f"('{k}', '{ssn}', {n})" for k, ssn, n in HIDDEN)
    for statement in (
        "CREATE SCHEMA main.hr",
        "CREATE TABLE main.hr.hidden (k STRING, ssn STRING, n INT)",
        f"INSERT INTO main.hr.hidden VALUES {rows}",
        "CREATE VIEW main.hr.seen AS SELECT * FROM main.hr.hidden",
        "GRANT USE CATALOG ON CATALOG main TO `account users`",
        "GRANT USE SCHEMA, EXECUTE ON SCHEMA main.hr TO `account users`",
        *(f"CREATE FUNCTION main.hr.{name}(x STRING) RETURNS STRING RETURN {body}" for name, body in FUNCTIONS),
        "CREATE FUNCTION main.hr.count_of(x STRING) RETURNS BIGINT RETURN (SELECT count(*) FROM main.hr.hidden WHERE k = x)",
        "CREATE FUNCTION main.hr.is_there(x STRING) RETURNS BOOLEAN RETURN EXISTS (SELECT 1 FROM main.hr.hidden WHERE ssn = x)",
        "CREATE FUNCTION main.hr.shadowed(k STRING) RETURNS BIGINT"
        " RETURN (SELECT count(*) FROM main.hr.hidden WHERE hidden.k = shadowed.k)",
        "CREATE FUNCTION main.hr.added(a ARRAY<INT>, y INT) RETURNS ARRAY<INT> RETURN transform(a, v -> v + y)",
        "CREATE FUNCTION main.hr.same_twice(x DOUBLE) RETURNS BOOLEAN RETURN x = x",
        "CREATE FUNCTION main.hr.casts(x STRING) RETURNS INT"
        " RETURN (SELECT max(CAST(ssn AS INT)) FROM main.hr.hidden WHERE k = x)",
    ):
        made.sql(statement)
    yield made
    made.close()


@pytest.mark.parametrize("attack", sampled(ATTACKS, every=20))
def test_an_argument_reads_nothing_of_the_body(place: SqlWorkspace, attack: str) -> None:
    found = reported(place, attack)
    assert not found.startswith("["), found
    assert "SECRET" not in found


@pytest.mark.parametrize("query", sampled(HONEST, every=20))
def test_an_argument_means_the_column_of_who_calls(place: SqlWorkspace, query: str) -> None:
    assert place.rows(query, EVE) == [["mine"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT k, main.hr.count_of(k) FROM VALUES ('b'), ('z') AS t(k) ORDER BY k", [["b", "2"], ["z", "0"]]),
        ("SELECT k, main.hr.shadowed(k) FROM VALUES ('b'), ('z') AS t(k) ORDER BY k", [["b", "2"], ["z", "0"]]),
        ("SELECT main.hr.is_there(ssn) FROM VALUES ('SECRET-9') AS t(ssn)", [["false"]]),
        ("SELECT main.hr.added(a, v) FROM VALUES (array(1, 2), 10) AS t(a, v)", [["[11,12]"]]),
        ("SELECT main.hr.echo_inner(k) FROM VALUES ('mine') AS t(k)", [["mine"]]),
        ("SELECT main.hr.echo_lambda(k) FROM VALUES ('mine') AS t(k) ORDER BY main.hr.echo_lambda(k)", [["mine"]]),
        ("SELECT transform(array('mine'), s -> concat(s, main.hr.same_twice(1)))[0]", [["minetrue"]]),
        ("SELECT count_if(NOT main.hr.same_twice(rand())) FROM range(50)", [["0"]]),
    ],
)
def test_functions_answer_about_their_arguments(place: SqlWorkspace, query: str, expected: list[list[str]]) -> None:
    assert place.rows(query, EVE) == expected


def test_an_error_below_a_function_shows_no_value_of_its_tables(place: SqlWorkspace) -> None:
    found = reported(place, "SELECT main.hr.casts('a')")
    assert found.startswith("CAST_INVALID_INPUT")
    assert "SECRET" not in found


def test_nobody_calls_the_engines_functions_by_name(place: SqlWorkspace) -> None:
    columns = place.sql("SELECT main.hr.count_of('b') + 1", EVE).columns
    assert "ls_" not in columns[0][0]
    assert reported(place, "SELECT ls_00000000000000000000('a')").startswith("UNRESOLVED_ROUTINE")
    assert reported(place, "SELECT session.ls_00000000000000000000('a')").startswith("UNRESOLVED_ROUTINE")


_NAMES = ("k", "n", "ssn", "x", "h", "hidden", "f")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parameter=st.sampled_from(_NAMES),
    column=st.sampled_from(_NAMES),
    alias=st.sampled_from(_NAMES),
    relation=st.sampled_from(_NAMES),
    cell=st.sampled_from(["a", "b", "z"]),
    form=st.sampled_from(["plain", "cte", "lambda", "nested"]),
)
def test_a_call_is_what_a_plain_evaluation_gives(
    place: SqlWorkspace, parameter: str, column: str, alias: str, relation: str, cell: str, form: str
) -> None:
    """Names are drawn from one small pool, so that most draws clash somewhere."""
    name = "drawn"
    own = f"{name}.{parameter}"
    source = f"main.hr.hidden AS {alias}"
    bodies = {
        "plain": f"(SELECT count(*) FROM {source} WHERE {alias}.k = {own})",
        "cte": f"(WITH {alias} AS (SELECT k, n FROM main.hr.hidden) SELECT count(*) FROM {alias} WHERE {alias}.k = {own})",
        "lambda": f"size(filter(array('a', 'b', 'b'), {alias} -> {alias} = {own}))",
        "nested": f"main.hr.count_of({own}) + 0",
    }
    place.sql(f"CREATE OR REPLACE FUNCTION main.hr.{name}({parameter} STRING) RETURNS BIGINT RETURN {bodies[form]}")
    place.sql(f"GRANT EXECUTE ON FUNCTION main.hr.{name} TO `account users`")
    expected = sum(k == cell for k, _, _ in HIDDEN)
    query = f"SELECT main.hr.{name}({column}) FROM VALUES ('{cell}') AS {relation}({column})"
    assert place.rows(query, EVE) == [[str(expected)]]
    with pytest.raises(SqlError):
        place.sql(f"SELECT main.hr.{name}({column})", EVE)
