"""A wire with faults of the network and of the platform's front door: throttling, lost responses, old reads."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from databricks.sdk.errors.platform import TemporarilyUnavailable, TooManyRequests

from lampkeeper.remote.clients import Call, Wire
from lampkeeper.remote.clock import Clock

STALE = 60.0
STORM = 20.0


@dataclass
class FaultyWire:
    """Each fault with its chance; `counts` says how often each happened.

    `storm`: a storm of 20 s begins, in which every call is throttled. `before`, `after`: a write is answered with 503, before or
    after its effect. `stale`: a read may show what it showed up to 60 s ago. A caller that was lost has no response, so the
    platform's answer to the repeated call is all that it gets.
    """

    inner: Wire
    clock: Clock
    seed: int = 0
    storm: float = 0.0
    before: float = 0.0
    after: float = 0.0
    stale: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Start in fine weather."""
        self._chance = random.Random(self.seed)
        self._until = 0.0
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def send(self, call: Call) -> Any:
        """Send the call, or let it meet a fault."""
        with self._lock:
            now = self.clock.now()
            self.counts["calls"] += 1
            if now >= self._until and self._chance.random() < self.storm:
                self._until = now + STORM
                self.counts["storms"] += 1
            if now < self._until:
                self.counts["429"] += 1
                raise TooManyRequests("slow down", retry_after_secs=min(self._until - now + 0.1, 5.0))
            fate = self._chance.random() if call.writes else 1.0
            if fate < self.before:
                self.counts["503 before"] += 1
                raise TemporarilyUnavailable("later")
        if call.writes or not self.stale:
            answer = self.inner.send(call)
        else:
            answer = self._read(call)
        if fate < self.before + self.after:
            with self._lock:
                self.counts["503 after"] += 1
            raise TemporarilyUnavailable("later")
        return answer

    def _read(self, call: Call) -> Any:
        key = json.dumps([call.method, call.path, str(call.api_level), call.query, call.body], sort_keys=True, default=str)
        with self._lock:
            at, kept = self._kept.get(key, (-STALE, None))
            now = self.clock.now()
        if now - at < STALE:
            with self._lock:
                self.counts["old reads"] += 1
            return copy.deepcopy(kept)
        answer = self.inner.send(call)
        with self._lock:
            self._kept[key] = (now, copy.deepcopy(answer))
        return answer
