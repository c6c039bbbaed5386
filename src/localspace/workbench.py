"""What stands beside the catalog in a workspace: its files, volumes, jobs and dashboards."""

from __future__ import annotations

import base64
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from localspace.jobs.attempts import Attempts
from localspace.jobs.run_book import RunBook
from localspace.jobs.scheduler import Scheduler
from localspace.jobs.starting import start_child_job
from localspace.store import Document
from localspace.volume_files import VolumeFiles
from localspace.workspace_tree import WorkspaceTree

if TYPE_CHECKING:
    from localspace.workspace import Workspace


FOLDERS = ("tree", "volumes", "runs")
"""What a reset of the workspace removes from its data folder."""


class Workbench:
    """The tree, the volumes and the scheduler of one workspace; `start` it once the address is known."""

    def __init__(self, workspace: Workspace) -> None:
        """Open everything in the workspace's data folder."""
        self.workspace = workspace
        self.start_lock = threading.Lock()
        """Held while a run is started: one idempotency token starts one run."""
        folder = workspace.data_dir
        self.tree = WorkspaceTree(workspace.store, workspace.clock, workspace.books.identity, _made(folder / "tree"))
        self.volumes = VolumeFiles(workspace.store, workspace.books.privileges, _made(folder / "volumes"))
        self.book = RunBook(workspace.store, workspace.clock)
        self.attempts = Attempts(self, self.book, _made(folder / "runs"))
        self.scheduler = Scheduler(
            self.book,
            self.attempts.execute,
            lambda run, task_run, body: start_child_job(self, run, task_run, body),
            (workspace.ids.workspace_id, lambda: workspace.address),
        )

    def start(self) -> None:
        """End the runs that an earlier life left active and start the queued ones."""
        self.volumes.sweep()
        self.scheduler.recover()

    def close(self) -> None:
        """Stop every task process."""
        self.scheduler.close()

    def forget_run(self, run: Document) -> None:
        """Delete a run with everything its tasks left."""
        for one in self.book.task_runs(run["run_id"]):
            shutil.rmtree(self.attempts.folder_of(one["run_id"]), ignore_errors=True)
        self.book.delete_run(run)

    def secret_value(self, scope: str, key: str) -> str | None:
        """Return a secret in clear, for blotting it out of the output of the task that has read it."""
        found = self.workspace.store.get("secret", scope, key)
        return None if found is None else base64.b64decode(found["value"]).decode("utf-8", "replace")

    def reset(self) -> None:
        """Stop everything and remove all contents; the workspace is opened anew afterwards."""
        self.close()
        for name in FOLDERS:
            shutil.rmtree(self.workspace.data_dir / name, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
