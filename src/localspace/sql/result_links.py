"""Links to chunks of results: who holds a link may fetch the chunk, without a token, until it expires."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from localspace.core.clock import Clock

LIFETIME_MS = 900_000
"""How long a link is good (source: platform docs, statement execution: links are short-lived; 15 minutes is assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLink:
    """One link: the chunk it leads to, and when it ends (milliseconds since 1970)."""

    token: str
    statement_id: str
    chunk: int
    expires_ms: int


class ResultLinks:
    """The links that are good."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._lock = threading.Lock()
        self._links: dict[str, ResultLink] = {}

    def make(self, statement_id: str, chunk: int) -> ResultLink:
        """Return a new link that nobody can guess."""
        now = self._clock.now_ms()
        link = ResultLink(token=secrets.token_urlsafe(32), statement_id=statement_id, chunk=chunk, expires_ms=now + LIFETIME_MS)
        with self._lock:
            self._links = {token: one for token, one in self._links.items() if one.expires_ms > now}
            self._links[link.token] = link
        return link

    def find(self, token: str) -> ResultLink | None:
        """Return the link of a token, None when there is none or it has expired."""
        found = self._links.get(token)
        return None if found is None or found.expires_ms <= self._clock.now_ms() else found

    def clear(self) -> None:
        """Forget every link."""
        with self._lock:
            self._links.clear()
