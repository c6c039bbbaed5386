"""The SQL engine as the control plane sees it: processes that are started lazily and may die without harm."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localspace.core.statement_runner import CancelToken, SqlError
from localspace.sql.engine_process import Answer, EngineLostError, EngineProcess
from localspace.sql.engine_session import is_huge
from localspace.sql.storage import EngineObjects, FunctionSpec, ViewSpec

_CLOSE_SECONDS = 15.0
_ARCHIVE_SECONDS = 600.0
"""Writing the class archive takes 10 s; on a machine with much else to do, minutes."""
_LIVES = 3
"""In how many processes a statement is tried that lost one to the misbehaviour of another statement."""


class EngineError(Exception):
    """An error of the engine; `analysis` is true when no row was read."""

    def __init__(self, *, error_class: str | None, sql_state: str | None, message: str, analysis: bool) -> None:
        """Make an error from the engine's answer."""
        super().__init__(f"[{error_class}] {message}")
        self.error_class = error_class
        self.sql_state = sql_state
        self.message = message
        self.analysis = analysis


@dataclass(frozen=True, slots=True)
class EngineRows:
    """Columns (name, type text, nullable) and rows of strings."""

    columns: tuple[tuple[str, str, bool], ...]
    rows: list[list[str | None]]
    truncated: bool


class Engine:
    """The engine across the lives of its processes; safe to use from several threads.

    One process answers nearly everything; a second one starts with the first statement that reads so much that it pays.
    """

    def __init__(self, scratch: Path, heap: str = "1g", archive: Path | None = None) -> None:
        """Keep scratch files under `scratch`; `archive` is a class-data archive to use, or to make at the end."""
        self._scratch = scratch
        self._heap = heap
        self._archive = archive
        self._lock = threading.Lock()
        self._process: EngineProcess | None = None
        self._huge: EngineProcess | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Return whether the process is there and has said that it is ready."""
        return self._process is not None and self._process.ready

    @property
    def process(self) -> EngineProcess | None:
        """Return the process of the moment, None before the first."""
        return self._process

    @property
    def process_for_much_data(self) -> EngineProcess | None:
        """Return the process for statements that read much, None before the first of them."""
        return self._huge

    def warm(self) -> None:
        """Start the process without waiting for it; one that has ended is replaced."""
        self._living()

    def query(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken, limit: int | None = None) -> EngineRows:
        """Run a query; raises EngineError, and SqlError when cancelled."""
        answer = self._ask({"op": "query", "sql": sql, "limit": limit}, objects, user, cancel)
        return EngineRows(_columns(answer), answer["rows"], bool(answer["truncated"]))

    def analyze(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken) -> EngineRows:
        """Return the columns that a query would have."""
        answer = self._ask({"op": "analyze", "sql": sql}, objects, user, cancel)
        return EngineRows(_columns(answer), [], False)

    def functions(self) -> frozenset[str]:
        """Return the names of all functions that the engine came with, those that it had to forget too."""
        answer = self._ask({"op": "functions"}, (), "", CancelToken())
        return frozenset(str(row[0]) for row in answer["rows"])

    def write(self, sql: str, folder: Path, objects: EngineObjects, user: str, cancel: CancelToken) -> None:
        """Write a query's rows as parquet files into a new folder."""
        self._ask({"op": "write", "sql": sql, "folder": str(folder)}, objects, user, cancel, half_done=folder)

    def explain(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken) -> str:
        """Return the physical plan of a query."""
        return str(self._ask({"op": "explain", "sql": sql}, objects, user, cancel)["plan"])

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
            huge, self._huge = self._huge, None
        if process is not None:
            makes_archive = self._archive is not None and not self._archive.exists()
            process.close(_ARCHIVE_SECONDS if makes_archive else _CLOSE_SECONDS)
        if huge is not None:
            huge.close(_CLOSE_SECONDS)

    # Inside

    def _living(self) -> EngineProcess:
        with self._lock:
            self._process = self._replaced(self._process, self._archive, both_compilers=False)
            return self._process

    def _living_for(self, request: Answer) -> EngineProcess:
        if not is_huge(request):
            return self._living()
        # It makes no archive: both would write the same file.
        archive = self._archive if self._archive is not None and self._archive.exists() else None
        with self._lock:
            self._huge = self._replaced(self._huge, archive, both_compilers=True)
            return self._huge

    def _replaced(self, process: EngineProcess | None, archive: Path | None, *, both_compilers: bool) -> EngineProcess:
        if self._closed:
            raise SqlError("INTERNAL_ERROR", "The SQL engine is closed.", "XX000", "INTERNAL_ERROR")
        if process is not None and process.alive:
            return process
        options = {"heap": self._heap, "archive": str(archive) if archive else None, "both_compilers": both_compilers}
        return EngineProcess(self._scratch, options)

    def _ask(
        self, body: Answer, objects: EngineObjects, user: str, cancel: CancelToken, half_done: Path | None = None
    ) -> dict[str, Any]:
        views = [[one.name, one.folder, one.ddl] for one in objects if isinstance(one, ViewSpec)]
        functions = [[one.name, one.declaration] for one in objects if isinstance(one, FunctionSpec)]
        request = body | {"views": views, "functions": functions, "user": user}
        for life in range(_LIVES):
            try:
                return _raise_for(self._living_for(request).ask(request, cancel))
            except EngineLostError as lost:
                # The statement that caused the replacement has its error already; the others run again in the new process.
                if not lost.replaced or life == _LIVES - 1:
                    raise _lost(lost) from lost
                if half_done is not None:
                    shutil.rmtree(half_done, ignore_errors=True)
        raise AssertionError("unreachable")


def _lost(lost: EngineLostError) -> SqlError:
    message = f"The SQL engine ended while the statement ran: {lost.reason}. A new one is started; run the statement again."
    return SqlError("INTERNAL_ERROR", message, "XX000", "INTERNAL_ERROR")


def _raise_for(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is not None:
        raise EngineError(
            error_class=error["class"], sql_state=error["state"], message=error["message"], analysis=error["analysis"]
        )
    return answer


def _columns(answer: dict[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((name, kind, bool(nullable)) for name, kind, nullable in answer["columns"])
