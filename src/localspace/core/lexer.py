"""SQL text: tokens with positions, a cursor for our own grammar, quoting, and edits that keep the user's text.

Tokens come from sqlglot's Databricks tokenizer; positions are characters of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError

from localspace.core.statement_runner import SqlError


class _Words(Databricks):
    """Databricks' words without sqlglot's commands, whose rest would come as one opaque token."""

    class Tokenizer(Databricks.Tokenizer):
        COMMANDS: ClassVar[set[Any]] = set()


_DIALECT = _Words()
_STRING_TYPES = frozenset({"STRING", "NATIONAL_STRING", "RAW_STRING", "HEREDOC_STRING", "UNICODE_STRING"})
_WORDS = re.compile(r"\S+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}


def quote_name(name: str) -> str:
    """Return a name in back-ticks."""
    return "`" + name.replace("`", "``") + "`"


def quote_path(path: Iterable[str]) -> str:
    """Return a multi-part name in back-ticks."""
    return ".".join(quote_name(part) for part in path)


def quote_text(value: str) -> str:
    """Return a string literal that Spark reads back as `value`."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + escaped.replace("\0", "\\0") + "'"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: kind `word`, `name` (back-ticked), `string`, `number` or `symbol`; `end` is exclusive."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of the unquoted words, upper case."""
        return self.kind == "word" and self.text.upper() in words


def tokenize(sql: str) -> list[Token]:
    """Return the tokens of a statement; raises PARSE_SYNTAX_ERROR."""
    try:
        raw = _DIALECT.tokenize(sql)
    except SqlglotError as error:
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: unterminated string or comment.", "42601") from error
    found: list[Token] = []
    for one in raw:
        start, end = one.start, one.end + 1
        if sql.startswith("/*", start):
            continue  # a hint: like a comment, it changes no answer
        # A number with a suffix (10L) comes as three tokens over one span; @v1 as two that overlap.
        if found and start < found[-1].end:
            if end <= found[-1].end:
                continue
            start = found[-1].end
        token = _token(one, sql, start, end)
        if token.kind == "string" and found and found[-1].kind == "string" and found[-1].end == start:
            # 'it''s' comes as two strings that touch: one literal with a quote in it.
            joined = sql[found[-1].start : end]
            found[-1] = Token("string", literal_value(joined), found[-1].start, end)
        elif token.kind == "word" and not token.text.isalnum():
            # sqlglot makes one token of some keyword pairs (PRIMARY KEY, ORDER BY).
            parts = list(_WORDS.finditer(token.text))
            found.extend(Token("word", part.group(), start + part.start(), start + part.end()) for part in parts)
        else:
            found.append(token)
    return found


def _token(raw: Any, sql: str, start: int, end: int) -> Token:
    name = raw.token_type.name
    source = sql[start:end]
    if name == "IDENTIFIER" and source.startswith("`"):
        return Token("name", source[1:-1].replace("``", "`"), start, end)
    if name in _STRING_TYPES:
        return Token("string", literal_value(source), start, end)
    if name == "NUMBER":
        return Token("number", source, start, end)
    if source[:1].isalpha() or source[:1] == "_" or name == "VAR":
        return Token("word", source, start, end)
    return Token("symbol", source, start, end)


def literal_value(source: str) -> str:
    """Return the value of a string literal as Spark reads it."""
    if source[:1] in "rR" and source[1:2] in "'\"":
        return source[2:-1]
    quote = source[0]
    body = source[1:-1]
    if "\\" not in body and quote not in body:
        return body
    out: list[str] = []
    index = 0
    while index < len(body):
        char = body[index]
        following = body[index + 1] if index + 1 < len(body) else ""
        if char == "\\" and following:
            if following == "u" and len(body) >= index + 6:
                try:
                    out.append(chr(int(body[index + 2 : index + 6], 16)))
                    index += 6
                    continue
                except ValueError:
                    pass  # not a code point: the letter itself, as Spark does
            # Spark keeps the backslash of \% and \_ for LIKE.
            out.append("\\" + following if following in "%_" else _ESCAPES.get(following, following))
            index += 2
            continue
        if char == quote and following == quote:
            index += 1
        out.append(char)
        index += 1
    return "".join(out)


