"""The tokens of one statement, read from left to right: names, types, expressions, brackets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from lampkeeper.files.sql_relations import Parts
from lampkeeper.files.sql_statements import Statement, word_of
from lampkeeper.model.errors import UsageError

_CLOSE = {TokenType.L_PAREN: TokenType.R_PAREN, TokenType.L_BRACKET: TokenType.R_BRACKET, TokenType.LT: TokenType.GT}
STRINGS = frozenset(
    {TokenType.STRING, TokenType.RAW_STRING, TokenType.NATIONAL_STRING, TokenType.HEREDOC_STRING, TokenType.UNICODE_STRING}
)  # fmt: skip
_TYPE_TAIL = frozenset(
    {
        "UNSIGNED", "SIGNED", "ZEROFILL", "VARYING", "PRECISION", "RAW", "ARRAY", "LARGE", "OBJECT", "YEAR",
        "MONTH", "DAY", "HOUR",
        "MINUTE", "SECOND", "TO", "LOCAL", "CHARACTER VARYING", "CHAR VARYING", "CHARACTER LARGE OBJECT",
    }
)  # fmt: skip
_LINKS = frozenset({"AND", "OR", "IS", "AT", "LIKE", "IN", "BETWEEN", "DIV", "MOD", "ZONE", "TIME ZONE", "TIME", "INTERVAL"})
_PREFIXES = frozenset({"NOT", "CASE", "INTERVAL", "PRIOR", "DISTINCT"})
_UNITS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "DAYS", "HOURS", "MINUTES", "MICROSECOND", "WEEK"})
_MOST_PARTS = 3


class Cursor:
    """A position in the tokens of a statement."""

    def __init__(self, statement: Statement, at: int = 0) -> None:
        self.statement = statement
        self.tokens: Sequence[Token] = statement.tokens
        self.at = at

    @property
    def done(self) -> bool:
        """Return whether all tokens have been read."""
        return self.at >= len(self.tokens)

    @property
    def line(self) -> int:
        """Return the line of the next token, or of the last one at the end."""
        return self.statement.script.line(self._offset())

    def word(self, ahead: int = 0) -> str:
        """Return the next unquoted word in upper case; empty for anything else."""
        at = self.at + ahead
        return word_of(self.tokens[at]) if at < len(self.tokens) else ""

    def kind(self, ahead: int = 0) -> TokenType | None:
        """Return the type of the next token."""
        at = self.at + ahead
        return self.tokens[at].token_type if at < len(self.tokens) else None

    def take(self, *words: str) -> bool:
        """Skip these words if they are next; return whether they were."""
        at = self.at
        left = list(words)
        while left and at < len(self.tokens):
            parts = word_of(self.tokens[at]).split()
            if not parts or parts != left[: len(parts)]:
                return False
            left = left[len(parts) :]
            at += 1
        if left:
            return False
        self.at = at
        return True

    def take_any(self, *words: str) -> str:
        """Skip the next word if it is one of these, and return it."""
        found = self.word()
        if found not in words:
            return ""
        self.at += 1
        return found

    def take_number(self) -> bool:
        """Skip a number if it is next; return whether it was."""
        found = self.kind() is TokenType.NUMBER
        self.at += found
        return found

    def error(self, message: str, fix: str = "") -> UsageError:
        """Return an error with the location of the next token."""
        shown = repr(str(self.tokens[self.at].text)[:30]) if not self.done else "the end of the statement"
        dialect = self.statement.script.dialect
        what = f"{self.statement.script.exact_location(self._offset())}: not a statement of {dialect}: {message}, found {shown}"
        return UsageError(what, fix=fix or "correct it, or name the dialect")

    def name(self) -> str:
        """Read one part of a name."""
        kind = self.kind()
        if kind is None or kind in (TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA, TokenType.DOT, TokenType.EQ):
            raise self.error("expected a name")
        token = self.tokens[self.at]
        self.at += 1
        if kind is TokenType.IDENTIFIER:
            return str(token.text)
        raw = self._raw(token)
        while not self.done and int(self.tokens[self.at].start) == int(token.end) + 1 and self._is_word():
            token = self.tokens[self.at]  # the tokenizer splits `2fa` into a number and a word
            raw += self._raw(token)
            self.at += 1
        return raw

    def names(self) -> list[str]:
        """Read a name with its qualifiers."""
        found = [self.name()]
        while self.kind() is TokenType.DOT:
            self.at += 1
            found.append(self.name())
        if len(found) == 1 and self.statement.script.dialect == "bigquery":
            found = found[0].split(".")
        return found

    def parts(self) -> Parts:
        """Read the name of a relation."""
        found = self.names()
        if len(found) > _MOST_PARTS or not all(found):
            raise self.error(f"{'.'.join(found)!r} is not the name of a table")
        return (found[-3] if len(found) > 2 else "", found[-2] if len(found) > 1 else "", found[-1])

    def string(self) -> str:
        """Read a string, with or without an equals sign before it; raise UsageError if there is none."""
        if self.kind() is TokenType.EQ:
            self.at += 1
        if self.kind() not in STRINGS:
            raise self.error("expected a quoted string")
        found = str(self.tokens[self.at].text)
        self.at += 1
        return found

    def skip_brackets(self) -> str:
        """Skip a bracket with its content and return its text."""
        begin = self.at
        wanted: list[TokenType] = []
        while not self.done:
            kind = self.tokens[self.at].token_type
            angle = kind in (TokenType.LT, TokenType.GT) and self.tokens[begin].token_type is not TokenType.LT
            if not angle and kind in _CLOSE:
                wanted.append(_CLOSE[kind])
            elif not angle and kind in _CLOSE.values() and (not wanted or wanted.pop() is not kind):
                raise self.error("unexpected closing bracket")
            self.at += 1
            if not wanted:
                return self.text(begin)
        raise self.error("a bracket is not closed")

    def text(self, begin: int) -> str:
        """Return the text from a token up to here, with runs of blanks collapsed."""
        if begin >= self.at:
            return ""
        script = self.statement.script
        return " ".join(script.text[int(self.tokens[begin].start) : int(self.tokens[self.at - 1].end) + 1].split())

    def type_text(self) -> str:
        """Read a type: its name, arguments, and the words that belong to it."""
        begin = self.at
        first = self.word()
        if self.take("NATIONAL") or self.take("LONG"):
            self.take_any("CHARACTER", "CHAR", "VARCHAR", "RAW", "VARYING")
        else:
            self.names()
        while not self.done:
            kind, word = self.kind(), self.word()
            opens_list = (
                kind is TokenType.LT and first.split()[:1] and first.split()[0] in ("ARRAY", "MAP", "STRUCT", "RANGE", "TABLE")
            )
            if kind in (TokenType.L_PAREN, TokenType.L_BRACKET) or opens_list:
                self.skip_brackets()
            elif word in ("WITH", "WITHOUT") and self.word(1).split()[:1] in (["TIME"], ["LOCAL"]):
                while not self.done and not self.word().endswith("ZONE"):
                    self.at += 1
                self.at += 1
            elif word in _TYPE_TAIL and not (word in ("YEAR", "MONTH", "DAY", "HOUR") and self._precedes_type()):
                self.at += 1
            else:
                break
        return self.text(begin)

    def skip_expression(self) -> None:
        """Skip one expression: operands joined by operators; a word after an operand ends it."""
        wants = True
        while not self.done and self.kind() not in (TokenType.COMMA, TokenType.R_PAREN):
            kind, word = self.kind(), self.word()
            if kind in (TokenType.L_PAREN, TokenType.L_BRACKET):
                self.skip_brackets()
                wants = False
            elif kind is TokenType.DCOLON:
                self.at += 1
                self.type_text()
                wants = False
            elif not self._is_word() and kind not in STRINGS and kind is not TokenType.NUMBER:
                self.at += 1
                wants = True
            elif wants and word == "CASE":
                self._skip_case()
                wants = False
            elif wants and word == "NEXT" and self.take("NEXT", "VALUE", "FOR"):
                self.names()
                wants = False
            elif word in _LINKS or (wants and word in _PREFIXES):
                self.at += 1
                wants = True
            elif wants or kind in STRINGS or (word in _UNITS and self._after_literal()):
                self.at += 1
                wants = False
            else:
                return

    def skip_to_comma(self) -> None:
        """Skip an item of a list up to its comma or the bracket that ends the list."""
        while not self.done and self.kind() not in (TokenType.COMMA, TokenType.R_PAREN):
            if self.kind() in (TokenType.L_PAREN, TokenType.L_BRACKET):
                self.skip_brackets()
            else:
                self.at += 1

    def _skip_case(self) -> None:
        depth = 0
        while not self.done:
            depth += (self.word() == "CASE") - (self.word() == "END")
            self.at += 1
            if depth == 0:
                return
        raise self.error("CASE without END")

    def _after_literal(self) -> bool:
        return self.at > 0 and self.tokens[self.at - 1].token_type in (*STRINGS, TokenType.NUMBER)

    def _precedes_type(self) -> bool:
        return self.at == 0 or (self.word(-1) not in ("INTERVAL", "TO") and self.kind(-1) is not TokenType.R_PAREN)

    def _is_word(self) -> bool:
        token = self.tokens[self.at]
        if token.token_type in (TokenType.IDENTIFIER, TokenType.NUMBER):
            return True
        first = str(token.text)[:1]
        return token.token_type not in STRINGS and (first.isalnum() or first in "_$#@")

    def _raw(self, token: Token) -> str:
        return self.statement.script.text[int(token.start) : int(token.end) + 1]

    def _offset(self) -> int:
        if not self.done:
            return int(self.tokens[self.at].start)
        return int(self.tokens[-1].end) + 1
