"""Faults on request: errors, delays, stale reads, and death at the k-th write."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from localspace.core.errors import ApiError, invalid


@dataclass(slots=True, kw_only=True)
class Fault:
    """Answers the next `times` matching calls with an error.

    `when` is `before` or `after` the effect; `delay_ms` alone only slows down; `each_path` counts `times` for every
    path by itself, which makes first reads stale.
    """

    id: int
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    when: str = "before"
    status: int = 0
    error_code: str = "INTERNAL_ERROR"
    message: str = "A fault was asked for."
    delay_ms: int = 0
    each_path: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    hits: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def matches(self, method: str, path: str) -> bool:
        """Return whether a call is meant; `*` in the path spans segments."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def take(self, path: str) -> bool:
        """Count a matching call and say whether it is hit."""
        key = path if self.each_path else ""
        count = self.seen.get(key, 0) + 1
        self.seen[key] = count
        hit = self.skip < count <= self.skip + self.times
        self.hits += hit
        return hit

    def error(self) -> ApiError | None:
        """Return the error, or None for a fault that only delays."""
        return ApiError(self.status, self.error_code, self.message) if self.status else None


@dataclass(slots=True, kw_only=True)
class Kill:
    """Death at the k-th write from now: `before` or `after` its effect; `exit` the process or `drop` all connections."""

    at_write: int
    when: str = "before"
    mode: str = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One served call; `workspace` is the id of the workspace whose host was called, empty for the account's host."""

    number: int
    method: str
    path: str
    query: str
    operation: str
    principal: str
    status: int
    duration_ms: float
    mutating: bool
    workspace: str
    body: str | None = None
    answer: str | None = None


class Faults:
    """What was asked to go wrong, and the log of what was called."""

    def __init__(self) -> None:
        """Start with no fault and an empty log."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._next = 1
        self._log: deque[Logged] = deque(maxlen=100_000)
        self._logged = 0
        self.kill: Kill | None = None
        self.writes = 0
        self.dropped = False
        self.keep_bodies = False

    def add(self, wish: dict[str, Any]) -> Fault:
        """Add a fault from its JSON; raises 400 for an unknown field."""
        known = {"method", "path", "times", "skip", "when", "status", "error_code", "message", "delay_ms", "each_path"}
        unknown = set(wish) - known - {"headers"}
        if unknown:
            raise invalid(f"Unknown fields of a fault: {', '.join(sorted(unknown))}.")
        if wish.get("when", "before") not in ("before", "after"):
            raise invalid("'when' of a fault is before or after.")
        with self._lock:
            fault = Fault(id=self._next, **wish)
            self._next += 1
            self._faults.append(fault)
        return fault

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults as JSON."""
        return [{key: value for key, value in asdict(one).items() if key != "seen"} for one in self._faults]

    def clear(self) -> None:
        """Remove every fault, the kill too."""
        with self._lock:
            self._faults.clear()
            self.kill = None
            self.dropped = False

    def hit(self, method: str, path: str, when: str) -> Fault | None:
        """Return the first fault that this call runs into, or None."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.when == when and fault.matches(method, path) and fault.take(path):
                    return fault
        return None

    def count_write(self) -> str | None:
        """Count a write and say when it must die: `before`, `after` or None."""
        with self._lock:
            self.writes += 1
            if self.kill is None:
                return None
            self.kill.at_write -= 1
            return self.kill.when if self.kill.at_write == 0 else None

    def log(self, **entry: Any) -> None:
        """Append a served call to the log."""
        self._logged += 1
        self._log.append(Logged(number=self._logged, **entry))

    def requests(self) -> list[dict[str, Any]]:
        """Return the log, oldest first."""
        return [asdict(one) for one in self._log]

    def clear_log(self) -> None:
        """Empty the log and the count of writes."""
        self._log.clear()
        self.writes = 0


def milliseconds_since(start: float) -> float:
    """Return the time since a `perf_counter` reading."""
    return round((time.perf_counter() - start) * 1000, 3)


_LONG_HEX = re.compile(r"[0-9a-fA-F]{64,}")
_SECRET_VALUE = re.compile(r'("(?:string_value|bytes_value|value)"\s*:\s*)"(?:[^"\\]|\\.)*"')


_CREDENTIALS = ("/oidc/", "/api/2.0/token/", "/api/2.0/token-management/on-behalf-of/", "/_localspace/tokens")
"""Calls that take or give tokens and client secrets: the log keeps nothing of what they carry."""


def without_secrets(path: str, raw: bytes) -> str:
    """Return a body for the log: no value of a secret, no token, and nothing that may be the key of a function."""
    path = unquote(path)
    if path.startswith(_CREDENTIALS) or path.endswith("/credentials/secrets"):
        return "…"
    text = _LONG_HEX.sub("…", raw.decode("utf-8", "replace"))
    return _SECRET_VALUE.sub(r'\1"…"', text) if path.startswith("/api/2.0/secrets/") else text
