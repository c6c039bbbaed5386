"""The one transactional store: JSON documents by kind and key, in SQLite (WAL).

A document is a dict. Its key is a tuple of names, compared case-insensitively as Unity Catalog does; its parent is the
key of what contains it, so that one indexed look-up lists children. What `transaction` has returned from is with the
operating system: `kill -9` of the process afterwards loses nothing. Only a power cut or a crash of the machine may lose
the last commits (never older ones, never half of one): with the WAL, `synchronous=NORMAL` syncs at checkpoints alone,
which makes a write four times as fast as a sync for each (source: SQLite docs, PRAGMA synchronous).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localspace.core.stored_documents.kind import D, Document, Kind

Key = tuple[str, ...]

_SEPARATOR = "\x1f"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, key TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS document_parent ON document (kind, parent, key);
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


class Store:
    """Documents of one local workspace; safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the store at `path`; None keeps it in memory."""
        self._lock = threading.RLock()
        self._depth = 0
        self._changes: dict[str, int] = {}
        self._epoch = 0
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path), isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make every write inside atomic and durable; nested use joins the outer transaction."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._epoch += 1
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._depth = 0

    def get(self, kind: Kind[D], *key: str) -> D | None:
        """Return the document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT body FROM document WHERE kind = ? AND key = ?", (kind.name, encode_key(key))
            ).fetchone()
        if row is None:
            return None
        found: D = json.loads(row[0])
        return found

    def put(self, kind: Kind[D], key: Key, body: D, parent: Key = ()) -> None:
        """Insert or replace a document and count one change."""
        with self.transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO document (kind, key, parent, body) VALUES (?, ?, ?, ?)",
                (kind.name, encode_key(key), encode_key(parent), json.dumps(body, separators=(",", ":"), ensure_ascii=False)),
            )
            self._changed(kind.name)

    def rewrite(self, kind: Kind[D], key: Key, body: D) -> None:
        """Replace the body of a document that is there; key and parent stay."""
        with self.transaction():
            text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
            self._connection.execute(
                "UPDATE document SET body = ? WHERE kind = ? AND key = ?", (text, kind.name, encode_key(key))
            )
            self._changed(kind.name)

    def delete(self, kind: Kind[Any], *key: str) -> bool:
        """Delete a document; say whether it was there."""
        with self.transaction():
            done = self._connection.execute(
                "DELETE FROM document WHERE kind = ? AND key = ?", (kind.name, encode_key(key))
            ).rowcount
            if done:
                self._changed(kind.name)
        return bool(done)

    def scan(self, kind: Kind[D], *key: str) -> list[D]:
        """Return the documents whose encoded key starts with these parts; the last part may be the start of a name."""
        start = encode_key(key)
        with self._lock:
            rows = self._connection.execute(
                "SELECT body FROM document WHERE kind = ? AND key >= ? AND key < ? ORDER BY key",
                (kind.name, start, start + "\U0010ffff"),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def items(self, kind: Kind[D]) -> list[tuple[Key, D]]:
        """Return all documents of a kind with their keys, whose names are folded to lower case."""
        with self._lock:
            rows = self._connection.execute("SELECT key, body FROM document WHERE kind = ? ORDER BY key", (kind.name,)).fetchall()
        return [(tuple(key.split(_SEPARATOR)), json.loads(body)) for key, body in rows]

    def bodies(self) -> Iterator[tuple[str, str, Document]]:
        """Yield every document with its kind and its encoded key."""
        with self._lock:
            rows = self._connection.execute("SELECT kind, key, body FROM document ORDER BY kind, key").fetchall()
        for kind, key, body in rows:
            yield kind, key, json.loads(body)

    def list(self, kind: Kind[D], parent: Key | None = None) -> list[D]:
        """Return all documents of a kind, or those of one parent, ordered by key."""
        query = "SELECT body FROM document WHERE kind = ?"
        arguments: tuple[str, ...] = (kind.name,)
        if parent is not None:
            query += " AND parent = ?"
            arguments = (kind.name, encode_key(parent))
        with self._lock:
            rows = self._connection.execute(query + " ORDER BY key", arguments).fetchall()
        return [json.loads(row[0]) for row in rows]

    def count(self, kind: Kind[Any], parent: Key | None = None) -> int:
        """Return how many documents of a kind there are, or how many one parent has."""
        query = "SELECT count(*) FROM document WHERE kind = ?"
        arguments: tuple[str, ...] = (kind.name,)
        if parent is not None:
            query += " AND parent = ?"
            arguments = (kind.name, encode_key(parent))
        with self._lock:
            return int(self._connection.execute(query, arguments).fetchone()[0])

    def clear(self) -> None:
        """Delete every document; sequences go on, so that no number is given twice."""
        with self.transaction():
            self._connection.execute("DELETE FROM document")
            self._epoch += 1
            self._bump("version")

    def next_number(self, name: str, start: int = 1) -> int:
        """Return the next number of a named sequence; a number is given once, also after a restart."""
        with self.transaction():
            row = self._connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
            value: int = start if row is None else row[0] + 1
            self._connection.execute("INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)", (name, value))
        return value

    @property
    def version(self) -> int:
        """Return a number that grows with every change: what was derived from the store under one version is current."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM counter WHERE name = 'version'").fetchone()
        return 0 if row is None else int(row[0])

    @property
    def stamp(self) -> tuple[int, int]:
        """Return what was read at one moment: it differs after every change, one that was rolled back included.

        It holds in this process only. `version` alone comes back after a rollback, and what was derived in between would
        pass for current.
        """
        with self._lock:
            return self._epoch, self.version

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold changes of other threads back, so that all reads inside are of one moment; keep it short."""
        with self._lock:
            yield

    def version_of(self, *kinds: Kind[Any]) -> tuple[int, ...]:
        """Return numbers that differ after any change of documents of these kinds; they hold in this process only."""
        with self._lock:
            return (self._epoch, *(self._changes.get(kind.name, 0) for kind in kinds))

    def _changed(self, kind: str) -> None:
        self._changes[kind] = self._changes.get(kind, 0) + 1
        self._bump("version")

    def _bump(self, name: str) -> None:
        self._connection.execute(
            "INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,)
        )
