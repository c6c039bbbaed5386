"""Submits runs: of a job, of settings sent once, of a job that another job's task starts."""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.errors import denied, invalid
from localspace.core.principals import Principal
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
        settings = dict(job["settings"])
        only = request.get("only") or []
        settings["tasks"] = _chosen(settings["tasks"], only)
        if "queue" in request:
            settings["queue"] = request["queue"]
        run = self._new_run(job["job_id"], settings, self._run_as(job), creator, trigger, kind)
        given = {str(key): str(value) for key, value in (request.get("job_parameters") or {}).items()}
        run["parameters"] = self._parameters(run, settings, given)
        run["overrides"] = given
        run["legacy"] = {name: request[name] for name in _LEGACY if request.get(name)}
        run["settings"] = settings | {"tasks": [_with_legacy(task, run["legacy"]) for task in settings["tasks"]]}
        return self._submit(run)

    def one_time(self, settings: Document, creator: Principal) -> StoredRun:
        """Start a run that belongs to no saved job and return it."""
        run_as = principal_of(self._repositories, settings.get("run_as")) or creator
        settings = settings | {"name": settings.get("run_name") or "Untitled", "max_concurrent_runs": 1}
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
        self, job_id: int, settings: Document, run_as: Principal, creator: Principal, trigger: str, kind: str
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

    def _parameters(self, run: StoredRun, settings: Document, given: dict[str, str]) -> dict[str, str]:
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


def _chosen(tasks: list[Document], only: object) -> list[Document]:
    if not only:
        return tasks
    if not isinstance(only, list):
        raise invalid("only must be a list of task keys.")
    known = {task["task_key"] for task in tasks}
    for key in only:
        if key not in known:
            raise invalid(f"The job has no task '{key}'.")
    wanted = set(only)
    chosen = [
        task | {"depends_on": [edge for edge in task.get("depends_on") or () if edge["task_key"] in wanted]}
        for task in tasks
        if task["task_key"] in wanted
    ]
    read_nodes(chosen)
    return chosen


def _with_legacy(task: Document, legacy: Document) -> Document:
    """Return a task with the older per-kind parameters of run-now in place."""
    if "notebook_task" in task and legacy.get("notebook_params"):
        body = task["notebook_task"]
        merged = {**(body.get("base_parameters") or {}), **legacy["notebook_params"]}
        return task | {"notebook_task": body | {"base_parameters": merged}}
    for kind in ("spark_python_task", "python_wheel_task"):
        if kind in task and legacy.get("python_params"):
            return task | {kind: {**task[kind], "parameters": legacy["python_params"], "named_parameters": {}}}
    if "python_wheel_task" in task and legacy.get("python_named_params"):
        body = task["python_wheel_task"]
        merged = {**(body.get("named_parameters") or {}), **legacy["python_named_params"]}
        return task | {"python_wheel_task": body | {"named_parameters": merged}}
    if "sql_task" in task and legacy.get("sql_params"):
        body = task["sql_task"]
        return task | {"sql_task": body | {"parameters": {**(body.get("parameters") or {}), **legacy["sql_params"]}}}
    return task
