"""Defaults of columns and parameters: constant expressions over built-in functions.

A default is written by one principal and evaluated with the rights of another, who leaves the value out: a subquery or a
function of the workspace in it would read for its author (source: platform docs, column defaults).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from localspace.core.lexer import tokenize
from localspace.core.statement_runner import SqlError
from localspace.sql.calls import Call, find_calls
from localspace.sql.parse import parse_query


def require_constant(text: str, is_function: Callable[[Call], bool]) -> str:
    """Return a default's text; raises INVALID_DEFAULT_VALUE when it reads anything. `is_function`: one of the workspace."""
    tree = parse_query(f"SELECT {text}")
    plain = isinstance(tree, exp.Select) and len(tree.expressions) == 1
    plain = plain and not any(value for name, value in tree.args.items() if name != "expressions")
    inner = [node for node in tree.find_all(exp.Query, exp.Values, exp.Subquery, exp.Table) if node is not tree]
    if not plain or inner:
        raise _refused("SUBQUERY_EXPRESSION", text, "contains a subquery")
    if tree.find(exp.Column):
        raise _refused("NOT_CONSTANT", text, "is not a constant")
    for call in find_calls(tokenize(text)):
        if len(call.path) > 1 or call.name == "identifier" or is_function(call):
            raise _refused("UNRESOLVED_EXPRESSION", text, f"calls {call.name}, which is not a built-in function")
    return text


def _refused(kind: str, text: str, why: str) -> SqlError:
    return SqlError(f"INVALID_DEFAULT_VALUE.{kind}", f"Failed to use the DEFAULT value, which {why}: {text}.", "42623")
