"""A run is followed: each state told once, lines as they are printed, nothing of what never ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.model.errors import RemoteError
from lampkeeper.places.job_run import TaskLogs, TaskState, download, follow, read_run
from lampkeeper.remote.clients import Call, Workspace

pytestmark = pytest.mark.unit


class StillClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Script:
    """A wire that plays looks at a run, one after the other; a look is (life, result, {task: (state, log)})."""

    looks: Sequence[tuple[str, str, dict[str, tuple[str, str]]]]
    at: int = -1
    keys: list[str] = field(default_factory=list)

    def send(self, call: Call) -> Any:
        if call.path.endswith("runs/get"):
            self.at = min(self.at + 1, len(self.looks) - 1)
            life, result, tasks = self.looks[self.at]
            self.keys = list(tasks)
            shown = [
                {
                    "task_key": key,
                    "run_id": n + 10,
                    "start_time": 1000 * (n + 1),
                    "end_time": 1000 * (n + 3),
                    "state": _state(one[0]),
                }
                for n, (key, one) in enumerate(tasks.items())
            ]
            return {
                "state": {"life_cycle_state": life, "result_state": result},
                "tasks": shown,
                "start_time": 1,
                "end_time": 2001,
            }
        if call.path.endswith("runs/get-output"):
            key = self.keys[int((call.query or {})["run_id"]) - 10]
            log = self.looks[self.at][2][key][1]
            if log == "refused":
                raise RemoteError("no output", status=400)
            return {"logs": log} | ({"error": "it broke"} if self.looks[self.at][2][key][0] == "FAILED" else {})
        if call.path.endswith("jobs/get"):
            return {"settings": {"tasks": []}}
        raise AssertionError(call.path)


def _state(word: str) -> dict[str, str]:
    over = word in {"SUCCESS", "FAILED", "EXCLUDED", "CANCELED"}
    return {"life_cycle_state": "TERMINATED", "result_state": word} if over else {"life_cycle_state": word}


def received(looks: Sequence[tuple[str, str, dict[str, tuple[str, str]]]]) -> tuple[list[str], list[float]]:
    """Return what a follower of these looks hears, and how long it waited each time."""
    reported: list[str] = []
    clock = StillClock()
    workspace = Workspace(Script(looks), clock=clock)

    def printed(task: TaskState, lines: Sequence[str]) -> None:
        reported.extend(f"{task.key}| {line}" for line in lines)

    logs = TaskLogs(workspace)
    follow(workspace, 7, lambda task: reported.append(f"{task.key} {task.state}"), printed, poll=0.5, logs=logs)
    return [*reported, *(f"error: {error}" for error in logs.errors)], clock.slept


def test_states_are_reported_once_and_lines_as_they_come() -> None:
    reported, slept = received([
        ("RUNNING", "", {"plan": ("PENDING", ""), "apply": ("BLOCKED", "")}),
        ("RUNNING", "", {"plan": ("RUNNING", "reading\nplann"), "apply": ("BLOCKED", "")}),
        ("RUNNING", "", {"plan": ("RUNNING", "reading\nplanning\n\n"), "apply": ("BLOCKED", "")}),
        ("RUNNING", "", {"plan": ("SUCCESS", "reading\nplanning\n\nno writes"), "apply": ("RUNNING", "")}),
        ("TERMINATED", "FAILED", {"plan": ("SUCCESS", "reading\nplanning\n\nno writes"), "apply": ("FAILED", "1 of 3\n")}),
    ])  # fmt: skip
    assert reported == [
        "plan RUNNING", "plan| reading", "plan| planning", "plan SUCCESS", "plan| no writes",
        "apply RUNNING", "apply FAILED", "apply| 1 of 3", "error: it broke",
    ]  # fmt: skip
    assert slept == [0.5] * 4


def test_of_many_lines_at_once_the_last_are_reported_and_none_twice() -> None:
    many = "".join(f"line {n}\n" for n in range(100))
    reported, _ = received([
        ("RUNNING", "", {"t": ("RUNNING", many)}),
        ("TERMINATED", "SUCCESS", {"t": ("SUCCESS", many + "end\n")}),
    ])  # fmt: skip
    assert reported == ["t RUNNING", *(f"t| line {n}" for n in range(92, 100)), "t SUCCESS", "t| end"]


def test_what_gives_no_output_is_not_asked_for_it_in_vain() -> None:
    reported, _ = received(
        [("TERMINATED", "SUCCESS", {"is_valid": ("SUCCESS", "refused"), "apply": ("EXCLUDED", "never asked")})]
    )
    assert reported == ["is_valid SUCCESS", "apply EXCLUDED"]


def test_a_run_without_a_volume_leaves_nothing_to_download(tmp_path: Path) -> None:
    workspace = Workspace(Script([("TERMINATED", "SUCCESS", {})]), clock=StillClock())
    run = read_run(workspace, 7)
    assert (run.over, run.seconds, download(workspace, run, tmp_path / "reports")) == (True, 2.0, None)
    assert not (tmp_path / "reports").exists()
    assert json.dumps(dict(run.parameters)) == "{}"
