"""A run of a deployed job: start it, follow its tasks, cancel it, read its verdict."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.deploy.sentences import is_headed
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.volumes import ROOT, VolumeFolder

_OVER = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
_PRINTS = frozenset({"RUNNING", "SUCCESS", "FAILED", "TIMEDOUT", "CANCELED"})
_WAITING = frozenset({"BLOCKED", "PENDING", "QUEUED", ""})
_TAIL_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """The state of a task: its life cycle state, or its result once it has ended; seconds since its start."""

    key: str
    state: str
    seconds: float
    run_id: int
    message: str = ""
    started: bool = False

    @property
    def over(self) -> bool:
        """Return whether the task has ended or was skipped."""
        return self.state not in {"PENDING", "QUEUED", "RUNNING", "TERMINATING", "BLOCKED", "WAITING_FOR_RETRY"}

    @property
    def begun(self) -> bool:
        """Return whether the task has run, for however long."""
        return self.started and self.state in {"RUNNING", "TERMINATING", "SUCCESS", "FAILED", "TIMEDOUT", "CANCELED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The current state of a run."""

    run_id: int
    job_id: int
    life: str
    result: str
    message: str
    seconds: float
    tasks: tuple[TaskState, ...]
    parameters: Mapping[str, str]

    @property
    def over(self) -> bool:
        """Return whether the run has ended."""
        return self.life in _OVER


def start_run(workspace: Workspace, job_id: int, parameters: Mapping[str, str]) -> int:
    """Start a run and return its ID; raise UsageError for a parameter that the job does not have."""
    if parameters:
        require_parameters(workspace.get("job", "/api/2.2/jobs/get", {"job_id": job_id})["settings"], parameters)
    body: dict[str, Any] = {"job_id": job_id} | ({"job_parameters": dict(parameters)} if parameters else {})
    return int(workspace.write("job", "POST", "/api/2.2/jobs/run-now", body)["run_id"])


