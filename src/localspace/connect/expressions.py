"""Expressions of Spark Connect as SQL text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from localspace.connect.columns import type_text
from localspace.connect.protocol import chosen
from localspace.connect.unsupported import UnsupportedError
from localspace.core.lexer import Cursor, quote_name, quote_path
from localspace.core.statement_runner import SqlError
from localspace.sql.parameters import literal
from localspace.sql.types import parse_type

_INFIX = {
    "==": "=", "!=": "<>", "<=>": "<=>", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "+": "+", "-": "-", "*": "*", "/": "/",
    "%": "%", "and": "AND", "or": "OR", "&": "&", "|": "|", "^": "^", "like": "LIKE", "ilike": "ILIKE", "rlike": "RLIKE",
}  # fmt: skip
_PREFIX = {"not": "NOT", "!": "NOT", "negative": "-", "-": "-", "~": "~"}
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


Sides = Mapping[int, str | None]
"""Which side of a join a plan id means, by the alias of the side; None: both sides."""
NO_SIDES: Sides = {}


def expression(message: Any, sides: Sides = NO_SIDES) -> str:
    """Return an expression as SQL; raises UnsupportedError for a kind that is not built.

    A column that a client took from a data frame (`people["id"]`) has the frame's plan id: `sides` tells which side it is of.
    """
    kind, body = chosen(message, "expr_type")
    match kind:
        case "literal":
            return _literal(body)
        case "unresolved_attribute":
            return quote_path((*_side(body, body.unparsed_identifier, sides), *_parts(body.unparsed_identifier)))
        case "unresolved_star":
            target = body.unparsed_target.removesuffix(".*")
            path = (*_side(body, "*", sides), *(_parts(target) if target else ()))
            return f"{quote_path(path)}.*" if path else "*"
        case "expression_string":
            return written(body.expression)
        case "alias" if len(body.name) == 1:
            return f"{expression(body.expr, sides)} AS {quote_name(body.name[0])}"
        case "cast" if body.eval_mode in (0, 1, 2):
            wanted = type_text(body.type) if body.HasField("type") else parse_type(body.type_str).spark
            return f"CAST({expression(body.expr, sides)} AS {wanted})"
        case "unresolved_function":
            return _call(body, sides)
        case "sort_order":
            return order(body, sides)
    raise UnsupportedError(f"the expression {kind or 'of a newer client'}", "use selectExpr or spark.sql(…)")


def _side(body: Any, name: str, sides: Sides) -> tuple[str, ...]:
    if not body.HasField("plan_id") or body.plan_id not in sides:
        return ()
    side = sides[body.plan_id]
    if side is None:
        raise SqlError(
            "AMBIGUOUS_COLUMN_REFERENCE",
            f"Column {quote_name(name)} is ambiguous. It's because you joined several DataFrame together, and some of these"
            " DataFrames are the same. Please alias the DataFrames with different names via `DataFrame.alias` before joining"
            " them.",
            "42702",
        )
    return (side,)


def order(message: Any, sides: Sides = NO_SIDES) -> str:
    """Return one part of an ORDER BY."""
    direction = "DESC" if message.direction == message.SORT_DIRECTION_DESCENDING else "ASC"
    nulls = {message.SORT_NULLS_FIRST: " NULLS FIRST", message.SORT_NULLS_LAST: " NULLS LAST"}.get(message.null_ordering, "")
    return f"{expression(message.child, sides)} {direction}{nulls}"


def listed(messages: Iterable[Any], sides: Sides = NO_SIDES) -> str:
    """Return expressions with commas between them."""
    return ", ".join(expression(one, sides) for one in messages)


def written(text: str) -> str:
    """Return SQL that a client wrote; the line's end keeps a comment in it from reaching further."""
    return text.strip().rstrip(";") + ("\n" if "--" in text else "")


def table_name(text: str) -> str:
    """Return the name of a table, quoted; raises a syntax error for anything that is more than a name."""
    return quote_path(_parts(text))


def column_name(message: Any) -> str:
    """Return the last part of a column's name."""
    return _parts(message.unresolved_attribute.unparsed_identifier)[-1]


def parameter(message: Any) -> tuple[str, str | None]:
    """Return type and value of an argument of a SQL text; only literals can be arguments."""
    if message.WhichOneof("expr_type") != "literal":
        raise UnsupportedError("a SQL parameter other than a literal", "write it into the SQL")
    return _typed(message.literal)


def _typed(body: Any) -> tuple[str, str | None]:
    kind, value = chosen(body, "literal_type")
    match kind:
        case "null":
            return type_text(value), None
        case "boolean":
            return "boolean", str(value).lower()
        case "byte" | "short" | "integer" | "long":
            return {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint"}[kind], str(value)
        case "float" | "double" | "string":
            return kind, str(value)
        case "decimal":
            return f"decimal({value.precision or 38},{value.scale})", value.value
        case "date":
            return "date", (_EPOCH + dt.timedelta(days=value)).date().isoformat()
        case "timestamp":
            return "timestamp", (_EPOCH + dt.timedelta(microseconds=value)).isoformat(sep=" ")
        case "timestamp_ntz":
            return "timestamp_ntz", (_EPOCH + dt.timedelta(microseconds=value)).replace(tzinfo=None).isoformat(sep=" ")
    raise UnsupportedError(f"a literal of type {kind or 'unknown'}")


def _literal(body: Any) -> str:
    kind = body.WhichOneof("literal_type")
    if kind == "binary":
        return f"unhex('{body.binary.hex()}')"
    if kind == "array":
        return "array(" + ", ".join(_literal(one) for one in body.array.elements) + ")"
    name, value = _typed(body)
    found = literal(parse_type(name), value)
    return f"({found})" if found.startswith("-") else found


def _call(body: Any, sides: Sides) -> str:
    if body.is_user_defined_function or not (
        body.function_name in {*_INFIX, *_PREFIX} or _FUNCTION.fullmatch(body.function_name)
    ):
        raise UnsupportedError(f"the function {body.function_name}")
    name, args = body.function_name, [expression(one, sides) for one in body.arguments]
    if name in _PREFIX and len(args) == 1:
        return f"({_PREFIX[name]} {args[0]})"
    if name in _INFIX and len(args) == 2:
        return f"({args[0]} {_INFIX[name]} {args[1]})"
    if name == "in" and len(args) > 1:
        return f"({args[0]} IN ({', '.join(args[1:])}))"
    if name == "when" and args:
        arms = "".join(f" WHEN {args[at]} THEN {args[at + 1]}" for at in range(0, len(args) - 1, 2))
        return f"CASE{arms}{f' ELSE {args[-1]}' if len(args) % 2 else ''} END"
    return f"{name}({'DISTINCT ' if body.is_distinct else ''}{', '.join(args)})"


def _parts(text: str) -> tuple[str, ...]:
    cursor = Cursor(text)
    path = cursor.path()
    cursor.end()
    return path
