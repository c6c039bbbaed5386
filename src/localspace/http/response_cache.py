"""Replies to reads, cached as bytes for as long as nothing in the store changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from localspace.core.lag import Lag, LagKind
from localspace.core.store import Store
from localspace.http.serialisation import Json, Reply

_MOST = 32
_Version = tuple[int, ...]


class ResponseCache:
    """The last replies of one workspace, by path, caller and query."""

    def __init__(self, store: Store, lag: Lag) -> None:
        """Cache what is derived from `store` alone; while memberships settle, time decides too, and nothing is cached."""
        self._store = store
        self._lag = lag
        self._kept: OrderedDict[tuple[str, ...], tuple[_Version, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def reply(self, asked: tuple[str, ...], make: Callable[[], Json]) -> Reply:
        """Return the cached reply to what is asked (path, caller, query), or the one that `make` makes."""
        # The version is read first: a change in between makes an answer that is thrown away, never one that stays.
        version = (self._store.version, *self._store.version_of())
        with self._lock:
            before = self._kept.get(asked)
        if before is not None and before[0] == version:
            return Reply(body=before[1])
        body = Reply(body=make()).encoded()
        if not self._lag.seconds(LagKind.MEMBERSHIPS):
            with self._lock:
                self._kept[asked] = (version, body)
                self._kept.move_to_end(asked)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return Reply(body=body)
