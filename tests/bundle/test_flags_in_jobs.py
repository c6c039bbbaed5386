"""What the commands can be told, the jobs can be told: every flag of a step is a job parameter, or an exception with a reason."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest

from support.bundle_jobs import bundle_document
from support.job_flags import options_of, task_flags

pytestmark = pytest.mark.unit
DOCUMENT = bundle_document()
JOBS = DOCUMENT["resources"]["jobs"]

BY_HAND = "for people at a terminal"
FAILS = "if it does not end well, the task fails: nothing may follow"
NO_TABLE = "this step appends to no table"
EXCEPTIONS = {
    ("*", "--json"): BY_HAND,
    ("*", "--debug"): BY_HAND,
    ("*", "--help-all"): BY_HAND,
    ("*", "--profile"): "a task signs in as the run's principal",
    ("snapshot", "--verdict"): FAILS,
    ("apply", "--verdict"): FAILS,
    ("report", "--verdict"): FAILS,
    ("outcome", "--verdict"): "its exit code is the verdict of the run",
    ("outcome", "--then"): "only a job that repairs has steps that follow on a finding",
    ("snapshot", "--history"): NO_TABLE,
    ("profile", "--history"): NO_TABLE,
    ("generate-delta", "--verdict"): FAILS,
    ("generate-delta", "--history"): NO_TABLE,
    ("generate-delta", "--offline"): "a job compares with the workspace",
    (
        "generate-delta",
        "--model",
    ): "a job asks through a serving endpoint (--model-endpoint), external models too: it holds no key",
    ("*", "--dbt-manifest"): "a job takes the lineage that the platform recorded; a manifest is a file of a dbt project",
    ("audit", "--not-applied"): "only the job that watches fails as long as the end of a drift is not applied",
    ("plan", "--full"): BY_HAND,
    ("plan", "--history"): NO_TABLE,
    ("report", "--history"): NO_TABLE,
    ("*", "--layer"): "a job governs an environment whole",
    ("*", "--allow-hiding"): "tables whose readers lose rows are named by a person, not by a schedule",
    ("*", "--adopt"): "what others own is taken over by a person, not by a schedule",
    ("*", "--out"): "the place in the volume is the one that the other steps and the launcher look at",
    ("generate", "--dry-run"): BY_HAND,
    ("generate", "--model"): "a job asks through a serving endpoint (--model-endpoint), external models too: it holds no key",
    ("validate", "--layers"): "the draft of this run is what is checked",
    ("validate", "--format"): "records and reports hold the findings",
    ("promote", "--to"): "the job is about its destination, as --env, and carries the environment of --from",
    ("plan", "--input"): "where somebody approves (propose, promote, schema_drift): tests/bundle/test_prod_roles.py",
    ("apply", "--input"): "where somebody has approved (apply_approved): tests/bundle/test_prod_roles.py",
    ("plan", "--engine"): "a job's environment is written by the direct engine: Terraform keeps a state of its own",
    ("apply", "--engine"): "likewise: an environment has one engine",
    ("apply", "--plan"): "the plan goes from step to step by its hash",
    (
        "apply",
        "--approved",
    ): "apply_approved always, governance where the plan widens access: the plan's hash leads to its approval",
    ("apply", "--allow-widening"): "widening is allowed by another principal's approval, never by a parameter",
    ("apply", "--propagation-wait"): "the platform's time for propagation is its default; shorter is for the local workspace",
    ("verify", "--all"): BY_HAND,
    ("report", "--offline"): "a report of a run shows plan and drift",
    ("report", "--verify"): "verify is a step of its own",
}
"""Flags that no job sets, by command (`*`: any) and name, with the reason."""


def steps() -> list[Any]:
    return [
        pytest.param(task, id=f"{name}-{task['task_key']}")
        for name, job in JOBS.items()
        for task in job["tasks"]
        if task.get("python_wheel_task", {}).get("entry_point") == "lampkeeper_task"
    ]


def missing(task: dict[str, Any]) -> list[str]:
    """Return the flags of a task's command that it neither sets nor is excused from."""
    command, given = task_flags(task)
    options = {o.name: o for o in options_of(command).values()}
    return sorted(
        option.opts[-1]
        for option in options.values()
        if not set(option.opts) & set(given)
        and not any((scope, flag) in EXCEPTIONS for scope in ("*", command) for flag in option.opts)
    )


@pytest.mark.parametrize("task", steps())
def test_every_flag_of_a_step_is_set_by_the_job_or_excused(task: dict[str, Any]) -> None:
    assert missing(task) == [], "make it a job parameter and a bundle variable, or give the reason in EXCEPTIONS"


def test_a_new_flag_would_be_found() -> None:
    command = options_of("generate")["--mode"]
    task = {"python_wheel_task": {"parameters": ["generate"]}}
    assert isinstance(command, click.Option)
    assert "--mode" in missing(task)
    assert "--json" not in missing(task)


def test_every_exception_is_about_a_flag_that_exists() -> None:
    commands = {task_flags(p.values[0])[0] for p in steps()}  # type: ignore[arg-type]
    stale = [
        (scope, flag)
        for scope, flag in EXCEPTIONS
        if not any(flag in options_of(command) for command in (commands if scope == "*" else {scope} & commands))
    ]
    assert stale == []
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("job", sorted(JOBS))
def test_every_job_parameter_starts_from_a_variable_of_the_bundle(job: str) -> None:
    for parameter in JOBS[job].get("parameters", ()):
        # A run's own id, where the run of another job may stand in its place.
        own = parameter == {"name": "run_id", "default": "{{job.run_id}}"}
        assert own or re.search(r"\$\{(var|resources|workspace)\.", parameter["default"]), parameter


def test_every_variable_is_used() -> None:
    text = str(DOCUMENT["resources"]) + str(DOCUMENT["targets"]) + str(DOCUMENT["variables"]) + str(DOCUMENT["presets"])
    assert [name for name in DOCUMENT["variables"] if f"${{var.{name}}}" not in text] == []


@pytest.mark.parametrize("task", steps())
def test_a_default_of_a_variable_is_the_default_of_its_flag(task: dict[str, Any]) -> None:
    command, given = task_flags(task)
    job = next(j for j in JOBS.values() if task in j["tasks"])
    defaults = {p["name"]: p["default"] for p in job["parameters"]}
    for flag in given:
        name = flag.removeprefix("--").replace("-", "_")
        option = options_of(command)[flag]
        variable = re.fullmatch(r"\$\{var\.(\w+)\}", defaults.get(name, ""))
        if variable is None or name in {"env", "warehouse", "account_secret_scope", "plan_hash", "engine"}:
            continue
        reported = DOCUMENT["variables"][variable.group(1)]["default"]
        assert option.type_cast_value(click.Context(click.Command(command)), reported) == option.get_default(
            click.Context(click.Command(command))
        ), flag
