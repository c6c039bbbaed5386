"""The scope of a piece of SQL text while it is rewritten, and what a rewritten statement reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from localspace.core.principals import Principal
from localspace.core.statement_runner import SqlError, TemporaryView
from localspace.core.stored_documents.catalog import StoredTable
from localspace.sql.reader import folded, table_key
from localspace.sql.routines import Routine
from localspace.sql.storage import EngineObjects, FunctionSpec, ViewSpec

_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope of a piece of SQL text.

    `authority` is whose privileges count (session user, view owner, function owner); `routine` is the function whose
    body this is, `parameters` maps its parameters to SQL when they are put in place; `words` are the names that the text
    can mean, None when it may mean any column. `views` are the temporary views that it may name: the user's own text may,
    the text of a stored view or function never.
    """

    catalog: str
    schema: str
    authority: Principal | None
    parameters: Mapping[str, str] | None = None
    routine: Routine | None = None
    depth: int = 0
    free_execute: bool = False
    words: frozenset[str] | None = None
    views: tuple[TemporaryView, ...] = ()

    def deeper(self) -> Scope:
        """Return the scope one level down; raises on endless nesting."""
        if self.depth >= _MAX_DEPTH:
            raise SqlError(
                "RECURSIVE_VIEW", f"Views and functions nest deeper than {_MAX_DEPTH} levels or refer to themselves.", "42K0H"
            )
        return replace(self, depth=self.depth + 1)


@dataclass(slots=True)
class Reads:
    """What a rewritten statement reads.

    `documents` are the tables and views by folded path, as the statement found them, without those that masks and filters
    read; `named` are those of the statement's own text; `trees` are the parsed queries by their text.
    """

    views: dict[str, ViewSpec] = field(default_factory=dict)
    functions: dict[str, FunctionSpec] = field(default_factory=dict)
    documents: dict[tuple[str, str, str], StoredTable] = field(default_factory=dict)
    named: set[tuple[str, str, str]] = field(default_factory=set)
    trees: dict[str, exp.Expr] = field(default_factory=dict)
    protected: bool = False
    temporary: set[str] = field(default_factory=set)

    def add(self, table: StoredTable, *, named: bool) -> None:
        """Note a table or view that the statement reads."""
        path = folded(table_key(table))
        self.documents[path] = table
        if named:
            self.named.add(path)

    @property
    def objects(self) -> EngineObjects:
        """Return what the engine must know before the statement: relations, and functions, inner ones first."""
        return (*self.views.values(), *self.functions.values())
