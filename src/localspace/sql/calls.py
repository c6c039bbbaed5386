"""Function calls in SQL text, found by tokens: name path, arguments, extent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localspace.core.lexer import Token

IDENTITY_FUNCTIONS = frozenset(
    {"is_account_group_member", "is_member", "current_user", "session_user", "user"}
    | {"current_catalog", "current_database", "current_schema", "current_metastore"}
)
"""Functions whose answer depends on the caller: replaced by literals before the engine sees the text."""

# Words that may stand before a parenthesis without being a function.
_NOT_CALLS = frozenset(
    [
        "AND",
        "OR",
        "NOT",
        "IN",
        "EXISTS",
        "AS",
        "ON",
        "USING",
        "OVER",
        "VALUES",
        "SELECT",
        "FROM",
        "WHERE",
        "BY",
        "HAVING",
        "LIMIT",
        "UNION",
        "ALL",
        "EXCEPT",
        "INTERSECT",
        "MINUS",
        "DISTINCT",
        "WHEN",
        "THEN",
        "ELSE",
        "CASE",
        "BETWEEN",
        "LIKE",
        "ILIKE",
        "RLIKE",
        "FILTER",
        "WITHIN",
        "GROUP",
        "JOIN",
        "LATERAL",
        "INNER",
        "LEFT",
        "RIGHT",
        "FULL",
        "CROSS",
        "ANTI",
        "SEMI",
        "SETS",
        "CUBE",
        "ROLLUP",
        "TABLESAMPLE",
        "PIVOT",
        "UNPIVOT",
        "FOR",
        "WITH",
        "ANY",
        "SOME",
        "ROWS",
        "RANGE",
        "QUALIFY",
        "OFFSET",
        "ORDER",
        "PARTITION",
        "DECIMAL",
        "VARCHAR",
        "CHAR",
        "NUMERIC",
        "DEC",
        "RETURN",
        "TABLE",
        "INTERVAL",
        "NULLS",
        "ESCAPE",
        "SET",
        "EXTEND",
        "GEOGRAPHY",
        "GEOMETRY",
    ]
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call `path(arguments)`; `first` and `close` are token indexes of the name's start and the closing parenthesis."""

    path: tuple[str, ...]
    quoted: bool
    first: int
    open: int
    close: int
    arguments: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """Return the last part of the name, lower case."""
        return self.path[-1].casefold()


def find_calls(tokens: list[Token]) -> Iterator[Call]:
    """Return every `name(...)` of a statement, the innermost and rightmost first."""
    closing = _closing(tokens)
    for index in range(len(tokens) - 1, 0, -1):
        if not _is_symbol(tokens[index], "("):
            continue
        last = index - 1
        token = tokens[last]
        if token.kind not in ("word", "name") or index not in closing:
            continue
        first = last
        while first >= 2 and _is_symbol(tokens[first - 1], ".") and tokens[first - 2].kind in ("word", "name"):
            first -= 2
        path = tuple(tokens[at].text for at in range(first, last + 1, 2))
        if len(path) == 1 and token.kind == "word" and token.text.upper() in _NOT_CALLS:
            continue
        close = closing[index]
        yield Call(path, token.kind == "name", first, index, close, _arguments(tokens, index, close))


def call_name(tokens: list[Token], call: Call) -> str:
    """Return what the engine would call a column that is this call: the text without quotes around strings."""
    return "".join(", " if token.text == "," else token.text for token in tokens[call.first : call.close + 1])


def _arguments(tokens: list[Token], open_: int, close: int) -> tuple[tuple[int, int], ...]:
    if close == open_ + 1:
        return ()
    found: list[tuple[int, int]] = []
    start = open_ + 1
    depth = 0
    for at in range(open_ + 1, close):
        token = tokens[at]
        if token.kind == "symbol":
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and depth == 0:
                found.append((start, at))
                start = at + 1
    found.append((start, close))
    return tuple(found)


def _closing(tokens: list[Token]) -> dict[int, int]:
    stack: list[int] = []
    found: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if _is_symbol(token, "("):
            stack.append(index)
        elif _is_symbol(token, ")") and stack:
            found[stack.pop()] = index
    return found


def _is_symbol(token: Token, text: str) -> bool:
    return token.kind == "symbol" and token.text == text
