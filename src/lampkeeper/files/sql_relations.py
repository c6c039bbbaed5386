"""Tables and views while a SQL script is read: their definition so far, and the statements that were not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import TableKind

Parts = tuple[str, str, str]
"""Catalog, schema and name as the script gives them; the first two may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlColumn:
    """A column as a statement declares it; `type` is the text in its dialect, empty without one."""

    name: str
    type: str = ""
    comment: str = ""
    nullable: bool = True
    line: int = 1
    controls: tuple[str, ...] = ()
    """Existing masks, in the words of the script."""


@dataclass(slots=True, kw_only=True)
class Relation:
    """A table or a view. Later statements can refer to a temporary one, which does not belong to a catalog."""

    parts: Parts
    kind: TableKind = TableKind.TABLE
    columns: list[SqlColumn] = field(default_factory=list)
    comment: str = ""
    line: int = 1
    temporary: bool = False
    children: list[Relation] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    """Existing row filters, in the words of the script."""

    def index(self, name: str) -> int | None:
        """Return the position of a column, ignoring case."""
        folded = name.casefold()
        return next((i for i, c in enumerate(self.columns) if c.name.casefold() == folded), None)

    def add(self, columns: Iterable[SqlColumn]) -> None:
        """Add missing columns; a repeated column fills in fields that the first left empty."""
        for column in columns:
            at = self.index(column.name)
            if at is None:
                self.columns.append(column)
            else:
                first = self.columns[at]
                self.columns[at] = replace(
                    first, type=first.type or column.type, comment=first.comment or column.comment,
                    nullable=first.nullable and column.nullable, controls=(*first.controls, *column.controls),
                )  # fmt: skip

    def family(self) -> Iterator[Relation]:
        """Yield the relation and those that inherit from it."""
        yield self
        for child in self.children:
            yield from child.family()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollowed:
    """A statement that was not read: the reason, the severity, and the relation it may define."""

    location: str
    reason: str
    severity: Severity
    fix: str = ""
    table: Parts | None = None
    code: str = ""


@dataclass(slots=True)
class Relations:
    """The relations of a script by name, and the defaults for unqualified names."""

    catalog: str = ""
    schema: str = ""
    _known: dict[Parts, Relation] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Relation]:
        """Yield the relations in the order of their creation."""
        return iter(self._known.values())

    def full(self, parts: Parts) -> Parts:
        """Return a name completed with the current defaults."""
        catalog, schema, name = parts
        if schema:
            return (catalog or self.catalog, schema, name)
        return (self.catalog, self.schema, name)

    def find(self, parts: Parts) -> Relation | None:
        """Return a relation by its name; with fewer parts only if exactly one matches."""
        full = self.full(parts)
        found = self._known.get(_key(full))
        if found is not None:
            return found
        near = [r for r in self if _fits(_key(r.parts), _key(parts))]
        return near[0] if len(near) == 1 else None

    def put(self, relation: Relation) -> None:
        """Add a relation, replacing one of the same name."""
        self._known.pop(_key(relation.parts), None)
        self._known[_key(relation.parts)] = relation

    def drop(self, relation: Relation) -> None:
        """Remove a relation."""
        self._known.pop(_key(relation.parts), None)
        for other in self:
            other.children = [c for c in other.children if c is not relation]

    def rename(self, relation: Relation, parts: Parts) -> None:
        """Rename a relation; it keeps its position in the order."""
        old = _key(relation.parts)
        relation.parts = parts
        self._known = {_key(parts) if k == old else k: r for k, r in self._known.items()}


def _key(parts: Parts) -> Parts:
    catalog, schema, name = parts
    return (catalog.casefold(), schema.casefold(), name.casefold())


def _fits(one: Parts, other: Parts) -> bool:
    return one[2] == other[2] and all(a == b or not a or not b for a, b in zip(one[:2], other[:2], strict=True))
