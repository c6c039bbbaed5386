"""What holds for every job of the bundle, in each target that has it: who hears of a failure, limits, retries, tags, pins."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support.bundle_jobs import ROOT, BundleJobs, bundle_document, target_document
from support.serverless_pins import FILES, OF_THE_PLATFORM, pins, text_of

pytestmark = pytest.mark.unit
ROLES = {role: f"00000000-0000-0000-0000-00000000000{n}" for n, role in enumerate(("runner", "proposer", "verifier"))}
PROD = target_document("prod", ROLES | {"approvers": "approvers"})
DOCUMENTS = {"local": bundle_document(target="local"), "dev": bundle_document(target="dev"), "prod": PROD}
EVENTS = {"on_failure", "on_duration_warning_threshold_exceeded"}
ONCE = ("apply", "outcome")
"""Steps that run once: an apply resumes by its journal when a person starts it again, and a verdict does not change."""


def every_job() -> list[Any]:
    return [
        pytest.param(target, name, id=f"{target}-{name}")
        for target, document in DOCUMENTS.items()
        for name in sorted(document["resources"]["jobs"])
    ]


def deployed(target: str, name: str) -> dict[str, Any]:
    """Return a job as it is deployed, with all variables filled in."""
    document = DOCUMENTS[target]
    jobs = BundleJobs("http://127.0.0.1:9", "none", BundleJobs.no_wheel(), "w", document=document)
    jobs.jobs = dict.fromkeys(document["resources"]["jobs"], 1)
    return jobs.settings(name)


def lapses(job: dict[str, Any], *, prod: bool) -> Iterator[str]:
    """Yield what a job has forgotten."""
    yield from _notifications(job, prod=prod)
    warnings = [r["value"] for r in job.get("health", {}).get("rules", ()) if r["metric"] == "RUN_DURATION_SECONDS"]
    if not warnings or not 0 < warnings[0] < job.get("timeout_seconds", 0) <= 86_400:
        yield "a warning before a timeout of at most a day"
    if job.get("queue") != {"enabled": True}:
        yield "a queue"
    if job.get("max_concurrent_runs") != 1:
        yield "one run at a time"
    if not job.get("description"):
        yield "a description"
    tags = {"app", "version", "env", "target", "cost_center"} - {name for name, value in job["tags"].items() if value}
    if tags:
        yield f"tags {sorted(tags)}"
    triggers = [job[kind] for kind in ("schedule", "trigger") if kind in job]
    if not prod and any(one["pause_status"] != "PAUSED" for one in triggers):
        yield "a pause outside of production"
    if prod and not job.get("run_as", {}).get("service_principal_name"):
        yield "a principal to run as"
    if prod and "CAN_MANAGE" not in {row["level"] for row in PROD["targets"]["prod"]["permissions"]}:
        yield "permissions"
    for task in job["tasks"]:
        yield from (f"{task['task_key']}: {lapse}" for lapse in _task_lapses(task, job))


def _notifications(job: dict[str, Any], *, prod: bool) -> Iterator[str]:
    for kind in ("email_notifications", "webhook_notifications"):
        if set(job.get(kind, ())) != EVENTS:
            yield f"{kind} of {sorted(EVENTS)}"
    if job.get("notification_settings") != {"no_alert_for_skipped_runs": True, "no_alert_for_canceled_runs": True}:
        yield "silence about skipped and cancelled runs"
    if prod and not all(job.get("email_notifications", {}).get(event) for event in EVENTS):
        yield "an address for each event"


def _task_lapses(task: dict[str, Any], job: dict[str, Any]) -> Iterator[str]:
    command = (task.get("python_wheel_task", {}).get("parameters") or [""])[0]
    if command in ONCE and (task.get("max_retries"), task.get("disable_auto_optimization")) != (0, True):
        yield "no retry, not even one of serverless compute"
    if command not in ONCE and {"max_retries", "disable_auto_optimization", "retry_on_timeout"} & set(task):
        yield "retries as serverless compute does them"
    used = next((e["spec"] for e in job.get("environments", ()) if e["environment_key"] == task.get("environment_key")), None)
    if used is not None:
        first, *others = used["dependencies"]
        if not re.fullmatch(r"-r /Workspace/\S+/files/resources/serverless(-model)?\.txt", first) or len(others) != 1:
            yield "pins before the wheel"
        if not re.fullmatch(r"\d+", str(used.get("environment_version"))):
            yield "an environment version"
    if task.get("python_wheel_task", {}).get("entry_point") not in {None, "lampkeeper_task", "partnercert_task"}:
        yield "an entry point that raises its verdict"


@pytest.mark.parametrize(("target", "name"), every_job())
def test_every_job_states_what_every_job_must(target: str, name: str) -> None:
    assert list(lapses(deployed(target, name), prod=target == "prod")) == []


@pytest.mark.parametrize(
    ("forget", "lapse"),
    [
        (lambda job: job.pop("email_notifications"), "email_notifications"),
        (lambda job: job["webhook_notifications"].pop("on_failure"), "webhook_notifications"),
        (lambda job: job["email_notifications"].update(on_failure=[]), "an address"),
        (lambda job: job.pop("notification_settings"), "silence"),
        (lambda job: job.pop("health"), "a warning"),
        (lambda job: job.update(timeout_seconds=0), "a warning"),
        (lambda job: job.pop("queue"), "a queue"),
        (lambda job: job.update(max_concurrent_runs=2), "one run"),
        (lambda job: job["tags"].update(cost_center=""), "cost_center"),
        (lambda job: job.update(run_as=None), "a principal"),
        (lambda job: job["tasks"][0].pop("max_retries"), "apply: no retry"),
        (lambda job: job["environments"][0]["spec"]["dependencies"].pop(0), "apply: pins"),
        (lambda job: job["tasks"][0]["python_wheel_task"].update(entry_point="lampkeeper"), "apply: an entry point"),
    ],
)
def test_a_job_that_forgets_one_of_it_is_found(forget: Any, lapse: str) -> None:
    job = deployed("prod", "apply_approved")
    forget(job)
    job["run_as"] = job["run_as"] or {}
    assert [one for one in lapses(job, prod=True) if lapse in one]


def test_jobs_with_serverless_compute_name_the_budget_policy() -> None:
    for name, job in bundle_document(target="dev")["resources"]["jobs"].items():
        assert (job.get("budget_policy_id") == "${var.budget_policy_id}") == ("environments" in job), name


def test_schedules_are_variables_and_verify_and_drift_have_one() -> None:
    scheduled = {n: j["schedule"] for n, j in bundle_document(target="dev")["resources"]["jobs"].items() if "schedule" in j}
    assert set(scheduled) == {"verify", "schema_drift"}
    for schedule in scheduled.values():
        assert re.fullmatch(r"\$\{var\.\w+_schedule\}", schedule["quartz_cron_expression"])
        assert schedule["timezone_id"] == "${var.schedule_timezone}"


def test_drift_is_reported_to_its_own_addresses_which_are_those_of_failures_unless_stated() -> None:
    job = deployed("prod", "schema_drift")
    assert job["email_notifications"]["on_failure"] == ["platform@bank.example"]
    own = target_document("prod", ROLES | {"approvers": "a", "drift_emails": ["stewards@bank.example"]})
    jobs = BundleJobs("http://127.0.0.1:9", "none", BundleJobs.no_wheel(), "w", document=own)
    assert jobs.settings("schema_drift")["email_notifications"]["on_failure"] == ["stewards@bank.example"]
    assert jobs.settings("propose")["email_notifications"]["on_failure"] == ["platform@bank.example"]


@pytest.mark.parametrize("variable", ["failure_emails", "cost_center", "runner", "proposer", "verifier", "approvers"])
def test_production_must_state_who_hears_who_pays_and_who_runs(variable: str) -> None:
    document = bundle_document()
    assert "default" not in document["variables"][variable]
    assert variable not in document["targets"]["prod"].get("variables", {})
    assert all(variable in document["targets"][target]["variables"] for target in ("local", "dev"))


def test_the_files_of_production_lie_where_a_deployer_says_and_not_where_everybody_writes() -> None:
    document = bundle_document()
    root = document["targets"]["prod"]["workspace"]["root_path"]
    assert root == "${var.deployment_root}/.bundle/${bundle.name}/${bundle.target}"
    assert document["variables"]["deployment_root"]["default"] == "/Workspace/Users/${workspace.current_user.userName}"


def test_names_of_a_development_deploy_are_those_that_the_platform_gives() -> None:
    # Mode development puts dev_<user>_ before the schema: a name put together of variables alone would be another one.
    document = bundle_document(target="dev")
    for name, variable in document["variables"].items():
        assert "${var.schema}" not in str(variable.get("default", "")), name
    for name, job in document["resources"]["jobs"].items():
        assert "${var.schema}" not in str(job), name
    assert "${resources.schemas.ops.name}" in str(document["variables"]["watched_tables"]["default"])
    assert "${resources.schemas.ops.name}" in str(document["variables"]["partner_evidence"]["default"])


def test_the_tag_of_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "databricks.yml").read_text())["presets"]["tags"]["version"] == project["version"]


@pytest.mark.parametrize("file", sorted(FILES))
def test_the_pins_are_the_versions_of_the_lock(file: str) -> None:
    assert (ROOT / "resources" / file).read_text() == text_of(FILES[file]), "run tests/support/serverless_pins.py"


def test_every_dependency_of_the_wheel_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {re.split(r"[<>=!\[; ]", one)[0].lower() for one in project["dependencies"]}
    assert direct - OF_THE_PLATFORM <= set(pins())
    assert "openai" in set(pins(("model",))) - set(pins())


def test_the_job_that_watches_fails_until_the_end_of_a_drift_is_applied_and_proposes_a_delta() -> None:
    tasks = {t["task_key"]: t for t in bundle_document()["resources"]["jobs"]["schema_drift"]["tasks"]}
    words = {key: t["python_wheel_task"]["parameters"] for key, t in tasks.items() if "python_wheel_task" in t}
    assert words["audit"][words["audit"].index("--not-applied") + 1] == "fail"
    assert words["generate_delta"][0] == "generate-delta"
    assert "--verdict" not in words["generate_delta"]
    assert "--propose" in words["plan"]
    assert not any(w[0] in ("generate", "apply") for w in words.values())
    assert [d["task_key"] for d in tasks["validate"]["depends_on"]] == ["generate_delta"]
