"""Eventual consistency on demand: a change shows in reads at once and takes effect `lag` seconds later.

While a lag is set, each change leaves the document as it was before in an undo log. The state in effect is the
current one with the changes of the last `lag` seconds undone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from localspace.core.clock import Clock
from localspace.core.store import Key, Store, encode_key
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import D, Document, Kind
from localspace.core.stored_documents.workspace import StoredUndo


class LagKind(StrEnum):
    """What can lag."""

    TAGS = "tags"
    MEMBERSHIPS = "memberships"
    QUOTAS = "quotas"
    TAG_POLICIES = "tag_policies"


class Lag:
    """The lag settings of the account, and the undo log as one workspace sees it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Continue with the settings that the store remembers."""
        self._store = store
        self._clock = clock
        self._read: tuple[tuple[int, ...], dict[str, float]] | None = None

    def seconds(self, kind: LagKind) -> float:
        """Return the lag of a kind in seconds of the virtual clock."""
        return self._settings().get(kind, 0.0)

    def set(self, kind: LagKind, seconds: float) -> None:
        """Set a lag; 0 makes every change effective at once."""
        self._store.put(kinds.LAG, (kinds.WHOLE,), kinds.LAG.document({**self._settings(), kind.value: seconds}))
        if not seconds:
            for entry in self._store.list(kinds.UNDO, (kind,)):
                self._store.delete(kinds.UNDO, kind, entry["id"])

    def remember(self, kind: LagKind, document_kind: Kind[D], key: Key, before: D | None) -> None:
        """Note how a document stood before a change; call it inside the transaction of the change."""
        if not self.seconds(kind):
            return
        self._prune(kind)
        number = f"{self._store.next_number('undo'):012d}"
        entry: StoredUndo = {
            "id": number,
            "at_ms": self._clock.now_ms(),
            "kind": document_kind.name,
            "key": encode_key(key),
            "before": cast("Document | None", before),
        }
        self._store.put(kinds.UNDO, (kind, number), entry, (kind,))

    def settling(self, kind: LagKind) -> bool:
        """Return whether any change is not yet in effect."""
        return bool(self.seconds(kind)) and any(
            entry["at_ms"] > self._horizon(kind) for entry in self._store.list(kinds.UNDO, (kind,))
        )

    def undone(self, kind: LagKind, document_kind: Kind[D]) -> dict[str, D | None]:
        """Return, by encoded key, the documents in effect where they differ in time from the stored ones."""
        overlay: dict[str, D | None] = {}
        if not self.seconds(kind):
            return overlay
        horizon = self._horizon(kind)
        for entry in self._store.list(kinds.UNDO, (kind,)):
            if entry["kind"] == document_kind.name and entry["at_ms"] > horizon:
                overlay.setdefault(entry["key"], cast("D | None", entry["before"]))
        return overlay

    def _settings(self) -> dict[str, float]:
        # All workspaces of the account share the settings, so that another one may have changed them.
        version = self._store.version_of(kinds.LAG)
        if self._read is None or self._read[0] != version:
            self._read = (version, cast("dict[str, float]", self._store.get(kinds.LAG, kinds.WHOLE) or {}))
        return self._read[1]

    def _horizon(self, kind: LagKind) -> float:
        return self._clock.now_ms() - self.seconds(kind) * 1000

    def _prune(self, kind: LagKind) -> None:
        horizon = self._horizon(kind)
        for entry in self._store.list(kinds.UNDO, (kind,)):
            if entry["at_ms"] <= horizon:
                self._store.delete(kinds.UNDO, kind, entry["id"])
