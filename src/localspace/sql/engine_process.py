"""One life of the SQL engine's process: its requests in flight, what becomes of them when it ends, and its replacement."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from pathlib import Path
from typing import Any

from localspace.core.statement_runner import CancelToken, SqlError

START_SECONDS = 120.0
STOP_SECONDS = 4.0
"""Seconds that a cancelled statement may continue in the engine before the process is replaced."""
CHECK_SECONDS = 30.0
"""How long an engine that ran out of memory may take to show that it still runs jobs."""

Answer = dict[str, Any]


class EngineLostError(Exception):
    """The process ended while a request was in flight; `replaced` says that localspace ended it for another statement."""

    def __init__(self, reason: str, *, replaced: bool) -> None:
        """Say why the process ended."""
        super().__init__(reason)
        self.reason = reason
        self.replaced = replaced


class EngineProcess:
    """A worker with its JVM; safe to use from several threads."""

    def __init__(self, scratch: Path, options: dict[str, Any]) -> None:
        """Start the worker without waiting for it; its log and its files lie in a new folder below `scratch`."""
        scratch.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="engine-", dir=scratch))
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._pending: dict[int, Future[Answer]] = {}
        self._sent: set[int] = set()
        self._stopping: dict[int, threading.Event] = {}
        self._number = 0
        self._lost: EngineLostError | None = None
        self._reason = ""
        self._ready: Future[Answer] = Future()
        with (self.folder / "worker.log").open("wb") as log:
            # A session of its own: the worker and its JVM are ended together, even when the worker does not listen.
            self._worker = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "localspace.sql.engine_worker", json.dumps(options | {"scratch": str(self.folder)})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "TZ": "UTC"},
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """Return the worker's process id."""
        return self._worker.pid

    @property
    def alive(self) -> bool:
        """Return whether the process takes requests, or will once it has started."""
        return self._lost is None and self._worker.poll() is None

    @property
    def ready(self) -> bool:
        """Return whether the process has said that it is ready."""
        return self.alive and self._ready.done()

    def ask(self, body: Answer, cancel: CancelToken) -> Answer:
        """Send a request and wait for its answer; raises EngineLostError, and SqlError when cancelled or not started."""
        number, answer = self._new_request()
        cancel.on_cancel(lambda: self._cancel(number))
        wait((self._ready, answer), START_SECONDS, FIRST_COMPLETED)
        if not answer.done() and not self._ready.done():
            self.end("it did not start in time", replaced=False)
        error = self._ready.result().get("error") if self._ready.done() else None
        if error is not None and error["start"]:
            raise SqlError("INTERNAL_ERROR", f"The SQL engine did not start: {error['message']}", "XX000", "INTERNAL_ERROR")
        self._send_request(number, body)
        found = answer.result()
        if (found.get("error") or {}).get("memory"):
            threading.Thread(target=self._check, daemon=True).start()
        return found

    def end(self, reason: str, *, replaced: bool) -> None:
        """Kill the worker and its JVM; what is in flight fails with EngineLostError."""
        self._reason = self._reason or reason
        self._fail(EngineLostError(self._reason, replaced=replaced))
        try:
            os.killpg(self._worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended by itself meanwhile
        self._worker.wait()

    def close(self, seconds: float) -> None:
        """Ask the worker to end, and kill it after `seconds`."""
        if self._worker.stdin is not None:
            self._worker.stdin.close()
        try:
            self._worker.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end("it was closed", replaced=False)

    # Inside

    def _new_request(self) -> tuple[int, Future[Answer]]:
        answer: Future[Answer] = Future()
        with self._lock:
            if self._lost is not None:
                # Nothing was sent: the next process can run it.
                raise EngineLostError(self._lost.reason, replaced=True)
            self._number += 1
            self._pending[self._number] = answer
            return self._number, answer

    def _send_request(self, number: int, body: Answer) -> None:
        """Send a request, unless it was cancelled or lost meanwhile."""
        with self._lock:
            if number not in self._pending:
                return
            self._sent.add(number)
        if self._send(body | {"id": number}):
            return
        with self._lock:
            waiting = self._pending.pop(number, None)
        if waiting is not None:
            # It never reached the worker: the next process can run it.
            _settle(waiting, EngineLostError("its process had ended", replaced=True))

    def _cancel(self, number: int) -> None:
        with self._lock:
            waiting = self._pending.pop(number, None)
            stopped = threading.Event()
            if number in self._sent:
                self._stopping[number] = stopped
            else:
                stopped.set()
        if waiting is None:
            return
        _settle(waiting, SqlError("QUERY_CANCELED", "The statement was canceled.", "57014", "CANCELLED"))
        # Not in this thread: it may be the one that serves the REST API.
        if not stopped.is_set():
            threading.Thread(target=self._stop, args=(number, stopped), daemon=True).start()

    def _stop(self, number: int, stopped: threading.Event) -> None:
        self._send({"op": "cancel", "id": 0, "target": number})
        if not stopped.wait(STOP_SECONDS):
            self.end("a cancelled statement did not stop", replaced=True)

    def _check(self) -> None:
        """Replace an engine that runs no jobs any more since memory ran out."""
        try:
            number, answer = self._new_request()
        except EngineLostError:
            return  # it has ended already
        self._send_request(number, {"op": "check", "views": [], "functions": [], "user": ""})
        wait((answer,), CHECK_SECONDS)
        if not answer.done() or answer.exception() is not None or answer.result().get("error") is not None:
            self.end("it ran out of memory", replaced=True)

    def _send(self, body: Answer) -> bool:
        """Return whether the worker took a message; the reader sees the end of one that did not, and why."""
        assert self._worker.stdin is not None
        try:
            with self._write_lock:
                self._worker.stdin.write(json.dumps(body, ensure_ascii=False) + "\n")
                self._worker.stdin.flush()
        except (OSError, ValueError):
            self._worker.wait()
            return False
        return True

    def _read(self) -> None:
        assert self._worker.stdout is not None
        for line in self._worker.stdout:
            body = json.loads(line)
            if "ended" in body:
                self._reason = self._reason or str(body["ended"])
            elif body["id"] == 0:
                _settle(self._ready, body)
            else:
                with self._lock:
                    self._sent.discard(body["id"])
                    waiting = self._pending.pop(body["id"], None)
                    stopped = self._stopping.pop(body["id"], None)
                if stopped is not None:
                    stopped.set()
                if waiting is not None:
                    _settle(waiting, body)
        code = self._worker.wait()
        self._fail(EngineLostError(self._reason or f"its process ended with code {code}", replaced=False))

    def _fail(self, lost: EngineLostError) -> None:
        with self._lock:
            self._lost = self._lost or lost
            waiting, self._pending = list(self._pending.values()), {}
            stopping, self._stopping = list(self._stopping.values()), {}
        for event in stopping:
            event.set()
        for one in waiting:
            _settle(one, lost)
        _settle(self._ready, {"error": {"message": f"{lost.reason}.", "start": False}})


def _settle(future: Future[Answer], outcome: Answer | Exception) -> None:
    """Give a future its outcome unless it has one: an answer, a cancel and an end may come at once."""
    settle: Callable[[Any], None] = future.set_exception if isinstance(outcome, Exception) else future.set_result
    try:
        settle(outcome)
    except InvalidStateError:
        return
