"""Names of the real programs that a test run did not find; the closing lines of the run list them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MISSING: dict[str, str] = {}


def report_missing(name: str, remedy: str = "") -> None:
    """Note that the tests which need `name` did not run, and how to make them run."""
    MISSING[name] = remedy


def databricks_cli() -> str | None:
    """Return the path of the real Databricks CLI: LAMPKEEPER_DATABRICKS_CLI, or `databricks` on PATH."""
    named = os.environ.get("LAMPKEEPER_DATABRICKS_CLI")
    if named:
        return named if Path(named).is_file() else None
    return shutil.which("databricks")


def terraform_and_mirror() -> tuple[str, Path] | None:
    """Return terraform and a filesystem mirror that holds the provider (LAMPKEEPER_TF_MIRROR), or None."""
    program = os.environ.get("LAMPKEEPER_TERRAFORM") or shutil.which("terraform")
    mirror = os.environ.get("LAMPKEEPER_TF_MIRROR")
    if not program or not mirror or not Path(mirror).is_dir():
        return None
    return program, Path(mirror)
