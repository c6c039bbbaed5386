"""The steps of one job run: each leaves a record beside the plans, and the last task reads them to give the run its verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lampkeeper.deploy.approvals import Files
from lampkeeper.files.folder import require_env_name
from lampkeeper.model.errors import UsageError

_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Verdict(StrEnum):
    """What a step, or a run, came to."""

    OK = "ok"
    FAILED = "failed"
    UNSAFE = "unsafe"
    BROKEN = "broken"


def verdict_of(exit_code: int) -> Verdict:
    """Return the verdict that an exit code stands for: 0 ok, 1 failed, 3 unsafe, anything else broken."""
    return {0: Verdict.OK, 1: Verdict.FAILED, 3: Verdict.UNSAFE}.get(exit_code, Verdict.BROKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """How one step ended; `exit_code` None: it began and never said how it ended."""

    step: str
    began: str
    ended: str = ""
    exit_code: int | None = None
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "step": self.step, "began": self.began, "ended": self.ended, "exit_code": self.exit_code,
            "message": self.message, "facts": dict(self.facts),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The verdict of a run, the step that decided it, and the steps that ran."""

    exit_code: int
    step: str
    message: str
    steps: tuple[StepRecord, ...]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict in a word."""
        return verdict_of(self.exit_code)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "verdict": str(self.verdict), "exit_code": self.exit_code, "step": self.step, "message": self.message,
            "steps": [s.as_dict() for s in self.steps],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunLog:
    """The records of one run of an environment."""

    files: Files
    env: str
    run_id: str

    def __post_init__(self) -> None:
        """Refuse an id that is no name of a folder, and an environment that is none."""
        require_env_name(self.env)
        if not _RUN.match(self.run_id):
            raise UsageError(f"--run-id {self.run_id!r} is not the id of a run", fix="give {{job.run_id}}")

    def name(self, file: str) -> str:
        """Return the path of a file of this run."""
        return f"runs/{self.env}/{self.run_id}/{file}"

    def write(self, record: StepRecord) -> None:
        """Leave the record of a step."""
        self.files.write(self.name(f"{record.step}.json"), json.dumps(record.as_dict(), indent=1, sort_keys=True).encode())

    def read(self, steps: Iterable[str]) -> tuple[StepRecord, ...]:
        """Return the records that these steps have left."""
        found = []
        for step in steps:
            raw = self.files.read(self.name(f"{step}.json"))
            if raw is not None:
                found.append(StepRecord(**json.loads(raw)))
        return tuple(found)


def judge(steps: Sequence[str], records: Sequence[StepRecord]) -> RunOutcome:
    """Return the verdict of a run that should have gone through these steps, in order.

    The first step that did not end well decides. A step without a record was left out on purpose only after such a one; else
    it never started, and the run is broken.
    """
    by_step = {r.step: r for r in records}
    for step in steps:
        record = by_step.get(step)
        if record is None:
            return RunOutcome(exit_code=4, step=step, message=f"{step} left no record: it never started", steps=tuple(records))
        if record.exit_code is None:
            return RunOutcome(exit_code=4, step=step, message=f"{step} began and never ended", steps=tuple(records))
        if record.exit_code != 0:
            return RunOutcome(exit_code=record.exit_code, step=step, message=record.message, steps=tuple(records))
    return RunOutcome(exit_code=0, step="", message="every step ended well", steps=tuple(records))
