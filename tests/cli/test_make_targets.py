"""Every target of the Makefile is run: those of an environment on a local workspace, the others with stand-ins for tools."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bank_places import PEOPLE, ROWS
from support.localspace_server import LocalWorkspace, running_localspace

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = sorted(set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.M)))
SETTINGS = """\
genie_spaces = [{ name = "Finance", uc_tables = ["dev_fin.finance.*"] }]
groups = {
  data_analysts       = { description = "Read masked data", members = ["ana@bank.example"] }
  compliance_officers = { clearance = ["*"], members = ["olga@bank.example"] }
}
"""

TOOLS: dict[str, list[str]] = {
    "environment": [],
    "help": [],
    "demo": ["lampkeeper demo"],
    "demo-bundle": ["lampkeeper demo-bundle"],
    "launch": ["lampkeeper launch --place local --job governance"],
    "demo-clean": [],
    "test": ["pytest -m not heavy and not nightly"],
    "test-unit": ["pytest -m unit and not heavy and not nightly"],
    "test-heavy": ["pytest -m heavy and not nightly"],
    "test-nightly": ["pytest -m nightly or sampled"],
    "test-all": ["python scripts/run_integration_tests.py --scenario all --parallel 2"],
    "integration-test": ["python scripts/run_integration_tests.py --scenario integration"],
    "coverage": ["pytest -q -m unit", "coverage report --include=src/lampkeeper/*"],
    "fmt": ["ruff format .", "ruff check --fix"],
    "lint": ["ruff format --check", "ruff check --quiet", "codespell", "lint-imports --no-cache"],
    "types": ["mypy"],
    "docs": ["python docs/generate.py"],
    "readme": ["python tests/support/record_transcripts.py"],
    "transcript": ["python tests/support/record_transcripts.py docs/playbook.md"],
    "bench": ["python benchmarks/one.py", "python benchmarks/two.py"],
}
"""Targets that need no environment, with the starts of the command lines that they run, in order."""

WALK: tuple[tuple[str, str, str], ...] = (
    ("setup", "CLOUD=aws", "created envs/dev/data_access/abac.auto.tfvars"),
    ("init-env", "", "nothing to create"),
    ("init", "CATALOGS=dev_fin", "wrote envs/dev/env.auto.tfvars"),
    ("snapshot", "", "2 tables"),
    ("generate", "", "1 Genie space"),
    ("validate-generated", "", "0 errors"),
    ("promote", "", "wrote envs/dev/abac.auto.tfvars"),
    ("validate", "", "0 errors"),
    ("matrix", "", "masked by"),
    ("plan", "ENV=account", "group data_analysts"),
    ("apply", "ENV=account", "group 2"),
    ("plan", "ENV=account", "plan: nothing to do"),
    ("plan", "", "policy"),
    ("apply-governance", "", "policy"),
    ("apply-genie", "", "genie_space 1"),
    ("apply", "", "apply: 0 writes"),
    ("adopt", "DRY_RUN=1", "adopt: dry run, nothing was written"),
    ("verify", "", "0 mismatches"),
    ("audit-schema", "", "audit: clean"),
    ("generate-delta", "", "no drift: nothing to change"),
    ("promote", "DEST_ENV=prod DEST_CATALOG_MAP=dev_fin=prod_fin", "dev to prod: dev_fin -> prod_fin"),
    ("pilot", "GROUP=data_analysts", "policies now bind members of data_analysts only"),
    ("widen", "", "policies now bind everybody"),
    ("pilot", "GROUP=data_analysts", "policies now bind members of data_analysts only"),
    ("apply", "ALLOW_WIDENING=1", "policy"),
    ("rollback", "", "the files are those of generation"),
    ("apply", "", "policy"),
    ("destroy-genie", "YES=1", "destroy:"),
    ("apply-genie", "", "genie_space 1"),
    ("destroy-governance", "YES=1 ALLOW_WIDENING=1", "destroy:"),
    ("destroy", "YES=1 ALLOW_WIDENING=1", "destroy:"),
    ("destroy", "ENV=account YES=1", "destroy:"),
    ("apply", "", "apply:"),
    ("destroy", "YES=1 ALLOW_WIDENING=1", "destroy:"),
    ("destroy-account", "YES=1", "destroy:"),
    ("clean", "", "clean:"),
)
"""The targets of an environment in one life of it: target, variables, and a part of what it prints."""


@pytest.mark.unit
def test_every_target_is_run_by_a_test() -> None:
    assert sorted({*TOOLS, *(target for target, _, _ in WALK)}) == TARGETS


@pytest.mark.unit
@pytest.mark.parametrize("target", TARGETS)
def test_only_setup_creates_an_environment(target: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/"}
    done = subprocess.run(
        ["make", "-n", target], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert ("lampkeeper setup" in done.stdout) == (target in ("setup", "init-env"))


def folder_with(tmp_path: Path) -> Path:
    """Make a folder that has of the repository what the targets name, and tools that note how they were called."""
    bin_folder = tmp_path / "bin"
    for name in ("docs/generate.py", "tests/support/record_transcripts.py", "benchmarks/one.py", "benchmarks/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    bin_folder.mkdir()
    for tool in ("lampkeeper", "pytest", "coverage", "ruff", "codespell", "lint-imports", "mypy", "python"):
        path = bin_folder / tool
        path.write_text(f'#!/bin/sh\necho "{tool} $*" >> calls.txt\nexit ${{FAILS:-0}}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    for stamp in (".ready", ".engine"):
        (tmp_path / ".venv").mkdir(exist_ok=True)
        (tmp_path / ".venv" / stamp).write_text("")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".demo").mkdir()
    return tmp_path


def make_in(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-o", ".venv/.ready", "-o", ".venv/.engine", *words]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "DATABRICKS_"))}
    return subprocess.run(
        command, cwd=folder, env=kept | more, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.unit
@pytest.mark.parametrize("target", TOOLS)
def test_a_target_runs_its_tools_and_fails_with_them(tmp_path: Path, target: str) -> None:
    folder = folder_with(tmp_path)
    done = make_in(folder, f"BIN={folder / 'bin'}", target)
    assert done.returncode == 0, done.stderr
    calls = (folder / "calls.txt").read_text().splitlines() if TOOLS[target] else []
    missing = [start for start in TOOLS[target] if not any(call.startswith(start) for call in calls)]
    assert missing == [], calls
    if TOOLS[target]:
        assert make_in(folder, f"BIN={folder / 'bin'}", target, FAILS="1").returncode == 2
    assert (folder / ".demo").exists() == (target != "demo-clean")


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as space:
        client = space.client()
        for statement in ROWS:
            done = client.statement_execution.execute_statement(statement, space.warehouse_id, wait_timeout="50s")
            assert done.status is not None
            assert done.status.error is None, done.status
        for name in PEOPLE:
            space.account().users_v2.create(user_name=name)
        yield space


@pytest.mark.heavy
@pytest.mark.server
@pytest.mark.spark
def test_the_targets_of_an_environment_live_through_its_life(space: LocalWorkspace, tmp_path: Path) -> None:
    for name in ("Makefile", "scripts"):
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    ids = f"account_id = {space.account_id}\nworkspace_id = {space.workspace_id}\n"
    (tmp_path / "profiles").write_text(f"[HERE]\nhost = {space.host}\ntoken = {space.token}\n{ids}")
    more = {"DATABRICKS_CONFIG_FILE": str(tmp_path / "profiles"), "PYTHONPATH": str(ROOT / "src")}
    for target, variables, reported in WALK:
        words = [f"BIN={Path(sys.executable).parent}", target, "PROFILE=HERE", *variables.split()]
        done = make_in(tmp_path, *words, **more)
        assert done.returncode == 0, f"make {' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert reported in done.stdout, f"make {' '.join(words)}\n{done.stdout[-3000:]}"
        if target == "init":
            (tmp_path / "envs/dev/env.auto.tfvars").write_text(SETTINGS)
        if target == "apply-genie":
            asked = make_in(tmp_path, f"BIN={Path(sys.executable).parent}", "clean", **more)
            assert (asked.returncode, "stay in the workspace, and no state would record them" in asked.stderr) == (2, True)
            assert (tmp_path / "envs/dev/state.json").exists()
    assert not (tmp_path / "envs/dev/state.json").exists()
    assert (tmp_path / "scripts/account-admin.aws.env").stat().st_mode & 0o777 == 0o600
    assert "data_analysts" not in {g.display_name for g in space.account().groups_v2.list()}
