"""Runs the programs that work on a workspace, such as the Databricks CLI and Terraform, to their end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.remote.signals import uninterrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a program: its exit code, and what it wrote to its two outputs."""

    code: int
    out: str
    err: str


def run_program(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], grace: float) -> Ended:
    """Run a program without input in a folder and wait for its end.

    After Ctrl-C the program gets `grace` seconds to save its state and to release its lock; then it is killed. Another Ctrl-C
    does not shorten them.
    """
    process = subprocess.Popen(  # noqa: S603 (a program that the user has, arguments as a list)
        list(command), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate()
    except BaseException:
        with uninterrupted():
            _stop(process, grace)
        raise
    return Ended(code=process.returncode, out=out, err=err)


def _stop(process: subprocess.Popen[str], grace: float) -> None:
    """Stop a program as Ctrl-C does; kill its group if it does not stop."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
