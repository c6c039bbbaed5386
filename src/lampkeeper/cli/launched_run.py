"""A run of a deployed job that the launcher follows: its progress, its reports, its verdict, or its cancellation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.cli.console import Console, cell, new_table
from lampkeeper.deploy.lease import SECONDS as EXPIRES
from lampkeeper.deploy.sentences import headed
from lampkeeper.model.errors import LampkeeperError, RemoteError
from lampkeeper.places.bundle import Bundle
from lampkeeper.places.job_run import RunState, TaskLogs, TaskState, cancel_run, download, follow, read_run, start_run
from lampkeeper.remote.clients import Workspace

_GOOD, _BAD = "bold green", "bold red"
_STYLES = {"SUCCESS": "green", "FAILED": _BAD, "TIMEDOUT": _BAD, "CANCELED": _BAD, "EXCLUDED": "dim", "UPSTREAM_FAILED": "red"}


def after_cancel(*, began: bool) -> str:
    """Return what a new run does after a cancelled one; `began` tells whether the apply had begun."""
    if not began:
        return " before its apply: nothing that governs has changed, and a new run begins with the first task"
    return (
        f" after its apply had begun: a new run waits up to {EXPIRES:.0f} s for the lease of the cancelled one, plans what is"
        " left, and applies it; the journal in the volume has every write that was made"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A running place, the bundle deployed there, and the folder for reports."""

    console: Console
    workspace: Workspace
    bundle: Bundle
    reports: Path
    poll: float = 2.0

    def run(self, job: str, parameters: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Run a deployed job until it ends; return the verdict as an exit code, and a JSON document."""
        job_id = self.bundle.job_id(job)
        run_id = start_run(self.workspace, job_id, parameters)
        self.console.line(f"run {run_id} of {job}", "bold")
        logs = TaskLogs(self.workspace)
        try:
            run = follow(self.workspace, run_id, self._tell, self._printed, poll=self.poll, logs=logs)
        except BaseException:
            self._give_up(run_id)
            raise
        self._table(run)
        folder = self.reports / str(run_id)
        outcome = download(self.workspace, run, folder)
        if folder.is_dir():
            self.console.line(f"reports in {folder}")
        code = self._verdict(run, outcome, logs.errors)
        return code, {
            "run_id": run_id, "result": run.result or run.life, "exit_code": code, "outcome": outcome,
            "tasks": [{"task": t.key, "state": t.state, "seconds": t.seconds} for t in run.tasks], "reports": str(folder),
        }  # fmt: skip

    def _give_up(self, run_id: int) -> None:
        """Cancel the run, so that an interrupted command does not leave a job that still writes."""
        try:
            cancel_run(self.workspace, run_id)
        except LampkeeperError as error:
            self.console.note(f"run {run_id} could not be cancelled and may still be running: {error.message}", _BAD)
            return
        try:
            began = any(task.key == "apply" and task.begun for task in read_run(self.workspace, run_id).tasks)
        except LampkeeperError:
            began = True  # Unknown: the message for an apply that may have begun is right in both cases.
        self.console.note(f"cancelled run {run_id}{after_cancel(began=began)}")

    def _tell(self, task: TaskState) -> None:
        took = f" ({task.seconds:.1f} s)" if task.over and task.seconds else ""
        self.console.line(f"  {task.key:<12} {task.state}{took}", _STYLES.get(task.state, ""))

    def _printed(self, task: TaskState, lines: Sequence[str]) -> None:
        for line in lines:
            self.console.line(f"    | {line}", "dim")

    def _table(self, run: RunState) -> None:
        table = new_table("task", "state", "seconds")
        for task in run.tasks:
            table.add_row(cell(task.key), cell(task.state, _STYLES.get(task.state, "")), cell(f"{task.seconds:.1f}"))
        table.add_row(cell("run", "bold"), cell(run.result or run.life, "bold"), cell(f"{run.seconds:.1f}", "bold"))
        self.console.table(table)

    def _verdict(self, run: RunState, outcome: Mapping[str, Any] | None, errors: Sequence[str]) -> int:
        """Print the verdict of a run once, with the findings that its sentence only counts; return it as an exit code."""
        if outcome is None:
            good = run.result == "SUCCESS"
            for error in errors:
                self.console.line(error, _BAD)
            self.console.line(f"the run ended as {run.result or run.life}: {run.message}", _GOOD if good else _BAD)
            return 0 if good else RemoteError.exit_code
        code = int(outcome["exit_code"])
        decisive: Mapping[str, Any] = {}
        for step in outcome["steps"]:
            facts = step.get("facts") or {}
            if step["step"] == "verify" and "mismatches" in facts:
                self.console.line(facts.get("verified") or f"verify: {facts['mismatches']} mismatches in {facts['cells']} cells")
            decisive = facts if step["step"] == outcome["step"] else decisive
        self.console.line(f"verdict: {outcome['verdict']}", _GOOD if code == 0 else _BAD)
        said = headed(code, str(outcome.get("sentence") or outcome["message"])) if code else ""
        for error in dict.fromkeys([*([said] if said else []), *errors]):
            self.console.line(error, _BAD)
        # The sentence has the first finding whole.
        for finding in (decisive.get("findings") or ())[1:] if code else ():
            self.console.line(f"  {finding}", _BAD)
        if code == 0 and run.result != "SUCCESS":
            self.console.line(f"but the run ended as {run.result or run.life}: {run.message}", _BAD)
            return RemoteError.exit_code
        return code
