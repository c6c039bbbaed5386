"""Jobs, runs and task runs in the store.

| kind | key | parent | fields |
|---|---|---|---|
| `job` | (job id) | – | `job_id, creator, creator_id, created_time, settings` |
| `run` | (run id) | (job id) | `run_id, job_id, number, settings, parameters, run_as_id, creator, life, result, …` |
| `task_run` | (task run id) | (run id) | `run_id, job_run_id, task_key, task, attempt, life, result, …` |

A task run that is one iteration of a loop has `loop` (the task run of the loop), `index` and `input`.
Ids have a fixed width, so that keys sort by age.
"""

from __future__ import annotations

from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import ApiError, invalid
from localspace.core.store import Document, Store
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

    def job(self, job_id: object) -> Document:
        """Return a job; raises INVALID_PARAMETER_VALUE for one that is not there, as the platform does."""
        found = self.store.get("job", str(_number(job_id, "job_id")))
        if found is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Job {job_id} does not exist.")
        return found

    def put_job(self, job: Document) -> None:
        """Store a job."""
        self.store.put("job", (str(job["job_id"]),), job)

    def owner(self, job: Document) -> str:
        """Return the name of the owner that the access list names; "" when that one was deleted.

        It does not fall back on the creator, who has given the job away: the job would run as somebody else.
        """
        stored = self.store.get("permission", "jobs", str(job["job_id"]))
        if stored is None:
            return str(job["creator"])
        owners = [str(one["principal"]) for one in stored.get("access_control_list", ()) if one["level"] == "IS_OWNER"]
        return owners[0] if owners else ""

    # Runs

    def run(self, run_id: object) -> Document:
        """Return a run; raises INVALID_PARAMETER_VALUE for one that is not there."""
        found = self.store.get("run", str(_number(run_id, "run_id")))
        if found is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")
        return found

    def any_run(self, run_id: object) -> tuple[Document, Document | None]:
        """Return the run with an id, or the run and the task run when it is the id of a task run."""
        number = str(_number(run_id, "run_id"))
        found = self.store.get("run", number)
        if found is not None:
            return found, None
        task_run = self.store.get("task_run", number)
        if task_run is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")
        return self.run(task_run["job_run_id"]), task_run

    def put_run(self, run: Document) -> None:
        """Store a run."""
        self.store.put("run", (str(run["run_id"]),), run, (str(run["job_id"]),))

    def put_task_run(self, task_run: Document) -> None:
        """Store a task run."""
        self.store.put("task_run", (str(task_run["run_id"]),), task_run, (str(task_run["job_run_id"]),))

    def change_task_run(self, run_id: int, **fields: Any) -> Document:
        """Change fields of a task run and return it."""
        with self.store.transaction():
            found = self.store.get("task_run", str(run_id))
            if found is None:
                raise KeyError(run_id)
            found |= fields
            self.put_task_run(found)
        return found

    def change_run(self, run_id: int, **fields: Any) -> Document:
        """Change fields of a run and return it."""
        with self.store.transaction():
            found = self.run(run_id) | fields
            self.put_run(found)
        return found

    def runs(self, job_id: int | None = None) -> list[Document]:
        """Return the runs of a job, or all, the newest first."""
        found = self.store.list("run", None if job_id is None else (str(job_id),))
        return found[::-1]

    def task_runs(self, run_id: int) -> list[Document]:
        """Return every attempt of every task of a run, iterations of loops too, the oldest first."""
        return self.store.list("task_run", (str(run_id),))

    def current(self, run_id: int) -> dict[str, Document]:
        """Return the latest attempt of each task of a run, by task key; iterations of loops are left out."""
        return {one["task_key"]: one for one in self.task_runs(run_id) if one.get("loop") is None}

    def iterations(self, loop: Document) -> list[Document]:
        """Return the latest attempt of each iteration of a loop's task run, in the order of the inputs."""
        found = [one for one in self.task_runs(loop["job_run_id"]) if one.get("loop") == loop["run_id"]]
        return sorted({one["index"]: one for one in found}.values(), key=lambda one: int(one["index"]))

    def delete_run(self, run: Document) -> None:
        """Forget a run with its tasks."""
        with self.store.transaction():
            for one in self.task_runs(run["run_id"]):
                self.store.delete("task_run", str(one["run_id"]))
            self.store.delete("run", str(run["run_id"]))

    def active(self, job_id: int | None = None) -> list[Document]:
        """Return the runs that are not over, queued ones too, the oldest first."""
        return [one for one in self.runs(job_id) if not over(one)][::-1]

    def values(self, run_id: int) -> dict[str, Document]:
        """Return the task values of a run by task key."""
        return {key: dict(one.get("values") or {}) for key, one in self.current(run_id).items()}


def over(body: Document) -> bool:
    """Return whether a run or task run is over."""
    return Life(body["life"]) in OVER


def result_of(body: Document) -> Result:
    """Return the result of a run or task run that is over."""
    return Result(body["result"])


def _number(value: object, name: str) -> int:
    if value is None or value == "":
        raise invalid(f"Missing required field: {name}")
    try:
        return int(str(value))
    except ValueError as error:
        raise invalid(f"{name} must be a whole number, not '{value}'.") from error
