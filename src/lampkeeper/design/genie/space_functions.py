"""SQL functions of the catalog that a Genie space may call: those that read only its tables and reveal nothing masked."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.design.genie.space_sql import bind_sql
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Table

_MOST = 12


def proposed_functions(
    functions: Iterable[Function], tables: tuple[Table, ...], masked: frozenset[ColumnName]
) -> tuple[str, ...]:
    """Return the identifiers of functions whose SQL reads tables of the space, and binds to them; sorted, at most twelve.

    A function reads with its owner's privileges (source: platform docs, CREATE FUNCTION), so one that reads a masked column, or
    all columns of a table with one, is excluded.
    """
    known = {t.name.plain.casefold(): t for t in tables}
    found = (f for f in sorted(functions, key=lambda f: f.name) if _answers(f, known, masked))
    return tuple(f.name.plain for f in found)[:_MOST]


def _answers(function: Function, known: dict[str, Table], masked: frozenset[ColumnName]) -> bool:
    try:
        tree = sqlglot.parse_one(function.body, dialect="databricks")
    except SqlglotError:
        return False
    read = [_table(found, known) for found in tree.find_all(exp.Table)]
    parameters = [p.name for p in function.parameters]
    if not read or None in read or any(bind_sql(function.body, known, {}, parameters)):
        return False
    secret = {c.column.casefold() for t in read if t is not None for c in t.column_names() if c in masked}
    touched = {c.name.casefold() for c in tree.find_all(exp.Column)} - {p.casefold() for p in parameters}
    return not secret & touched and not (secret and any(_whole_row(s) for s in tree.find_all(exp.Star)))


def _table(found: exp.Table, known: dict[str, Table]) -> Table | None:
    full = ".".join(p.name for p in found.parts).casefold()
    bare = [t for t in known.values() if t.name.table.casefold() == full]
    return known.get(full) or (bare[0] if len(bare) == 1 else None)


def _whole_row(star: exp.Star) -> bool:
    """Return whether a star means the columns of a table; that of count(*) does not."""
    return not isinstance(star.parent, exp.Count)
