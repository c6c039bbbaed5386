"""One writer at a time on shared storage: a lease with an expiry, so that a dead run does not block others for ever."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from lampkeeper.model.errors import RemoteError, UnsafePlanError
from lampkeeper.remote.leased_folder import LeasedFolder
from lampkeeper.remote.polling import PollPolicy, wait_until

NAME = "lease.json"
SECONDS = 60.0
"""Seconds until a lease expires after its last renewal."""

_POLL = 1.0


@dataclass(slots=True, kw_only=True)
class Lease:
    """The lease on a folder of a volume or on a table of files, held while the block runs.

    `holder` names this run in the messages of other runs. `wait` is in seconds. `report` is called on waiting and on a takeover.
    """

    folder: LeasedFolder
    holder: str
    wait: float = 90.0
    seconds: float = SECONDS
    report: Callable[[str], None] = lambda _: None
    wall: Callable[[], float] = time.time
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    _done: threading.Event = field(default_factory=threading.Event)
    _lost: str = ""
    _reported: bool = False
    _renewer: threading.Thread | None = None

    def __enter__(self) -> Lease:
        """Take the lease, or raise UnsafePlanError with its holder."""
        policy = PollPolicy.every(min(_POLL, self.wait), self.wait)
        other = wait_until(self._take, lambda other: other is None, policy, self.folder.workspace.clock)
        if other is not None:
            raise UnsafePlanError(
                f"{self.folder.path}: {other['holder']} is writing here (since {other['since']})",
                fix=f"wait until it has ended; if it dies, its lease expires after {self.seconds:.0f} s",
            )
        self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewer.start()
        return self

    def _take(self) -> dict[str, Any] | None:
        """Return None once this run has the lease, else its holder."""
        while not self.folder.create(NAME, self._content()):
            other = self._other()
            if other is None or (other["until"] < self.wall() and self._take_over(other)):
                continue  # It was released between the two reads.
            if not self._reported:
                self.report(f"{other['holder']} is writing here; waiting up to {self.wait:.0f} s")
                self._reported = True
            return other
        return None

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Release the lease, unless another run has taken it over."""
        self._done.set()
        if self._renewer is not None:
            self._renewer.join()
        if not self._lost:
            self.folder.delete(NAME)

    def require(self) -> None:
        """Raise UnsafePlanError if this run no longer holds the lease."""
        if self._lost:
            raise UnsafePlanError(
                f"{self.folder.path}: the lease was lost: {self._lost}", fix="run again: it resumes where this run ended"
            )

    def _content(self) -> bytes:
        wall = self.wall()
        facts = {"token": self.token, "holder": self.holder, "until": wall + self.seconds, "since": _spoken(wall)}
        return json.dumps(facts, sort_keys=True).encode()

    def _other(self, name: str = NAME) -> dict[str, Any] | None:
        raw = self.folder.read(name)
        if raw is None:
            return None
        try:
            found = json.loads(raw)
            return {
                "token": str(found["token"]), "holder": str(found["holder"]), "since": str(found["since"]),
                "until": float(found["until"]),
            }  # fmt: skip
        except (ValueError, KeyError, TypeError):
            return {"token": f"damaged-{len(raw)}", "holder": "a run whose lease is damaged", "since": "?", "until": 0.0}

    def _take_over(self, other: dict[str, Any]) -> bool:
        """Remove an expired lease. Only the run that creates the marker of that lease may, so two runs never both do.

        If that run dies, the next marker is used.
        """
        for number in range(100):
            mark = f"lease-ended-{other['token']}-{number}.json"
            if self.folder.create(mark, self._content()):
                now = self._other()
                if now is not None and now["token"] == other["token"]:
                    self.folder.delete(NAME)
                    self.report(f"took over the expired lease of {other['holder']} (since {other['since']})")
                return True
            maker = self._other(mark)
            if maker is None or maker["until"] >= self.wall():
                return False
        return False

    def _renew(self) -> None:
        while not self._done.wait(self.seconds / 3):
            try:
                found = self._other()
                if found is None or found["token"] != self.token:
                    self._lost = f"taken over by {found['holder']}" if found else "its file was removed"
                    return
                self.folder.write(NAME, self._content())
            except RemoteError as error:
                self._lost = error.message
                return


def _spoken(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
