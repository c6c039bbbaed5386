"""The history of a workspace: events that are made and written by a thread of their own, in the order in which they happened.

A statement puts its facts into a queue and continues. Written events last as documents of the store do. A kill may lose the
events that were not written yet, which are the last ones, and never one between two others.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localspace.core.store import Store
from localspace.core.stored_documents.kind import D, Stream

_MOST_AT_ONCE = 200

_log = logging.getLogger("localspace.core.history")
_Waiting = tuple[Stream[Any], Callable[[], Mapping[str, Any] | None]]


class History:
    """The streams of one metastore; safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        """Write into `store`; the thread starts with the first event."""
        self._store = store
        self._waiting: queue.SimpleQueue[_Waiting | threading.Event | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        store.before_close(self.close)

    def add(self, stream: Stream[D], make: Callable[[], D | None]) -> None:
        """Write the event that `make` returns; it runs later, in another thread, and may return None for nothing."""
        self._start()
        self._waiting.put((stream, make))  # type: ignore[arg-type]

    def events(self, stream: Stream[D]) -> Sequence[D]:
        """Return the events that are kept, the oldest first, with all that were added before this call."""
        self.flush()
        return self._store.events(stream)

    def flush(self) -> None:
        """Wait until all is written that was added before this call."""
        with self._lock:
            running = self._thread is not None
        if running:
            written = threading.Event()
            self._waiting.put(written)
            written.wait()

    def close(self) -> None:
        """Write what was added and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="history", daemon=True)
                self._thread.start()

    def _write(self) -> None:
        while True:
            taken = [self._waiting.get()]
            while len(taken) < _MOST_AT_ONCE and not self._waiting.empty():
                taken.append(self._waiting.get())
            made: dict[str, tuple[Stream[Any], list[Any]]] = {}
            for one in taken:
                if isinstance(one, tuple):
                    self._make(one, made)
            self._append(made)
            for one in taken:
                if isinstance(one, threading.Event):
                    one.set()
            if None in taken:
                return

    def _append(self, made: dict[str, tuple[Stream[Any], list[Any]]]) -> None:
        try:
            with self._store.transaction():
                for stream, events in made.values():
                    self._store.append(stream, events)
        except sqlite3.Error:
            # The failed events are given up, so that a waiting reader does not hang; later events may be written again.
            _log.exception("events of %s could not be written", ", ".join(made))

    @staticmethod
    def _make(one: _Waiting, made: dict[str, tuple[Stream[Any], list[Any]]]) -> None:
        stream, make = one
        try:
            event = make()
        except Exception as error:
            # The statement was answered long ago. The message may quote it: the log gets the place alone.
            _log.error("an event of %s could not be made: %s", stream.name, type(error).__name__)
            return
        if event is not None:
            made.setdefault(stream.name, (stream, []))[1].append(event)
