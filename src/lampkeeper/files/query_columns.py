"""The columns of a query: names, and types and comments of their source columns, as far as the script defines them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError
from sqlglot.tokenizer_core import Token

from lampkeeper.files.sql_relations import Parts, SqlColumn
from lampkeeper.files.sql_statements import Script

Finder = Callable[[Parts], Sequence[SqlColumn] | None]
"""Returns the columns of a relation; None if the script does not define them."""

_MOST_DEPTH = 40


@dataclass(slots=True)
class QueryColumns:
    """The columns of a query; `lost` describes those that could not be determined."""

    columns: list[SqlColumn] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def query_columns(tokens: Sequence[Token], script: Script, find: Finder) -> QueryColumns:
    """Return the columns of the query in these tokens; only `lost` if it cannot be parsed."""
    try:
        dialect = Dialect.get_or_raise(script.dialect)
        parsed = dialect.parser(error_level=ErrorLevel.IMMEDIATE).parse(list(tokens), script.text)
    except (ParseError, RecursionError):
        return QueryColumns(lost=["its query cannot be parsed"])
    query = parsed[0] if len(parsed) == 1 else None
    if not isinstance(query, exp.Query):
        return QueryColumns(lost=["its query cannot be parsed"])
    line = script.line(int(tokens[0].start))
    reader = _Reader(find, script.dialect, line)
    return QueryColumns(columns=reader.columns(query, {}, 0), lost=reader.lost)


class _Reader:
    def __init__(self, find: Finder, dialect: str, line: int) -> None:
        self._find, self._dialect, self._line = find, dialect, line
        self.lost: list[str] = []

    def columns(self, query: Any, outer: Mapping[str, list[SqlColumn]], depth: int) -> list[SqlColumn]:
        if depth > _MOST_DEPTH:
            self.lost.append("its query is nested too deeply")
            return []
        known = self._with_tables(query, outer, depth)
        if isinstance(query, exp.Subquery | exp.Paren):
            return _renamed(self.columns(query.this, known, depth + 1), query)
        if isinstance(query, exp.SetOperation):
            return self.columns(query.left, known, depth + 1)
        if isinstance(query, exp.Values):
            return self._values(query)
        if not isinstance(query, exp.Select):
            self.lost.append(f"its query has an unsupported part: {query.sql(dialect=self._dialect)[:40]!r}")
            return []
        sources = dict(self._sources(query, known, depth))
        found: list[SqlColumn] = []
        for number, item in enumerate(query.expressions, 1):
            found += self._projection(item, sources, number)
        return list({c.name.casefold(): c for c in reversed(found)}.values())[::-1]

    def _with_tables(self, query: Any, outer: Mapping[str, list[SqlColumn]], depth: int) -> dict[str, list[SqlColumn]]:
        known = dict(outer)
        for each in getattr(query, "ctes", ()):
            body = each.this
            while isinstance(body, exp.SetOperation) and not body.args.get("with_"):
                body = body.left  # the anchor of a recursive query names the columns
            known[each.alias.casefold()] = _renamed(self.columns(body, known, depth + 1), each)
        return known

    def _sources(
        self, query: exp.Select, known: Mapping[str, list[SqlColumn]], depth: int
    ) -> Iterator[tuple[str, list[SqlColumn] | None]]:
        start = query.args.get("from_") or query.args.get("from")
        joined = [j.this for j in query.args.get("joins") or ()]
        for each in [*([start.this] if start is not None else []), *joined, *(query.args.get("laterals") or ())]:
            yield from self._source(each, known, depth)
            yield from (s for j in each.args.get("joins") or () for s in self._source(j.this, known, depth))

    def _source(
        self, source: Any, known: Mapping[str, list[SqlColumn]], depth: int
    ) -> Iterator[tuple[str, list[SqlColumn] | None]]:
        if isinstance(source, exp.Stream):  # Databricks: the rows of a table as a stream
            source = source.this
        name = str(source.alias_or_name).casefold()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            reported = None if source.db else known.get(source.name.casefold())
            if reported is None:
                reported_by_script = self._find((source.catalog, source.db, source.name))
                reported = None if reported_by_script is None else list(reported_by_script)
            yield name, None if reported is None else _renamed(reported, source)
        elif isinstance(source, exp.Subquery) and isinstance(source.this, exp.Query):
            yield name, _renamed(self.columns(source.this, known, depth + 1), source)
        elif isinstance(source, exp.Subquery | exp.Paren):
            yield from self._source(source.this, known, depth)
        elif isinstance(source, exp.Values):
            yield name, self._values(source)
        else:
            yield name, None

    def _projection(self, item: Any, sources: Mapping[str, list[SqlColumn] | None], number: int) -> list[SqlColumn]:
        inner = item.unalias()
        star = inner if isinstance(inner, exp.Star) else inner.this if isinstance(inner, exp.Column) else None
        if isinstance(star, exp.Star):
            return self._star(star, inner.table.casefold() if isinstance(inner, exp.Column) else "", sources)
        name = str(item.output_name or "")
        if not name:
            self.lost.append(f"column {number} of its query has no name: {item.sql(dialect=self._dialect)[:40]!r}")
            return []
        column = SqlColumn(name=name, line=self._line)
        if isinstance(inner, exp.Column):
            origin = self._origin(inner, sources)
            return [replace(column, type=origin.type, comment=origin.comment)] if origin is not None else [column]
        if isinstance(inner, exp.Cast):
            return [replace(column, type=inner.to.sql(dialect=self._dialect))]
        return [replace(column, type="BIGINT") if isinstance(inner, exp.Count) else column]

    def _star(self, star: exp.Star, table: str, sources: Mapping[str, list[SqlColumn] | None]) -> list[SqlColumn]:
        chosen = {n: c for n, c in sources.items() if not table or n == table}
        unknown = sorted(n or "?" for n, c in chosen.items() if c is None)
        if unknown or not chosen:
            what = f"{table}.*" if table else "*"
            self.lost.append(f"{what} stands for columns that are not in this file" + (f": {unknown[0]!r}" if unknown else ""))
        left_out = {e.name.casefold() for e in star.args.get("except_") or star.args.get("except") or ()}
        renamed = {e.this.name.casefold(): e.alias for e in star.args.get("rename") or () if isinstance(e, exp.Alias)}
        return [
            replace(c, name=renamed.get(c.name.casefold(), c.name), line=self._line, controls=())
            for columns in chosen.values() for c in columns or () if c.name.casefold() not in left_out
        ]  # fmt: skip

    def _origin(self, column: exp.Column, sources: Mapping[str, list[SqlColumn] | None]) -> SqlColumn | None:
        table, name = column.table.casefold(), column.name.casefold()
        for source, columns in sources.items():
            if table in ("", source):
                found = next((c for c in columns or () if c.name.casefold() == name), None)
                if found is not None:
                    return found
        return None

    def _values(self, values: exp.Values) -> list[SqlColumn]:
        alias = values.args.get("alias")
        names = [c.name for c in alias.args.get("columns") or ()] if alias is not None else []
        if not names:
            self.lost.append("VALUES has columns without names")
        return [SqlColumn(name=n, line=self._line) for n in names]


def _renamed(columns: Sequence[SqlColumn], source: exp.Expression) -> list[SqlColumn]:
    """Return the columns under the names that an alias gives them: `AS t (a, b)`."""
    alias = source.args.get("alias")
    names = [c.name for c in alias.args.get("columns") or ()] if isinstance(alias, exp.TableAlias) else []
    more = [SqlColumn(name=n) for n in names[len(columns) :]]
    return [*(replace(c, name=n) for c, n in zip(columns, names, strict=False)), *columns[len(names) :], *more]
