"""Job settings as clients send them: what is checked when a job is created, reset, updated or submitted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from localspace.core.errors import ApiError, invalid
from localspace.core.stored_documents.job_settings import StoredJobSettings
from localspace.core.stored_documents.kind import Document
from localspace.jobs.dag import read_nodes
from localspace.jobs.operators import OPERATORS
from localspace.jobs.references import references

MAX_TASKS = 1_000
TASK_KINDS = (
    "notebook_task",
    "spark_python_task",
    "python_wheel_task",
    "sql_task",
    "condition_task",
    "for_each_task",
    "run_job_task",
)
"""Task kinds that the local workspace runs."""

OTHER_KINDS = (
    "pipeline_task",
    "dbt_task",
    "spark_jar_task",
    "spark_submit_task",
    "dashboard_task",
    "alert_task",
    "power_bi_task",
    "dbt_cloud_task",
    "dbt_platform_task",
    "clean_rooms_notebook_task",
    "gen_ai_compute_task",
    "ai_runtime_task",
    "python_operator_task",
    "ai_function_task",
)
"""Task kinds of the platform that the local workspace refuses."""

_HEADS = {
    "job": ("id", "name", "run_id", "repair_count", "start_time", "parameters", "trigger"),
    "task": ("name", "run_id", "execution_count", "notebook_path"),
    "workspace": ("id", "url"),
}
"""Known first names of references (source: platform docs, dynamic value references)."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NEEDED: dict[str, tuple[str, ...]] = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "python_wheel_task": ("package_name", "entry_point"),
    "sql_task": ("warehouse_id",),
    "condition_task": ("op", "left", "right"),
    "for_each_task": ("inputs", "task"),
    "run_job_task": ("job_id",),
}


