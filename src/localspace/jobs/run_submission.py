"""Submits runs: of a job, of settings sent once, of a job that another job's task starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from localspace.core.errors import denied, invalid
from localspace.core.principals import Principal
from localspace.core.stored_documents.job_settings import StoredJobSettings, StoredLegacyParameters, StoredTask
from localspace.core.stored_documents.jobs import StoredJob, StoredRun, StoredTaskRun
from localspace.core.stored_documents.kind import Document
from localspace.governance.object_permissions import require_level
from localspace.jobs.dag import read_nodes
from localspace.jobs.references import ReferenceContext, UnresolvedError, resolve_text
from localspace.jobs.resources import JobResources
from localspace.jobs.run_identity import principal_of
from localspace.jobs.terminal_states import Life

TRIGGER_WORDS = {
    "ONE_TIME": "onetime",
    "PERIODIC": "periodic",
    "RUN_JOB_TASK": "run_job_task",
    "FILE_ARRIVAL": "file_arrival",
    "TABLE": "table",
    "CONTINUOUS": "continuous",
}
"""Trigger of a run to what the reference `{{job.trigger.type}}` says."""

_LEGACY = ("notebook_params", "python_params", "python_named_params", "sql_params")


class RunSubmission:
    """Makes, stores and starts runs."""

    def __init__(self, resources: JobResources, submit: Callable[[StoredRun], StoredRun]) -> None:
        """Hand each new run to `submit`, which starts it."""
        self._location = resources.location
        self._repositories = resources.repositories
        self._run_log = resources.run_log
        self._submit = submit

    def of_job(
        self, job: StoredJob, request: Document, creator: Principal, *, trigger: str = "ONE_TIME", kind: str = "JOB_RUN"
    ) -> StoredRun:
        """Start a run of a job and return it."""
        settings = job["settings"].copy()
        only = request.get("only") or []
        settings["tasks"] = _chosen(settings.get("tasks", []), only)
        if "queue" in request:
            settings["queue"] = request["queue"]
        run = self._new_run(job["job_id"], settings, self._run_as(job), creator, trigger, kind)
        given = {str(key): str(value) for key, value in (request.get("job_parameters") or {}).items()}
        run["parameters"] = self._parameters(run, settings, given)
        run["overrides"] = given
        legacy = cast(StoredLegacyParameters, {name: request[name] for name in _LEGACY if request.get(name)})
        run["legacy"] = legacy
        run["settings"] = {**settings, "tasks": [_with_legacy(task, legacy) for task in settings["tasks"]]}
        return self._submit(run)

    def one_time(self, settings: StoredJobSettings, creator: Principal) -> StoredRun:
        """Start a run that belongs to no saved job and return it."""
        run_as = principal_of(self._repositories, settings.get("run_as")) or creator
        settings = {**settings, "name": settings.get("run_name") or "Untitled", "max_concurrent_runs": 1}
        run = self._new_run(self._run_log.new_id(), settings, run_as, creator, "ONE_TIME", "SUBMIT_RUN")
        return self._submit(run)

    def of_task(self, run: StoredRun, task_run: StoredTaskRun, body: Document) -> StoredRun:
        """Start the job of a run_job_task as the run-as principal of the calling run; raises ApiError."""
        repositories = self._repositories
        actor = repositories.identity.by_id(run["run_as_id"])
        if actor is None:
            raise denied(f"The identity of this run, {run['run_as']}, does not exist any more.")
        job = self._run_log.job(body["job_id"])
        require_level(repositories, actor, "jobs", str(job["job_id"]), "CAN_MANAGE_RUN", owner=self._run_log.owner(job))
        parameters = {**(run.get("parameters") or {}), **(body.get("job_parameters") or {})}
        known = {one["name"] for one in job["settings"].get("parameters") or ()} | set(body.get("job_parameters") or ())
        request: Document = {"job_parameters": {key: value for key, value in parameters.items() if key in known}}
        return self.of_job(job, request | {"parent": task_run["run_id"]}, actor, trigger="RUN_JOB_TASK")

    def _run_as(self, job: StoredJob) -> Principal:
        repositories = self._repositories
        found = principal_of(repositories, job["settings"].get("run_as")) or repositories.identity.by_name(
            self._run_log.owner(job)
        )
        if found is None:
            raise invalid(f"The owner of job {job['job_id']} does not exist any more; name a run_as or another owner.")
        return found

    def _new_run(
        self, job_id: int, settings: StoredJobSettings, run_as: Principal, creator: Principal, trigger: str, kind: str
    ) -> StoredRun:
        if not settings.get("tasks"):
            raise invalid("The job has no tasks.")
        return {
            "run_id": self._run_log.new_id(),
            "job_id": job_id,
            "kind": kind,
            "settings": settings,
            "parameters": {},
            "run_as": run_as.name,
            "run_as_id": run_as.id,
            "creator": creator.name,
            "creator_id": creator.id,
            "trigger": trigger,
            "trigger_word": TRIGGER_WORDS[trigger],
            "life": Life.PENDING.value,
            "message": "",
            "start_time": self._repositories.clock.now_ms(),
        }

    def _parameters(self, run: StoredRun, settings: StoredJobSettings, given: dict[str, str]) -> dict[str, str]:
        """Return the job parameters: the defaults with what the run brings over them, references resolved."""
        context = ReferenceContext(
            job_id=run["job_id"],
            job_name=settings.get("name", ""),
            job_run_id=run["run_id"],
            start_ms=run["start_time"],
            workspace_id=self._repositories.ids.workspace_id,
            workspace_url=self._location.address,
            trigger_type=run["trigger_word"],
        )
        defaults = {one["name"]: str(one.get("default", "")) for one in settings.get("parameters") or ()}
        try:
            # Only what the job says is a template: a value that a caller brings is data.
            resolved = {name: resolve_text(value, context) for name, value in defaults.items()}
        except UnresolvedError as error:
            raise invalid(f"A job parameter cannot be resolved: {error}") from error
        return resolved | given


def _chosen(tasks: list[StoredTask], only: object) -> list[StoredTask]:
    if not only:
        return tasks
    if not isinstance(only, list):
        raise invalid("only must be a list of task keys.")
    known = {task["task_key"] for task in tasks}
    for key in only:
        if key not in known:
            raise invalid(f"The job has no task '{key}'.")
    wanted = set(only)
    chosen: list[StoredTask] = [
        {**task, "depends_on": [edge for edge in task.get("depends_on") or () if edge["task_key"] in wanted]}
        for task in tasks
        if task["task_key"] in wanted
    ]
    read_nodes(chosen)
    return chosen


def _with_legacy(task: StoredTask, legacy: StoredLegacyParameters) -> StoredTask:
    """Return a task with the older per-kind parameters of run-now in place."""
    new = task.copy()
    python = legacy.get("python_params")
    named = legacy.get("python_named_params")
    if "notebook_task" in task and legacy.get("notebook_params"):
        base = {**task["notebook_task"].get("base_parameters", {}), **legacy["notebook_params"]}
        new["notebook_task"] = {**task["notebook_task"], "base_parameters": base}
    elif "spark_python_task" in task and python:
        new["spark_python_task"] = {**task["spark_python_task"], "parameters": python}
    elif "python_wheel_task" in task and python:
        new["python_wheel_task"] = {**task["python_wheel_task"], "parameters": python, "named_parameters": {}}
    elif "python_wheel_task" in task and named:
        merged = {**task["python_wheel_task"].get("named_parameters", {}), **named}
        new["python_wheel_task"] = {**task["python_wheel_task"], "named_parameters": merged}
    elif "sql_task" in task and legacy.get("sql_params"):
        new["sql_task"] = {**task["sql_task"], "parameters": {**task["sql_task"].get("parameters", {}), **legacy["sql_params"]}}
    return new
