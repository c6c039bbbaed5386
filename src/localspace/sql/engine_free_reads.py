"""Engine-free reads of information_schema: columns, constants, equality, IN, ORDER BY, LIMIT, UNION ALL.

The rows have the same source as for the engine. Any other query returns None, and the engine runs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from localspace.core.lexer import tokenize, without_comments
from localspace.core.statement_runner import StatementResult
from localspace.sql.history_tables import history_table
from localspace.sql.information_schema import InformationSchema
from localspace.sql.made_columns import kind_of, plain_name
from localspace.sql.parse import parse_query
from localspace.sql.reader import SqlSession
from localspace.sql.system_tables import INFORMATION_SCHEMA, RESULTS, is_made_view

Row = tuple[Any, ...]
_CLAUSES = frozenset({"expressions", "from_", "where", "order", "limit", "distinct", "kind", "hint", "operation_modifiers"})


@dataclass(frozen=True, slots=True)
class _Part:
    """The answer of one SELECT: column names with kinds, rows of values."""

    columns: tuple[tuple[str, str], ...]
    rows: list[Row]


class _NeedsEngineError(Exception):
    """The query needs the engine."""


def engine_free_answer(
    text: str, session: SqlSession, information: InformationSchema, limit: int | None
) -> StatementResult | None:
    """Return the result of an engine-free read of information_schema, or None for any other; raises SqlError as it would."""
    if not any(word in text.casefold() for word in (INFORMATION_SCHEMA, RESULTS[1])):
        return None
    tree = parse_query(without_comments(text, tokenize(text)))
    try:
        parts = [_select(select, session, information) for select in _selects(tree)]
    except _NeedsEngineError:
        return None
    kinds = [tuple(kind for _, kind in part.columns) for part in parts]
    if any(one != kinds[0] for one in kinds):
        return None
    rows = [[_cell(value, kind) for value, kind in zip(row, kinds[0], strict=True)] for part in parts for row in part.rows]
    cut = limit is not None and len(rows) > limit
    return StatementResult(
        columns=tuple((name, kind, kind.split("<")[0].replace("BIGINT", "LONG")) for name, kind in parts[0].columns),
        rows=rows[:limit] if cut else rows,
        truncated=cut,
    )


def _selects(tree: exp.Expr) -> list[exp.Select]:
    if isinstance(tree, exp.Select):
        return [tree]
    if type(tree) is exp.Union and not tree.args.get("distinct"):
        if any(tree.args.get(name) for name in ("order", "limit", "with_", "offset", "by_name", "on")):
            raise _NeedsEngineError
        return [*_selects(tree.left), *_selects(tree.right)]
    raise _NeedsEngineError


def _select(select: exp.Select, session: SqlSession, information: InformationSchema) -> _Part:
    if any(value for name, value in select.args.items() if name not in _CLAUSES):
        raise _NeedsEngineError
    source = select.args.get("from_")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or not all(isinstance(part, exp.Identifier) for part in table.parts):
        raise _NeedsEngineError
    if any(value for name, value in table.args.items() if name not in ("this", "db", "catalog", "alias")):
        raise _NeedsEngineError
    path = session.table_path(tuple(part.name for part in table.parts))
    if not is_made_view(path) or history_table(path) is not None:
        raise _NeedsEngineError
    names = information.columns(path)
    scope = _Scope(names, table.alias_or_name)
    items = [scope.item(one) for one in select.expressions]
    tests = _tests(select.args.get("where"), scope)
    order = select.args.get("order")
    keys = [] if order is None else [scope.key(one) for one in order.expressions]
    if keys and (select.args.get("distinct") or any(isinstance(one, exp.Alias) for one in select.expressions)):
        raise _NeedsEngineError  # ORDER BY may mean the alias
    count = _limit(select.args.get("limit"))
    rows = [row for row in information.visible_rows(path, session.principal) if all(test(row) for test in tests)]
    for at, descending in reversed(keys):
        # NULLs come first in ascending and last in descending order, as in Spark.
        rows.sort(key=lambda row: (row[at] is not None, row[at] or ""), reverse=descending)
    columns = [column for one in items for column in one.columns]
    made: list[Row] = [tuple(value for one in items for value in one.values(row)) for row in rows]
    if select.args.get("distinct"):
        if select.args["distinct"].args.get("on"):
            raise _NeedsEngineError
        made = list(dict.fromkeys(made)) if all(kind != "ARRAY<STRING>" for _, kind in columns) else _unsupported()
    return _Part(tuple(columns), made if count is None else made[:count])


@dataclass(frozen=True, slots=True)
class _Item:
    columns: tuple[tuple[str, str], ...]
    values: Callable[[Row], Row]


class _Scope:
    """The columns of one view, by name or by alias and name."""

    def __init__(self, names: tuple[str, ...], alias: str) -> None:
        self._names = names
        self._indexes = {plain_name(name): at for at, name in enumerate(names)}
        self._alias = alias.casefold()

    def index(self, node: exp.Expr | None) -> int:
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise _NeedsEngineError
        if node.args.get("db") is not None or (node.table and node.table.casefold() != self._alias):
            raise _NeedsEngineError
        found = self._indexes.get(node.name.casefold())
        return _unsupported() if found is None else found

    def text_index(self, node: exp.Expr | None) -> int:
        at = self.index(node)
        return at if kind_of(self._names[at]) == "STRING" else _unsupported()

    def key(self, node: exp.Expr) -> tuple[int, bool]:
        if not isinstance(node, exp.Ordered):
            raise _NeedsEngineError
        descending = bool(node.args.get("desc"))
        if bool(node.args.get("nulls_first")) == descending:
            raise _NeedsEngineError
        at = self.index(node.this)
        if kind_of(self._names[at]) not in ("STRING", "INT"):
            raise _NeedsEngineError
        return at, descending

    def item(self, node: exp.Expr) -> _Item:
        if isinstance(node, exp.Star) and not any(node.args.values()):
            return _Item(tuple((plain_name(name), kind_of(name)) for name in self._names), lambda row: row)
        name, inner = (node.alias, node.this) if isinstance(node, exp.Alias) else (node.name, node)
        if isinstance(inner, exp.Column):
            at = self.index(inner)
            return _Item(((name, kind_of(self._names[at])),), lambda row: (row[at],))
        if isinstance(node, exp.Alias) and isinstance(inner, exp.Literal) and inner.is_string:
            text = inner.this
            return _Item(((name, "STRING"),), lambda row: (text,))
        if isinstance(node, exp.Alias) and isinstance(inner, exp.Cast) and isinstance(inner.this, exp.Null):
            return _Item(((name, _string_only(inner)),), lambda row: (None,))
        raise _NeedsEngineError


def _string_only(cast: exp.Cast) -> str:
    return "STRING" if cast.to.sql("databricks") == "STRING" else _unsupported()


def _tests(where: exp.Expr | None, scope: _Scope) -> list[Callable[[Row], bool]]:
    if where is None:
        return []
    return [_test(term, scope) for term in _terms(where.this)]


def _terms(node: exp.Expr) -> list[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]


def _test(node: exp.Expr, scope: _Scope) -> Callable[[Row], bool]:
    if isinstance(node, exp.EQ):
        left, allowed = node.this, [node.expression]
    elif isinstance(node, exp.In) and not any(v for k, v in node.args.items() if k not in ("this", "expressions")):
        left, allowed = node.this, node.expressions
    else:
        raise _NeedsEngineError
    fold: Callable[[str], str] = str
    if isinstance(left, exp.Lower | exp.Upper):
        fold = str.lower if isinstance(left, exp.Lower) else str.upper
        left = left.this
    at = scope.text_index(left)
    if not all(isinstance(one, exp.Literal) and one.is_string for one in allowed):
        raise _NeedsEngineError
    values = frozenset(one.this for one in allowed)
    return lambda row: row[at] is not None and fold(row[at]) in values


def _limit(node: exp.Expr | None) -> int | None:
    if node is None:
        return None
    value = node.args.get("expression")
    if not isinstance(node, exp.Limit) or not isinstance(value, exp.Literal) or not str(value.this).isdigit():
        raise _NeedsEngineError
    return int(value.this)


def _unsupported() -> Any:
    raise _NeedsEngineError


def _cell(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    if kind == "TIMESTAMP":
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}Z"
    if kind == "ARRAY<STRING>":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)
