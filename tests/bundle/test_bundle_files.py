"""The bundle's files as they stand: fields that the CLI knows, commands and flags that ours knows, nothing that widens access."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.bundle_jobs import ROOT, bundle_document
from support.job_flags import options_of, task_flags

pytestmark = pytest.mark.unit
SCHEMA = json.loads((Path(__file__).parent / "bundle_schema.json").read_text())
FILES = [ROOT / "databricks.yml", *sorted(ROOT.glob("resources/*.yml"))]
JOBS = bundle_document()["resources"]["jobs"]
_PARAMETER = re.compile(r"\{\{job\.parameters\.(\w+)\}\}\Z")


def wrong(kind: str | None, value: Any, place: str) -> Iterator[str]:
    """Yield what the CLI would not know or would miss."""
    known = SCHEMA["kinds"].get(kind or "", {})
    if isinstance(value, str) and value.startswith("${"):
        return
    if "enum" in known and str(value) not in known["enum"]:
        yield f"{place}: {value!r} is not one of {known['enum']}"
    if isinstance(value, dict) and "properties" in known:
        yield from (f"{place}: no field {name!r}" for name in sorted(set(value) - set(known["properties"])))
        # What a target says is laid over what the resources say already.
        missing = () if ".targets." in place else known["required"]
        yield from (f"{place}: {name!r} is required" for name in missing if name not in value)
        for name, one in value.items():
            yield from wrong(known["properties"].get(name), one, f"{place}.{name}")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from wrong(known.get("values"), one, f"{place}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from wrong(known.get("items"), one, f"{place}[{number}]")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_field_is_one_that_the_cli_knows(path: Path) -> None:
    assert list(wrong(SCHEMA["root"], yaml.safe_load(path.read_text()), path.name)) == []


def test_the_check_of_fields_bites() -> None:
    document = yaml.safe_load((ROOT / "resources" / "propose.job.yml").read_text())
    document["resources"]["jobs"]["propose"]["tasks"][0]["dependson"] = []
    del document["resources"]["jobs"]["propose"]["tasks"][1]["task_key"]
    found = list(wrong(SCHEMA["root"], document, "x"))
    assert len(found) == 2, found


def test_every_variable_has_a_description() -> None:
    variables = bundle_document()["variables"]
    assert {name for name, one in variables.items() if not one.get("description")} == set()


def wheel_tasks() -> list[Any]:
    return [
        pytest.param(job, task, id=f"{job}-{task['task_key']}")
        for job, settings in JOBS.items()
        for task in settings["tasks"]
        if task.get("python_wheel_task", {}).get("entry_point") == "lampkeeper_task"
    ]


@pytest.mark.parametrize("job", sorted(name for name, settings in JOBS.items() if "environments" in settings))
def test_a_job_whose_tasks_may_ask_a_model_depends_on_the_extra_model(job: str) -> None:
    tasks = [task for task in JOBS[job]["tasks"] if "python_wheel_task" in task]
    asks = any("--model-endpoint" in task_flags(task)[1] for task in tasks)
    dependencies = [one for environment in JOBS[job]["environments"] for one in environment["spec"]["dependencies"]]
    model = ("-r ../resources/serverless-model.txt", "../dist/*.whl[model]")
    assert tuple(dependencies) == (model if asks else ("-r ../resources/serverless.txt", "../dist/*.whl"))


def test_no_task_names_an_extra_among_its_libraries() -> None:
    # There the CLI takes `[` for the start of a set of characters and the platform refuses it (databricks/cli, issue 1602).
    libraries = [one for settings in JOBS.values() for task in settings["tasks"] for one in task.get("libraries", ())]
    assert [one["whl"] for one in libraries if "whl" in one] == ["../dist/*.whl"]


@pytest.mark.parametrize(("job", "task"), wheel_tasks())
def test_a_task_is_a_command_of_the_cli_and_a_job_parameter_is_its_flag(job: str, task: dict[str, Any]) -> None:
    command, given = task_flags(task)
    flags = options_of(command)
    declared = {p["name"] for p in JOBS[job]["parameters"]}
    for flag, value in given.items():
        assert flag in flags, f"{command} has no {flag}"
        assert (value is None) == flags[flag].is_flag, f"{command} {flag}"
        found = _PARAMETER.match(value or "")
        if found is not None:
            assert f"--{found.group(1).replace('_', '-')}" == flag
            assert found.group(1) in declared


@pytest.mark.parametrize("job", sorted(JOBS))
def test_no_job_can_be_reported_to_widen_and_none_takes_a_secret(job: str) -> None:
    text = json.dumps(JOBS[job])
    assert "widening" not in text
    assert "--adopt" not in text
    names = {p["name"] for p in JOBS[job].get("parameters", ())}
    assert not {n for n in names if any(word in n.removesuffix("_secret_scope") for word in ("token", "secret", "password"))}


def test_where_plans_approvals_and_history_lie_is_the_bundles_to_say_and_no_runs() -> None:
    places = {
        "--envs": "/Volumes/",
        "--approvals": "/Volumes/",
        "--history": "${var.catalog}.",
        "--input": "${workspace.file_path}/envs",
    }
    seen = set()
    for settings in JOBS.values():
        for task in settings["tasks"]:
            words = task.get("python_wheel_task", {}).get("parameters") or []
            for flag, start in places.items():
                if flag in words:
                    seen.add(flag)
                    assert words[words.index(flag) + 1].startswith(start)
    assert seen == set(places)


def test_every_declared_job_parameter_is_used() -> None:
    for name, settings in JOBS.items():
        tasks = json.dumps(settings["tasks"])
        unused = {p["name"] for p in settings.get("parameters", ()) if f"job.parameters.{p['name']}" not in tasks}
        assert unused == set(), name


def test_readers_of_the_dashboard_query_as_themselves() -> None:
    dashboards = bundle_document()["resources"]["dashboards"]
    assert [d["embed_credentials"] for d in dashboards.values()] == [False] * len(dashboards)
    assert dashboards
