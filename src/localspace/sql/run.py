"""The statement runner: binds parameters, picks the handler by the first words, maps every failure to SqlError."""

from __future__ import annotations

import shutil
from pathlib import Path

from localspace.core.errors import ApiError
from localspace.core.lexer import Cursor
from localspace.core.principals import Principal
from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.governance.default_namespace import default_catalog
from localspace.governance.repositories import Repositories
from localspace.sql import failures
from localspace.sql.constant_texts import with_names_in_place
from localspace.sql.context import StatementContext
from localspace.sql.engine import Engine
from localspace.sql.engine_archive import existing_archive
from localspace.sql.execute_immediate import expanded
from localspace.sql.handlers import handler_for
from localspace.sql.information_schema import InformationSchema
from localspace.sql.lineage import record
from localspace.sql.parameters import bind
from localspace.sql.reader import DEFAULT_SCHEMA, Reader, SqlSession
from localspace.sql.rewrite import Rewriter
from localspace.sql.storage import Storage
from localspace.sql.table_locks import HeldTables, TableLocks


class SqlRunner:
    """Runs statements for any principal of one workspace."""

    def __init__(
        self,
        repositories: Repositories,
        data_dir: Path,
        engine: Engine,
        storage: Storage | None = None,
        locks: TableLocks | None = None,
    ) -> None:
        """Serve `repositories`, with rows under `data_dir`; workspaces share an engine with its `storage` and `locks`."""
        self._repositories = repositories
        self._engine = engine
        self._reader = Reader(repositories)
        self._storage = storage or Storage(repositories.store, data_dir)
        self._information = InformationSchema(repositories, self._storage)
        self._locks = locks or TableLocks()

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        """Run one statement to its end; raises SqlError."""
        try:
            return self._run(request, cancel)
        except ApiError as error:
            raise failures.from_api(error) from error
        except RecursionError as error:
            raise SqlError("PARSE_SYNTAX_ERROR", "The statement nests too deeply.", "54001") from error

    def warm(self) -> None:
        """Start the engine without waiting for it."""
        self._engine.warm()

    def close(self) -> None:
        """Free the engine; the runner is not used afterwards."""
        self._engine.close()

    def _run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        statement = expanded(with_names_in_place(bind(request.statement, request.parameters)))
        cursor = Cursor(statement)
        if cursor.done:
            raise SqlError("PARSE_EMPTY_STATEMENT", "Syntax error, unexpected empty statement.", "42617")
        handler = handler_for(cursor)
        context = self._context(request, cancel)
        try:
            result = handler(context, cursor)
        finally:
            context.held.release()
        record(self._repositories, request, context.session, context.rewriter.reads, context.flow)
        return result

    def _context(self, request: StatementRequest, cancel: CancelToken) -> StatementContext:
        principal = self._principal(request)
        session = SqlSession(
            principal=principal,
            catalog=request.catalog or default_catalog(self._repositories.store),
            schema=request.schema or DEFAULT_SCHEMA,
            views=request.views,
        )
        rewriter = Rewriter(self._reader, self._storage, session, self._information.relation)
        return StatementContext(
            repositories=self._repositories,
            reader=self._reader,
            storage=self._storage,
            engine=self._engine,
            session=session,
            rewriter=rewriter,
            information=self._information,
            cancel=cancel,
            held=HeldTables(self._locks, cancel, self._repositories.ids.metastore_id),
            row_limit=request.row_limit,
        )

    def _principal(self, request: StatementRequest) -> Principal:
        found = self._repositories.identity.by_id(request.principal_id)
        if found is None:
            raise SqlError("INSUFFICIENT_PERMISSIONS", "The principal of this statement does not exist.", "42501")
        return found


def build_runner(repositories: Repositories, data_dir: Path, *, heap: str = "1g") -> SqlRunner:
    """Return the runner of a workspace; the engine starts with the first statement that needs it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    # Files of a former engine process are useless.
    shutil.rmtree(data_dir / "engine", ignore_errors=True)
    return SqlRunner(repositories, data_dir, Engine(data_dir / "engine", heap, existing_archive()))
