"""Which columns the columns of a query come from, and whether their values or only figures over many rows arrive.

A figure is the result of an aggregate function in `FIGURES`. MIN, MAX, FIRST, ANY_VALUE, MODE, percentiles, COLLECT_LIST,
COLLECT_SET, MAX_BY, LISTAGG and functions that are not known here return values of single rows; so do BOOL_AND and BOOL_OR,
the minimum and maximum of a flag. The same holds for every function over a window (`SUM(salary) OVER (ORDER BY hired)` shows
each salary as a difference of two rows).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot

FIGURES = frozenset(
    {"count", "count_if", "approx_count_distinct", "approx_distinct", "sum", "try_sum", "avg", "mean", "try_avg"}
    | {"stddev", "stddev_samp", "stddev_pop", "std", "variance", "var_samp", "var_pop", "variance_pop", "skewness", "kurtosis"}
    | {"corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope"}
    | {"hll_sketch_agg"}
)
"""Aggregate functions whose result shows no single value (source: platform docs, list of built-in aggregate functions)."""

_DIALECT = "databricks"
_MOST_DEPTH = 40
Parts = tuple[str, ...]
Tables = dict[str, dict[str, dict[str, str]]]
Schema = dict[str, Tables]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The columns that one column of a query comes from: those whose values arrive, and those that arrive as figures alone.

    A table is named by its parts as the query writes them, in lower case. `whole`: nothing in the expression stayed unresolved.
    """

    values: frozenset[tuple[Parts, str]] = frozenset()
    figures: frozenset[tuple[Parts, str]] = frozenset()
    whole: bool = True


@dataclass(slots=True)
class _Found:
    values: set[tuple[Parts, str]] = field(default_factory=set)
    figures: set[tuple[Parts, str]] = field(default_factory=set)
    whole: bool = True
    seen: set[tuple[int, int, bool]] = field(default_factory=set)


def schema_of(snapshot: Snapshot, more: Iterable[ColumnName] = ()) -> Schema:
    """Return the tables of a snapshot, and further columns, as the nested mapping that resolves `*` and bare names."""
    found: Schema = {}
    columns = [(name, column.type) for name, column in snapshot.columns()]
    for name, type_text in (*columns, *((c, "STRING") for c in more)):
        tables = found.setdefault(name.table.catalog.lower(), {}).setdefault(name.table.schema.lower(), {})
        tables.setdefault(name.table.table.lower(), {}).setdefault(name.column.lower(), type_text)
    return found


def trace_query(text: str, schema: Schema, target: Sequence[str] = ()) -> Mapping[str, Sources] | None:
    """Return the sources of each column that a query or a statement with a query writes, by its name in lower case.

    `target` are the columns of the written table, for an INSERT without a list of columns. None: the text has no query that can
    be traced (it does not parse, or it is a MERGE or an UPDATE).
    """
    try:
        parsed = parse_one(text, dialect=_DIALECT)
        query, names = _query_of(parsed, target)
        if query is None:
            return None
        options: dict[str, Any] = {
            "schema": schema,
            "validate_qualify_columns": False,
            "quote_identifiers": False,
            "identify": False,
        }
        qualified = qualify(query.copy(), dialect=_DIALECT, **options)
        scope = build_scope(qualified)
        if scope is None:
            return None
        outputs = _names_of(scope)
        wanted = names or outputs
        if "*" in outputs or len(wanted) != len(outputs):
            return None
        return {name: _sources(scope, at) for at, name in enumerate(wanted)}
    except (SqlglotError, RecursionError, ValueError, KeyError):
        return None


def figures_alone(traced: Mapping[str, Sources] | None, source: ColumnName, target: ColumnName) -> bool:
    """Return whether a traced statement writes `target` from `source` as figures alone; False whenever that is not shown."""
    found = traced.get(target.column.lower()) if traced is not None else None
    if found is None or not found.whole:
        return False

    def holds(sources: Iterable[tuple[Parts, str]]) -> bool:
        return any(_names(parts, source.table) and column == source.column.lower() for parts, column in sources)

    return holds(found.figures) and not holds(found.values)


