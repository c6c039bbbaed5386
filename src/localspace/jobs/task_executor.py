"""Executes a task that needs a process: prepare, start, wait, read what it left."""

from __future__ import annotations

import base64
import json
import logging
import shutil
from pathlib import Path

from localspace.core.errors import ApiError
from localspace.core.principals import Principal
from localspace.core.statement_runner import CancelToken
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.jobs import StoredRun, StoredTaskRun
from localspace.core.stored_documents.kind import Document
from localspace.governance.object_permissions import require_level
from localspace.governance.warehouses import require_warehouse
from localspace.jobs.process import TaskProcesses, spoken_signal
from localspace.jobs.resources import JobResources
from localspace.jobs.settings import kind_of
from localspace.jobs.task_output import read_report, read_secret_names, read_values, settle
from localspace.jobs.tasks import PREPARERS
from localspace.jobs.tasks.preparation import Preparation, PreparationError
from localspace.jobs.terminal_states import SUCCESS, WORKLOAD_FAILED, TerminalState, cancelled, failed

TOKEN_SECONDS = 24 * 3600
RUNTIME = "client.4.0"
"""What DATABRICKS_RUNTIME_VERSION says in a task: clients use it to find `dbutils` (source: SDK 0.156)."""

_WORKING = ("files", "home", "workspace", "nothing")
_ERROR_CHARACTERS = 20_000
_log = logging.getLogger("localspace.jobs")


class TaskExecutor:
    """Runs attempts; several threads at once."""

    def __init__(self, resources: JobResources, folder: Path) -> None:
        """Keep a folder per task run in `folder`."""
        self._resources = resources
        self._run_log = resources.run_log
        self._folder = folder
        self._processes = TaskProcesses(folder)

    def close(self) -> None:
        """End the process that is ready for the next task."""
        self._processes.close()

    def folder_of(self, task_run_id: int) -> Path:
        """Return where a task run keeps its output."""
        return self._folder / str(task_run_id)

    def secrets_of(self, task_run_id: int) -> list[str]:
        """Return the secrets that a task has read so far, in clear, for blotting out."""
        return [
            value
            for scope, key in read_secret_names(self.folder_of(task_run_id))
            if (value := self._secret_value(scope, key)) is not None
        ]

    def execute(
        self, run: StoredRun, task_run: StoredTaskRun, task: Document, cancel: CancelToken
    ) -> tuple[TerminalState, Document]:
        """Run one attempt to its end."""
        identity, authenticator = self._resources.repositories.identity, self._resources.authenticator
        actor = identity.by_id(run["run_as_id"])
        if actor is None or not actor.active or not identity.in_workspace(actor.id):
            name = run["run_as"]
            return failed(f"The identity of this run, {name}, may not enter the workspace.", "UNAUTHORIZED_ERROR"), {}
        folder = self.folder_of(task_run["run_id"])
        folder.mkdir(parents=True)
        kind = kind_of(task)
        try:
            spec = dict(PREPARERS)[kind](self._preparation(actor, run, task, folder))
        except PreparationError as error:
            return failed(error.message, error.code), {}
        except ApiError as error:
            return failed(error.message, "UNAUTHORIZED_ERROR" if error.status == 403 else "RESOURCE_NOT_FOUND"), {}
        spec |= self._context(run, task_run, actor)
        (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
        token, document = authenticator.mint(
            actor.id,
            comment=f"task run {task_run['run_id']}",
            lifetime_seconds=TOKEN_SECONDS,
            scope="task",
            task_run_id=task_run["run_id"],
        )
        try:
            return self._process(task_run, folder, self._environment(token), cancel)
        finally:
            authenticator.revoke(document)
            for name in _WORKING:
                shutil.rmtree(folder / name, ignore_errors=True)

    def _process(
        self, task_run: StoredTaskRun, folder: Path, environment: dict[str, str], cancel: CancelToken
    ) -> tuple[TerminalState, Document]:
        process = self._processes.start(folder, environment)
        self._run_log.change_task_run(task_run["run_id"], process=process.mark())
        cancel.on_cancel(process.stop)
        exit_code = process.wait()
        settle(folder, self.secrets_of(task_run["run_id"]))
        report = read_report(folder)
        fields: Document = {"process": None, "has_output": True, "values": read_values(folder)}
        if report.statement_ids:
            fields["statement_ids"] = list(report.statement_ids)
        if cancel.cancelled and not report.ok:
            return cancelled(), fields
        if report.ok and exit_code == 0:
            return SUCCESS, fields
        if report.ok is False:
            fields |= {"error": report.error[:_ERROR_CHARACTERS], "error_trace": report.trace[:_ERROR_CHARACTERS]}
            return failed(), fields
        how = f"was killed by {spoken_signal(exit_code)}" if exit_code < 0 else f"ended with exit code {exit_code}"
        fields["error"] = f"The task process {how} before it could report a result."
        return failed(f"{WORKLOAD_FAILED}: the task process {how}."), fields

    def _preparation(self, actor: Principal, run: StoredRun, task: Document, folder: Path) -> Preparation:
        return Preparation(
            actor=actor,
            run=run,
            task=task,
            folder=folder,
            cache=self._folder / "wheels",
            tree=self._resources.tree,
            volumes=self._resources.volumes,
            may_use_warehouse=lambda warehouse_id: self._require_warehouse(actor, warehouse_id),
            parameters=dict(run.get("parameters") or {}),
        )

    def _require_warehouse(self, actor: Principal, warehouse_id: str) -> None:
        repositories = self._resources.repositories
        owner = require_warehouse(repositories, warehouse_id).get("creator_name")
        require_level(repositories, actor, "warehouses", warehouse_id, "CAN_USE", owner=owner)

    def _secret_value(self, scope: str, key: str) -> str | None:
        """Return a secret in clear, for blotting it out of the output of the task that has read it."""
        found = self._resources.repositories.store.get(kinds.SECRET, scope, key)
        return None if found is None else base64.b64decode(found["value"]).decode("utf-8", "replace")

    def _context(self, run: StoredRun, task_run: StoredTaskRun, actor: Principal) -> Document:
        return {
            "run_folder": str(self.folder_of(task_run["run_id"])),
            "context": {
                "job_id": str(run["job_id"]),
                "job_run_id": str(run["run_id"]),
                "task_run_id": str(task_run["run_id"]),
                "task_key": task_run["task_key"],
                "user": actor.name,
                "workspace_id": self._resources.repositories.ids.workspace_id,
            },
            "values": self._run_log.values(run["run_id"]),
        }

    def _environment(self, token: str) -> dict[str, str]:
        return {
            "DATABRICKS_HOST": self._resources.location.address,
            "DATABRICKS_TOKEN": token,
            "DATABRICKS_AUTH_TYPE": "pat",
            "DATABRICKS_CONFIG_FILE": "/dev/null",
            "DATABRICKS_RUNTIME_VERSION": RUNTIME,
            "IS_SERVERLESS": "TRUE",
        }
