"""Names of columns with `catalog.schema.table.` before them: a derived table is known by its alias alone.

A qualifier is cut to the table's name. Where two tables of one name stand in a query without aliases, each gets an alias
of its own, and every qualifier becomes the alias of the table that it means where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from localspace.core.lexer import Edit, quote_name
from localspace.sql import failures
from localspace.sql.parse import sources


@dataclass(frozen=True, slots=True)
class Unaliased:
    """A table reference without an alias: its node, its full name, the name as written."""

    node: exp.Table
    full: tuple[str, ...]
    name: str


class Qualifiers:
    """The aliases and edits of one parsed text."""

    def __init__(self, tree: exp.Expr, tables: list[Unaliased]) -> None:
        """Look at all columns of `tree`; `tables` are its references without an alias."""
        self._tables = {id(one.node): one for one in tables}
        self._paths = {id(one.node): tuple(part.casefold() for part in one.full) for one in tables}
        self._columns = [(column, given) for column in tree.find_all(exp.Column) if (given := _qualifier(column))]
        self._aliases = self._own_aliases({one.name for one in tree.find_all(exp.Identifier)})

    def alias_of(self, node: exp.Table) -> str:
        """Return the alias that a table reference without one gets."""
        return self._aliases.get(id(node)) or self._tables[id(node)].name

    def edits(self) -> Iterator[Edit]:
        """Return the changes of the qualifiers; raises for one that could mean two tables."""
        for column, given in self._columns:
            found = self._meant(column, given)
            if found is None:
                continue
            alias = self._aliases.get(id(found))
            if alias is not None:
                yield Edit(given[0].meta["start"], given[-1].meta["end"] + 1, quote_name(alias))
            elif len(given) > 1:
                yield Edit(given[0].meta["start"], given[-1].meta["start"], "")

    def _own_aliases(self, taken: set[str]) -> dict[int, str]:
        names: dict[str, set[tuple[str, ...]]] = {}
        for path in self._paths.values():
            names.setdefault(path[-1], set()).add(path)
        several = {name for name, paths in names.items() if len(paths) > 1}
        asked = {given[-1].name.casefold() for _, given in self._columns if len(given) > 1 and self._matching(given)}
        folded = {one.casefold() for one in taken}
        found: dict[int, str] = {}
        for number, (key, path) in enumerate(self._paths.items(), 1):
            if path[-1] in several & asked:
                alias = f"{path[-1]}__{number}"
                while alias in folded:
                    alias += "_"
                found[key] = alias
        return found

    def _matching(self, given: list[exp.Identifier]) -> list[int]:
        names = tuple(part.name.casefold() for part in given)
        return [key for key, path in self._paths.items() if path[-len(names) :] == names]

    def _meant(self, column: exp.Column, given: list[exp.Identifier]) -> exp.Table | None:
        """Return the table that a qualifier means: the one in the nearest SELECT around it."""
        matching = set(self._matching(given))
        if not matching or (len(given) == 1 and not matching & set(self._aliases)):
            return None
        select = column.find_ancestor(exp.Select)
        while select is not None:
            here = [one for one in sources(select) if id(one) in matching]
            named = [one for one in sources(select) if one.alias_or_name.casefold() == given[-1].name.casefold()]
            if here and (len(given) > 1 or len(named) == 1):
                return self._only(here)
            if named and len(given) == 1:
                if here:
                    raise _ambiguous()
                return None  # an alias or a common table of that name is nearer
            select = select.find_ancestor(exp.Select)
        return self._only([self._tables[key].node for key in matching]) if len(given) > 1 else None

    def _only(self, nodes: list[exp.Expr]) -> exp.Table:
        if len({self._paths[id(one)] for one in nodes}) > 1:
            raise _ambiguous()
        first = nodes[0]
        assert isinstance(first, exp.Table)
        return first


def _qualifier(column: exp.Column) -> list[exp.Identifier]:
    parts = [column.args.get(name) for name in ("catalog", "db", "table")]
    return [part for part in parts if isinstance(part, exp.Identifier)]


def _ambiguous() -> Exception:
    return failures.not_supported("a column that could be of two tables of one name; give the tables aliases")