def _names(parts: Parts, table: TableName) -> bool:
    """Return whether a table as a query writes it, perhaps without catalog and schema, may be this table."""
    return tuple(p.lower() for p in table.parts[-len(parts) :]) == parts


def _query_of(parsed: exp.Expr, target: Sequence[str]) -> tuple[exp.Query | None, list[str]]:
    """Return the query of a statement, and the names of the columns that it writes if they are not the query's own."""
    if isinstance(parsed, exp.Query):
        return parsed, []
    if not isinstance(parsed, exp.Create | exp.Insert):
        return None, []
    query, into = parsed.expression, parsed.this
    if not isinstance(query, exp.Query):
        return None, []
    if isinstance(into, exp.Schema) and into.expressions:
        return query, [str(e.name).lower() for e in into.expressions]
    if isinstance(parsed, exp.Insert) and not parsed.args.get("by_name"):
        return (query, [n.lower() for n in target]) if target else (None, [])
    return query, []


def _sources(scope: Scope, at: int) -> Sources:
    found = _Found()
    _collect(scope, at, found, figure=False, depth=0)
    return Sources(values=frozenset(found.values), figures=frozenset(found.figures), whole=found.whole)


def _collect(scope: Scope, at: int, found: _Found, *, figure: bool, depth: int) -> None:
    """Add what the column at a position of a query comes from."""
    if depth > _MOST_DEPTH:
        found.whole = False
        return
    if (id(scope), at, figure) in found.seen:  # a recursive query reads itself
        return
    found.seen.add((id(scope), at, figure))
    if isinstance(scope.expression, exp.SetOperation):
        for one in scope.set_operation_scopes:
            _collect(one, at, found, figure=figure, depth=depth + 1)
        return
    items = getattr(scope.expression, "expressions", ())
    if at >= len(items):
        found.whole = False
        return
    item = items[at]
    if item.find(exp.Query) is not None:
        found.whole = False  # a query within an expression
        return
    for column in item.find_all(exp.Column):
        if _filters(column, item):
            continue
        _resolve(scope, column, found, figure=figure or _is_figure(column, item), depth=depth)


def _resolve(scope: Scope, column: exp.Column, found: _Found, *, figure: bool, depth: int) -> None:
    source = scope.sources.get(column.table)
    if isinstance(source, Scope):
        names = _names_of(source)
        if column.name.lower() in names:
            _collect(source, names.index(column.name.lower()), found, figure=figure, depth=depth + 1)
            return
    if isinstance(source, exp.Table):
        parts = tuple(p.name.lower() for p in source.parts)
        (found.figures if figure else found.values).add((parts, column.name.lower()))
        return
    found.whole = False


def _names_of(scope: Scope) -> list[str]:
    """Return the names of the columns of a query, in lower case."""
    query: Any = scope.expression
    return [str(n).lower() for n in query.named_selects]


def _is_figure(column: exp.Expr, item: exp.Expr) -> bool:
    """Return whether an aggregate function without a window stands between a column and the item of its SELECT."""
    inside = False
    for node in _above(column, item):
        if isinstance(node, exp.Window):
            return False
        inside = inside or (isinstance(node, exp.Func) and bool(FIGURES & _function_names(node)))
    return inside


def _filters(column: exp.Expr, item: exp.Expr) -> bool:
    """Return whether a column only chooses rows: `count(a) FILTER (WHERE b > 1)` holds nothing of b."""
    below: exp.Expr | None = None
    for node in _above(column, item):
        if isinstance(node, exp.Filter) and node.expression is below:
            return True
        below = node
    return False


def _above(column: exp.Expr, item: exp.Expr) -> Iterator[exp.Expr]:
    node: exp.Expr | None = column
    while node is not None:
        yield node
        if node is item:
            return
        node = node.parent


def _function_names(node: exp.Func) -> frozenset[str]:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        return frozenset({str(node.name).lower()})
    return frozenset(str(name).lower() for name in node.sql_names())
