"""Version 2.0 of the jobs API: jobs of one task, which stands in the settings themselves (source: platform docs, Jobs API 2.0).

A request is reworded for version 2.2, whose handlers do the work, and the answer is worded back. A job of several tasks shows
without its tasks, as on the platform.
"""

from __future__ import annotations

import json
from dataclasses import replace

from localspace.api import jobs, runs
from localspace.core.errors import invalid
from localspace.http.request import Request, Route
from localspace.http.request_schemas import schema_of
from localspace.http.request_schemas.old_jobs import TASK
from localspace.http.serialisation import Json

_KEY = "Task"
"""The key of the task that version 2.2 shows of a job of one task."""

_KINDS = ("notebook_task", "spark_python_task", "spark_jar_task", "spark_submit_task", "pipeline_task")


def create(request: Request) -> Json:
    """Create a job of one task."""
    return jobs.create(_reworded(request, "create", _tasks_of(request.body)))


def get(request: Request) -> Json:
    """Return a job."""
    return _job(jobs.get(request))


def listed(request: Request) -> Json:
    """List all jobs: this version has no pages."""
    found: list[Json] = []
    query: dict[str, str] = {"limit": "100", "expand_tasks": "true"}
    while True:
        answer = jobs.listed(replace(request, query=query))
        found += [_job(one) for one in answer["jobs"]]
        if "next_page_token" not in answer:
            return {"jobs": found} if found else {}
        query["page_token"] = answer["next_page_token"]


def reset(request: Request) -> Json:
    """Replace all settings of a job."""
    body = request.body
    if not isinstance(body.get("new_settings"), dict):
        raise invalid("Missing required field: new_settings")
    return jobs.reset(_reworded(request, "reset", body | {"new_settings": _tasks_of(body["new_settings"])}))


def update(request: Request) -> Json:
    """Change or remove settings of a job; what is given of the task replaces it."""
    body = request.body
    new = body.get("new_settings") or {}
    if any(kind in new for kind in _KINDS):
        new = _tasks_of(new)
    elif new.keys() & TASK.types.keys():
        raise invalid("A change of the task must name the task, such as notebook_task.")
    removed = [f"tasks/{_KEY}" if one in TASK.types else one for one in body.get("fields_to_remove") or ()]
    return jobs.update(_reworded(request, "update", body | {"new_settings": new, "fields_to_remove": removed}))


async def run_now(request: Request) -> Json:
    """Start a run of a job."""
    return await jobs.run_now(_reworded(request, "run-now", request.body))


async def submit(request: Request) -> Json:
    """Start a run of one task that needs no job."""
    return await jobs.submit(_reworded(request, "runs/submit", _tasks_of(request.body)))


def get_run(request: Request) -> Json:
    """Return a run with its task."""
    return _run(runs.get(request))


def list_runs(request: Request) -> Json:
    """List runs, the newest first."""
    answer = runs.listed(replace(request, query={**request.query, "expand_tasks": "true"}))
    return answer | {"runs": [_run(one) for one in answer["runs"]]}


def _reworded(request: Request, path: str, body: Json) -> Request:
    return replace(request, raw=json.dumps(body).encode(), schema=schema_of("POST", f"/api/2.2/jobs/{path}"))


def _tasks_of(settings: Json) -> Json:
    """Return settings of version 2.2: the task in a list of its own."""
    if settings.get("tasks"):
        raise invalid("Jobs API 2.0 does not support tasks. Use version 2.1 or later for a job of several tasks.")
    given = [kind for kind in _KINDS if kind in settings]
    if len(given) != 1:
        raise invalid(f"Job settings need exactly one of {', '.join(_KINDS)}.")
    task = {name: value for name, value in settings.items() if name in TASK.types}
    if "existing_cluster_id" not in task and "new_cluster" not in task and "pipeline_task" not in task:
        raise invalid("Job settings need new_cluster or existing_cluster_id.")
    rest = {name: value for name, value in settings.items() if name not in TASK.types and name != "tasks"}
    return rest | {"tasks": [{"task_key": _KEY, **task}], "format": "SINGLE_TASK"}


def _job(info: Json) -> Json:
    settings = dict(info["settings"])
    tasks = settings.pop("tasks", None) or []
    if settings.get("format") == "SINGLE_TASK" and len(tasks) == 1:
        settings |= {name: value for name, value in tasks[0].items() if name in TASK.types}
    hidden = ("run_as_owner", "run_as_user_name", "has_more", "next_page_token")
    return {name: value for name, value in info.items() if name not in hidden} | {"settings": settings}


def _run(info: Json) -> Json:
    found = dict(info)
    tasks = found.pop("tasks", None) or []
    found.pop("job_clusters", None)
    if len(tasks) == 1:
        task = tasks[0]
        found["task"] = {name: value for name, value in task.items() if name in _KINDS}
        spec = {name: task[name] for name in ("existing_cluster_id", "new_cluster", "libraries") if name in task}
        found |= {"format": "SINGLE_TASK"} | ({"cluster_spec": spec} if spec else {})
    return found


_BASE = "/api/2.0/jobs/"
_ONE = "jobs of one task, as version 2.0 has them"
ROUTES = (
    Route(method="POST", path=_BASE + "create", handler=create, partial=_ONE),
    Route(method="GET", path=_BASE + "get", handler=get),
    Route(method="GET", path=_BASE + "list", handler=listed),
    Route(method="POST", path=_BASE + "reset", handler=reset),
    Route(method="POST", path=_BASE + "update", handler=update),
    Route(method="POST", path=_BASE + "delete", handler=jobs.delete),
    Route(method="POST", path=_BASE + "run-now", handler=run_now),
    Route(method="POST", path=_BASE + "runs/submit", handler=submit, partial=_ONE),
    Route(method="GET", path=_BASE + "runs/get", handler=get_run),
    Route(method="GET", path=_BASE + "runs/list", handler=list_runs),
    Route(method="GET", path=_BASE + "runs/get-output", handler=runs.output),
    Route(method="GET", path=_BASE + "runs/export", handler=runs.export),
    Route(method="POST", path=_BASE + "runs/cancel", handler=runs.cancel),
    Route(method="POST", path=_BASE + "runs/delete", handler=runs.delete),
)
