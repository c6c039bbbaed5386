"""Jobs, runs and task runs in the store. Ids have a fixed width, so that keys sort by age."""

from __future__ import annotations

from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import ApiError, invalid
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.jobs import StoredJob, StoredRun, StoredTaskRun
from localspace.jobs.dag import Result
from localspace.jobs.terminal_states import OVER, Life

_FIRST_ID = 100_000_000_000_001


class RunLog:
    """Reads and writes the documents of jobs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Read from and write to `store`."""
        self.store = store
        self.clock = clock

    def new_id(self) -> int:
        """Return a new id for a job, a run or a task run."""
        return self.store.next_number("job_object", _FIRST_ID)

    # Jobs

    def job(self, job_id: object) -> StoredJob:
        """Return a job; raises INVALID_PARAMETER_VALUE for one that is not there, as the platform does."""
        found = self.store.get(kinds.JOB, str(_number(job_id, "job_id")))
        if found is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Job {job_id} does not exist.")
        return found

    def put_job(self, job: StoredJob) -> None:
        """Store a job."""
        self.store.put(kinds.JOB, (str(job["job_id"]),), job)

    def owner(self, job: StoredJob) -> str:
        """Return the name of the owner that the access list names; "" when that one was deleted.

        It does not fall back on the creator, who has given the job away: the job would run as somebody else.
        """
        stored = self.store.get(kinds.PERMISSIONS, "jobs", str(job["job_id"]))
        if stored is None:
            return str(job["creator"])
        owners = [str(one["principal"]) for one in stored["access_control_list"] if one["level"] == "IS_OWNER"]
        return owners[0] if owners else ""

    # Runs

    def run(self, run_id: object) -> StoredRun:
        """Return a run; raises INVALID_PARAMETER_VALUE for one that is not there."""
        found = self.store.get(kinds.RUN, str(_number(run_id, "run_id")))
        if found is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")
        return found

    def any_run(self, run_id: object) -> tuple[StoredRun, StoredTaskRun | None]:
        """Return the run with an id, or the run and the task run when it is the id of a task run."""
        number = str(_number(run_id, "run_id"))
        found = self.store.get(kinds.RUN, number)
        if found is not None:
            return found, None
        task_run = self.store.get(kinds.TASK_RUN, number)
        if task_run is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")
        return self.run(task_run["job_run_id"]), task_run

    def task_run(self, task_run_id: int) -> StoredTaskRun:
        """Return a task run; raises KeyError for one that is not there."""
        found = self.store.get(kinds.TASK_RUN, str(task_run_id))
        if found is None:
            raise KeyError(task_run_id)
        return found

    def put_run(self, run: StoredRun) -> None:
        """Store a run."""
        self.store.put(kinds.RUN, (str(run["run_id"]),), run, (str(run["job_id"]),))

    def put_task_run(self, task_run: StoredTaskRun) -> None:
        """Store a task run."""
        self.store.put(kinds.TASK_RUN, (str(task_run["run_id"]),), task_run, (str(task_run["job_run_id"]),))

    def change_task_run(self, run_id: int, **fields: Any) -> StoredTaskRun:
        """Change fields of a task run and return it."""
        with self.store.transaction():
            changed = kinds.TASK_RUN.document({**self.task_run(run_id), **fields})
            self.put_task_run(changed)
        return changed

    def change_run(self, run_id: int, **fields: Any) -> StoredRun:
        """Change fields of a run and return it."""
        with self.store.transaction():
            found = kinds.RUN.document({**self.run(run_id), **fields})
            self.put_run(found)
        return found

    def runs(self, job_id: int | None = None) -> list[StoredRun]:
        """Return the runs of a job, or all, the newest first."""
        found = self.store.list(kinds.RUN, None if job_id is None else (str(job_id),))
        return found[::-1]

    def task_runs(self, run_id: int) -> list[StoredTaskRun]:
        """Return every attempt of every task of a run, iterations of loops too, the oldest first."""
        return self.store.list(kinds.TASK_RUN, (str(run_id),))

    def current(self, run_id: int) -> dict[str, StoredTaskRun]:
        """Return the latest attempt of each task of a run, by task key; iterations of loops are left out."""
        return {one["task_key"]: one for one in self.task_runs(run_id) if one.get("loop") is None}

    def iterations(self, loop: StoredTaskRun) -> list[StoredTaskRun]:
        """Return the latest attempt of each iteration of a loop's task run, in the order of the inputs."""
        found = [one for one in self.task_runs(loop["job_run_id"]) if one.get("loop") == loop["run_id"]]
        return sorted({one["index"]: one for one in found}.values(), key=lambda one: int(one["index"]))

    def delete_run(self, run: StoredRun) -> None:
        """Forget a run with its tasks."""
        with self.store.transaction():
            for one in self.task_runs(run["run_id"]):
                self.store.delete(kinds.TASK_RUN, str(one["run_id"]))
            self.store.delete(kinds.RUN, str(run["run_id"]))

    def active(self, job_id: int | None = None) -> list[StoredRun]:
        """Return the runs that are not over, queued ones too, the oldest first."""
        return [one for one in self.runs(job_id) if not over(one)][::-1]

    def values(self, run_id: int) -> dict[str, dict[str, Any]]:
        """Return the task values of a run by task key."""
        return {key: dict(one.get("values") or {}) for key, one in self.current(run_id).items()}


def over(body: StoredRun | StoredTaskRun) -> bool:
    """Return whether a run or task run is over."""
    return Life(body["life"]) in OVER


def result_of(body: StoredRun | StoredTaskRun) -> Result:
    """Return the result of a run or task run that is over."""
    return Result(body["result"] or "")


def _number(value: object, name: str) -> int:
    if value is None or value == "":
        raise invalid(f"Missing required field: {name}")
    try:
        return int(str(value))
    except ValueError as error:
        raise invalid(f"{name} must be a whole number, not '{value}'.") from error
