"""What stands in table position in a query: tables to be replaced, generators to be left; everything else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from localspace.core.ledger import rule
from localspace.core.lexer import Token
from localspace.sql import failures
from localspace.sql.builtin_functions import TABLE_FUNCTIONS
from localspace.sql.parse import is_common_table, sample_end, written_path


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
            _require_generator(table)
            found = None
        else:
            found = None if is_common_table(table) else written_path(table)
        if found is not None:
            path, start, end = found
            sampled = end if table.alias else sample_end(tokens, by_start, end)
            yield Reference(table=table, path=path, start=start, end=end, sampled=sampled)


@rule("LS-040")
def _refuse_clauses(table: exp.Table) -> None:
    """Refuse time travel and other clauses after a table name that enforcement cannot follow."""
    if table.args.get("version") or table.args.get("when") or table.args.get("changes"):
        raise failures.not_enforceable("time travel")
    alias = table.args.get("alias")
    if alias is not None and not isinstance(alias.this, exp.Identifier | None):
        raise failures.not_enforceable("time travel")
    for name in ("partition", "ordinality", "rows_from", "indexed"):
        if table.args.get(name):
            raise failures.not_enforceable(f"this clause on a table ({name})")


@rule("LS-042")
def _require_generator(table: exp.Table) -> None:
    """Allow the functions that make rows of their arguments in table position; refuse every other one."""
    node = table.this
    name = str(getattr(node, "name", "") or "").casefold()
    if isinstance(node, exp.Anonymous):
        name = node.name.casefold()
    elif isinstance(node, exp.Func):
        name = node.sql_name().casefold()
    plain = name in TABLE_FUNCTIONS or isinstance(node, exp.Explode | exp.Inline)
    if table.args.get("db") is not None or not plain:
        raise failures.not_enforceable(f"the table function {name or type(node).__name__}")
