"""A laptop: an environment of its own with the wheel and databricks-connect, and programs run in it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.bundle_jobs import ROOT
from support.missing_tools import report_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """Runs programs against one workspace, as whom the token says."""

    python: Path
    home: Path
    host: str
    roots: str

    def run(self, token: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `python …` with nothing in the environment but what a person exports."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "DATABRICKS_HOST": self.host, "DATABRICKS_TOKEN": token,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": self.roots,
        }  # fmt: skip
        return subprocess.run(
            [str(self.python), *words],
            cwd=self.home, env=environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip

    def page(self, token: str, page: str, **inputs: str) -> tuple[subprocess.CompletedProcess[str], str]:
        """Run a notebook as a program; return how it ended, and its page."""
        shown = self.home / f"{page}.html"
        words = [f"{name}={value}" for name, value in inputs.items()]
        done = self.run(token, "-m", "lampkeeper.notebooks", str(ROOT / "notebooks" / f"{page}.ipynb"), f"html={shown}", *words)
        return done, shown.read_text() if shown.exists() else ""


def make_laptop(wheel: Path, home: Path, host: str, roots: str) -> Laptop:
    """Make the environment from the wheel's extra `connect`; without a package index the test does not run, and is named."""
    uv, venv = str(Path(sys.executable).parent / "uv"), home / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True, timeout=60)
    python = venv / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python), f"{wheel}[connect]"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        report_missing(
            "databricks-connect", "a package index that has it; uv said: " + (lines[-1].strip() if lines else "nothing")
        )
        pytest.skip("databricks-connect could not be installed")
    return Laptop(python=python, home=home, host=host, roots=roots)
