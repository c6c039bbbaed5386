"""Which columns of which tables the columns of a query come from, traced through the parsed text.

A column comes from every column in its expression: arguments, conditions of CASE, keys of windows, results of subqueries.
Columns in filters, join conditions and sort orders do not count. The text does not contain masking functions, so that a masked
column comes from itself alone. Through a view both are named: the view's column, which the query reads directly, and
what the view reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlglot import exp

from localspace.core.stored_documents.catalog import StoredTable
from localspace.sql.reader import Path3, folded, is_view, table_key

_MAX_DEPTH = 64


class Origin(NamedTuple):
    """A column that another comes from; `direct`: the statement names its table, no view between."""

    path: Path3
    column: str
    direct: bool


Origins = frozenset[Origin]
_NONE: Origins = frozenset()


class OutputColumn(NamedTuple):
    """A column of a query's result."""

    name: str
    origins: Origins


@dataclass(frozen=True, slots=True)
class _Relation:
    """What stands in FROM: its names, its columns; `rest` is where columns come from that are not known by name."""

    names: tuple[str, ...]
    columns: tuple[OutputColumn, ...]
    rest: Origins | None = None
    hidden: frozenset[str] = frozenset()

    def find(self, name: str) -> Origins | None:
        for column in self.columns:
            if column.name.casefold() == name:
                return column.origins
        return self.rest

    def named(self, qualifier: tuple[str, ...]) -> bool:
        return self.names[-len(qualifier) :] == qualifier

    @property
    def everything(self) -> Origins:
        return (self.rest or _NONE).union(*(column.origins for column in self.columns))


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where names are looked up: common tables, the relations of this SELECT and of those around it."""

    catalog: str
    schema: str
    direct: bool
    depth: int = 0
    common: Mapping[str, tuple[OutputColumn, ...]] = field(default_factory=dict)
    relations: tuple[_Relation, ...] = ()
    outer: _Scope | None = None
    aliases: Mapping[str, Origins] = field(default_factory=dict)

    def inner(self, common: Mapping[str, tuple[OutputColumn, ...]] | None = None) -> _Scope:
        """Return the scope of a query inside this one."""
        shared = self.common if common is None else common
        return _Scope(self.catalog, self.schema, self.direct, self.depth + 1, shared, outer=self)

    def holding(self, relations: Sequence[_Relation], aliases: Mapping[str, Origins] | None = None) -> _Scope:
        """Return this scope with the relations of its SELECT."""
        found = tuple(relations)
        return _Scope(self.catalog, self.schema, self.direct, self.depth, self.common, found, self.outer, aliases or {})


class ColumnTracer:
    """Traces the columns of queries over tables and views as they were when the statement read them."""

    def __init__(self, documents: Mapping[Path3, StoredTable], trees: Mapping[str, exp.Expr]) -> None:
        """Take the documents by folded path, and the parsed texts of the statement and of its views."""
        self._documents = documents
        self._trees = trees
        self._views: dict[tuple[Path3, bool], tuple[OutputColumn, ...]] = {}

    def columns(self, text: str, catalog: str, schema: str) -> tuple[OutputColumn, ...]:
        """Return the columns of a query with where each comes from; raises KeyError for a text that was not parsed."""
        return self._query(self._trees[text], _Scope(catalog.casefold(), schema.casefold(), direct=True))

    # Queries

    def _query(self, node: exp.Expr, scope: _Scope) -> tuple[OutputColumn, ...]:
        if scope.depth > _MAX_DEPTH:
            return ()
        scope = self._with_common(node, scope)
        if isinstance(node, exp.Subquery):
            return self._query(node.this, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.Values):
            first = node.expressions[0] if node.expressions else None
            count = len(first.expressions) if isinstance(first, exp.Tuple) else 1
            return tuple(OutputColumn(f"col{at + 1}", _NONE) for at in range(count))
        if isinstance(node, exp.Table):
            return tuple(column for one in self._sources(node, scope, ()) for column in one.columns)
        return ()

    def _with_common(self, node: exp.Expr, scope: _Scope) -> _Scope:
        with_ = node.args.get("with_")
        if with_ is None:
            return scope
        common = dict(scope.common)
        for one in with_.expressions:
            name = one.alias.casefold()
            if with_.args.get("recursive") and isinstance(one.this, exp.SetOperation):
                # The recursive part reads what the anchor made.
                anchor = self._query(one.this.left, scope.inner(common))
                common[name] = _renamed(anchor, one.args.get("alias"))
            found = self._query(one.this, scope.inner(common))
            common[name] = _renamed(found, one.args.get("alias"))
        return _Scope(scope.catalog, scope.schema, scope.direct, scope.depth, common, scope.relations, scope.outer)

    def _set_operation(self, node: exp.SetOperation, scope: _Scope) -> tuple[OutputColumn, ...]:
        left, right = self._query(node.left, scope.inner()), self._query(node.right, scope.inner())
        if isinstance(node, exp.Except):
            return left  # its rows are rows of the left side
        if node.args.get("by_name"):
            others = {column.name.casefold(): column for column in right}
            both = [OutputColumn(one.name, one.origins | _of(others.pop(one.name.casefold(), None))) for one in left]
            return (*both, *others.values())
        pairs = zip(left, right, strict=False)
        return tuple(OutputColumn(one.name, one.origins | other.origins) for one, other in pairs)

    def _select(self, node: exp.Select, scope: _Scope) -> tuple[OutputColumn, ...]:
        relations = self._relations(node, scope)
        aliases: dict[str, Origins] = {}
        found: list[OutputColumn] = []
        for item in node.expressions:
            here = scope.holding(relations, aliases)
            expanded = _expanded(item, relations)
            if expanded is None:
                origins = self._origins(item.this if isinstance(item, exp.Alias) else item, here)
                if isinstance(item, exp.Aliases):
                    expanded = [OutputColumn(one.name, origins) for one in item.expressions]
                else:
                    expanded = [OutputColumn(item.alias or item.output_name or item.sql("databricks"), origins)]
                    aliases.setdefault(expanded[0].name.casefold(), origins)
            found.extend(expanded)
        return tuple(found)

    # Relations

    def _relations(self, node: exp.Select, scope: _Scope) -> list[_Relation]:
        found: list[_Relation] = []
        from_ = node.args.get("from_")
        if from_ is not None:
            found.extend(self._sources(from_.this, scope, found))
        found = self._joined(node, scope, found)
        for lateral in node.args.get("laterals") or ():
            found.extend(self._sources(lateral, scope, found))
        return found

    def _joined(self, node: exp.Expr, scope: _Scope, found: list[_Relation]) -> list[_Relation]:
        for join in node.args.get("joins") or ():
            added = self._sources(join.this, scope, found)
            kind, side = str(join.args.get("kind") or "").upper(), str(join.args.get("side") or "").upper()
            if kind in ("SEMI", "ANTI"):
                continue  # its columns are in no result
            shared = frozenset(one.name.casefold() for one in join.args.get("using") or ())
            if str(join.args.get("method") or "").upper() == "NATURAL":
                before = {column.name.casefold() for one in found for column in one.columns}
                shared = frozenset(column.name.casefold() for one in added for column in one.columns) & before
            found = _merged(found, added, shared, side) if shared else [*found, *added]
        return found

    def _sources(self, node: exp.Expr, scope: _Scope, before: Sequence[_Relation]) -> list[_Relation]:
        """Return the relations that one item of FROM makes; several for joins in parentheses."""
        alias = node.args.get("alias")
        name = (node.alias.casefold(),) if node.alias else ()
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            relation = self._table(node, scope)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            inner = self._sources(node.this, scope, before)
            return self._joined(node, scope, inner)
        elif isinstance(node, exp.Subquery | exp.Values):
            relation = _Relation(name, _renamed(self._query(node, scope.inner()), alias))
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            columns = self._query(node.this, scope.holding(before).inner())
            relation = _Relation(name, _renamed(columns, alias))
        else:
            relation = self._generated(node, scope.holding(before), name, alias)
        if node.args.get("pivots"):
            relation = _Relation(relation.names, (), relation.everything)
        return self._joined(node, scope, [relation]) if isinstance(node, exp.Table) else [relation]

    def _generated(self, node: exp.Expr, scope: _Scope, name: tuple[str, ...], alias: exp.Expr | None) -> _Relation:
        """Return what a table function makes: columns that come from its arguments."""
        origins = self._origins(node.this if isinstance(node.this, exp.Expr) else node, scope)
        given = alias.args.get("columns") if alias is not None else None
        return _Relation(name, tuple(OutputColumn(one.name, origins) for one in given or ()), None if given else origins)

    def _table(self, node: exp.Table, scope: _Scope) -> _Relation:
        parts = tuple(part.name.casefold() for part in node.parts)
        alias = node.args.get("alias")
        names = (node.alias.casefold(),) if node.alias else parts
        if len(parts) == 1 and parts[0] in scope.common:
            return _Relation(names, _renamed(scope.common[parts[0]], alias))
        path = _full(parts, scope)
        document = self._documents.get(path)
        if document is None:
            return _Relation(names, (), _NONE)  # information_schema and the system tables have no lineage
        columns = self._view(document, scope) if is_view(document) else _own(document, scope.direct)
        return _Relation((node.alias.casefold(),) if node.alias else path, _renamed(columns, alias))

    def _view(self, document: StoredTable, scope: _Scope) -> tuple[OutputColumn, ...]:
        key = (folded(table_key(document)), scope.direct)
        if key not in self._views:
            self._views[key] = _own(document, scope.direct)
            catalog, schema = document.get("view_namespace") or (document["catalog_name"], document["schema_name"])
            inner = _Scope(catalog.casefold(), schema.casefold(), direct=False, depth=scope.depth + 1)
            below = self._query(self._trees[str(document["view_definition"])], inner)
            pairs = zip(_own(document, scope.direct), below, strict=False)
            self._views[key] = tuple(OutputColumn(own.name, own.origins | one.origins) for own, one in pairs)
        return self._views[key]

    # Expressions

    def _origins(self, node: exp.Expr, scope: _Scope) -> Origins:
        found: set[Origin] = set()
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, exp.Query):
                for column in self._query(one, scope.inner()):
                    found |= column.origins
            elif isinstance(one, exp.Column):
                found |= _resolved(one, scope)
            else:
                waiting.extend(one.iter_expressions())
        return frozenset(found)


def _resolved(column: exp.Column, scope: _Scope) -> Origins:
    """Return where a column comes from that an expression names, in its SELECT or in one around it."""
    parts = tuple(part.name.casefold() for part in column.parts)
    here: _Scope | None = scope
    while here is not None:
        # The longest qualifier that names a relation; else the first part is a column and the rest its fields.
        for length in range(min(len(parts) - 1, 3), 0, -1):
            for relation in here.relations:
                if relation.named(parts[:length]):
                    found = relation.find(parts[length])
                    if found is not None:
                        return found
        for relation in here.relations:
            found = relation.find(parts[0]) if parts[0] not in relation.hidden else None
            if found is not None:
                return found
        if parts[0] in here.aliases:
            return here.aliases[parts[0]]
        here = here.outer
    return _NONE


def _expanded(item: exp.Expr, relations: Sequence[_Relation]) -> list[OutputColumn] | None:
    """Return the columns that `*` or `t.*` stands for, None for any other item."""
    if isinstance(item, exp.Star):
        star, chosen = item, list(relations)
    elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
        qualifier = tuple(part.name.casefold() for part in item.parts[:-1])
        star, chosen = item.this, [one for one in relations if one.named(qualifier)]
    else:
        return None
    excluded = {one.name.casefold() for one in star.args.get("except_") or star.args.get("except") or ()}
    found: list[OutputColumn] = []
    for relation in chosen:
        own = relation.hidden if isinstance(item, exp.Star) else frozenset()
        found += [one for one in relation.columns if one.name.casefold() not in excluded | own]
        if relation.rest:
            found.append(OutputColumn("*", relation.rest))
    return found


def _merged(found: list[_Relation], added: list[_Relation], shared: frozenset[str], side: str) -> list[_Relation]:
    """Return the relations of a join by shared columns: each stands once, and comes from the side that keeps its rows."""
    own, other = (added, found) if side == "RIGHT" else (found, added)
    hide = [_Relation(one.names, one.columns, one.rest, one.hidden | shared) for one in [*found, *added]]
    columns: list[OutputColumn] = []
    for one in found:
        for column in one.columns:
            name = column.name.casefold()
            if name in shared and name not in {known.name.casefold() for known in columns}:
                origins = _among(own, name)
                columns.append(OutputColumn(column.name, origins | _among(other, name) if side == "FULL" else origins))
    return [_Relation((), tuple(columns)), *hide]


def _among(relations: Sequence[_Relation], name: str) -> Origins:
    return next((found for one in relations if (found := one.find(name)) is not None), _NONE)


def _own(document: StoredTable, direct: bool) -> tuple[OutputColumn, ...]:
    path = table_key(document)
    names = [column["name"] for column in document["columns"]]
    return tuple(OutputColumn(name, frozenset({Origin(path, name, direct)})) for name in names)


def _renamed(columns: tuple[OutputColumn, ...], alias: exp.Expr | None) -> tuple[OutputColumn, ...]:
    given = alias.args.get("columns") if alias is not None else None
    if not given:
        return columns
    return tuple(OutputColumn(name.name, column.origins) for name, column in zip(given, columns, strict=False))


def _full(parts: tuple[str, ...], scope: _Scope) -> Path3:
    full = (scope.catalog, scope.schema, *parts)[-3:] if len(parts) < 3 else parts[:3]
    if len(parts) == 2:
        full = (scope.catalog, *parts)
    return (full[0], full[1], full[2])


def _of(column: OutputColumn | None) -> Origins:
    return _NONE if column is None else column.origins


def reads(columns: Sequence[OutputColumn]) -> Iterator[Origin]:
    """Yield every column that a result comes from, once, in order."""
    yield from sorted(frozenset[Origin]().union(*(column.origins for column in columns)))
