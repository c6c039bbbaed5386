"""The guide to the integration tests: a check that exists holds each statement; its targets, scripts and flags run."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lampkeeper.cli.program import every_command
from lampkeeper.scenarios.neighbour import NOTHING_LEFT, STILL_VERIFIED, UNTOUCHED
from lampkeeper.scenarios.scenario import scenario_named, scenario_names

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TABLE: dict[str, list[dict[str, Any]]] = yaml.safe_load((Path(__file__).parent / "guide.yaml").read_text())
ROWS = [(section, row) for section, rows in TABLE.items() for row in rows]
OF_THE_GUIDE = (
    "quickstart", "multi-catalog", "multi-space", "per-space", "promote", "multi-env", "attach-promote", "self-service-genie",
    "abac-only", "multi-space-import", "schema-drift", "genie-only", "genie-import-no-abac", "country-overlay",
    "industry-overlay", "aus-bank-demo", "india-bank-demo", "asean-bank-demo",
)  # fmt: skip
FLAGS = {
    "scripts/run_integration_tests.py": (
        "--list", "--scenario", "--keep-data", "--warehouse-id", "--auth-file", "--fail-fast", "--parallel",
    ),
    "scripts/setup_test_data.py": (
        "--auth-file", "--prod", "--verify", "--verify-prod", "--teardown", "--teardown-prod", "--warehouse-id", "--dry-run",
    ),
}  # fmt: skip


def holds(name: str) -> bool:
    """Say whether a check, a step or a test of this name exists."""
    if "::" in name:
        path, function = name.split("::")
        text = (ROOT / path).read_text()
        return "def test_" in text if function == "*" else f"def {function}(" in text
    scenario, _, check = name.partition(": ")
    if scenario == "every":
        return check in {UNTOUCHED, STILL_VERIFIED, NOTHING_LEFT}
    found = scenario_named(scenario)
    if check.startswith("step "):
        return check.removeprefix("step ") in {s.title for s in (*found.steps, *found.teardown)}
    return check in found.check_names


@pytest.mark.parametrize(("section", "row"), ROWS, ids=[f"{s}: {r['says'][:60]}" for s, r in ROWS])
def test_a_statement_is_held_by_what_exists_or_says_what_is_not_built(section: str, row: dict[str, Any]) -> None:
    assert ("held" in row) != ("not_built" in row)
    assert row.get("held") or row.get("not_built"), section
    assert [name for name in row.get("held", ()) if not holds(name)] == []


def test_a_check_that_is_not_there_is_seen() -> None:
    assert not holds("quickstart: the moon is full")
    assert not holds("quickstart: step fly")
    assert not holds("tests/scenarios/test_guide.py::test_nothing")


def test_every_scenario_of_the_guide_has_a_section_in_the_table() -> None:
    assert set(scenario_names()) & set(OF_THE_GUIDE) <= set(TABLE)


@pytest.mark.parametrize("target", [*(f"test-{name}" for name in OF_THE_GUIDE), "test-all", "integration-test"])
def test_every_target_of_the_guide_runs_its_scenario(target: str) -> None:
    given = ("KEEP_DATA=1", "WAREHOUSE_ID=abc123", "-o", "environment", "-o", ".venv/.engine")
    printed = subprocess.run(
        ["make", "-n", "--no-print-directory", target, *given],
        cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", "HOME": "/"},
    ).stdout  # fmt: skip
    (line,) = [one for one in printed.splitlines() if "run_integration_tests.py" in one]
    words = shlex.split(line)
    name = {"test-all": "all", "integration-test": "integration"}.get(target, target.removeprefix("test-"))
    assert words[words.index("--scenario") + 1] == name
    assert "--keep-data" in words
    assert words[words.index("--warehouse-id") + 1] == "abc123"


@pytest.mark.parametrize("script", FLAGS)
def test_every_flag_of_the_guide_is_an_option_of_its_script(script: str) -> None:
    found = re.search(r'main\(\["([\w-]+)"', (ROOT / script).read_text())
    assert found is not None
    options = {o for p in every_command()[found[1]].params for o in p.opts}
    assert set(FLAGS[script]) - options == set()
