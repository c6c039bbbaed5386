"""The local workspace without a JVM: information_schema answered by SQLite, DDL by the workspace's own handlers.

The statement's own text runs, translated by sqlglot, over the rows that the workspace shows to the caller. Statements that
need rows of tables fail: tests that want rows use the real engine.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlglot
from sqlglot import exp

from lampkeeper.remote.lineage import COLUMN_LINEAGE
from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.core.stored_documents import kinds
from localspace.governance.repositories import Repositories
from localspace.sql.engine import Engine, EngineRows
from localspace.sql.information_schema import VIEWS, Visibility
from localspace.sql.run import SqlRunner
from localspace.sql.storage import EngineObjects


class NoEngine(Engine):
    """Accepts what the workspace wants checked (function bodies with a declared type) and runs nothing."""

    def analyze(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken) -> EngineRows:
        """Return columns of no interest, as many as a SELECT or VALUES names; one for a function, whose declared type stands."""
        parsed = sqlglot.parse_one(sql, dialect="databricks")
        values = parsed.find(exp.Values)
        if values is not None:
            count = len(values.expressions[0].expressions)
        else:
            count = len(parsed.selects) if isinstance(parsed, exp.Select) and not parsed.is_star else 1
        return EngineRows(tuple((f"c{n}", "string", True) for n in range(count)), [], False)

    def query(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken, limit: int | None = None) -> EngineRows:
        """Refuse: there are no rows here."""
        raise SqlError("UNSUPPORTED_FEATURE", "this test runs without an engine", "0A000")

    def write(self, sql: str, folder: object, objects: EngineObjects, user: str, cancel: CancelToken) -> None:
        """Do nothing: tables are empty here."""


class LightRunner:
    """A statement runner for control-plane tests."""

    def __init__(self, repositories: Repositories, files: Path) -> None:
        """Answer from the repositories of a workspace."""
        self._repositories = repositories
        self._runner = SqlRunner(repositories, files, NoEngine(files / "engine"))

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        """Run one statement; no statement leaves lineage here."""
        if COLUMN_LINEAGE in request.statement:
            return StatementResult(columns=(("source_table_catalog", "string", "STRING"),), rows=[])
        if ".information_schema." not in request.statement.replace("`", ""):
            return self._runner.run(request, cancel)
        return self._read(request)

    def warm(self) -> None:
        """Have nothing to start."""

    def close(self) -> None:
        """Close what the inner runner holds."""
        self._runner.close()

    def _read(self, request: StatementRequest) -> StatementResult:
        principal = self._repositories.identity.by_id(request.principal_id)
        assert principal is not None
        tree = sqlglot.parse_one(request.statement, dialect="databricks")
        database = sqlite3.connect(":memory:")
        loaded: dict[tuple[str, str], str] = {}
        for table in tree.find_all(exp.Table):
            place = (table.catalog.casefold(), table.name.casefold())
            if place not in loaded:
                if self._repositories.store.get(kinds.CATALOG, place[0]) is None:
                    raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"no catalog {place[0]!r}", "42P01")
                loaded[place] = f"v{len(loaded)}"
                columns = [c.rstrip("#*") for c in VIEWS[place[1]][0]]
                database.execute(f"CREATE TABLE {loaded[place]} ({', '.join(columns)})")
                found = VIEWS[place[1]][1](Visibility(self._repositories, principal, place[0]))
                rows = [tuple(str(v) if isinstance(v, list) else v for v in row) for row in found]
                database.executemany(f"INSERT INTO {loaded[place]} VALUES ({', '.join('?' * len(columns))})", rows)
            table.replace(exp.to_table(loaded[place]))
        cursor = database.execute(tree.sql(dialect="sqlite"), {n: v for n, _, v in request.parameters})
        names = [d[0] for d in cursor.description]
        rows_out = [[None if v is None else str(v) for v in row] for row in cursor.fetchall()]
        database.close()
        return StatementResult(columns=tuple((n, "string", "STRING") for n in names), rows=rows_out)


def light_runner(repositories: Repositories, files: Path) -> LightRunner:
    """Make the runner; pass this as `build_runner`."""
    return LightRunner(repositories, files)
