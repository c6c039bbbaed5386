"""A copy of the project in a folder of its own, and the real Databricks CLI on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from support.bundle_jobs import STATED, copy_project
from support.localspace_server import LocalWorkspace
from support.missing_tools import databricks_cli

CLI = databricks_cli()


class Product:
    """A copy of the project in a folder of its own, and the CLI on it."""

    def __init__(self, space: LocalWorkspace, folder: Path) -> None:
        """Copy what a deploy needs."""
        self.space, self.folder = space, copy_project(folder / "project")
        # The CLI takes lists from this file, not from --var or a variable of the environment (source: CLI 1.14, set_variables).
        stated = self.folder / ".databricks" / "bundle" / "prod" / "variable-overrides.json"
        stated.parent.mkdir(parents=True)
        stated.write_text(json.dumps(STATED))

    def __call__(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `databricks bundle …`."""
        # uv finds the package index where this machine says.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "BUNDLE_"))} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABRICKS_HOST": self.space.host, "DATABRICKS_TOKEN": self.space.token, "DATABRICKS_CONFIG_FILE": os.devnull,
        }  # fmt: skip
        return subprocess.run(
            [str(CLI), "bundle", *words], cwd=self.folder, env=environment | variables, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    def good(self, *words: str, **variables: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self(*words, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def actions(self) -> Counter[str]:
        """Return how often the plan of target local holds each action."""
        done = self("plan", "-t", "local", "-o", "json")
        assert done.returncode == 0, done.stderr
        plan = json.loads(done.stdout)
        return Counter(one["action"] for one in plan["plan"].values())
