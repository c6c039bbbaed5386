"""The local workspace as a place: localspace in a separate process, on 127.0.0.1, with a persistent folder."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.places.place import Address
from lampkeeper.remote.clock import RealClock
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.signals import uninterrupted

# The console script may be missing if the package is only on the path, so the same Python calls the module.
_COMMAND = (sys.executable, "-c", "from localspace.main import run; run()")
_FACTS = ("host", "token", "account_id", "workspace_id", "metastore_id", "warehouse_id")
_LOG_TAIL = 2_000


@dataclass(slots=True, kw_only=True)
class LocalPlace:
    """localspace with its data in `folder`/data and its log in `folder`/server.log. The same folder is the same workspace.

    `timeouts` and `grace` are the seconds to wait for the start, and for the end before the processes are killed.
    """

    folder: Path
    port: int = 0
    timeouts: float = 60.0
    grace: float = 15.0
    command: tuple[str, ...] = _COMMAND
    name: str = "local"
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _group: int = field(default=0, init=False)

    @property
    def data(self) -> Path:
        """Return the folder with the workspace's data."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Return the path of the server's log."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """Return the server's process ID while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def up(self) -> Address:
        """Start the server and return its address once it reports that it is ready; raise RemoteError if it does not."""
        if self.pid is not None:
            raise UsageError(f"the local workspace on {self.folder} is already running", fix="stop it first")
        if importlib.util.find_spec("uvicorn") is None:
            raise UsageError(
                "the local workspace is not installed here",
                fix="in the clone of lampkeeper: pip install '.[local]', in an environment without databricks-connect",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            log = self.log.open("a")
        except OSError as error:
            raise UsageError(f"{self.folder}: cannot be used: {error.strerror}", fix="name another folder") from None
        with log:
            self._process = subprocess.Popen(  # noqa: S603 (our own Python, arguments as a list)
                [*self.command, "serve", "--json", "--port", str(self.port), "--data", str(self.data)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                # A separate process group: Ctrl-C reaches this process first, and down() also ends the SQL engine's processes.
                start_new_session=True,
            )  # fmt: skip
        self._group = self._process.pid
        try:
            return self._ready(self._process)
        except BaseException:
            with uninterrupted():
                self.down()
            raise

    def _ready(self, process: subprocess.Popen[str]) -> Address:
        stream = process.stdout
        if stream is None:
            raise RemoteError("the local workspace has no output", code="LOCAL_START_FAILED")
        line = _first_line(stream, self.timeouts)
        try:
            facts = json.loads(line) if line else {}
            host, token, account, workspace, metastore, warehouse = (str(facts[key]) for key in _FACTS)
        except (ValueError, KeyError, TypeError):
            ended = _exit_code(process, 5.0 if line == "" else 0.0)
            why = f"ended with {ended}" if ended is not None else f"was not ready after {self.timeouts:.0f} s"
            raise RemoteError(
                f"the local workspace {why}; the end of {self.log}:\n{self._log_tail()}", code="LOCAL_START_FAILED",
                fix="see the log, or run `localspace doctor`",
            ) from None  # fmt: skip
        return Address(
            host=host, token=token, account_id=account, workspace_id=workspace, metastore_id=metastore, warehouse_id=warehouse
        )

    def down(self) -> None:
        """Ask the server to stop, wait, and kill the rest of its process group; the data stays on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(self.grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()
        _kill_group(self._group)

    def kill(self) -> None:
        """End the server and its engine at once, as a power cut would; for crash tests."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        _kill_group(self._group)

    def _log_tail(self) -> str:
        text = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
        return text[-_LOG_TAIL:].strip() or "(empty)"


def _exit_code(process: subprocess.Popen[str], timeouts: float) -> int | None:
    try:
        return process.wait(timeouts)
    except subprocess.TimeoutExpired:
        return None


def _first_line(stream: IO[str], timeouts: float) -> str | None:
    """Return the first line of the stream, empty if it ended without one, or None after `timeouts` seconds."""
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(timeouts)
    return found[0] if found else None


def _kill_group(group: int) -> None:
    """Kill every process of the group, and wait a moment until none is left."""

    def gone() -> bool:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return True
        return False

    wait_until(gone, bool, PollPolicy.every(0.02, limit=2.0), RealClock())