def without_comments(sql: str, tokens: list[Token]) -> str:
    """Return the text with every comment blanked, positions kept.

    What our tokenizer takes for a comment must never be read as SQL by the engine.
    """
    out: list[str] = []
    at = 0
    for token in tokens:
        out.append("".join(char if char.isspace() else " " for char in sql[at : token.start]))
        out.append(sql[token.start : token.end])
        at = token.end
    out.append("".join(char if char.isspace() else " " for char in sql[at:]))
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of `text[start:end]`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[Edit], start: int = 0, end: int | None = None) -> str:
    """Return `text[start:end]` with the edits that lie inside it; of nested edits the outermost wins."""
    stop = len(text) if end is None else end
    chosen = sorted((e for e in edits if e.start >= start and e.end <= stop), key=lambda e: (e.start, -e.end))
    out: list[str] = []
    at = start
    for edit in chosen:
        if edit.start < at:
            continue
        out.append(text[at : edit.start])
        out.append(edit.text)
        at = edit.end
    out.append(text[at:stop])
    return "".join(out)


class Cursor:
    """Reads a statement token by token; the parts it does not understand are taken as the user's text."""

    def __init__(self, sql: str, tokens: list[Token] | None = None) -> None:
        """Start at the first token; a trailing semicolon is dropped."""
        self.sql = sql
        self.tokens = tokenize(sql) if tokens is None else tokens
        while self.tokens and self.tokens[-1].text == ";" and self.tokens[-1].kind == "symbol":
            self.tokens = self.tokens[:-1]
        self.at = 0

    @property
    def done(self) -> bool:
        """Return whether nothing is left."""
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """Return a coming token, or None at the end."""
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def take(self) -> Token:
        """Return the next token and move on."""
        token = self.peek()
        if token is None:
            raise self.error("end of input")
        self.at += 1
        return token

    def looking_at(self, *words: str) -> bool:
        """Return whether the next tokens are these words or symbols."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.kind not in ("word", "symbol") or token.text.upper() != word:
                return False
        return True

    def accept(self, *words: str) -> bool:
        """Move over these words or symbols if they come next."""
        if self.looking_at(*words):
            self.at += len(words)
            return True
        return False

    def one_of(self, *words: str) -> str | None:
        """Move over one of the words and return it upper case, or None."""
        for word in words:
            if self.accept(word):
                return word
        return None

    def expect(self, *words: str) -> None:
        """Move over these words; raises a syntax error otherwise."""
        for word in words:
            if not self.accept(word):
                raise self.error(self._found(), f"expected {word}")

    def name(self) -> str:
        """Read one name, quoted or not."""
        token = self.peek()
        if token is None or token.kind not in ("name", "word"):
            raise self.error(self._found(), "expected a name")
        if token.kind == "name" and not token.text:
            raise self.error("``", "an empty name")
        self.at += 1
        return token.text

    def path(self) -> tuple[str, ...]:
        """Read a name of one or more parts."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return tuple(parts)

    def string(self) -> str:
        """Read a string literal; adjacent literals are one, as in Spark."""
        token = self.peek()
        if token is None or token.kind != "string":
            raise self.error(self._found(), "expected a string literal")
        self.at += 1
        following = self.peek()
        return token.text + (self.string() if following is not None and following.kind == "string" else "")

    def text_from(self, first: int, last: int | None = None) -> str:
        """Return the statement's text from token index `first` up to, not including, token index `last`."""
        stop = self.at if last is None else last
        if stop <= first:
            return ""
        return self.sql[self.tokens[first].start : self.tokens[stop - 1].end]

    def skip_balanced(self) -> None:
        """Move over a parenthesised group that starts here."""
        self.expect("(")
        depth = 1
        while depth:
            token = self.take()
            if token.kind == "symbol":
                depth += (token.text == "(") - (token.text == ")")

    def skip_until(self, *stops: str) -> str:
        """Move to the next of the words or symbols outside parentheses, or to the end; return the text passed."""
        first = self.at
        while (token := self.peek()) is not None:
            if token.kind in ("word", "symbol") and token.text.upper() in stops:
                break
            if token.kind == "symbol" and token.text == "(":
                self.skip_balanced()
            else:
                self.at += 1
        return self.text_from(first)

    def rest(self) -> str:
        """Return the text that is left and move to the end."""
        first = self.at
        self.at = len(self.tokens)
        return self.text_from(first)

    def end(self) -> None:
        """Raise a syntax error unless the statement ends here."""
        if not self.done:
            raise self.error(self._found(), "extra input")

    def error(self, found: str, hint: str = "") -> SqlError:
        """Return a syntax error at this place."""
        token = self.peek()
        position = len(self.sql) if token is None else token.start
        line = self.sql.count("\n", 0, position) + 1
        column = position - (self.sql.rfind("\n", 0, position) + 1)
        suffix = f": {hint}" if hint else ""
        return SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near {found}{suffix}. (line {line}, pos {column})", "42601")

    def _found(self) -> str:
        token = self.peek()
        return "end of input" if token is None else f"'{token.text}'"
