"""The run log of a job run: each step writes a record next to the plans, and the last task computes the verdict from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lampkeeper.deploy.approvals import Files
from lampkeeper.deploy.sentences import sentence
from lampkeeper.files.folder import require_env_name
from lampkeeper.model.errors import UsageError

_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Verdict(StrEnum):
    """The verdict of a step or of a run."""

    OK = "ok"
    FAILED = "failed"
    UNSAFE = "unsafe"
    BROKEN = "broken"


def verdict_of(exit_code: int) -> Verdict:
    """Return the verdict of an exit code: 0 ok, 1 failed, 3 unsafe, any other broken."""
    return {0: Verdict.OK, 1: Verdict.FAILED, 3: Verdict.UNSAFE}.get(exit_code, Verdict.BROKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The record of one step; `exit_code` None: the step began and did not record its end.

    `sentence` is what its failed task raised (`deploy/sentences.py`); empty for a step that succeeded.
    """

    step: str
    began: str
    ended: str = ""
    exit_code: int | None = None
    message: str = ""
    sentence: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "step": self.step, "began": self.began, "ended": self.ended, "exit_code": self.exit_code,
            "message": self.message, "sentence": self.sentence, "facts": dict(self.facts),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The verdict of a run, the step that decided it with its sentence, and the steps with a record."""

    exit_code: int
    step: str
    message: str
    steps: tuple[StepRecord, ...]
    sentence: str = ""

    @property
    def verdict(self) -> Verdict:
        """Return the verdict."""
        return verdict_of(self.exit_code)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "verdict": str(self.verdict), "exit_code": self.exit_code, "step": self.step, "message": self.message,
            "sentence": self.sentence, "steps": [s.as_dict() for s in self.steps],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunLog:
    """The records of one run of an environment."""

    files: Files
    env: str
    run_id: str

    def __post_init__(self) -> None:
        """Refuse an id that is not a valid folder name, and an invalid environment name."""
        require_env_name(self.env)
        if not _RUN.match(self.run_id):
            raise UsageError(f"--run-id {self.run_id!r} is not the id of a run", fix="give {{job.run_id}}")

    def name(self, file: str) -> str:
        """Return the path of a file of this run."""
        return f"runs/{self.env}/{self.run_id}/{file}"

    def write(self, record: StepRecord) -> None:
        """Write the record of a step."""
        self.files.write(self.name(f"{record.step}.json"), json.dumps(record.as_dict(), indent=1, sort_keys=True).encode())

    def read(self, steps: Iterable[str]) -> tuple[StepRecord, ...]:
        """Return the records of these steps."""
        found = []
        for step in steps:
            raw = self.files.read(self.name(f"{step}.json"))
            if raw is not None:
                found.append(StepRecord(**json.loads(raw)))
        return tuple(found)


def judge(steps: Sequence[str], records: Sequence[StepRecord], env: str = "") -> RunOutcome:
    """Return the verdict of a run with these steps, in order.

    The first step that was not ok decides. Steps after it have no record on purpose; any other step without a record never
    started, and the run is broken.
    """
    by_step = {r.step: r for r in records}
    for step in steps:
        record = by_step.get(step)
        if record is None:
            return _broken(step, env, f"{step} has no record: it never started", records)
        if record.exit_code is None:
            return _broken(step, env, f"{step} began and did not record its end", records)
        if record.exit_code != 0:
            said = record.sentence or sentence(step, env, record.message)
            return RunOutcome(exit_code=record.exit_code, step=step, message=record.message, steps=tuple(records), sentence=said)
    return RunOutcome(exit_code=0, step="", message="every step succeeded", steps=tuple(records))


def _broken(step: str, env: str, message: str, records: Sequence[StepRecord]) -> RunOutcome:
    said = sentence(step, env, message, fix=f"see what the task {step.replace('-', '_')} printed, then run the job again")
    return RunOutcome(exit_code=4, step=step, message=message, steps=tuple(records), sentence=said)
