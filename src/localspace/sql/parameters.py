"""Named parameters of a statement: each `:name` becomes a typed literal before anything else reads the text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from localspace.core.lexer import Edit, apply_edits, quote_text, tokenize, without_comments
from localspace.core.statement_runner import SqlError
from localspace.core.statement_text import markers
from localspace.sql.types import DataType, parse_type

Parameters = tuple[tuple[str, str | None, str | None], ...]
_WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})


def bind(statement: str, parameters: Parameters) -> str:
    """Return the statement with its markers replaced; raises UNBOUND_SQL_PARAMETER and cast errors."""
    if ":" not in statement:
        return statement
    values = {name: (kind, value) for name, kind, value in parameters}
    used = {name for name, _, _ in markers(tokenize(statement))} & values.keys()
    return replaced(statement, {name: literal(parse_type(values[name][0] or "STRING"), values[name][1]) for name in used})


def replaced(statement: str, values: Mapping[str, str]) -> str:
    """Return the statement with SQL in place of its markers, comments blanked; raises UNBOUND_SQL_PARAMETER."""
    tokens = tokenize(statement)
    edits: list[Edit] = []
    for name, start, end in markers(tokens):
        if name not in values:
            raise SqlError(
                "UNBOUND_SQL_PARAMETER",
                f"Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of the parameter to"
                " either a SQL literal or collection constructor functions.",
                "42P02",
            )
        edits.append(Edit(start, end, values[name]))
    return apply_edits(without_comments(statement, tokens), edits)


def literal(kind: DataType, value: str | None) -> str:
    """Return a typed literal; strings and whole numbers plain, so that they may stand where only literals may."""
    if value is None:
        return f"CAST(NULL AS {kind.spark})"
    if kind.name in ("string", "varchar", "char"):
        return quote_text(value)
    if kind.name in _WHOLE:
        if not re.fullmatch(r"\s*[+-]?\d+\s*", value):
            raise SqlError(
                "CAST_INVALID_INPUT",
                f'The value of a parameter of type "{kind.text.upper()}" cannot be cast because it is malformed.',
                "22018",
            )
        if kind.name == "int" and -(2**31) <= int(value) < 2**31:
            return str(int(value))
    return f"CAST({quote_text(value)} AS {kind.spark})"
