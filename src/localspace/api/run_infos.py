"""Runs and task runs as the API words them (source: SDK 0.156, Run and RunTask)."""

from __future__ import annotations

from localspace.core.stored_documents.jobs import StoredRun, StoredTaskRun
from localspace.core.stored_documents.kind import Document
from localspace.http.request import Request
from localspace.http.serialisation import Json, page
from localspace.jobs.dag import SUCCEEDED
from localspace.jobs.run_log import over, result_of
from localspace.jobs.settings import body_of, kind_of
from localspace.jobs.terminal_states import OVER, Life, serialised_state

_TASKS_IN_PAGE = 100


def run_info(
    request: Request,
    run: StoredRun,
    task_run: StoredTaskRun | None,
    *,
    tasks: bool = True,
    history: bool = False,
    resolved: bool = False,
    page_token: str | None = None,
) -> Json:
    """Return a run; with `task_run` the same of one of its tasks, as clients get it by the id of a task run."""
    shown = task_run or run
    settings = run["settings"]
    answer: Json = {
        "job_id": run["job_id"],
        "run_id": shown["run_id"],
        "number_in_job": shown["run_id"],
        "original_attempt_run_id": shown.get("original") or shown["run_id"],
        "creator_user_name": run["creator"],
        "run_name": settings.get("name", "") if task_run is None else task_run["task_key"],
        "run_type": run["kind"],
        "run_page_url": page_url(request, run, task_run),
        "trigger": run["trigger"],
        "format": "MULTI_TASK",
        "start_time": shown.get("start_time") or shown.get("created_time") or 0,
        **_durations(request, shown),
        **serialised_state(shown),
    }
    if task_run is not None:
        answer |= {"attempt_number": task_run["attempt"], "job_run_id": run["run_id"]}
    elif run.get("parameters"):
        answer["job_parameters"] = _parameters(run)
    if run.get("legacy"):
        answer["overriding_parameters"] = run["legacy"]
    if settings.get("schedule"):
        answer["schedule"] = settings["schedule"]
    if tasks:
        _add_tasks(request, answer, run, task_run, resolved=resolved, page_token=page_token)
    if history and task_run is None:
        answer["repair_history"] = _repairs(request, run)
    return answer


def task_info(request: Request, run: StoredRun, task_run: StoredTaskRun, *, resolved: bool = False) -> Json:
    """Return one task run."""
    task = task_run["task"]
    kind = kind_of(task)
    body = dict(body_of(task))
    if kind == "condition_task" and task_run.get("outcome"):
        body |= {"outcome": task_run["outcome"], **{one: task_run["resolved"][one] for one in ("left", "right")}}
    if kind == "for_each_task":
        body["stats"] = {"task_run_stats": _loop_stats(request, task_run)}
    answer: Json = {
        "run_id": task_run["run_id"],
        "task_key": task_run["task_key"],
        "run_if": task.get("run_if", "ALL_SUCCESS"),
        kind: body,
        "attempt_number": task_run["attempt"],
        "run_page_url": page_url(request, run, task_run),
        "start_time": task_run.get("start_time") or 0,
        **_durations(request, task_run),
        **serialised_state(task_run),
    }
    for field in ("description", "depends_on", "environment_key", "timeout_seconds", "email_notifications", "disabled"):
        if task.get(field):
            answer[field] = task[field]
    if task_run.get("original"):
        answer["original_attempt_run_id"] = task_run["original"]
    if resolved and task_run.get("resolved") is not None:
        answer["resolved_values"] = {kind: _resolved_values(kind, task_run["resolved"])}
    return answer


def page_url(request: Request, run: StoredRun, task_run: StoredTaskRun | None) -> str:
    """Return where people would see a run; clients read the run id out of its `/run/<id>`."""
    address, workspace_id = request.services.location.address, request.repositories.ids.workspace_id
    shown = run if task_run is None else task_run
    return f"{address}/?o={workspace_id}#job/{run['job_id']}/run/{shown['run_id']}"


def _add_tasks(
    request: Request, answer: Json, run: StoredRun, task_run: StoredTaskRun | None, *, resolved: bool, page_token: str | None
) -> None:
    run_log = request.services.jobs.run_log
    query = {"page_token": page_token} if page_token else {}
    if task_run is not None and "for_each_task" in task_run["task"]:
        loops = [task_info(request, run, one, resolved=resolved) for one in run_log.iterations(task_run)]
        answer |= page(loops, query, "iterations", most=_TASKS_IN_PAGE)
        answer["tasks"] = [task_info(request, run, task_run, resolved=resolved)]
        return
    runs = [task_run] if task_run is not None else list(run_log.current(run["run_id"]).values())
    answer |= page([task_info(request, run, one, resolved=resolved) for one in runs], query, "tasks", most=_TASKS_IN_PAGE)
    if task_run is None and run["settings"].get("environments"):
        answer["environments"] = run["settings"]["environments"]


def _durations(request: Request, body: StoredRun | StoredTaskRun) -> Json:
    start, begun, end = body.get("start_time"), body.get("begun"), body.get("end_time")
    if not start:
        return {"setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0}
    until = end or request.repositories.clock.now_ms()
    setup = (begun or start) - start
    fields: Json = {"setup_duration": setup, "execution_duration": until - start - setup, "cleanup_duration": 0}
    if Life(body["life"]) in OVER and end:
        fields |= {"end_time": end, "run_duration": end - start}
    return fields


def _parameters(run: StoredRun) -> list[Json]:
    defaults = {one["name"]: one.get("default", "") for one in run["settings"].get("parameters") or ()}
    found: list[Json] = []
    for name, value in run["parameters"].items():
        entry: Json = {"name": name, "default": defaults.get(name, "")}
        found.append(entry | ({"value": value} if value != entry["default"] else {}))
    return found


def _resolved_values(kind: str, resolved: Document) -> Json:
    if kind == "notebook_task":
        return {"base_parameters": resolved.get("base_parameters") or {}}
    kept = ("parameters", "named_parameters", "left", "right", "job_parameters")
    return {name: resolved[name] for name in kept if name in resolved}


def _loop_stats(request: Request, task_run: StoredTaskRun) -> Json:
    found = request.services.jobs.run_log.iterations(task_run)
    done = [one for one in found if over(one)]
    good = sum(result_of(one) in SUCCEEDED for one in done)
    return {
        "total_iterations": task_run.get("total", len(found)),
        "scheduled_iterations": len(found),
        "active_iterations": len(found) - len(done),
        "completed_iterations": len(done),
        "succeeded_iterations": good,
        "failed_iterations": len(done) - good,
    }


def _repairs(request: Request, run: StoredRun) -> list[Json]:
    run_log = request.services.jobs.run_log
    repairs = run.get("repairs") or []
    later = {one for item in repairs for one in item["task_run_ids"]}
    attempts = [one for one in run_log.task_runs(run["run_id"]) if one.get("loop") is None]
    original = [one["run_id"] for one in attempts if one["run_id"] not in later]
    history: list[Json] = [{"type": "ORIGINAL", "start_time": run["start_time"], "task_run_ids": original}]
    history += [
        {"type": "REPAIR", "id": item["id"], "start_time": item["start_time"], "task_run_ids": item["task_run_ids"]}
        for item in repairs
    ]
    history[-1] |= serialised_state(run)
    return history