def body_of(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a task says of its kind, such as its `notebook_task`."""
    found: Mapping[str, Any] = task[kind_of(task)]
    return found


def kind_of(task: Mapping[str, Any]) -> str:
    """Return the kind of a task that `checked` has let through."""
    return next(kind for kind in TASK_KINDS if kind in task)


def checked(settings: Document, *, name: str = "Untitled") -> StoredJobSettings:
    """Return job settings with the platform's defaults filled in; raises INVALID_PARAMETER_VALUE."""
    tasks = settings.get("tasks") or []
    if not isinstance(tasks, list):
        raise invalid("tasks must be a list.")
    if settings.get("git_source"):
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace does not serve git_source; upload to the workspace.")
    if len(tasks) > MAX_TASKS:
        raise invalid(f"A job may have at most {MAX_TASKS} tasks, not {len(tasks)}.")
    environments = _environments(settings)
    for task in tasks:
        if not isinstance(task, dict):
            raise invalid("Each task must be an object.")
        _check_task(task, environments)
    read_nodes(tasks)
    _check_parameters(settings)
    keys = {str(one["task_key"]) for one in tasks}
    for task in tasks:
        _check_references(task, keys)
    most = settings.get("max_concurrent_runs", 1)
    if not isinstance(most, int) or isinstance(most, bool) or not 0 <= most <= 1_000:
        raise invalid("max_concurrent_runs must be a whole number from 0 to 1000.")
    full: Document = {
        "name": name,
        "email_notifications": {},
        "webhook_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": 1,
        "format": "MULTI_TASK",
    } | settings
    if tasks:
        full["tasks"] = [_with_defaults(task) for task in tasks]
    return cast(StoredJobSettings, full)


def updated(old: Mapping[str, Any], new: Document, removed: Sequence[str]) -> Document:
    """Return settings after an update: top-level fields replaced, lists of keyed things merged by key."""
    result = dict(old)
    for field, value in new.items():
        key = {"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key"}.get(field)
        if key is None or not isinstance(value, list):
            result[field] = value
            continue
        by_key = {one.get(key): one for one in old.get(field) or ()}
        by_key.update({one.get(key): one for one in value})
        result[field] = list(by_key.values())
    for path in removed:
        field, _, item = path.partition("/")
        if not item:
            result.pop(field, None)
        elif isinstance(result.get(field), list):
            result[field] = [
                one
                for one in result[field]
                if item not in (one.get("task_key"), one.get("job_cluster_key"), one.get("environment_key"))
            ]
    return result


def _with_defaults(task: Document) -> Document:
    return {"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": {}} | task


def _environments(settings: Document) -> set[str]:
    found: set[str] = set()
    for one in settings.get("environments") or []:
        key = one.get("environment_key") if isinstance(one, dict) else None
        if not isinstance(key, str) or not key:
            raise invalid("Every environment needs an environment_key.")
        if key in found:
            raise invalid(f"Environment key '{key}' is used twice.")
        found.add(key)
    return found


def _check_parameters(settings: Document) -> None:
    found: set[str] = set()
    for one in settings.get("parameters") or []:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name or not isinstance(one.get("default", ""), str):
            raise invalid("Every job parameter needs a name and a default, both strings.")
        if name in found:
            raise invalid(f"Job parameter '{name}' is defined twice.")
        found.add(name)


def _check_task(task: Document, environments: set[str], *, inside: str = "") -> None:
    key = task.get("task_key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise invalid(f"task_key {key!r} must be 1 to 100 letters, digits, '-' or '_'.")
    kinds = [kind for kind in TASK_KINDS if kind in task]
    others = [kind for kind in OTHER_KINDS if kind in task]
    if others:
        raise ApiError(501, "NOT_IMPLEMENTED", f"Task '{key}': the local workspace does not run a {others[0]}.")
    if len(kinds) != 1:
        raise invalid(f"Task '{key}' needs exactly one of {', '.join(TASK_KINDS)}.")
    kind = kinds[0]
    body = task[kind]
    if not isinstance(body, dict):
        raise invalid(f"Task '{key}': {kind} must be an object.")
    for field in _NEEDED[kind]:
        if body.get(field) in (None, ""):
            raise invalid(f"Task '{key}': {kind}.{field} is missing.")
    used = task.get("environment_key")
    if used is not None and used not in environments:
        raise invalid(f"Task '{key}' uses the environment '{used}', which the job does not define.")
    on_cluster = any(field in task for field in ("existing_cluster_id", "new_cluster", "job_cluster_key"))
    if kind in ("spark_python_task", "python_wheel_task") and used is None and not on_cluster:
        raise invalid(f"Task '{key}': a {kind} on serverless compute needs an environment_key.")
    if kind == "python_wheel_task" and body.get("parameters") and body.get("named_parameters"):
        raise invalid(f"Task '{key}': give parameters or named_parameters, not both.")
    if kind == "condition_task" and body["op"] not in OPERATORS:
        raise invalid(f"Task '{key}': op '{body['op']}' is not one of {', '.join(sorted(OPERATORS))}.")
    if kind == "sql_task" and not isinstance(body.get("file"), dict):
        raise ApiError(501, "NOT_IMPLEMENTED", f"Task '{key}': the local workspace runs sql_task.file only.")
    if body.get("source") == "GIT" or (kind == "sql_task" and body["file"].get("source") == "GIT"):
        raise ApiError(501, "NOT_IMPLEMENTED", f"Task '{key}': source GIT is not served; upload to the workspace.")
    if kind == "for_each_task":
        nested = body["task"]
        if not isinstance(nested, dict) or inside or "for_each_task" in nested:
            raise invalid(f"Task '{key}': for_each_task.task must be one task, not a loop.")
        _check_task(nested, environments, inside=key)


def _check_references(task: Document, keys: set[str]) -> None:
    for parts in references(task):
        if parts[0] in _HEADS and (len(parts) < 2 or parts[1] not in _HEADS[parts[0]]):
            whole = "{{" + ".".join(parts) + "}}"
            raise invalid(f"Task '{task['task_key']}': {whole} is not a known reference.")
        if parts[0] == "tasks" and len(parts) > 1 and parts[1] not in keys:
            whole = "{{" + ".".join(parts) + "}}"
            raise invalid(f"Task '{task['task_key']}': {whole} names the task '{parts[1]}', which does not exist.")
