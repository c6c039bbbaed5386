"""Runs the command of an app until it ends, or until the workspace does: `python -m localspace.apps.supervisor FD COMMAND…`.

FD is the end of a pipe that the workspace holds open for as long as it lives.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def run(lifeline: int, command: list[str]) -> int:
    """Run the command and return its exit code; kill the process group when the pipe closes."""
    try:
        child = subprocess.Popen(command, close_fds=True)  # noqa: S603
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()
    return child.wait()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
