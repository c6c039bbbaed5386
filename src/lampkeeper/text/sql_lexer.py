"""Splits SQL text into tokens: sqlglot's tokenizer, plus the locations of comments and the differences to Spark's lexer.

The checks of masks rely on these tokens, so code must not be able to hide: text that is code in the engine must never be a
comment or a string here. Spark 4.1 (SqlBaseLexer.g4, tested on the engine) differs from sqlglot as follows:

- a line comment whose line ends with a backslash continues on the next line;
- `/*+` opens a hint anywhere: the text after it is code, and inside a comment it does not open a nested one;
- the star that opens an inner comment cannot close it: `/*/*/` is two unclosed comments;
- `{# … #}` is not a comment, and no keyword turns the rest of a statement into one string, as sqlglot's commands do;
- `'it''s'` is one string; `n'…'` and `x'…'` are a word and a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from lampkeeper.text.sql_quoting import identifier_value, string_value

if TYPE_CHECKING:
    # sqlglot takes half a second to load: commands that do not read SQL start without it.
    from sqlglot.tokenizer_core import Token

_LINE_COMMENT = re.compile(r"--(?:\\\n|[^\r\n])*")
_ENDS_ELSEWHERE = re.compile(r"\\\n|/\*[+/]|/\*.*/\*", re.DOTALL)
_COMMENT_MARK = re.compile(r"/\*(?!\+)|\*/")
_PIECES = re.compile(r"\S+")
_QUOTE = re.compile(r"[^\W\d]?(['\"`])")
_MOST_ODD_COMMENTS = 100


class TokenKind(StrEnum):
    """The kind of a token; blanks are not tokens."""

    COMMENT = "comment"
    STRING = "string"
    NAME = "name"
    WORD = "word"
    NUMBER = "number"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class SqlToken:
    """A token: its text as written, and the offset of its start.

    A NAME is in back-ticks, a WORD is not. A MARK is one character, or `/*+`.
    """

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return the offset after the token."""
        return self.start + len(self.text)

    @property
    def value(self) -> str:
        """Return the value of a STRING or a NAME; the text of any other token."""
        if self.kind is TokenKind.STRING:
            return string_value(self.text)
        return identifier_value(self.text)

    def is_word(self, *words: str) -> bool:
        """Return whether the token is one of these words (given in upper case), ignoring case."""
        return self.kind is TokenKind.WORD and self.text.upper() in words

    def is_mark(self, mark: str) -> bool:
        """Return whether the token is this punctuation mark."""
        return self.kind is TokenKind.MARK and self.text == mark


class SqlTextError(ValueError):
    """A text that cannot be tokenized: the part at `offset` is not closed; `close` would close it."""

    def __init__(self, offset: int, what: str, close: str = "") -> None:
        super().__init__(f"{what} is never closed" if close else f"{what} cannot be read")
        self.offset = offset
        self.close = close


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlScan:
    """The tokens of a text, or those before the location of `error`."""

    tokens: tuple[SqlToken, ...]
    error: SqlTextError | None = None


def sql_tokens(text: str) -> tuple[SqlToken, ...]:
    """Return the tokens of Databricks SQL, comments included; raise SqlTextError."""
    scan = scan_sql(text)
    if scan.error is not None:
        raise scan.error
    return scan.tokens


def scan_sql(text: str) -> SqlScan:
    """Return the tokens of Databricks SQL, including comments, up to the first error."""
    shown, odd = text, list[slice]()
    while True:
        raw, broken = _tokenized(shown)
        try:
            tokens, error = _placed(shown, raw, broken)
        except _OddCommentError as found:
            if len(odd) == _MOST_ODD_COMMENTS:
                return SqlScan(tokens=(), error=SqlTextError(found.span.start, "so many nested or continued comments"))
            odd.append(found.span)
            # Replaced by blanks, so that sqlglot continues at the same offset as Spark.
            shown = shown[: found.span.start] + " " * (found.span.stop - found.span.start) + shown[found.span.stop :]
            continue
        tokens += [SqlToken(TokenKind.COMMENT, text[span], span.start) for span in odd]
        return SqlScan(tokens=tuple(sorted(tokens, key=lambda t: t.start) if odd else tokens), error=error)


def split_outside(text: str, separator: str, *, brackets: str = "()[]") -> tuple[str, ...]:
    """Split Databricks SQL at separators outside brackets, strings, quoted names and comments; raise SqlTextError.

    The parts have no surrounding blanks; a blank text has no parts. A separator is one mark or several adjacent ones.
    """
    parts: list[str] = []
    depth = begin = 0
    for token in sql_tokens(text):
        if token.kind is not TokenKind.MARK or token.start < begin:
            continue
        if depth == 0 and text.startswith(separator, token.start):
            parts.append(text[begin : token.start].strip())
            begin = token.start + len(separator)
        elif token.text in brackets:
            depth += 1 if brackets.index(token.text) % 2 == 0 else -1
    last = text[begin:].strip()
    return (*parts, last) if parts or last else ()


def dialect_tokens(text: str, dialect: str) -> list[Token]:
    """Return sqlglot's own tokens of a text in one of its dialects; raise SqlTextError."""
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import TokenError

    tokenizer = Dialect.get_or_raise(dialect).tokenizer()
    try:
        return tokenizer.tokenize(text)
    except TokenError:
        after = tokenizer.tokens[-1].end + 1 if tokenizer.tokens else 0
        raise _unclosed(text, _code_after(text, after)) from None


