"""The processes of tasks: each with its own session and group, its output in a file, dead when the workspace is dead."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from localspace.core.child_process import ChildProcess
from localspace.core.stored_documents.jobs import StoredProcess

_POLL_SECONDS = 0.02
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "JAVA_HOME", "LD_LIBRARY_PATH")


class TaskProcess:
    """A running `localspace.task_process`."""

    def __init__(self, started: ChildProcess, folder: Path, environment: Mapping[str, str]) -> None:
        """Give a started process the task in `folder`; its output goes to `folder/output.log`. Raises OSError if it has ended.

        `environment` is added to its environment. It goes through a pipe, so that a token is in no process listing.
        """
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self._process = started
        task = {"folder": str(folder), "environment": {"HOME": str(home), **environment}}
        with started.stdin as pipe:
            pipe.write(json.dumps(task).encode())

    def mark(self) -> StoredProcess:
        """Return what identifies the process after a restart."""
        return {"pid": self._process.pid, "born": process_birth(self._process.pid)}

    def wait(self) -> int:
        """Wait for the end and return the exit code, negative for a signal; leaves nothing of the group alive."""
        pause = 0.002
        while (code := self._process.exit_code) is None:
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS)
        self.stop()
        self._process.release()
        return code

    def stop(self) -> None:
        """Kill the process group at once."""
        self._process.signal_group()


class TaskProcesses:
    """Starts the processes of tasks. One is kept ready: it loads what takes long to load while the task before it runs.

    A process runs one task and ends. One that gets no task within a minute ends as well.
    """

    def __init__(self, folder: Path) -> None:
        """Start them in `folder`, which is made with the first."""
        self._folder = folder
        self._lock = threading.Lock()
        self._ready: ChildProcess | None = None
        self._closed = False

    def start(self, folder: Path, environment: Mapping[str, str]) -> TaskProcess:
        """Start the task in `folder`."""
        with self._lock:
            ready, self._ready = self._ready, None
        if ready is not None:
            try:
                task = TaskProcess(ready, folder, environment)
            except OSError:
                # It waited too long and ended.
                _end(ready)
                task = self._new(folder, environment)
        else:
            task = self._new(folder, environment)
        with self._lock:
            if self._ready is None and not self._closed:
                self._ready = self._started(subprocess.DEVNULL)
        return task

    def close(self) -> None:
        """End the one that is ready."""
        with self._lock:
            self._closed = True
            ready, self._ready = self._ready, None
        if ready is not None:
            _end(ready)

    def _new(self, folder: Path, environment: Mapping[str, str]) -> TaskProcess:
        with (folder / "output.log").open("ab") as log:
            return TaskProcess(self._started(log), folder, environment)

    def _started(self, output: IO[bytes] | int) -> ChildProcess:
        home = self._folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return ChildProcess(
            lambda listening: [sys.executable, "-X", "utf8", "-P", "-m", "localspace.task_process", str(listening)],
            cwd=home,
            env={**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1"},
            output=output,
            stdin=subprocess.PIPE,
        )


def _end(process: ChildProcess) -> None:
    process.signal_group()
    process.wait()
    process.release()
    with contextlib.suppress(OSError):
        process.stdin.close()


def process_birth(pid: int) -> str:
    """Return when a process started, in the kernel's words, or "" where that cannot be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def kill_leftover(mark: StoredProcess | None) -> None:
    """Kill the group of a process of an earlier life of this workspace, if it is still that process."""
    pid, born = (0, "") if mark is None else (mark["pid"], mark["born"])
    if pid > 1 and born and process_birth(pid) == born:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def spoken_signal(exit_code: int) -> str:
    """Return the name of the signal that ended a process."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
