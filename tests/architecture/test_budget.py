"""`.ci/run` prints how long its steps took: what each test run says before its closing line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.budget import STEPS, budget_lines

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_each_step_lasts_until_the_next_begins_and_the_last_until_now(tmp_path: Path) -> None:
    notes = tmp_path / "steps"
    notes.write_text("1000 make setup\n1030 make test\n1520 make test-heavy\n")
    assert budget_lines(str(notes), 2400.4) == [
        "make setup          30 s",
        "make test          490 s of 480 (over the budget)",
        "make test-heavy    880 s",
        ".ci/run           1400 s of 2100",
    ]


def test_a_run_outside_of_ci_has_no_such_lines() -> None:
    assert budget_lines(None, 0) == []


def test_ci_notes_each_step_before_it_begins(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\ncp "${STEPS}" "{tmp_path}/noted"\necho "ran $*"\n')
    make.chmod(0o755)
    (tmp_path / "chromium").symlink_to("/bin/true")
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["ran setup", "ran lint types", "ran test", "ran test-heavy"]
    noted = [line.split(" ", 1) for line in (tmp_path / "noted").read_text().splitlines()]
    assert [command for _, command in noted] == ["make setup", "make lint types", "make test", "make test-heavy"]
    assert sorted(float(at) for at, _ in noted) == [float(at) for at, _ in noted]
