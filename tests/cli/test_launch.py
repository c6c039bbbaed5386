"""launch by hand: a missing program, wrong words, and what runs in a job told outside of one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from databricks.sdk.dbutils import RemoteDbUtils

from lampkeeper.cli.main import main

pytestmark = pytest.mark.unit


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LAMPKEEPER_DATABRICKS_CLI", raising=False)
    return tmp_path


@pytest.mark.parametrize("command", ["launch", "demo-bundle"])
def test_a_missing_databricks_cli_is_wrong_use_and_says_how_to_get_it(
    empty: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command]) == 2
    said = capsys.readouterr().err
    assert "`databricks` is not on PATH" in said
    assert "install the Databricks CLI" in said
    assert list(empty.iterdir()) == [], "nothing was brought up"


def test_a_named_cli_that_is_no_program_is_reported(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAMPKEEPER_DATABRICKS_CLI", str(empty / "nope"))
    assert main(["launch"]) == 2
    assert "is not a program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("launch", "--profile", "x"), "--profile needs --place existing"),
        (("launch", "--place", "aws"), "'aws' is not one of"),
        (("apply", "--plan-hash", "0" * 64, "--allow-widening"), "only with an approval"),
        (("apply", "--approved"), "needs --plan-hash"),
        (("apply", "--plan", "a.json", "--plan-hash", "0" * 64), "exclude each other"),
        (("outcome", "--steps", "a"), "outcome needs the ID of a run"),
        (("outcome", "--steps", "a", "--run-id", "../x"), "not the id of a run"),
        (("outcome", "--steps", "a", "--run-id", "1", "--env", "../x"), "cannot be an environment's name"),
        (("generate", "--model", "openai:x", "--model-endpoint", "y"), "exclude each other"),
        (("generate", "--profile-values=--dry-run"), "'--dry-run' is not a valid value"),
        (("generate", "--resolve-undecided=maybe"), "is not one of 'yes', 'no'"),
        (("verify", "--create-test-principals=--all"), "'--all' is not a valid value"),
        (("validate", "--envs", "/Volumes/main/x"), "named envs"),
        (("validate", "--envs", "/Volumes/a/../b/c/envs"), "not a folder in a volume"),
    ],
)
def test_wrong_words_are_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], reported: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", "x")
    assert main(["setup"]) == 0
    assert main(list(words)) == 2
    assert reported in capsys.readouterr().err


def test_a_task_value_outside_of_a_job_is_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["setup"]) == 0
    code = main(["setup", "--verdict", "task-value"])
    assert (code, "leave it out outside of a job" in capsys.readouterr().err) == (2, True)


def test_a_task_value_is_wrong_use_where_the_sdk_would_drop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that can sign in, the SDK's `dbutils` takes task values and sends them nowhere."""
    runtime = ModuleType("databricks.sdk.runtime")
    runtime.__dict__["dbutils"] = object.__new__(RemoteDbUtils)
    monkeypatch.setitem(sys.modules, runtime.__name__, runtime)
    monkeypatch.chdir(tmp_path)
    assert main(["setup", "--verdict", "task-value"]) == 2
    assert "leave it out outside of a job" in capsys.readouterr().err


def test_a_step_leaves_its_record_and_the_outcome_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["setup", "--run-id", "7"]) == 0
    assert main(["outcome", "--steps", "setup", "--run-id", "7"]) == 0
    assert "run 7: ok" in capsys.readouterr().out
    assert main(["validate", "--run-id", "8"]) in (0, 1)
    assert main(["outcome", "--steps", "validate,plan", "--run-id", "9"]) == 4
    assert "validate has no record" in capsys.readouterr().out
