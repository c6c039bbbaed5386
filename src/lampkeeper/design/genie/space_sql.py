"""The SQL texts of a Genie space, and whether they parse and name only tables and columns of the space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.schema import Table


def sqls_of(space: GenieSpace) -> Iterable[tuple[str, str, Mapping[str, str]]]:
    """Yield every SQL text of the space: its description, the text, and table aliases that it may use."""
    for benchmark in space.benchmarks:
        yield f"benchmark {benchmark.question!r}", benchmark.sql, {}
    for example in space.examples:
        yield f"example {example.question!r}", example.sql, {}
    for kind, snippets in (("filter", space.filters), ("expression", space.expressions), ("measure", space.measures)):
        for snippet in snippets:
            yield f"{kind} {snippet.display_name!r}", snippet.sql, {}
    for join in space.joins:
        aliases = {
            join.left_alias.casefold(): join.left_table.casefold(),
            join.right_alias.casefold(): join.right_table.casefold(),
        }
        yield f"join {join.left_alias} to {join.right_alias}", join.sql, aliases


def bind_sql(sql: str, tables: Mapping[str, Table], aliases: Mapping[str, str], parameters: Iterable[str] = ()) -> Iterable[str]:
    """Yield the errors of a SQL text over these tables (by casefolded plain name); nothing if it can be run.

    `parameters` are names that the text may use beside the columns.
    """
    try:
        tree = _parsed(sql)
    except SqlglotError as error:
        yield f"does not parse: {str(error).splitlines()[0]}"
        return
    known = {t.name.table.casefold(): t for t in tables.values()}
    known |= {alias: tables[name] for alias, name in aliases.items() if name in tables}
    for found in tree.find_all(exp.Table):
        full = ".".join(p.name for p in found.parts).casefold()
        table = tables.get(full) or known.get(full)
        if table is None:
            yield f"table {full!r} is not in the space"
        elif found.alias:
            known[found.alias.casefold()] = table
    made = {a.alias.casefold() for a in tree.find_all(exp.Alias)} | {p.casefold() for p in parameters}
    every = {c.name.casefold() for t in known.values() for c in t.columns}
    for column in tree.find_all(exp.Column):
        name, owner = column.name.casefold(), column.table.casefold()
        scope = {c.name.casefold() for c in known[owner].columns} if owner in known else every
        if owner and owner not in known and owner not in made:
            yield f"{column.table!r} is not a table of the space"
        elif name not in scope and name not in made and not column.find(exp.Star):
            yield f"column {column.sql()!r} does not exist"


@lru_cache(maxsize=512)
def _parsed(sql: str) -> exp.Expr:
    """Return the tree of a SQL text, which is shared and must not be changed: `generate` binds each text several times."""
    return sqlglot.parse_one(sql, dialect="databricks")


def bound_space(space: GenieSpace, tables: Iterable[Table]) -> tuple[GenieSpace, tuple[Finding, ...]]:
    """Return the space without the items whose SQL does not bind to these tables, and a finding for each of them."""
    known = {t.name.plain.casefold(): t for t in tables}
    bad = {sql: problem for _, sql, aliases in sqls_of(space) for problem in bind_sql(sql, known, aliases)}
    if not bad:
        return space, ()
    findings = tuple(
        Finding(
            code="LK024", severity=Severity.WARNING, location=f"space {space.name}: {what}", fix="",
            message=f"left out, because its SQL is invalid: {bad[sql]}",
        )
        for what, sql, _ in sqls_of(space)
        if sql in bad
    )  # fmt: skip
    return (
        replace(
            space,
            benchmarks=tuple(b for b in space.benchmarks if b.sql not in bad),
            filters=tuple(f for f in space.filters if f.sql not in bad),
            expressions=tuple(e for e in space.expressions if e.sql not in bad),
            measures=tuple(m for m in space.measures if m.sql not in bad),
            joins=tuple(j for j in space.joins if j.sql not in bad),
            examples=tuple(e for e in space.examples if e.sql not in bad),
        ),
        findings,
    )
