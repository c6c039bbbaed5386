"""Names and texts as SQL: what a catalog holds comes back as it was, and never as code."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import TokenType, exp

from lampkeeper.text.sql_quoting import identifier_value, quote_identifier, quote_path, quote_string, string_value
from support.nightly import law

pytestmark = pytest.mark.unit

# What is special to some parser or to the substitution before it, and what follows it in an escape.
SPECIAL = "\\'\"`${}:nrtbuUZxNR0127%_-/*+;#()., \t\n\r\0\b\x1a\x7f\u2028\ufeffaé日🙂"
texts = st.text(st.sampled_from(SPECIAL)) | st.text()


def tokens(sql: str) -> list[tuple[TokenType, str]]:
    """Return what sqlglot's Databricks dialect reads."""
    return [(t.token_type, t.text) for t in sqlglot.tokenize(sql, read="databricks")]


@law(400)
@given(text=texts)
def test_a_text_written_as_a_literal_is_read_as_that_text(text: str) -> None:
    literal = quote_string(text)
    assert tokens(literal) == [(TokenType.STRING, text)]
    assert string_value(literal) == text


@law(400)
@given(name=texts)
def test_a_quoted_name_is_read_as_that_name(name: str) -> None:
    quoted = quote_identifier(name)
    assert tokens(quoted) == [(TokenType.IDENTIFIER, name)]
    assert identifier_value(quoted) == name


@law(200)
@given(column=texts.filter(bool), table=texts.filter(bool), alias=texts.filter(bool), one=texts, other=texts)
def test_no_name_and_no_text_changes_the_statement_around_it(column: str, table: str, alias: str, one: str, other: str) -> None:
    sql = (
        f"SELECT {quote_path(alias, column)} FROM {quote_path('c', 's', table)} AS {quote_identifier(alias)} "
        f"WHERE x = {quote_string(one)} AND y = {quote_string(other)} -- end"
    )
    (tree,) = sqlglot.parse(sql, read="databricks")
    assert isinstance(tree, exp.Select)
    assert [(c.table, c.name) for c in tree.find_all(exp.Column)] == [(alias, column), ("", "x"), ("", "y")]
    assert [(t.catalog, t.db, t.name, t.alias) for t in tree.find_all(exp.Table)] == [("c", "s", table, alias)]
    assert [x.name for x in tree.find_all(exp.Literal)] == [one, other]


@law(200)
@given(text=texts)
def test_a_literal_stays_on_one_line_and_asks_for_no_substitution(text: str) -> None:
    assert not {"\n", "\r", "\0"} & set(quote_string(text))
    assert "${" not in quote_string(text)


@law(200)
@given(body=st.text(st.sampled_from("\\u0012UZZnrt$ae8D \n🙂"), max_size=12), quote=st.sampled_from("'\""))
def test_a_literal_that_others_wrote_is_read_as_sqlglot_reads_it(body: str, quote: str) -> None:
    literal = f"{quote}{body}{quote}"
    try:
        (read,) = tokens(literal)
    except (sqlglot.errors.TokenError, ValueError):
        return
    # \Z is the substitute character in Spark and a Z in sqlglot, \a, \e and the like are letters in both but for \a.
    if not {"\\Z", "\\a"} & {body[i : i + 2] for i in range(len(body))}:
        assert string_value(literal) == read[1]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r"'a\Zb'", "a\x1ab"), (r"'\a\f\v\q'", "afvq"), (r"'100\%\_'", r"100\%\_"), (r"'\177\200'", "\x7f200"),
        ("'it''s'", "it's"),
        ('"it\'\'s"', "it''s"), ('"a""b"', 'a"b'), (r"r'\n'", r"\n"), (r"'\ud83d'", "?"), (r"'\U0001F600'", "😀"),
    ],
)  # fmt: skip
def test_escapes_mean_what_they_mean_to_the_engine(literal: str, text: str) -> None:
    assert string_value(literal) == text
