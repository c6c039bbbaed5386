"""The files of the scenarios: they read, name each check once, prove what they apply, and tear down what they make."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from lampkeeper.cli.program import every_command
from lampkeeper.model.errors import UsageError
from lampkeeper.scenarios.make_lines import MAKE_TARGETS, SCRIPTS, lampkeeper_words
from lampkeeper.scenarios.scenario import Scenario, read_scenario, scenario_named, scenario_names

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SCENARIOS = [scenario_named(name) for name in scenario_names()]
LINES = sorted({step.command for s in SCENARIOS for step in (*s.steps, *s.teardown) if step.command})
_APPLIED = re.compile(r"make apply(?:-\w+)? ENV=(\w+)")


def test_every_file_is_listed_and_every_name_has_a_file() -> None:
    found = {p.name.removesuffix(".yaml") for p in (files("lampkeeper.scenarios") / "data").iterdir()} - {"order"}
    assert found == set(scenario_names())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_what_is_applied_is_proved_and_destroyed(scenario: Scenario) -> None:
    applied = {m[1] for s in scenario.steps if (m := _APPLIED.match(s.command)) and s.exit == 0}
    torn_down = " ".join(s.command for s in scenario.teardown)
    verified = set(scenario.governed) | {
        m[1] for s in (*scenario.steps, *scenario.teardown) if (m := re.match(r"make verify ENV=(\w+)", s.command))
    }
    for env in applied:
        assert re.search(rf"make destroy(-\w+)? ENV={env} ", torn_down), f"{env} is applied and not destroyed"
        if env != "account":
            assert env in verified or scenario.name == "self-service-genie", f"{env} is applied and not verified"
    made = any("setup_test_data" in s.command for s in scenario.steps)
    assert made == any("--teardown" in s.command for s in scenario.teardown)
    destroys = [n for n, s in enumerate(scenario.teardown) if "make destroy" in s.command]
    drops = [n for n, s in enumerate(scenario.teardown) if "--teardown" in s.command]
    assert max(destroys) < min(drops), "catalogs are dropped before the environments are destroyed"


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_what_the_makefile_calls(line: str) -> None:
    words = lampkeeper_words(line)
    assert words[0] in every_command()
    program, target, *_ = shlex.split(line)
    if program == "make":
        printed = subprocess.run(
            ["make", "-n", "--no-print-directory", *shlex.split(line)[1:], "-o", "environment"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        called = [shlex.split(one) for one in printed.splitlines() if "/lampkeeper " in one]
        assert [[w for w in one[1:] if w] for one in called] == [words], target
    elif program == "python":
        assert f'main(["{SCRIPTS[target]}", *sys.argv[1:]])' in (ROOT / target).read_text()


def test_every_target_that_a_scenario_may_use_is_a_target() -> None:
    text = (ROOT / "Makefile").read_text()
    assert {t for t in MAKE_TARGETS if not re.search(rf"^{t}:", text, re.M)} == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x", "section is missing"),
        ("[]", "is not a mapping"),
        ("a: [", "while parsing"),
        ("steps: [{run: make setup, expect: [{prints: [x]}]}]", "a check has a name"),
        ("steps: [{run: make setup, expect: [{check: a, prnts: [x]}]}]", "give exactly one of"),
        ("steps: [{run: make setup, expect: [{check: a, prints: [x], nevr: [y]}]}]", "nevr"),
        ("steps: [{run: make setup, sql: [SELECT 1]}]", "give exactly one of"),
        ("steps: [{expect: [{check: a, prints: [x]}]}]", "has a title"),
        ("steps: [{run: make setup, wrote: x}]", "wrote"),
    ],
)
def test_a_wrong_file_is_refused_by_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_scenario(text, "file.yaml")
    assert message in refused.value.message + refused.value.fix
    assert "file.yaml" in refused.value.message


def test_two_checks_of_one_name_are_refused() -> None:
    step = "{run: make setup, expect: [{check: a, prints: [x]}]}"
    text = f"{{name: n, section: s, summary: t, governed: [], steps: [{step}, {step}], teardown: [{{run: make clean}}]}}"
    with pytest.raises(UsageError, match="two checks are named 'a'"):
        read_scenario(text, "file.yaml")


@pytest.mark.parametrize("line", ["rm -rf /", "make tset", "make setup dev", "python -c 1", "python scripts/other.py", "make"])
def test_another_command_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        lampkeeper_words(line)
