"""Short forms for tests of jobs: notebooks in the workspace, runs waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service import compute, jobs
from databricks.sdk.service.workspace import ImportFormat, Language

ENVIRONMENTS = [jobs.JobEnvironment(environment_key="default", spec=compute.Environment(environment_version="4"))]
TIMEOUTS = 150
"""For how many seconds a run is waited for: a hanging run fails, a busy machine does not."""
_OVER = {"TERMINATED", "INTERNAL_ERROR", "SKIPPED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over, with the outputs of its tasks."""

    run: jobs.Run
    client: WorkspaceClient

    @property
    def result(self) -> str:
        """Return the result state of the run."""
        assert self.run.state is not None
        assert self.run.state.result_state is not None
        return self.run.state.result_state.value

    @property
    def message(self) -> str:
        """Return the message of the run."""
        assert self.run.state is not None
        return self.run.state.state_message or ""

    @property
    def results(self) -> dict[str, str]:
        """Return the result state of each task."""
        return {
            one.task_key: one.state.result_state.value for one in self.run.tasks or () if one.state and one.state.result_state
        }

    def task(self, key: str) -> jobs.RunTask:
        """Return a task."""
        return next(one for one in self.run.tasks or () if one.task_key == key)

    def output(self, key: str = "main") -> jobs.RunOutput:
        """Return the output of a task."""
        run_id = self.task(key).run_id
        assert run_id is not None
        return self.client.jobs.get_run_output(run_id)


class Jobs:
    """Makes and runs jobs of one principal in a folder of its home."""

    def __init__(self, client: WorkspaceClient, folder: str = "jobs") -> None:
        """Work in /Users/<me>/<folder>."""
        self.client = client
        self.name = client.current_user.me().user_name
        self.folder = f"/Workspace/Users/{self.name}/{folder}"
        client.workspace.mkdirs(self.folder)

    def notebook(self, name: str, source: str, language: Language = Language.PYTHON) -> str:
        """Store a notebook and return its path."""
        path = f"{self.folder}/{name}"
        self.client.workspace.upload(path, source.encode(), format=ImportFormat.SOURCE, language=language, overwrite=True)
        return path

    def script(self, name: str, source: str) -> str:
        """Store a file and return its path."""
        path = f"{self.folder}/{name}"
        self.client.workspace.upload(path, source.encode(), format=ImportFormat.RAW, overwrite=True)
        return path

    def python(self, key: str, source: str, *parameters: str, after: tuple[str, ...] = (), **fields: Any) -> jobs.Task:
        """Return a script task with this source."""
        script = jobs.SparkPythonTask(python_file=self.script(f"{key}.py", source), parameters=list(parameters))
        return jobs.Task(
            task_key=key,
            environment_key="default",
            spark_python_task=script,
            depends_on=[jobs.TaskDependency(task_key=one) for one in after],
            **fields,
        )

    def create(self, *tasks: jobs.Task, **settings: Any) -> int:
        """Create a job and return its id."""
        settings.setdefault("environments", ENVIRONMENTS)
        made = self.client.jobs.create(name=settings.pop("name", "job"), tasks=list(tasks), **settings)
        assert made.job_id is not None
        return made.job_id

    def run(self, *tasks: jobs.Task, parameters: dict[str, str] | None = None, **settings: Any) -> Ended:
        """Create a job of these tasks, run it to its end and return that."""
        return self.run_job(self.create(*tasks, **settings), job_parameters=parameters)

    def run_job(self, job_id: int, **request: Any) -> Ended:
        """Run a job to its end."""
        return self.wait(self.start(job_id, **request))

    def start(self, job_id: int, **request: Any) -> int:
        """Start a run and return its id."""
        run_id = self.client.jobs.run_now(job_id, **request).run_id
        assert run_id is not None
        return run_id

    def wait(self, run_id: int, seconds: float = TIMEOUTS) -> Ended:
        """Wait for the end of a run."""
        self.until(lambda: self.life(run_id) in _OVER, seconds)
        return Ended(run=self.client.jobs.get_run(run_id), client=self.client)

    def life(self, run_id: int) -> str:
        """Return the life cycle state of a run."""
        state = self.client.jobs.get_run(run_id).state
        assert state is not None
        assert state.life_cycle_state is not None
        return state.life_cycle_state.value

    @staticmethod
    def until(holds: Callable[[], bool], seconds: float = TIMEOUTS) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.05)
