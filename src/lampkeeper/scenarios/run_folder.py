"""The folder of a run: what it started, so that the next run can remove what a run that died has left."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.files.text import write_text
from lampkeeper.remote.clock import RealClock
from lampkeeper.remote.polling import PollPolicy, wait_until

_RECORD = "run.json"


@dataclass(kw_only=True)
class RunFolder:
    """One run: its id, its folder, the process that runs it, the process groups of its local workspaces."""

    top: Path
    run_id: str
    servers: list[int] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    host: str = ""

    @property
    def path(self) -> Path:
        """Return the folder."""
        return self.top / self.run_id

    def save(self, *, ended: bool = False) -> None:
        """Write down what runs; `ended` means that the run has removed what it started."""
        record = {
            "run_id": self.run_id, "pid": os.getpid(), "servers": self.servers, "running": self.running, "host": self.host,
            "ended": ended,
        }  # fmt: skip
        write_text(self.path / _RECORD, json.dumps(record, indent=1) + "\n")

    def end(self) -> None:
        """Write down that the run has ended in order, and remove its folder if nothing in it was kept."""
        self.running.clear()
        kept = [p for p in self.path.iterdir() if p.is_dir()]
        if kept:
            self.save(ended=True)
        else:
            shutil.rmtree(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRun:
    """A run that did not end in order: its folder and its record."""

    path: Path
    record: dict[str, Any]

    def end_servers(self) -> int:
        """End the local workspaces that still run on data of this folder; return how many."""
        ended = 0
        for pid in self.record.get("servers", ()):
            if str(self.path) in _command_of(int(pid)):
                with suppress(ProcessLookupError):
                    os.killpg(int(pid), signal.SIGKILL)
                    ended += 1
        return ended

    def remove(self) -> None:
        """Remove the folder; a process that was just ended may still write for a moment."""

        def gone() -> bool:
            shutil.rmtree(self.path, ignore_errors=True)
            return not self.path.exists()

        wait_until(gone, bool, PollPolicy.every(0.05, limit=2.0), RealClock())


def dead_runs(top: Path) -> Iterator[DeadRun]:
    """Yield the runs below a folder that did not end in order and whose process is gone."""
    for path in sorted(top.glob(f"*/{_RECORD}")):
        try:
            record = json.loads(path.read_text())
        except ValueError:
            record = {}
        if not record.get("ended") and not _is_alive(int(record.get("pid", 0))):
            yield DeadRun(path=path.parent.resolve(), record=record)


def _is_alive(pid: int) -> bool:
    """Return whether a process runs lampkeeper or Python under this id."""
    return pid == os.getpid() or "python" in _command_of(pid) or "lampkeeper" in _command_of(pid)


def _command_of(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return _command_by_ps(pid)


def _command_by_ps(pid: int) -> str:
    if Path("/proc/self").exists() or pid <= 0:
        return ""
    import subprocess

    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return found.stdout
