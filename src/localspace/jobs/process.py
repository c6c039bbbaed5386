"""One task process: its own session and process group, its output in a file, dead when the workspace is dead."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from localspace.core.stored_documents.jobs import StoredProcess

_POLL_SECONDS = 0.02
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "JAVA_HOME", "LD_LIBRARY_PATH")


class TaskProcess:
    """A running `localspace.task_process`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it on the spec in `folder`; its output goes to `folder/output.log`."""
        home = folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        listening, self._lifeline = os.pipe()
        try:
            with (folder / "output.log").open("ab") as log:
                # The process reads the lifeline: it ends when the workspace does, however that dies.
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-X", "utf8", "-m", "localspace.task_process", str(folder), str(listening)],
                    cwd=folder,
                    env={**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1", **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(listening,),
                )
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(listening)

    def mark(self) -> StoredProcess:
        """Return what identifies the process after a restart."""
        return {"pid": self._process.pid, "born": process_birth(self._process.pid)}

    def wait(self) -> int:
        """Wait for the end and return the exit code, negative for a signal; leaves nothing of the group alive."""
        pause = 0.002
        while self._process.poll() is None:
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS)
        self.stop()
        os.close(self._lifeline)
        return self._process.returncode

    def stop(self) -> None:
        """Kill the process group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


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
