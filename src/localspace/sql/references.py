"""What stands in table position in a query: tables to be replaced, generators to be left; everything else is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from localspace.ledger import rule
from localspace.sql import failures
from localspace.sql.parse import group_end, identifier_path, is_common_table, sample_end, written_path
from localspace.sql.text import Token

_GENERATORS = frozenset(
    {"range", "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple"}
    | {"variant_explode", "variant_explode_outer"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A table as a text names it: the path, where it starts and ends; `sampled`: behind a TABLESAMPLE, where an alias belongs."""

    table: exp.Table
    path: tuple[str, ...]
    start: int
    end: int
    sampled: int


def references(tree: exp.Expr, tokens: list[Token]) -> Iterator[Reference]:
    """Yield the tables that a query reads, common tables and generators aside; raises what may not be read."""
    by_start = {token.start: index for index, token in enumerate(tokens)}
    for table in list(tree.find_all(exp.Table)):
        _refuse_clauses(table)
        if not isinstance(table.this, exp.Identifier):
            found = _table_function(table, tokens, by_start)
        else:
            found = None if is_common_table(table) else written_path(table)
        if found is not None:
            path, start, end = found
            sampled = end if table.alias else sample_end(tokens, by_start, end)
            yield Reference(table=table, path=path, start=start, end=end, sampled=sampled)


@rule("LS-040")
def _refuse_clauses(table: exp.Table) -> None:
    """Refuse time travel and whatever else follows a table name that enforcement cannot follow."""
    if table.args.get("version") or table.args.get("when") or table.args.get("changes"):
        raise failures.not_enforceable("time travel")
    alias = table.args.get("alias")
    if alias is not None and not isinstance(alias.this, exp.Identifier | None):
        raise failures.not_enforceable("time travel")
    for name in ("partition", "ordinality", "rows_from", "indexed"):
        if table.args.get(name):
            raise failures.not_enforceable(f"this clause on a table ({name})")


@rule("LS-042")
def _table_function(
    table: exp.Table, tokens: list[Token], by_start: Mapping[int, int]
) -> tuple[tuple[str, ...], int, int] | None:
    """Allow generators, resolve IDENTIFIER('…'), refuse every other function in table position."""
    node = table.this
    name = str(getattr(node, "name", "") or "").casefold()
    if isinstance(node, exp.Anonymous):
        name = node.name.casefold()
    elif isinstance(node, exp.Func):
        name = node.sql_name().casefold()
    if table.args.get("db") is None and name == "identifier" and isinstance(node, exp.Anonymous):
        arguments = node.expressions
        if len(arguments) == 1 and isinstance(arguments[0], exp.Literal) and arguments[0].is_string:
            at = by_start[node.meta["start"]]
            return identifier_path(arguments[0].this), tokens[at].start, tokens[group_end(tokens, at + 1)].end
        raise failures.not_enforceable("IDENTIFIER() over anything but a constant string")
    if table.args.get("db") is None and (name in _GENERATORS or isinstance(node, exp.Explode | exp.Inline)):
        return None
    raise failures.not_enforceable(f"the table function {name or type(node).__name__}")
