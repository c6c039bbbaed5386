"""The SQL engine as the control plane sees it: a process that is started lazily and may die without harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localspace.core.statement_runner import CancelToken, SqlError
from localspace.sql.storage import EngineObjects, FunctionSpec, ViewSpec

_START_SECONDS = 120.0
_ARCHIVE_SECONDS = 600.0
"""Writing the class archive takes 10 s; on a machine with much else to do, minutes."""


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
    """One engine process; safe to use from several threads."""

    def __init__(self, scratch: Path, heap: str = "1g", archive: Path | None = None) -> None:
        """Keep scratch files under `scratch`; `archive` is a class-data archive to use, or to make at the end."""
        self._scratch = scratch
        self._heap = heap
        self._archive = archive
        self._lock = threading.RLock()
        self._write_lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ready: Future[dict[str, Any]] = Future()
        self._pending: dict[int, Future[dict[str, Any]]] = {}
        self._number = 0
        self._closed = False

    @property
    def running(self) -> bool:
        """Return whether the process is there and has said that it is ready."""
        return self._process is not None and self._process.poll() is None and self._ready.done()

    def warm(self) -> None:
        """Start the process without waiting for it."""
        with self._lock:
            if self._closed:
                raise SqlError("INTERNAL_ERROR", "The SQL engine is closed.", "XX000", "INTERNAL_ERROR")
            if self._process is None or self._process.poll() is not None:
                self._start()

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
        self._ask({"op": "write", "sql": sql, "folder": str(folder)}, objects, user, cancel)

    def explain(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken) -> str:
        """Return the physical plan of a query."""
        return str(self._ask({"op": "explain", "sql": sql}, objects, user, cancel)["plan"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            process = self._process
            self._process = None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=_ARCHIVE_SECONDS if self._archive is not None and not self._archive.exists() else 15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # Inside

    def _ask(self, body: dict[str, Any], objects: EngineObjects, user: str, cancel: CancelToken) -> dict[str, Any]:
        with self._lock:
            self.warm()
            ready = self._ready
        try:
            _raise_for(ready.result(_START_SECONDS))
        except FutureTimeout as error:
            raise SqlError("INTERNAL_ERROR", "The SQL engine did not start in time.", "XX000", "INTERNAL_ERROR") from error
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            self._pending[number] = answer
        cancel.on_cancel(lambda: self._cancel(number))
        if not answer.done():
            views = [[one.name, one.folder, one.ddl] for one in objects if isinstance(one, ViewSpec)]
            functions = [[one.name, one.declaration] for one in objects if isinstance(one, FunctionSpec)]
            self._send(body | {"id": number, "views": views, "functions": functions, "user": user})
        return _raise_for(answer.result())

    def _cancel(self, number: int) -> None:
        with self._lock:
            waiting = self._pending.pop(number, None)
        if waiting is not None:
            waiting.set_exception(SqlError("QUERY_CANCELED", "The statement was canceled.", "57014", "CANCELLED"))
            self._send({"op": "cancel", "id": 0, "target": number})

    def _send(self, body: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            with self._write_lock:
                process.stdin.write(json.dumps(body, ensure_ascii=False) + "\n")
                process.stdin.flush()
        except (BrokenPipeError, ValueError):
            self._fail_all(process)

    def _start(self) -> None:
        self._scratch.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix="engine-", dir=self._scratch)
        options = {"heap": self._heap, "scratch": scratch, "archive": str(self._archive) if self._archive else None}
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TZ": "UTC"}
        log = (Path(scratch) / "worker.log").open("wb")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "localspace.sql.engine_worker", json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
                encoding="utf-8",
            )
        self._ready = Future()
        self._pending = {}
        threading.Thread(target=self._read, args=(self._process, self._ready), daemon=True).start()

    def _read(self, process: subprocess.Popen[str], ready: Future[dict[str, Any]]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            body = json.loads(line)
            if body["id"] == 0:
                if not ready.done():
                    ready.set_result(body)
                continue
            with self._lock:
                waiting = self._pending.pop(body["id"], None)
            if waiting is not None:
                waiting.set_result(body)
        process.wait()
        if not ready.done():
            ready.set_result({"error": {"class": None, "state": None, "message": "it did not start", "analysis": False}})
        self._fail_all(process)

    def _fail_all(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if self._process is not process and self._process is not None:
                return
            waiting, self._pending = list(self._pending.values()), {}
        lost = SqlError("INTERNAL_ERROR", "The SQL engine ended while the statement ran. Retry it.", "XX000", "INTERNAL_ERROR")
        for one in waiting:
            if not one.done():
                one.set_exception(lost)


def _raise_for(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is not None:
        raise EngineError(
            error_class=error["class"], sql_state=error["state"], message=error["message"], analysis=error["analysis"]
        )
    return answer


def _columns(answer: dict[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((name, kind, bool(nullable)) for name, kind, nullable in answer["columns"])
