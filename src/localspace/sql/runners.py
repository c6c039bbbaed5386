"""The statement runners of an account: a runner for each workspace, with one engine and the rows of all tables between them."""

from __future__ import annotations

import shutil
from pathlib import Path

from localspace.core.store import Store
from localspace.governance.repositories import Repositories
from localspace.sql.engine import Engine
from localspace.sql.engine_archive import existing_archive
from localspace.sql.run import SqlRunner
from localspace.sql.storage import Storage
from localspace.sql.table_locks import TableLocks


class _LentEngine(Engine):
    """An engine that a runner cannot end: other workspaces use it."""

    def close(self) -> None:
        """Leave the engine to the others."""

    def end(self) -> None:
        """End the engine."""
        super().close()


class Runners:
    """Makes runners; a principal's statement sees its own workspace, because the runner reads that workspace's repositories."""

    def __init__(self, store: Store, files: Path, *, heap: str = "1g", engine: Engine | None = None) -> None:
        """Keep rows and the engine's files below `files`; the engine starts with the first statement that needs it.

        An `engine` that is given stays the caller's, who ends it.
        """
        files.mkdir(parents=True, exist_ok=True)
        # Files of a former engine process are useless.
        shutil.rmtree(files / "engine", ignore_errors=True)
        self._files = files
        self._own: _LentEngine | None = None
        if engine is None:
            engine = self._own = _LentEngine(files / "engine", heap, existing_archive())
        self._engine = engine
        self._storage = Storage(store, files)
        self._locks = TableLocks()

    def runner(self, repositories: Repositories) -> SqlRunner:
        """Return the runner of a workspace."""
        return SqlRunner(repositories, self._files, self._engine, self._storage, self._locks)

    def close(self) -> None:
        """End the engine."""
        if self._own is not None:
            self._own.end()