class _OddCommentError(Exception):
    """A comment that ends at different offsets in Spark and sqlglot."""

    def __init__(self, span: slice) -> None:
        super().__init__()
        self.span = span


@cache
def _tokenizer_class() -> Any:
    from sqlglot.dialects.databricks import Databricks

    class Tokenizer(Databricks.Tokenizer):
        COMMANDS: ClassVar[set[Any]] = set()

    # sqlglot's base class adds both for every dialect.
    for opening in ("{#", Tokenizer.HINT_START):
        del Tokenizer._COMMENTS[opening]
    return Tokenizer


def _tokenized(text: str) -> tuple[Sequence[Token], bool]:
    """Return sqlglot's tokens, and whether it stopped at an unclosed part."""
    from sqlglot.errors import TokenError

    tokenizer = _tokenizer_class()(dialect="databricks")
    try:
        return tokenizer.tokenize(text), False
    except TokenError:
        return tokenizer.tokens, True


def _placed(text: str, raw: Sequence[Token], broken: bool) -> tuple[list[SqlToken], SqlTextError | None]:
    """Convert sqlglot's tokens and add the comments between them; raise _OddCommentError."""
    tokens: list[SqlToken] = []
    at = 0
    try:
        for each in raw:
            start, end = max(int(each.start), at), int(each.end) + 1
            if end <= at:
                continue  # sqlglot splits `10L` into a number, a cast and a type at one offset
            tokens += _comments(text, at, start)
            _add(tokens, each, text[start:end], start)
            at = end
        rest = _code_after(text, at) if broken else len(text)
        for comment in _comments(text, at, rest):
            if broken and _ENDS_ELSEWHERE.search(comment.text):
                raise _OddCommentError(slice(comment.start, comment.end))
            tokens.append(comment)
    except SqlTextError as error:
        return tokens, error
    return tokens, _unclosed(text, rest) if broken else None


def _comments(text: str, at: int, end: int) -> Iterator[SqlToken]:
    """Yield the comments of a range without sqlglot tokens; raise _OddCommentError if Spark ends one at another offset."""
    last = slice(at, at)
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        stop = _comment_end(text, at)
        if stop is None:
            raise _unclosed(text, at)
        if stop > end:
            raise _OddCommentError(slice(at, stop))
        if stop == at:
            raise _OddCommentError(last)
        yield SqlToken(TokenKind.COMMENT, text[at:stop], at)
        last, at = slice(at, stop), stop


def _comment_end(text: str, at: int) -> int | None:
    """Return the end of the comment that starts here, by Spark's rules; `at` without a comment, None if it is not closed."""
    line = _LINE_COMMENT.match(text, at)
    if line is not None:
        return line.end()
    if not text.startswith("/*", at) or text.startswith("/*+", at):
        return at
    depth, after = 1, at + 2
    while depth:
        mark = _COMMENT_MARK.search(text, after)
        if mark is None:
            return None
        depth += 1 if mark.group() == "/*" else -1
        after = mark.end()
    return after


def _code_after(text: str, at: int) -> int:
    """Return the first offset from here that is neither blank nor in a comment, or the start of an unclosed comment."""
    while at < len(text):
        stop = at + 1 if text[at].isspace() else _comment_end(text, at)
        if stop is None or stop == at:
            return at
        at = stop
    return at


def _unclosed(text: str, offset: int) -> SqlTextError:
    if text.startswith("/*", offset):
        return SqlTextError(offset, "comment", "*/")
    quote = _QUOTE.match(text, offset)
    if quote is None:
        return SqlTextError(offset, "the text")
    return SqlTextError(offset, "name" if quote[1] == "`" else "string", quote[1])


def _add(tokens: list[SqlToken], raw: Token, text: str, start: int) -> None:
    kind = raw.token_type.name
    if text[0] == "`":
        tokens.append(SqlToken(TokenKind.NAME, text, start))
    elif text[0] in "'\"" or (kind == "RAW_STRING" and text[0] in "rR"):
        before = tokens[-1] if tokens else None
        if before is not None and before.kind is TokenKind.STRING and before.end == start and before.text[0] == text[0]:
            tokens[-1] = SqlToken(TokenKind.STRING, before.text + text, before.start)
        else:
            tokens.append(SqlToken(TokenKind.STRING, text, start))
    elif kind in ("HEX_STRING", "NATIONAL_STRING") and text[1:2] in ("'", '"'):
        tokens += [SqlToken(TokenKind.WORD, text[0], start), SqlToken(TokenKind.STRING, text[1:], start + 1)]
    elif kind in ("NUMBER", "HEX_STRING"):
        tokens.append(SqlToken(TokenKind.NUMBER, text, start))
    elif text[0].isalnum() or text[0] == "_":
        # One token may be several words (ORDER BY).
        tokens += [SqlToken(TokenKind.WORD, m.group(), start + m.start()) for m in _PIECES.finditer(text)]
    elif text == "/*+":
        tokens.append(SqlToken(TokenKind.MARK, text, start))
    else:
        tokens += [SqlToken(TokenKind.MARK, char, start + n) for n, char in enumerate(text)]
