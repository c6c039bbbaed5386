"""EXECUTE IMMEDIATE: the statement in its text takes its place before anything is decided about it.

The text runs as if the caller had sent it: its privileges, masks and filters are those of that statement (source: platform
docs, EXECUTE IMMEDIATE).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor, Edit, apply_edits, tokenize, without_comments
from localspace.core.statement_runner import SqlError
from localspace.core.statement_text import markers
from localspace.sql import failures
from localspace.sql.constant_texts import constant_text, with_names_in_place
from localspace.sql.parameters import replaced
from localspace.sql.parse import parse_query

_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One value of USING: its SQL text, and its name if it has one."""

    text: str
    name: str | None


@rule("LS-190")
def expanded(text: str) -> str:
    """Return the statement that runs: the one in EXECUTE IMMEDIATE with its arguments in place, any other as it is."""
    for _ in range(_MAX_DEPTH):
        cursor = Cursor(text)
        if not cursor.accept("EXECUTE", "IMMEDIATE"):
            return text
        inner = constant_text(cursor, "EXECUTE IMMEDIATE", "INTO", "USING")
        if cursor.looking_at("INTO"):
            raise failures.not_supported("EXECUTE IMMEDIATE … INTO, because session variables are not supported")
        arguments = _arguments(cursor) if cursor.accept("USING") else []
        text = with_names_in_place(_bound(inner, arguments))
    raise SqlError("NESTED_EXECUTE_IMMEDIATE", f"EXECUTE IMMEDIATE nests deeper than {_MAX_DEPTH} levels.", "07501")


def _arguments(cursor: Cursor) -> list[Argument]:
    closing = _whole_group(cursor)
    if closing:
        cursor.expect("(")
    found: list[Argument] = []
    while True:
        text = cursor.skip_until(",", "AS", ")")
        # `5 AS first`, and `5 first` without AS.
        name = cursor.name() if cursor.accept("AS") else None
        if name is None:
            text, name = _unmarked_alias(text)
        found.append(Argument(text=_constant(text), name=name))
        if not cursor.accept(","):
            break
    if closing:
        cursor.expect(")")
    cursor.end()
    return found


def _whole_group(cursor: Cursor) -> bool:
    """Return whether the parenthesis that opens here closes at the end: USING (5 AS first, …)."""
    if not cursor.looking_at("(") or cursor.looking_at("(", "SELECT"):
        return False
    ahead = Cursor(cursor.sql, cursor.tokens)
    ahead.at = cursor.at
    ahead.skip_balanced()
    return ahead.done


def _unmarked_alias(text: str) -> tuple[str, str | None]:
    tokens = tokenize(text)
    if len(tokens) > 1 and tokens[-1].kind in ("word", "name") and tokens[-2].kind in ("string", "number"):
        return text[: tokens[-2].end], tokens[-1].text
    return text, None


def _constant(text: str) -> str:
    """Return an argument as it stands in the statement; raises UNSUPPORTED_EXPR_FOR_PARAMETER for one that reads anything."""
    tree = parse_query(f"SELECT {text}") if text else None
    plain = isinstance(tree, exp.Select) and len(tree.expressions) == 1
    plain = plain and tree is not None and not any(value for name, value in tree.args.items() if name != "expressions")
    if not plain or tree is None or tree.find(exp.Column, exp.Subquery, exp.Table, exp.Values, exp.Alias):
        raise SqlError(
            "UNSUPPORTED_EXPR_FOR_PARAMETER",
            f"A query parameter contains unsupported expression. Parameters can either be variables or literals. Invalid"
            f" expression: {text}",
            "42K0E",
        )
    tokens = tokenize(text)
    return text if len(tokens) == 1 else f"({text})"


def _bound(text: str, arguments: list[Argument]) -> str:
    tokens = tokenize(text)
    unnamed = [token for token in tokens if token.kind == "symbol" and token.text == "?"]
    named = {name for name, _, _ in markers(tokens)}
    if unnamed and named:
        raise SqlError(
            "INVALID_QUERY_MIXED_QUERY_PARAMETERS",
            "Parameterized query must either use positional, or named parameters.",
            "42613",
        )
    if unnamed:
        if len(unnamed) > len(arguments):
            raise SqlError("UNBOUND_SQL_PARAMETER", f"Found the unbound parameter: _{unnamed[len(arguments)].start}.", "42P02")
        edits = [Edit(token.start, token.end, one.text) for token, one in zip(unnamed, arguments, strict=False)]
        return apply_edits(without_comments(text, tokens), edits)
    if named and any(one.name is None for one in arguments):
        loose = ", ".join(one.text for one in arguments if one.name is None)
        raise SqlError(
            "ALL_PARAMETERS_MUST_BE_NAMED",
            f"Using name parameterized queries requires all parameters to be named: {loose}.",
            "07001",
        )
    return replaced(text, {one.name: one.text for one in arguments if one.name is not None})
