"""A child process with a lifeline: a pipe at whose end the child can see that this process has died, however that happened."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO


class ChildProcess:
    """A process in a group of its own; it gets one end of a pipe, and the other end closes when this process ends."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: IO[bytes] | int,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        """Start `command`, a function of the descriptor at which the child reads the lifeline; raises OSError."""
        listening, self._lifeline = os.pipe()
        self._released = False
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the callers run their own modules
                command(listening),
                cwd=cwd,
                env=env,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT if output is not subprocess.DEVNULL else subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(listening,),
            )
        except OSError:
            self.release()
            raise
        finally:
            os.close(listening)

    @property
    def pid(self) -> int:
        """Return the process id, which is the id of its group too."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    @property
    def stdin(self) -> IO[bytes]:
        """Return the pipe to its standard input; it was started with one."""
        assert self._process.stdin is not None
        return self._process.stdin

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end and return the exit code; raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def signal_group(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the whole group, unless it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def release(self) -> None:
        """Close the lifeline; once is enough."""
        if not self._released:
            self._released = True
            os.close(self._lifeline)
