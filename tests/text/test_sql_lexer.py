"""The lexer: what it calls a comment or a text is one to the engine too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.text.sql_lexer import SqlTextError, TokenKind, dialect_tokens, scan_sql, split_outside, sql_tokens
from lampkeeper.text.sql_quoting import quote_identifier, quote_string
from support.nightly import law

pytestmark = pytest.mark.unit

pieces = st.sampled_from(
    ["--", "/*", "*/", "/*+", "\\\n", "\\", "\n", "\r", "'", '"', "`", "''", "r'", "x'", "n'", "{#", "#}",
     "{{", "%}", "secret", "ORDER BY",
     "10L", "1.5e3", "2fa", "explain", "call", ";", "(", ")", "->", "||", "::", "$$", ":p", " ", "\u00a0", "é", "🙂", "\0"]
)  # fmt: skip
scripts = st.lists(pieces, max_size=14).map("".join)


@law(600)
@given(text=scripts)
def test_tokens_are_the_text_and_only_blanks_stand_between_them(text: str) -> None:
    scan = scan_sql(text)
    at = 0
    for token in scan.tokens:
        assert text[at : token.start].strip() == ""
        assert text[token.start : token.end] == token.text
        at = token.end
    assert text[at : scan.error.offset if scan.error else len(text)].strip() == ""


@law(300)
@given(before=scripts, text=st.text(), name=st.text())
def test_a_literal_and_a_name_are_one_token_each_wherever_they_stand(before: str, text: str, name: str) -> None:
    if scan_sql(before).error is not None or scan_sql(f"{before} x").tokens[-1].text != "x":
        return
    *_, word, literal, quoted = sql_tokens(f"{before} x {quote_string(text)} {quote_identifier(name)}")
    assert (word.text, literal.kind, literal.value, quoted.kind, quoted.value) == (
        "x", TokenKind.STRING, text, TokenKind.NAME, name,
    )  # fmt: skip


def code(text: str) -> str:
    """Return what is neither comment nor text."""
    return " ".join(t.text for t in scan_sql(text).tokens if t.kind not in (TokenKind.COMMENT, TokenKind.STRING))


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("1 -- secret()", "1"),
        ("1 -- a \\\n + secret()\n + 2", "1 + 2"),
        ("-- \\\n'\nsecret('x') -- '", "secret ( )"),
        ("-- a \\\r\n secret()", "secret ( )"),
        ("1 -- a \r + secret()", "1 + secret ( )"),
        ("/* /* */ secret() */ 2", "2"),
        ("/* /*+ */ secret() -- */", "secret ( )"),
        ("/*/*/ secret() */ */ 1", "1"),
        ("SELECT /*+ b(' */ ') */ secret()", "SELECT /*+ b ( ) * / secret ( )"),
        ("explain || secret()", "explain | | secret ( )"),
        ("call\nsecret()", "call secret ( )"),
        ("{# secret() #} 1", "{ # secret ( ) # } 1"),
        ("n'secret()' X'1F'", "n X"),
        ("r'\\' || secret() || '\\'", "| | secret ( ) | |"),
        ("'it''s' || secret()", "| | secret ( )"),
        ("`a``-- b` || secret()", "`a``-- b` | | secret ( )"),
        ("order  by x is not  null", "order by x is not null"),
    ],
)
def test_nothing_hides(text: str, visible: str) -> None:
    assert code(text) == visible


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("a 'b", 2, "string is never closed"), ('a -- \'\n "b', 8, "string is never closed"), ("a `b", 2, "name is never closed"),
        ("a /* b /* c */", 2, "comment is never closed"), ("-- \\\n'\n 'x", 8, "string is never closed"), ("a r'b", 2, "string"),
    ],
)  # fmt: skip
def test_what_never_ends_is_named_with_its_location(text: str, offset: int, says: str) -> None:
    with pytest.raises(SqlTextError, match=says) as caught:
        sql_tokens(text)
    assert caught.value.offset == offset
    assert scan_sql(text).error is not None


def test_a_text_of_another_dialect_is_named_in_the_same_way() -> None:
    with pytest.raises(SqlTextError, match="string is never closed") as caught:
        dialect_tokens("CREATE TABLE t (a text DEFAULT 'x)", "postgres")
    assert caught.value.offset == 31


def test_very_many_comments_that_sqlglot_ends_elsewhere_are_refused() -> None:
    assert scan_sql("-- a \\\n b\n" * 99 + "c").tokens[-1].text == "c"
    assert scan_sql("-- a \\\n b\n" * 200 + "c").error is not None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("'a,b', f(1, 2), c", ("'a,b'", "f(1, 2)", "c")), ("a, -- b, c\n d", ("a", "-- b, c\n d")), ("", ()), ("a,", ("a", "")),
        ("`a,b`, [1, 2]", ("`a,b`", "[1, 2]")),
    ],
)  # fmt: skip
def test_a_list_is_split_outside_brackets_texts_names_and_comments(text: str, parts: tuple[str, ...]) -> None:
    assert split_outside(text, ",") == parts
