"""Reads the functions that a SQL text defines, and their numbers of parameters, from its tokens.

Unlike the reader of `masking_functions.sql` it tolerates errors elsewhere in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lampkeeper.text.sql_lexer import SqlToken, TokenKind, scan_sql

_OPEN, _CLOSE = frozenset("(<["), frozenset(")>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionHead:
    """A definition's name, in one to three parts, and the number of its parameters."""

    parts: tuple[str, ...]
    arguments: int


def parse_sql_functions(text: str) -> frozenset[str]:
    """Return the bare names of the functions that a text defines, outside of comments and strings."""
    return frozenset(head.parts[-1] for head in function_heads(text))


def parse_sql_function_arg_counts(text: str) -> dict[str, int]:
    """Return the number of parameters by bare name; of two definitions of a name the last counts, as when they are run."""
    return {head.parts[-1]: head.arguments for head in function_heads(text)}


def function_heads(text: str) -> Iterator[FunctionHead]:
    """Yield the head of every CREATE FUNCTION with a complete parameter list, in order."""
    tokens = [t for t in scan_sql(text).tokens if t.kind is not TokenKind.COMMENT]
    index = 0
    while index < len(tokens):
        start = _after_create(tokens, index)
        index += 1
        if start is None:
            continue
        parts, at = _name(tokens, start)
        count = _count(tokens, at) if parts else None
        if count is not None:
            yield FunctionHead(parts=parts, arguments=count)


def _after_create(tokens: list[SqlToken], index: int) -> int | None:
    """Return the index of the name if CREATE [OR REPLACE] [TEMPORARY] FUNCTION [IF NOT EXISTS] begins at `index`."""

    def words(at: int, *wanted: str) -> bool:
        ahead = tokens[at : at + len(wanted)]
        return [t.text.upper() for t in ahead if t.kind is TokenKind.WORD] == list(wanted)

    if not words(index, "CREATE"):
        return None
    at = index + 1
    at += 2 if words(at, "OR", "REPLACE") else 0
    at += 1 if words(at, "TEMPORARY") or words(at, "TEMP") else 0
    if not words(at, "FUNCTION"):
        return None
    at += 1
    return at + 3 if words(at, "IF", "NOT", "EXISTS") else at


def _name(tokens: list[SqlToken], at: int) -> tuple[tuple[str, ...], int]:
    parts: list[str] = []
    while at < len(tokens) and tokens[at].kind in (TokenKind.WORD, TokenKind.NAME):
        parts.append(tokens[at].value)
        at += 1
        if at >= len(tokens) or not tokens[at].is_mark("."):
            break
        at += 1
    return tuple(parts), at


def _count(tokens: list[SqlToken], at: int) -> int | None:
    if at >= len(tokens) or not tokens[at].is_mark("("):
        return None
    depth, commas, some = 0, 0, False
    for token in tokens[at:]:
        mark = token.text if token.kind is TokenKind.MARK else ""
        if mark in _OPEN:
            depth += 1
        elif mark in _CLOSE:
            depth -= 1
            if depth == 0:
                return commas + 1 if some else 0
        elif depth == 1 and mark == ",":
            commas += 1
        some = some or depth > 1 or (depth == 1 and mark != "(")
    return None
