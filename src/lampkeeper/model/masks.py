"""The functions of policies: masking functions and row filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from lampkeeper.model.errors import UsageError
from lampkeeper.model.hash_key import is_keyed
from lampkeeper.model.names import FunctionName
from lampkeeper.text.digest import digest_of
from lampkeeper.text.sql_lexer import SqlTextError, TokenKind, scan_sql, split_outside
from lampkeeper.text.sql_quoting import identifier_value, quote_identifier, quote_string


class FunctionRole(StrEnum):
    """A mask takes the column's value as its first argument; a filter returns whether to show a row."""

    MASK = "mask"
    FILTER = "filter"

    @classmethod
    def by_type(cls, returns: str) -> FunctionRole:
        """Return the role of a function by the type that it returns: a filter returns BOOLEAN. Catalogs do not store the role."""
        return cls.FILTER if returns.upper() == "BOOLEAN" else cls.MASK


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Parameter:
    """A parameter: name and Databricks SQL type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class FunctionExample:
    """SQL literals of the arguments and of the returned value (`NULL` for null)."""

    arguments: tuple[str, ...]
    returns: str

    @classmethod
    def parse(cls, text: str) -> FunctionExample:
        """Read `'in', 2 -> 'out'`, or `() -> 'out'`; raise UsageError for anything else."""
        try:
            sides = split_outside(text, "->")
            arguments = split_outside(sides[0], ",") if sides else ()
        except SqlTextError as error:
            raise UsageError(f"an example whose {error}", fix=f"end it with {error.close}" if error.close else "") from None
        if len(sides) != 2 or not sides[1]:
            raise UsageError("an example without ->", fix="write -- example: 'in' -> 'out'")
        return cls(arguments=() if arguments == ("()",) else arguments, returns=sides[1])


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Function:
    """A SQL function for Unity Catalog: `body` is the expression after RETURN.

    The body of a keyed function contains placeholders and never the key (see `hash_key`); `key_id` identifies the key for
    them, or the key in the live function; empty for none or an unknown key.
    """

    name: FunctionName
    role: FunctionRole
    parameters: tuple[Parameter, ...]
    returns: str
    body: str
    comment: str = ""
    examples: tuple[FunctionExample, ...] = ()
    key_id: str = ""

    @property
    def keyed(self) -> bool:
        """Return whether the function needs the environment's key."""
        return is_keyed(self.body)

    @property
    def digest(self) -> str:
        """Return 16 hex digits that depend on signature and body, but not on comments, blanks or the key."""
        signature = ",".join(f"{p.name.lower()} {p.type.upper()}" for p in self.parameters)
        text = f"({signature})->{self.returns.upper()}:{significant(self.body)}"
        return digest_of(text, digits=16)

    @property
    def denies(self) -> bool:
        """Return whether this is a filter that hides every row."""
        return self.role is FunctionRole.FILTER and unquoted(self.body).strip("() ").upper() == "FALSE"

    @property
    def blanks(self) -> bool:
        """Return whether this is a mask that returns NULL for every value."""
        return self.role is FunctionRole.MASK and _BLANK.fullmatch(unquoted(self.body)) is not None

    def create_sql(self) -> str:
        """Return the CREATE OR REPLACE FUNCTION statement, every name quoted."""
        parameters = ", ".join(f"{quote_identifier(p.name)} {p.type}" for p in self.parameters)
        comment = f" COMMENT {quote_string(self.comment)}" if self.comment else ""
        return f"CREATE OR REPLACE FUNCTION {self.name.sql}({parameters}) RETURNS {self.returns}{comment} RETURN {self.body}"


_BLANK = re.compile(r"\s*(?:NULL|CAST ?\( ?NULL AS [^()]+(?:\([^()]*\))? ?\))\s*", re.IGNORECASE)
_REMEMBERED = 4096
"""Functions are compared repeatedly, so their parsed bodies are cached."""


@lru_cache(maxsize=_REMEMBERED)
def significant(sql: str) -> str:
    """Return SQL without comments and with runs of blanks collapsed; strings and quoted names stay as written."""
    return "".join(text for _, text in _pieces(sql)).strip()


@lru_cache(maxsize=_REMEMBERED)
def unquoted(sql: str) -> str:
    """Return SQL without comments, with empty strings for literals and without back-ticks around names.

    A part that cannot be tokenized counts as code, because it may not be a string.
    """
    pieces = ("''" if k is TokenKind.STRING else identifier_value(t) if k is TokenKind.NAME else t for k, t in _pieces(sql))
    return "".join(pieces).strip()


def _pieces(sql: str) -> Iterator[tuple[TokenKind, str]]:
    """Yield the tokens, and one blank for the blanks and comments between two; then the rest that cannot be read, if any."""
    scan = scan_sql(sql)
    at = 0
    for token in scan.tokens:
        if token.kind is TokenKind.COMMENT:
            continue
        if token.start > at:
            yield TokenKind.MARK, " "
        yield token.kind, token.text
        at = token.end
    if scan.error is not None:
        yield TokenKind.MARK, sql[at:]


def digests_with_calls(functions: Iterable[Function]) -> dict[FunctionName, str]:
    """Return a digest for each function that depends on its body and on the functions that it calls, if they are given."""
    known = tuple(functions)
    by_name: dict[str, list[Function]] = {}
    for function in known:
        by_name.setdefault(function.name.function.casefold(), []).append(function)
    calls = {f.name: _called(f, by_name) for f in known}
    found = {}
    for function in known:
        reached: dict[FunctionName, str] = {}
        waiting = list(calls[function.name])
        while waiting:
            each = waiting.pop()
            if each.name not in reached and each.name != function.name:
                reached[each.name] = each.digest
                waiting += calls[each.name]
        text = "|".join([function.digest, *(reached[n] for n in sorted(reached))])
        found[function.name] = digest_of(text, digits=16) if reached else function.digest
    return found


def _called(function: Function, by_name: Mapping[str, list[Function]]) -> list[Function]:
    return [f for word in called_names(function.body) for f in by_name.get(word, ())]


def called_names(sql: str) -> tuple[str, ...]:
    """Return the last part of each name before a parenthesis, case-folded, in order."""
    return tuple(dict.fromkeys(word.casefold() for word in re.findall(r"(\w+) ?\(", unquoted(sql))))
