"""Answers to reads, kept as bytes for as long as nothing in the store changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from localspace.lag import Lag, LagKind
from localspace.store import Store
from localspace.wire import Json, Reply

if TYPE_CHECKING:
    from localspace.calls import Call

_MOST = 32
_Version = tuple[int, ...]


class KeptAnswers:
    """The last answers of one workspace, by path, query and caller."""

    def __init__(self, store: Store, lag: Lag) -> None:
        """Keep what is derived from `store` alone; while memberships settle, time decides too, and nothing is kept."""
        self._store = store
        self._lag = lag
        self._kept: OrderedDict[tuple[str, ...], tuple[_Version, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def reply(self, call: Call, make: Callable[[Call], Json]) -> Reply:
        """Return the kept answer to this call, or what `make` says."""
        # The version is read first: a change in between makes an answer that is thrown away, never one that stays.
        version = (self._store.version, *self._store.version_of())
        asked = (call.path, call.actor.id, *(part for pair in sorted(call.query.items()) for part in pair))
        with self._lock:
            before = self._kept.get(asked)
        if before is not None and before[0] == version:
            return Reply(body=before[1])
        body = Reply(body=make(call)).encoded()
        if not self._lag.seconds(LagKind.MEMBERSHIPS):
            with self._lock:
                self._kept[asked] = (version, body)
                self._kept.move_to_end(asked)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return Reply(body=body)
