"""Masks on the real engine: their examples, and what no mask may ever do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from lampkeeper.design.knowledge.library import LibraryFunction, load_library
from lampkeeper.model.masks import FunctionRole
from lampkeeper.text.sql_quoting import quote_identifier, quote_string
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.spark

FUNCTIONS = tuple(f for _, f in sorted(load_library().functions.items()))
TEXT_MASKS = tuple(f for f in FUNCTIONS if f.function.role is FunctionRole.MASK and f.function.returns == "STRING")
CONSTANTS = frozenset({"[REDACTED]", "***"})
DIRT = (
    *("", " ", "a", "ab", "abc", "A1", "12", "123", "1234", "12345", "123456789", "1" * 10, "1" * 64, "x" * 64),
    *("é", "日本語", "１２３４５６７８９", "🙂🙂🙂", "a@b", "a@b.c", "ab@c.de", "x@@y.com", "a b@c.com", "ana@bank.example\n"),
    *("'; DROP TABLE t; --", "\t123-45-6789", "123-45-6789\n", "4111", "4111-1111", "41111111111111112222", "411111111111111 "),
    *("::1", "fe80::1%eth0", "1.2.3", "999.1.1.1", "10.0.0.1\n", "007", "+1", "+++++++++", "(((((((((", "1980-13-45"),
    *("80-01-01", "NULL", "\\", "%", "_", "O'Brien", "-", "0000", "A" * 300, "9" * 300),
)
EXTREMES = {
    "BIGINT": ("-9223372036854775808", "9223372036854775807", "0", "-1", "49", "50", "-50"),
    "DECIMAL(38,6)": (
        "99999999999999999999999999999999.999999",
        "-99999999999999999999999999999999.999999",
        "0",
        "-0.5",
        "99.99",
    ),
    "DECIMAL(38,12)": ("99999999999999999999999999.999999999999", "-0.1"),
    "DOUBLE": ("1.7976931348623157E308D", "-1E308D", "CAST('NaN' AS DOUBLE)", "CAST('Infinity' AS DOUBLE)", "-0.0D"),
    "DATE": ("DATE'0001-01-01'", "DATE'9999-12-31'"),
    "TIMESTAMP": ("TIMESTAMP'0100-06-01 00:00:00'", "TIMESTAMP'9999-12-31 23:59:59'"),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    """Yield a workspace that holds the whole library."""
    workspace = SqlWorkspace(tmp_path_factory.mktemp("masks"))
    workspace.sql("CREATE SCHEMA main.lampkeeper")
    for function in FUNCTIONS:
        workspace.sql(function.at("main", "lampkeeper").create_sql())
    yield workspace
    workspace.close()


def test_the_engine_reads_any_literal_and_any_quoted_name_as_it_was(engine: SqlWorkspace) -> None:
    texts = [*DIRT, "${env:HOME}", "\\n\\u0041\\101\\", "'' \"\" ``", "/* -- */", "\0012\b\x1a\r\n", "\u2028\ufeff"]
    names = [n for n in texts if n.strip() and n.isprintable()]
    found = engine.sql(f"SELECT {', '.join(f'{quote_string(n)} AS {quote_identifier(n)}' for n in names)}")
    assert [c[0] for c in found.columns] == names
    assert [*found.rows[0]] == names
    assert _ask(engine, [quote_string(t) for t in texts]) == texts


def _call(function: LibraryFunction, *arguments: str) -> str:
    return f"main.lampkeeper.{function.name}({', '.join(arguments)})"


def _ask(engine: SqlWorkspace, expressions: list[str]) -> list[str | None]:
    return [None if v is None else str(v) for v in engine.sql("SELECT " + ", ".join(expressions)).rows[0]]


def test_every_example_of_every_header_holds(engine: SqlWorkspace) -> None:
    cases = [(f, e) for f in FUNCTIONS for e in f.function.examples]
    asked = [f"{_call(f, *e.arguments)} <=> CAST({e.returns} AS {f.function.returns})" for f, e in cases]
    wrong = [f"{f.name}{e}" for (f, e), ok in zip(cases, _ask(engine, asked), strict=True) if str(ok).lower() != "true"]
    assert wrong == []


def _ask_of_all(engine: SqlWorkspace, functions: Sequence[LibraryFunction], values: Sequence[str]) -> list[list[str | None]]:
    """Return what each function gives for each of these literals, in one query: a row per literal."""
    calls = ", ".join(_call(f, "v") for f in functions)
    literals = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    rows = engine.sql(f"SELECT i, {calls} FROM VALUES {literals} AS t(i, v) ORDER BY i").rows
    return [[None if v is None else str(v) for v in row[1:]] for row in rows]


def test_no_text_mask_gives_dirty_input_away_and_none_fails(engine: SqlWorkspace) -> None:
    answers = _ask_of_all(engine, TEXT_MASKS, [quote_string(text) for text in DIRT])
    for text, given in zip(DIRT, answers, strict=True):
        for function, answer in zip(TEXT_MASKS, given, strict=True):
            kept = "".join(c for c in text if c.isalnum())
            if answer is None or answer in CONSTANTS:
                continue
            shown = "".join(c for c in answer if c.isalnum())
            assert answer != text, f"{function.name}({text!r}) = {answer!r}"
            assert not kept or kept not in shown, f"{function.name}({text!r}) = {answer!r}"


@pytest.mark.parametrize("type_text", sorted(EXTREMES))
def test_masks_of_numbers_and_times_never_fail_at_the_extremes(engine: SqlWorkspace, type_text: str) -> None:
    functions = [f for f in FUNCTIONS if [p.type for p in f.function.parameters[:1]] == [type_text]]
    values = [f"CAST({value} AS {type_text})" for value in EXTREMES[type_text]]
    assert len(_ask_of_all(engine, functions, values)) == len(values)


@pytest.mark.parametrize(
    ("type_text", "value"), [("DECIMAL(4,2)", "99.99"), ("DECIMAL(7,2)", "99999.99"), ("DECIMAL(3,0)", "950")]
)
def test_a_rounded_amount_fits_the_column_it_came_from(engine: SqlWorkspace, type_text: str, value: str) -> None:
    rounded = f"CAST(main.lampkeeper.mask_amount_decimal(CAST({value} AS {type_text})) AS {type_text})"
    assert _ask(engine, [rounded])[0] is not None


def test_null_stays_null_and_a_filter_hides_what_it_does_not_know(engine: SqlWorkspace) -> None:
    nothing = [_call(f, *(f"CAST(NULL AS {p.type})" for p in f.function.parameters[:1])) for f in FUNCTIONS]
    for function, answer in zip(FUNCTIONS, _ask(engine, nothing), strict=True):
        if function.function.role is FunctionRole.MASK:
            assert answer is None, function.name
        else:
            assert str(answer).lower() == "false", function.name
