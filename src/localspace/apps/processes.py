"""The processes of the apps of one workspace: each on a port of 127.0.0.1, with its output in a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from localspace.core.child_process import ChildProcess

_INHERITED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_HOME")
_PAUSE = 0.05


class AppProcess:
    """A running app: a supervisor with the app's command below it, in a process group of their own."""

    def __init__(self, folder: Path, log: Path, command: Sequence[str], environment: Mapping[str, str], port: int) -> None:
        """Start the command in `folder`; its output is appended to `log`."""
        self.port = port
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with log.open("ab") as output:
            self._process = ChildProcess(
                lambda listening: [sys.executable, "-m", "localspace.apps.supervisor", str(listening), *command],
                cwd=folder,
                env={**kept, "PATH": path, "HOME": str(folder), "PYTHONUNBUFFERED": "1", **environment},
                output=output,
            )

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of an app that has ended, or None."""
        return self._process.exit_code

    def answers(self, seconds: float) -> bool:
        """Wait until the app accepts connections; return False when it ends or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.exit_code is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            time.sleep(_PAUSE)
        return False

    def stop(self) -> None:
        """End the process group: asked at first, then killed."""
        for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            self._process.signal_group(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        self._process.signal_group()
        self._process.release()


class AppProcesses:
    """Starts and stops apps by name; the folder holds their source and their logs."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made with the first app."""
        self.folder = folder
        self._running: dict[str, AppProcess] = {}
        self._lock = threading.Lock()

    def log(self, name: str) -> Path:
        """Return the file with the output of an app."""
        return self.folder / name / "output.log"

    def source(self, name: str, deployment_id: str) -> Path:
        """Return the folder with the source of a deployment."""
        return self.folder / name / deployment_id

    def of(self, name: str) -> AppProcess | None:
        """Return the process of an app, which may have ended, or None."""
        return self._running.get(name)

    def start(self, name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str], port: int) -> AppProcess:
        """Start an app in place of the one that runs under this name."""
        self.stop(name)
        process = AppProcess(folder, self.log(name), command, environment, port)
        with self._lock:
            self._running[name] = process
        return process

    def stop(self, name: str) -> None:
        """Stop an app; one that does not run stays as it is."""
        with self._lock:
            process = self._running.pop(name, None)
        if process is not None:
            process.stop()

    def forget(self, name: str) -> None:
        """Stop an app and remove its source and its log."""
        self.stop(name)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def close(self) -> None:
        """Stop all apps."""
        for name in tuple(self._running):
            self.stop(name)


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
