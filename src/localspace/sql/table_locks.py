"""One writer per table: a write reads the current rows and swaps the folder, and writers of other tables do not wait for it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from localspace.core.statement_runner import CancelToken, SqlError

Path = tuple[str, ...]


class TableLocks:
    """The tables that statements write at the moment, of all workspaces with one engine."""

    def __init__(self) -> None:
        """Start with none."""
        self._condition = threading.Condition()
        self._held: set[Path] = set()

    def take(self, path: Path, cancel: CancelToken) -> None:
        """Wait until no other statement writes a table; a cancelled statement stops waiting at once and raises QUERY_CANCELED."""
        cancel.on_cancel(self._wake)
        with self._condition:
            self._condition.wait_for(lambda: cancel.cancelled or path not in self._held)
            if cancel.cancelled:
                raise SqlError("QUERY_CANCELED", "The statement was canceled.", "57014", "CANCELLED")
            self._held.add(path)

    def give_back(self, path: Path) -> None:
        """Let the next writer of a table continue."""
        with self._condition:
            self._held.discard(path)
            self._condition.notify_all()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()


class HeldTables:
    """The table that one statement writes, from when its name is known to the statement's end."""

    def __init__(self, locks: TableLocks, cancel: CancelToken, metastore_id: str) -> None:
        """Hold nothing yet; tables of one name in two metastores are two."""
        self._metastore_id = metastore_id
        self._locks = locks
        self._cancel = cancel
        self._path: Path | None = None
        self._stack = ExitStack()

    def hold(self, path: Path) -> None:
        """Keep other writers of a table out; a statement holds one table, so that no two statements wait for each other."""
        folded = (self._metastore_id, *(part.casefold() for part in path))
        if self._path == folded:
            return
        if self._path is not None:
            raise AssertionError(f"a statement that writes {self._path} also wants {folded}")
        self._locks.take(folded, self._cancel)
        self._path = folded
        self._stack.callback(self._locks.give_back, folded)

    def release(self) -> None:
        """Let others write."""
        self._stack.close()