def require_parameters(settings: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Raise UsageError, with the parameters of the job, for one that it does not have."""
    known = sorted(p["name"] for p in settings.get("parameters") or ())
    for name in sorted(set(given) - set(known)):
        raise unknown_name("parameter", name, known, where="of the job", fix="give --param one of these names")


def envs_of(settings: Mapping[str, Any], given: Mapping[str, str]) -> tuple[str, str]:
    """Return the folder of a job's environments and the environment it works on; both empty for other jobs.

    `given` are the parameters of a run. A value written out in a task takes precedence over any parameter.
    """
    known = {p["name"]: str(p.get("default", "")) for p in settings.get("parameters") or ()} | dict(given)
    words = next((w for t in settings.get("tasks") or () if "--envs" in (w := _words(t))), [])
    reported = dict(itertools.pairwise(words))
    references = {"{{job.parameters." + name + "}}": value for name, value in known.items()}
    envs, env = reported.get("--envs", ""), reported.get("--env", "")
    return references.get(envs, envs), references.get(env, env)


def _words(task: Mapping[str, Any]) -> list[str]:
    return [str(w) for w in (task.get("python_wheel_task") or {}).get("parameters") or ()]


def cancel_run(workspace: Workspace, run_id: int) -> None:
    """Request the cancellation of a run."""
    workspace.write("job", "POST", "/api/2.2/jobs/runs/cancel", {"run_id": run_id})


def read_run(workspace: Workspace, run_id: int) -> RunState:
    """Return the current state of a run."""
    found = workspace.get("job", "/api/2.2/jobs/runs/get", {"run_id": run_id})
    state = found.get("state") or {}
    return RunState(
        run_id=run_id,
        job_id=int(found.get("job_id") or 0),
        life=str(state.get("life_cycle_state", "")),
        result=str(state.get("result_state") or ""),
        message=str(state.get("state_message") or ""),
        seconds=_seconds(found),
        tasks=tuple(_task(t) for t in sorted(found.get("tasks") or (), key=_begun)),
        parameters={p["name"]: str(p.get("value", p.get("default", ""))) for p in found.get("job_parameters") or ()},
    )


def _task(task: Mapping[str, Any]) -> TaskState:
    state = task.get("state") or {}
    return TaskState(
        key=str(task["task_key"]),
        state=str(state.get("result_state") or state.get("life_cycle_state", "")),
        seconds=_seconds(task),
        run_id=int(task.get("run_id") or 0),
        message=str(state.get("state_message") or ""),
        # A task that was cancelled before its turn gets one moment as its start and its end.
        started=bool(task.get("start_time")) and task.get("start_time") != task.get("end_time"),
    )


def _begun(task: Mapping[str, Any]) -> tuple[bool, int]:
    start = int(task.get("start_time") or 0)
    return not start, start


def _seconds(found: Mapping[str, Any]) -> float:
    start, end = int(found.get("start_time") or 0), int(found.get("end_time") or 0)
    return (end - start) / 1000 if start and end else 0.0


def follow(
    workspace: Workspace,
    run_id: int,
    report: Callable[[TaskState], None],
    printed: Callable[[TaskState, Sequence[str]], None] = lambda _task, _lines: None,
    *,
    poll: float,
    logs: TaskLogs | None = None,
) -> RunState:
    """Wait for the end of a run, polling every `poll` seconds.

    `report` is called for each task whose state has changed, `printed` with the lines that a task printed since the last poll.
    The errors of failed tasks are in `logs` afterwards.
    """
    seen: dict[str, str] = {}
    logs = logs if logs is not None else TaskLogs(workspace)

    def look() -> RunState:
        run = read_run(workspace, run_id)
        for task in run.tasks:
            fresh = seen.get(task.key) != task.state and task.state not in _WAITING
            if fresh:
                seen[task.key] = task.state
                report(task)
            if task.state == "RUNNING" or (fresh and task.over):
                printed(task, logs.new(task))
        return run

    return wait_until(look, lambda run: run.over, PollPolicy.every(poll), workspace.clock)


@dataclass(slots=True)
class TaskLogs:
    """The output of tasks, each line returned once; of many new lines only the last ones.

    Verdicts are left out: they are among the `errors`, the distinct errors of failed tasks in the order of their ends, and the
    launcher prints them after the run.
    """

    workspace: Workspace
    errors: list[str] = field(default_factory=list)
    _given: dict[int, int] = field(default_factory=dict)

    def new(self, task: TaskState) -> list[str]:
        """Return the lines that a task has printed since the last call; nothing for a task that did not run."""
        if not task.run_id or task.state not in _PRINTS:
            return []
        try:
            found = self.workspace.get("job", "/api/2.2/jobs/runs/get-output", {"run_id": task.run_id})
        except RemoteError as error:
            # A condition task has no output (source: platform docs, get-output).
            if error.status in (400, 404):
                return []
            raise
        whole = str(found.get("logs") or "").split("\n")
        # The last line of a running task may be incomplete.
        lines = [line for line in (whole if task.over else whole[:-1]) if line.strip()]
        fresh = [line for line in lines[self._given.get(task.run_id, 0) :] if not is_headed(line)]
        self._given[task.run_id] = len(lines)
        said = str(found.get("error") or "")
        if said and said not in self.errors:
            self.errors.append(said)
        return fresh[-_TAIL_LINES:]


def download(workspace: Workspace, run: RunState, target: Path) -> Mapping[str, Any] | None:
    """Copy the reports of a run into `target`; return its outcome, None if it has none."""
    envs, env = envs_of(workspace.get("job", "/api/2.2/jobs/get", {"job_id": run.job_id})["settings"], run.parameters)
    if not envs.startswith(ROOT) or not env:
        return None
    volume = VolumeFolder(workspace, envs)
    place = f"runs/{env}/{run.run_id}"
    names = {name: name.rsplit("/", 1)[-1] for name in volume.names(place)} | {f"{env}/report.html": "report.html"}
    target.mkdir(parents=True, exist_ok=True)
    outcome = None
    for name, bare in names.items():
        content = volume.read(name)
        if content is None:
            continue
        (target / bare).write_bytes(content)
        if bare == "verdict.json":
            outcome = json.loads(content)
    return outcome
