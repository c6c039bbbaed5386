"""The clock of the workspace: real time plus what a test has ticked, so that nobody waits for lag or expiry."""

from __future__ import annotations

import time

from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredClock


class Clock:
    """Milliseconds since 1970; only ever moves forward, also over a restart."""

    def __init__(self, store: Store) -> None:
        """Continue the clock that the store remembers."""
        self._store = store
        found = store.get(kinds.CLOCK, kinds.WHOLE)
        self._offset_ms: int = 0 if found is None else found["offset_ms"]

    def now_ms(self) -> int:
        """Return the current virtual time in milliseconds."""
        return int(time.time() * 1000) + self._offset_ms

    def tick(self, seconds: float) -> int:
        """Move the clock forward and return the new time in milliseconds."""
        if seconds < 0:
            raise ValueError("the clock does not go back")
        self._offset_ms += int(seconds * 1000)
        self._store.put(kinds.CLOCK, (kinds.WHOLE,), StoredClock(offset_ms=self._offset_ms))
        return self.now_ms()
