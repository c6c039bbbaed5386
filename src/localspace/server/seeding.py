"""Seeding a local workspace: the program `lampkeeper seed` creates the tables, in a process of its own.

The package imports nothing of lampkeeper, whose test data the tables are. This module starts a server where none
runs, and hands over host and token in the variables of unified authentication.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PRODUCT = "lampkeeper"
_STOP_SECONDS = 15.0


class SeedError(Exception):
    """The workspace cannot be seeded; the message says why and what to do."""


def seed(words: list[str], *, profile: str, data_dir: Path) -> int:
    """Run `lampkeeper seed` with these words and return its exit code.

    With a profile it works on the running workspace of that profile, otherwise on the one of `data_dir`, which is served for the
    time. Raise SeedError if lampkeeper is not installed, or the server does not start.
    """
    if importlib.util.find_spec(PRODUCT) is None:
        raise SeedError(f"The tables come with the package {PRODUCT}, which is not installed here.")
    if profile:
        return _run([*words, "--profile", profile], {})
    with _served(data_dir) as sign_in:
        return _run(words, sign_in)


def _run(words: list[str], sign_in: Mapping[str, str]) -> int:
    # What is exported for another workspace would come before the profile.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DATABRICKS_") or k == "DATABRICKS_CONFIG_FILE"}
    command = [sys.executable, "-c", f"from {PRODUCT}.cli.main import run; run()", "seed", *words]
    return subprocess.run(command, env={**kept, **sign_in}, check=False).returncode  # noqa: S603 (this Python; words as a list)


@contextmanager
def _served(data_dir: Path) -> Iterator[dict[str, str]]:
    """Serve a data folder for the time of the block; provide the sign-in of its admin."""
    command = [sys.executable, "-c", "from localspace.main import run; run()", "serve", "--json", "--data", str(data_dir)]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # noqa: S603 (likewise)
    try:
        line = server.stdout.readline() if server.stdout else ""
        if not line:
            raise SeedError(
                f"{data_dir} could not be served. If a server runs on it, name its profile: localspace seed --profile NAME."
            )
        facts = json.loads(line)
        yield {
            "DATABRICKS_HOST": facts["host"],
            "DATABRICKS_TOKEN": facts["token"],
            "DATABRICKS_ACCOUNT_ID": facts["account_id"],
            "DATABRICKS_WORKSPACE_ID": facts["workspace_id"],
        }
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stdout is not None:
            server.stdout.close()
