"""Checks SQL from a model: one query or one expression over the space's tables, with pure built-in functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.design.genie.space_sql import bind_sql
from lampkeeper.model.schema import Table

_REFUSED: tuple[Any, ...] = (
    exp.DDL, exp.DML, exp.Drop, exp.Command, exp.Into, exp.With, exp.QueryTransform, exp.Lateral, exp.Hint, exp.Version,
    exp.Parameter, exp.Secret,
)  # fmt: skip
_BUILT_IN = frozenset({"any_value", "now", "try_divide", "nvl", "nvl2", "ifnull", "date_part", "weekofyear", "make_date"})
"""Pure functions without a class in the parser; every other function without a class is refused, because it may read files,
open connections, or be user-defined."""


def query_problems(sql: str, tables: Mapping[str, Table], parameters: Sequence[str]) -> Iterable[str]:
    """Yield the errors of an example query over these tables (by casefolded plain name) with these parameters."""
    tree, problem = _parsed(sql)
    if tree is None:
        yield problem
        return
    if not isinstance(tree, exp.Select | exp.SetOperation):
        yield "it must be one SELECT"
        return
    yield from _refused(tree)
    found = [*tree.find_all(exp.Table)]
    if not found:
        yield "it reads no table of the space"
    for table in found:
        full = ".".join(p.name for p in table.parts)
        if full.casefold() not in tables:
            yield f"table {full!r} is not in the space: write catalog.schema.table"
    marks = [p.name for p in tree.find_all(exp.Placeholder)]
    if set(marks) != set(parameters) or len(set(parameters)) != len(parameters):
        yield f"its parameters {sorted(set(marks))} are not those listed {sorted(parameters)}"
    yield from bind_sql(sql, tables, {}, ())


def expression_problems(sql: str, kind: str, tables: Mapping[str, Table]) -> Iterable[str]:
    """Yield the errors of a filter, expression or measure over these tables."""
    tree, problem = _parsed(sql)
    if tree is None:
        yield problem
        return
    if not isinstance(tree, exp.Condition) or tree.find(exp.Query, exp.Table, exp.Placeholder):
        yield "it must be one expression, without SELECT and parameters"
        return
    yield from _refused(tree)
    aggregates = tree.find(exp.AggFunc) is not None
    if aggregates != (kind == "measures"):
        yield "a measure must be an aggregate" if kind == "measures" else "only a measure may be an aggregate"
    if kind == "filters" and not isinstance(tree, exp.Predicate | exp.Connector | exp.Not | exp.Paren):
        yield "a filter must be a condition"
    columns = [*tree.find_all(exp.Column)]
    if not columns and not tree.find(exp.Star):
        yield "it names no column"
    if any(not c.table for c in columns):
        yield "write columns as table.column"
    yield from bind_sql(sql, tables, {}, ())


def _parsed(sql: str) -> tuple[Any, str]:
    """Return the one statement of a text, or None and the error. Any, because the parser's type hints are incomplete."""
    try:
        trees = sqlglot.parse(sql, dialect="databricks")
    except SqlglotError as error:
        return None, f"does not parse: {str(error).splitlines()[0]}"
    except RecursionError:
        return None, "is nested too deep"
    first = trees[0] if len(trees) == 1 else None
    return (first, "") if isinstance(first, exp.Expression) else (None, "it must be one statement")


def _refused(tree: Any) -> Iterable[str]:
    for node in tree.walk():
        if node.comments:
            yield "it has a comment"
        if isinstance(node, _REFUSED):
            yield f"{type(node).__name__.upper()} is not allowed"
        if isinstance(node, exp.Dot | exp.Anonymous | exp.AnonymousAggFunc) and not (
            isinstance(node, exp.Anonymous) and node.name.casefold() in _BUILT_IN
        ):
            yield f"{node.sql(dialect='databricks')[:80]!r} is not an allowed function: use built-in functions"
