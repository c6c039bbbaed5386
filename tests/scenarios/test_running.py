"""How scenarios run: a failure is told, torn down, reported and kept; a run that died leaves nothing to the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lampkeeper.scenarios.reports import document, junit, page
from lampkeeper.scenarios.results import CheckResult, ScenarioResult, StepResult
from lampkeeper.scenarios.run_folder import dead_runs
from lampkeeper.scenarios.suite import every_failure

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "run_integration_tests.py"


def result(code: int = 0, *failures: str, **more: object) -> ScenarioResult:
    step = StepResult(
        title="make apply", command="make apply ENV=dev", exit_code=code, output="<&> \x1b[31m out", seconds=1.5,
        checks=[CheckResult(name="applies", failures=failures)],
    )  # fmt: skip
    return ScenarioResult(name="promote", run_id="ab", steps=[step], **more)  # type: ignore[arg-type]


@pytest.mark.unit
def test_the_exit_code_is_that_of_the_first_failure() -> None:
    good, bad, check = result(), result(3, "it ended with 3"), result(0, "no tag")
    assert [every_failure(r) for r in ([good], [good, bad, check], [check, bad])] == [0, 3, 1]


@pytest.mark.unit
def test_the_reports_show_command_output_and_kept_folder() -> None:
    results = [result(3, "it ended with 3", kept="/kept/here"), result(), ScenarioResult(name="x", run_id="ab", skipped=True)]
    tree = ET.fromstring(junit(results))
    (failure,) = tree.iter("failure")
    assert "make apply ENV=dev" in str(failure.text)
    assert "<&>" in str(failure.text)
    assert "/kept/here" in str(failure.text)
    assert [suite.get("skipped") for suite in tree] == ["0", "0", "1"]
    html = page(results)
    assert "&lt;&amp;&gt;" in html
    assert "/kept/here" in html
    told = json.loads(json.dumps(document(results)))
    assert [r["verdict"] for r in told["results"]] == ["failed", "passed", "skipped"]
    assert "out" in told["results"][0]["steps"][0]["output"]
    assert "output" not in told["results"][1]["steps"][0]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.unit
def test_the_script_lists_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    from lampkeeper.cli.main import main
    from lampkeeper.scenarios.scenario import scenario_names

    assert main(["scenarios", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(scenario_names())
    assert main(["scenarios", "--scenario", "quikstart"]) == 2
    assert "quickstart" in capsys.readouterr().err


@pytest.mark.spark
@pytest.mark.heavy
def test_a_run_that_was_killed_is_removed_by_the_next_one(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--scenario", "quickstart", "--scenario", "abac-only", "--parallel", "2"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert started.stdout is not None
    for line in started.stdout:
        if "make apply" in line:
            break
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    (dead,) = dead_runs(tmp_path / ".scenarios")
    servers = [int(pid) for pid in dead.record["servers"]]
    assert len(servers) == 2
    try:
        again = run(tmp_path, "--scenario", "quickstart", "--json")
        assert again.returncode == 0, again.stderr
    finally:
        dead.end_servers()
    assert f"removed what run {dead.path.name} left" in again.stderr
    told = json.loads(again.stdout)
    assert (told["passed"], told["scenarios"]) == (1, 1)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in servers)
    assert sorted(p.name for p in (tmp_path / ".scenarios").iterdir()) == ["report.html", "report.json", "report.xml"]
