"""Splits SQL scripts of seven dialects into statements of tokens, with offsets in the file.

A script has more than statements: psql has COPY data and backslash commands, mysqldump puts statements into conditional
comments and changes the delimiter, T-SQL ends batches with GO, SQL*Plus with a slash. These are first replaced by blanks or
semicolons, character by character, so that every location stays that of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlglot.tokenizer_core import Token, TokenType

from lampkeeper.model.errors import UsageError
from lampkeeper.text.sql_lexer import SqlTextError, dialect_tokens

_QUOTED = frozenset(
    {
        TokenType.STRING, TokenType.IDENTIFIER, TokenType.RAW_STRING, TokenType.HEREDOC_STRING, TokenType.NATIONAL_STRING,
        TokenType.BYTE_STRING, TokenType.UNICODE_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING, TokenType.NUMBER,
    }
)  # fmt: skip
_BACKSLASH = frozenset({"databricks", "mysql", "bigquery", "snowflake"})
_ROUTINES = frozenset({"PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "PACKAGE", "EVENT", "RULE"})
_LOOPS = frozenset({"IF", "LOOP", "WHILE", "FOR", "REPEAT"})
_OBJECTS = frozenset(
    {
        "TABLE", "VIEW", "OR", "UNIQUE", "CLUSTERED", "NONCLUSTERED", "INDEX", "SCHEMA", "TYPE", "PROC", "PROCEDURE", "FUNCTION",
        "TRIGGER", "SEQUENCE", "SYNONYM", "USER", "ROLE", "DATABASE", "AUTHORIZATION", "EXTERNAL", "FULLTEXT", "STATISTICS",
    }
)  # fmt: skip
_BEGINS = frozenset({"INSERT", "EXEC", "EXECUTE", "PRINT", "USE", "IF", "GRANT", "DECLARE", "COMMIT", "RAISERROR"})
_SWITCHES = ("ANSI_", "QUOTED_", "NOCOUNT", "ARITHABORT", "IDENTITY_INSERT", "XACT_ABORT", "NUMERIC_", "CONCAT_")


@dataclass(frozen=True, kw_only=True)
class Script:
    """A file's text as its dialect reads it, and the offsets of its lines."""

    path: Path
    text: str
    dialect: str

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(m.end() for m in re.finditer("\n", self.text))]

    def line(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return bisect_right(self._lines, offset)

    def location(self, offset: int) -> str:
        """Return `file:line`."""
        return f"{self.path}:{self.line(offset)}"

    def exact_location(self, offset: int) -> str:
        """Return `file:line:column`."""
        line = self.line(offset)
        return f"{self.path}:{line}:{offset - self._lines[line - 1] + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The tokens of one statement; `ended` is false if the file ends inside it."""

    script: Script
    tokens: tuple[Token, ...]
    ended: bool = True

    @property
    def start(self) -> int:
        """Return the offset of its first token."""
        return int(self.tokens[0].start)

    @property
    def location(self) -> str:
        """Return `file:line` of its first token."""
        return self.script.location(self.start)

    @property
    def source(self) -> str:
        """Return its text."""
        return self.script.text[self.start : int(self.tokens[-1].end) + 1]

    def words(self, most: int = 0) -> tuple[str, ...]:
        """Return its unquoted words in upper case, all or the first `most`."""
        found = [w for t in self.tokens[: most or None] for w in word_of(t).split()]
        return tuple(found[: most or None])


def word_of(token: Token) -> str:
    """Return an unquoted token in upper case with runs of blanks collapsed; empty for a quoted one."""
    return "" if token.token_type in _QUOTED else " ".join(str(token.text).upper().split())


def read_statements(text: str, path: Path, dialect: str) -> tuple[Statement, ...]:
    """Return the statements of a script; raise UsageError with the location of an unclosed string or comment."""
    prepared, batches = _prepared(text, path, dialect)
    script = Script(path=path, text=prepared, dialect=dialect)
    try:
        tokens = dialect_tokens(prepared, dialect)
    except SqlTextError as error:
        fix = f"end it with {error.close}" if error.close else f"check quotes and comments: is it {dialect} SQL?"
        raise UsageError(f"{script.exact_location(error.offset)}: {error}", fix=fix) from None
    return tuple(_split(_once(tokens), script, batches))


def _once(tokens: Sequence[Token]) -> Iterator[Token]:
    """Remove extra tokens at one offset: the tokenizer splits `1y` into a number, a cast and a type."""
    end = -1
    for token in tokens:
        if int(token.start) > end:
            end = int(token.end)
            yield token


def _split(tokens: Iterator[Token], script: Script, batches: Sequence[int]) -> Iterator[Statement]:
    chunk: list[Token] = []
    blocks = _Blocks()
    depth = 0
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            whole = _routine_end(chunk, int(token.start), script.dialect, batches, blocks)
            if chunk and whole:
                yield Statement(script=script, tokens=tuple(chunk))
                chunk, blocks, depth = [], _Blocks(), 0
            continue
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        kept = _before_new(chunk, token, script) if script.dialect == "tsql" and depth <= 0 else len(chunk)
        if kept < len(chunk) or (kept and _starts_alone(chunk, token, script) and depth <= 0):
            yield Statement(script=script, tokens=tuple(chunk[:kept]))
            chunk, blocks = chunk[kept:], _Blocks()
        chunk.append(token)
        blocks.take(word_of(token))
    if chunk:
        yield Statement(script=script, tokens=tuple(chunk), ended=not (_is_routine(chunk) and blocks.depth > 0))


def _begins_line(chunk: Sequence[Token], token: Token, script: Script) -> bool:
    return bool(chunk) and script.line(int(chunk[-1].start)) < script.line(int(token.start))


def _before_new(chunk: Sequence[Token], token: Token, script: Script) -> int:
    """Return the length of the chunk before a T-SQL statement that its last token starts on a separate line."""
    if len(chunk) < 2 or not _begins_line(chunk[:-1], chunk[-1], script) or _is_routine(chunk[:-1]):
        return len(chunk)
    first, second = word_of(chunk[-1]), word_of(token)
    if first in ("CREATE", "ALTER", "DROP") and second in _OBJECTS:
        return len(chunk) - 1
    return len(chunk) - 1 if first == "SET" and second.startswith(_SWITCHES) else len(chunk)


def _starts_alone(chunk: Sequence[Token], token: Token, script: Script) -> bool:
    """Return whether this word starts a T-SQL statement on a separate line."""
    if script.dialect != "tsql" or word_of(token) not in _BEGINS or _is_routine(chunk):
        return False
    return _begins_line(chunk, token, script)


class _Blocks:
    """Counts the open BEGIN and CASE blocks."""

    def __init__(self) -> None:
        self.depth = 0
        self._after_end = False

    def take(self, word: str) -> None:
        if self._after_end:
            self._after_end = False
            if word in _LOOPS:
                self.depth += 1  # END IF does not close a BEGIN
                return
            if word == "CASE":
                return
        if word in ("BEGIN", "CASE"):
            self.depth += 1
        elif word == "END":
            self.depth -= 1
            self._after_end = True


def _is_routine(chunk: Sequence[Token]) -> bool:
    """Return whether the chunk may contain semicolons: a procedure, a function, a trigger, a block."""
    words = [w for t in chunk[:14] for w in word_of(t).split()]
    if not words:
        return False
    if words[0] == "BEGIN":
        return len(words) > 1 and words[1] not in ("TRANSACTION", "WORK", "TRAN", "ISOLATION")
    if words[0] == "DECLARE":
        return True
    if words[0] not in ("CREATE", "ALTER"):
        return False
    for word in words[1:]:
        if word in _ROUTINES:
            return True
        if word in ("TABLE", "VIEW", "AS"):
            return False
    return "BODY" in words[:6]


def _routine_end(chunk: Sequence[Token], at: int, dialect: str, batches: Sequence[int], blocks: _Blocks) -> bool:
    """Return whether a semicolon ends the chunk."""
    if not _is_routine(chunk):
        return True
    if dialect in ("tsql", "oracle"):
        index = bisect_left(batches, int(chunk[0].start))
        if index < len(batches):
            return at >= batches[index]
    return blocks.depth <= 0


def _prepared(text: str, path: Path, dialect: str) -> tuple[str, tuple[int, ...]]:
    """Return the text with everything other than SQL replaced by blanks, and the offsets at which batches end."""
    parts: list[str] = []
    batches: list[int] = []
    delimiter = ";"
    at = 0
    for found in _pattern(dialect).finditer(text):
        kind, start, whole = found.lastgroup or "", found.start(), found.group()
        parts.append(_undelimited(text[at:start], delimiter))
        at = found.end()
        put = whole
        if kind == "copy":
            head = found["copy_head"]
            if not found["copy_end"]:
                raise UsageError(
                    f"{path}:{text.count(chr(10), 0, start) + 1}: the data of COPY has no end",
                    fix=r"end it with a line that is \. alone",
                )
            put = head + _blank(whole[len(head) :])
        elif kind in ("meta", "plus"):
            put = _blank(whole)
        elif kind == "condition":
            put = _undelimited(_conditional(whole), delimiter)
        elif kind == "batch":
            batches.append(start + len(whole) - len(whole.lstrip()))
            put = _semicolon(whole)
        elif kind == "delimiter":
            delimiter = found["mark"]
            put = _blank(whole)
        parts.append(put)
    parts.append(_undelimited(text[at:], delimiter))
    return "".join(parts), tuple(batches)


def _undelimited(text: str, delimiter: str) -> str:
    """Return text outside quotes with MySQL's delimiter replaced by semicolons, and semicolons inside routines by blanks."""
    if delimiter == ";":
        return text
    mark = ";" + " " * (len(delimiter) - 1)
    return mark.join(piece.replace(";", " ") for piece in text.split(delimiter))


def _conditional(comment: str) -> str:
    """Return the part of a conditional comment that MySQL executes, at the same offset."""
    opened = re.match(r"/\*M?!\d*", comment)
    head = opened.end() if opened else 2
    body = comment[head:-2]
    return " " * head + (_blank(body) if body.lstrip().startswith("\\") else body) + "  "


def _semicolon(text: str) -> str:
    blank = _blank(text)
    at = len(text) - len(text.lstrip())
    return blank[:at] + ";" + blank[at + 1 :]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _pattern(dialect: str) -> re.Pattern[str]:
    """Return the pattern of a dialect for quotes and comments, which are not searched, and for text that is not SQL."""
    text = r"'(?:[^'\\]|\\.|'')*'" if dialect in _BACKSLASH else r"[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'"
    wide = r'"(?:[^"\\]|\\.)*"' if dialect in ("databricks", "mysql", "bigquery") else r'"(?:[^"]|"")*"'
    kept = [text, wide, r"`[^`]*`", r"--[^\n]*"]
    own = [
        r"(?P<copy>(?P<copy_head>^COPY\s[^;]*?\bFROM\s+STDIN\b[^;]*;[^\n]*\n)(?s:.*?)(?:(?P<copy_end>^\\\.[ \t]*\r?$)|\Z))",
        r"(?P<meta>^\\[a-zA-Z!?][^\n]*$)",
    ]
    if dialect == "mysql":
        own += [
            r"(?P<condition>/\*M?!(?s:.*?)\*/)",
            r"(?P<delimiter>^[ \t]*DELIMITER[ \t]+(?P<mark>\S+)[^\n]*$)",
            r"(?P<hash>\#[^\n]*)",
        ]
    if dialect in ("postgres", "snowflake", "databricks", "bigquery"):
        kept.append(r"\$(?P<tag>\w*)\$(?s:.*?)\$(?P=tag)\$")
    if dialect == "tsql":
        kept.append(r"\[[^\]\n]*\]")
        own.append(r"(?P<batch>^[ \t]*GO(?:[ \t]+\d+)?[ \t]*;?[ \t]*\r?$)")
    if dialect == "oracle":
        own.append(r"(?P<batch>^[ \t]*/[ \t]*\r?$)")
        own.append(
            r"(?P<plus>^[ \t]*(?:SET[ \t]+(?:DEFINE|ECHO|SERVEROUTPUT|FEEDBACK|SQLBLANKLINES|TERMOUT|VERIFY|SCAN|"
            r"LINESIZE|PAGESIZE|HEADING)"
            r"|CONN|CONNECT|PROMPT|REM|REMARK|SPOOL|WHENEVER|EXIT)\b[^\n]*$)"
        )
    comment = r"/\*(?s:.*?)\*/"
    ordered = [*own, *kept, comment]
    return re.compile("|".join(f"(?:{p})" for p in ordered), re.IGNORECASE | re.MULTILINE)
