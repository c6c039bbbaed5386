"""The jobs of one workspace: the log of their runs, what submits runs, what executes tasks, the scheduler."""

from __future__ import annotations

import shutil
import threading

from localspace.core.location import Location
from localspace.core.stored_documents.jobs import StoredRun
from localspace.governance.repositories import Repositories
from localspace.identity.authenticator import Authenticator
from localspace.jobs.resources import JobResources
from localspace.jobs.run_log import RunLog
from localspace.jobs.run_submission import RunSubmission
from localspace.jobs.scheduler import Scheduler
from localspace.jobs.task_executor import TaskExecutor
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree

RUNS = "runs"
"""The folder of the data folder that holds what tasks leave."""


class JobServices:
    """Everything that handlers need of jobs; `start` it once the address is known."""

    def __init__(
        self,
        location: Location,
        repositories: Repositories,
        authenticator: Authenticator,
        tree: WorkspaceTree,
        volumes: VolumeFiles,
    ) -> None:
        """Keep a folder per task run in the data folder."""
        self.start_lock = threading.Lock()
        """Held while a run is started: one idempotency token starts one run."""
        self.run_log = RunLog(repositories.store, repositories.clock)
        resources = JobResources(
            location=location,
            repositories=repositories,
            authenticator=authenticator,
            tree=tree,
            volumes=volumes,
            run_log=self.run_log,
        )
        self.executor = TaskExecutor(resources, location.folder(RUNS))
        self.scheduler = Scheduler(
            self.run_log,
            self.executor.execute,
            lambda run, task_run, body: self.submission.of_task(run, task_run, body),
            (repositories.ids.workspace_id, lambda: location.address),
        )
        self.submission = RunSubmission(resources, self.scheduler.submit)

    def start(self) -> None:
        """End the runs that an earlier life left active and start the queued ones."""
        self.scheduler.recover()

    def close(self) -> None:
        """Stop every task process."""
        self.scheduler.close()
        self.executor.close()

    def forget_run(self, run: StoredRun) -> None:
        """Delete a run with everything its tasks left."""
        for one in self.run_log.task_runs(run["run_id"]):
            shutil.rmtree(self.executor.folder_of(one["run_id"]), ignore_errors=True)
        self.run_log.delete_run(run)
