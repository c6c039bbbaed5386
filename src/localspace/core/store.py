"""The one transactional store: JSON documents by kind and key, in SQLite (WAL).

A document is a dict. Its key is a tuple of names, compared case-insensitively as Unity Catalog does; its parent is the
key of what contains it, so that one indexed look-up lists children. Each document belongs to one room: the account's, or that
of one metastore or one workspace (`Kind.room`). A `Store` sees the rooms of one workspace and no other, so that workspaces and
metastores stay apart also where their documents have the same names. What `transaction` has returned from is with the
operating system: `kill -9` of the process afterwards loses nothing. Only a power cut or a crash of the machine may lose
the last commits (never older ones, never half of one): with the WAL, `synchronous=NORMAL` syncs at checkpoints alone,
which makes a write four times as fast as a sync for each (source: SQLite docs, PRAGMA synchronous).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localspace.core.errors import not_found
from localspace.core.stored_documents.kind import D, Document, Kind, Room, Stream

Key = tuple[str, ...]

_SEPARATOR = "\x1f"
_AT_ONCE = 64
_LOOK_EVERY = 256
"""After how many events a stream is looked at for its size."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, key TEXT NOT NULL, room TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, key, room)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS document_parent ON document (kind, parent, key, room);
CREATE TABLE IF NOT EXISTS event (
    stream TEXT NOT NULL, room TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (stream, room, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class KeyNameError(ValueError):
    """A name that cannot be part of a key."""


def encode_key(key: Key) -> str:
    """Return the stored form of a key: names folded to lower case, joined by a character no name may hold."""
    for part in key:
        if _SEPARATOR in part:
            raise KeyNameError("a name may not hold the unit separator")
    return _SEPARATOR.join(part.casefold() for part in key)


@dataclass(slots=True, kw_only=True)
class _File:
    """The open database, which all views of it share."""

    connection: sqlite3.Connection
    lock: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    epoch: int = 0
    before_close: list[Callable[[], None]] = field(default_factory=list)


def _opened(path: Path | None) -> _File:
    connection = sqlite3.connect(":memory:" if path is None else str(path), isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_SCHEMA)
    return _File(connection=connection)


class Store:
    """The documents that one workspace sees: the account's, its metastore's, its own; safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the store at `path`; None keeps it in memory. The view sees the account and rooms without an id."""
        self._file = _opened(path)
        self._enter("", "")

    def within(self, workspace_id: str, metastore_id: str | None) -> Store:
        """Return the view of a workspace with its metastore; None: it has none, so that nothing can be written to one."""
        view = Store.__new__(Store)
        view._file = self._file
        view._enter(workspace_id, metastore_id)
        return view

    def rooms(self) -> list[Store]:
        """Return a view of each workspace and of each metastore that has documents: every one of them shows once."""
        with self._file.lock:
            found = self._file.connection.execute("SELECT DISTINCT room FROM document ORDER BY room").fetchall()
        views = []
        for (name,) in found:
            room, _, number = name.partition(":")
            if room == Room.WORKSPACE:
                views.append(self.within(number, None))
            elif room == Room.METASTORE:
                views.append(self.within("", number))
        return views

    def everywhere(self, kind: Kind[D]) -> list[D]:
        """Return the documents of a kind in all rooms: for upkeep of files, never for an answer to a caller."""
        with self._file.lock:
            rows = self._file.connection.execute("SELECT body FROM document WHERE kind = ?", (kind.name,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def close(self) -> None:
        """Close the database file, after what asked to run before that."""
        for work in self._file.before_close:
            work()
        with self._file.lock:
            self._file.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make every write inside atomic and durable; nested use joins the outer transaction."""
        file = self._file
        with file.lock:
            if file.depth:
                yield
                return
            file.connection.execute("BEGIN IMMEDIATE")
            file.depth = 1
            try:
                yield
            except BaseException:
                file.connection.execute("ROLLBACK")
                file.epoch += 1
                raise
            else:
                file.connection.execute("COMMIT")
            finally:
                file.depth = 0

    def get(self, kind: Kind[D], *key: str) -> D | None:
        """Return the document, or None."""
        visible, rooms = self._visible(kind)
        query = f"SELECT body FROM document WHERE kind = ? AND key = ? AND {visible}"
        with self._file.lock:
            row = self._file.connection.execute(query, (kind.name, encode_key(key), *rooms)).fetchone()
        if row is None:
            return None
        found: D = json.loads(row[0])
        return found

    def put(self, kind: Kind[D], key: Key, body: D, parent: Key = ()) -> None:
        """Insert or replace a document and count one change; raises 404 for a metastore's document without a metastore."""
        room = self._names[kind.room_of(key, body)]
        if room is None:
            raise not_found("No metastore assigned for the current workspace.", "METASTORE_DOES_NOT_EXIST")
        encoded = encode_key(key)
        with self.transaction():
            if kind.also:
                visible, rooms = self._visible(kind)
                query = f"DELETE FROM document WHERE kind = ? AND key = ? AND room <> ? AND {visible}"
                self._file.connection.execute(query, (kind.name, encoded, room, *rooms))
            self._file.connection.execute(
                "INSERT OR REPLACE INTO document (kind, key, room, parent, body) VALUES (?, ?, ?, ?, ?)",
                (kind.name, encoded, room, encode_key(parent), _text(body)),
            )
            self._changed(kind.name)

    def rewrite(self, kind: Kind[D], key: Key, body: D) -> None:
        """Replace the body of a document that is there; key and parent stay."""
        visible, rooms = self._visible(kind)
        with self.transaction():
            self._file.connection.execute(
                f"UPDATE document SET body = ? WHERE kind = ? AND key = ? AND {visible}",
                (_text(body), kind.name, encode_key(key), *rooms),
            )
            self._changed(kind.name)

    def delete(self, kind: Kind[Any], *key: str) -> bool:
        """Delete a document; say whether it was there."""
        visible, rooms = self._visible(kind)
        with self.transaction():
            done = self._file.connection.execute(
                f"DELETE FROM document WHERE kind = ? AND key = ? AND {visible}", (kind.name, encode_key(key), *rooms)
            ).rowcount
            if done:
                self._changed(kind.name)
        return bool(done)

    def scan(self, kind: Kind[D], *key: str) -> list[D]:
        """Return the documents whose encoded key starts with these parts; the last part may be the start of a name."""
        start = encode_key(key)
        visible, rooms = self._visible(kind)
        query = f"SELECT body FROM document WHERE kind = ? AND key >= ? AND key < ? AND {visible} ORDER BY key"
        with self._file.lock:
            rows = self._file.connection.execute(query, (kind.name, start, start + "\U0010ffff", *rooms)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def items(self, kind: Kind[D]) -> list[tuple[Key, D]]:
        """Return all documents of a kind with their keys, whose names are folded to lower case."""
        visible, rooms = self._visible(kind)
        query = f"SELECT key, body FROM document WHERE kind = ? AND {visible} ORDER BY key"
        with self._file.lock:
            rows = self._file.connection.execute(query, (kind.name, *rooms)).fetchall()
        return [(tuple(key.split(_SEPARATOR)), json.loads(body)) for key, body in rows]

    def bodies(self, *, everywhere: bool = False) -> Iterator[tuple[str, str, Document]]:
        """Yield every document that is visible here with its kind and its encoded key; or that of all rooms."""
        names = [one for one in self._names.values() if one is not None]
        where = "" if everywhere else f"WHERE room IN ({', '.join('?' * len(names))}) "
        with self._file.lock:
            rows = self._file.connection.execute(
                f"SELECT kind, key, body FROM document {where}ORDER BY kind, key", () if everywhere else names
            ).fetchall()
        for kind, key, body in rows:
            yield kind, key, json.loads(body)

    def list(self, kind: Kind[D], parent: Key | None = None) -> list[D]:
        """Return all documents of a kind, or those of one parent, ordered by key."""
        query, arguments = self._listing("body", kind, parent)
        with self._file.lock:
            rows = self._file.connection.execute(query + " ORDER BY key", arguments).fetchall()
        return [json.loads(row[0]) for row in rows]

    def walk(self, kind: Kind[D], parent: Key) -> Iterator[D]:
        """Yield the documents of one parent, ordered by key; changes made meanwhile may show."""
        query, arguments = self._listing("key, body", kind, parent)
        last = ""
        while True:
            with self._file.lock:
                rows = self._file.connection.execute(
                    f"{query} AND key > ? ORDER BY key LIMIT {_AT_ONCE}", (*arguments, last)
                ).fetchall()
            yield from (json.loads(body) for _, body in rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][0]

    def count(self, kind: Kind[Any], parent: Key | None = None) -> int:
        """Return how many documents of a kind there are, or how many one parent has."""
        query, arguments = self._listing("count(*)", kind, parent)
        with self._file.lock:
            return int(self._file.connection.execute(query, arguments).fetchone()[0])

    def before_close(self, work: Callable[[], None]) -> None:
        """Run `work` when the store is closed, while it still takes writes."""
        self._file.before_close.append(work)

    def append(self, stream: Stream[D], events: Sequence[D]) -> None:
        """Add events to a stream of the metastore, and forget its oldest once it is too large; no document changes by it."""
        texts = [json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in events]
        with self.transaction():
            first = self._last_event(stream) + 1
            rows = [(stream.name, self._stream_room, first + at, text) for at, text in enumerate(texts)]
            self._file.connection.executemany("INSERT INTO event (stream, room, number, body) VALUES (?, ?, ?, ?)", rows)
            if first // _LOOK_EVERY != (first + len(rows)) // _LOOK_EVERY:
                self._forget_oldest(stream)

    def events(self, stream: Stream[D]) -> Sequence[D]:
        """Return the events of a stream that are kept, the oldest first."""
        query = "SELECT body FROM event WHERE stream = ? AND room = ? ORDER BY number"
        with self._file.lock:
            rows = self._file.connection.execute(query, (stream.name, self._stream_room)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def clear(self) -> None:
        """Delete every document and event of all rooms; sequences continue, so that no number is used twice."""
        self._delete_where("1 = 1", ())

    def clear_room(self, room: Room) -> None:
        """Delete every document and event of the workspace, or of its metastore."""
        self._delete_where("room = ?", (self._names[room],))

    def next_number(self, name: str, start: int = 1) -> int:
        """Return the next number of a named sequence; a number is given once, also after a restart."""
        connection = self._file.connection
        with self.transaction():
            row = connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
            value: int = start if row is None else row[0] + 1
            connection.execute("INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)", (name, value))
        return value

    @property
    def version(self) -> int:
        """Return a number that grows with every change: what was derived from the store under one version is current."""
        with self._file.lock:
            row = self._file.connection.execute("SELECT value FROM counter WHERE name = 'version'").fetchone()
        return 0 if row is None else int(row[0])

    @property
    def stamp(self) -> tuple[int, int]:
        """Return what was read at one moment: it differs after every change, one that was rolled back included.

        It holds in this process only. `version` alone comes back after a rollback, and what was derived in between would
        pass for current.
        """
        with self._file.lock:
            return self._file.epoch, self.version

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold changes of other threads back, so that all reads inside are of one moment; keep it short."""
        with self._file.lock:
            yield

    def version_of(self, *kinds: Kind[Any]) -> tuple[int, ...]:
        """Return numbers that differ after any change of documents of these kinds; they hold in this process only."""
        with self._file.lock:
            return (self._file.epoch, *(self._file.changes.get(kind.name, 0) for kind in kinds))

    # Inside

    def _enter(self, workspace_id: str, metastore_id: str | None) -> None:
        self.workspace_id, self.metastore_id = workspace_id, metastore_id
        self._names: dict[Room, str | None] = {
            Room.ACCOUNT: "account",
            Room.METASTORE: None if metastore_id is None else f"metastore:{metastore_id}",
            Room.WORKSPACE: f"workspace:{workspace_id}",
        }

    def _visible(self, kind: Kind[Any]) -> tuple[str, tuple[str, ...]]:
        """Return the condition that documents of a kind are visible here, with its arguments."""
        if not kind.also:
            return "room = ?", (self._names[kind.room] or "",)
        rooms = tuple(self._names[one] or "" for one in kind.rooms)
        return ("room IN (?, ?)" if len(rooms) == 2 else "room IN (?, ?, ?)"), rooms

    def _listing(self, what: str, kind: Kind[Any], parent: Key | None) -> tuple[str, tuple[str, ...]]:
        visible, rooms = self._visible(kind)
        query = f"SELECT {what} FROM document WHERE kind = ?"
        if parent is None:
            return f"{query} AND {visible}", (kind.name, *rooms)
        return f"{query} AND parent = ? AND {visible}", (kind.name, encode_key(parent), *rooms)

    @property
    def _stream_room(self) -> str:
        # A workspace without a metastore keeps its history to itself.
        return self._names[Room.METASTORE] or f"workspace:{self.workspace_id}"

    def _last_event(self, stream: Stream[Any]) -> int:
        query = "SELECT max(number) FROM event WHERE stream = ? AND room = ?"
        row = self._file.connection.execute(query, (stream.name, self._stream_room)).fetchone()
        return int(row[0] or 0)

    def _forget_oldest(self, stream: Stream[Any]) -> None:
        which = (stream.name, self._stream_room)
        query = "SELECT number, length(body) FROM event WHERE stream = ? AND room = ? ORDER BY number DESC"
        total = 0
        for number, size in self._file.connection.execute(query, which).fetchall():
            total += size
            if total > stream.most_bytes:
                self._file.connection.execute("DELETE FROM event WHERE stream = ? AND room = ? AND number <= ?", (*which, number))
                return

    def _delete_where(self, condition: str, arguments: tuple[Any, ...]) -> None:
        with self.transaction():
            for table in ("document", "event"):
                self._file.connection.execute(f"DELETE FROM {table} WHERE {condition}", arguments)
            self._file.epoch += 1
            self._bump("version")

    def _changed(self, kind: str) -> None:
        self._file.changes[kind] = self._file.changes.get(kind, 0) + 1
        self._bump("version")

    def _bump(self, name: str) -> None:
        self._file.connection.execute(
            "INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,)
        )


def _text(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
