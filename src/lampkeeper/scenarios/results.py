"""What a run of scenarios found: per scenario its steps, per step its checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check: its name, and why it failed; no text if it holds. `skipped` says why it could not be made at this place."""

    name: str
    failures: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the check did not fail."""
        return not self.failures


@dataclass(slots=True, kw_only=True)
class StepResult:
    """One step: what was done, for how many seconds, its exit code and output, and its checks."""

    title: str
    command: str = ""
    part: str = "steps"
    seconds: float = 0.0
    exit_code: int = 0
    output: str = ""
    checks: list[CheckResult] = field(default_factory=list)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Return the checks that failed."""
        return tuple(c for c in self.checks if not c.ok)

    @property
    def ok(self) -> bool:
        """Return whether every check holds."""
        return not self.failed

    def as_dict(self) -> dict[str, object]:
        """Return the step as JSON; the output of a step without a failure is left out."""
        found: dict[str, object] = {
            "title": self.title, "command": self.command, "part": self.part, "seconds": round(self.seconds, 2),
            "exit_code": self.exit_code, "ok": self.ok,
            "checks": [
                {"check": c.name, "ok": c.ok} | ({"failures": list(c.failures)} if c.failures else {})
                | ({"skipped": c.skipped} if c.skipped else {})
                for c in self.checks
            ],
        }  # fmt: skip
        return found if self.ok else found | {"output": self.output}


@dataclass(slots=True, kw_only=True)
class ScenarioResult:
    """One scenario: its steps, those of the teardown included, and the folder that was kept, if one was."""

    name: str
    run_id: str
    steps: list[StepResult] = field(default_factory=list)
    seconds: float = 0.0
    kept: str = ""
    error: str = ""
    skipped: bool = False

    @property
    def ok(self) -> bool:
        """Return whether every step holds."""
        return not self.error and not self.skipped and all(s.ok for s in self.steps)

    @property
    def word(self) -> str:
        """Return `passed`, `failed` or `skipped`."""
        return "skipped" if self.skipped else "passed" if self.ok else "failed"

    @property
    def checks(self) -> int:
        """Return the number of checks."""
        return sum(len(s.checks) for s in self.steps)

    def failures(self) -> Iterator[tuple[StepResult, CheckResult]]:
        """Yield every failed check with its step."""
        for step in self.steps:
            for check in step.failed:
                yield step, check

    @property
    def exit_code(self) -> int:
        """Return 0, the exit code of the first failed command, or 1 if the failure is of another kind."""
        if self.ok:
            return 0
        first = next((s for s in self.steps if not s.ok), None)
        return first.exit_code if first is not None and first.exit_code else 1

    def as_dict(self) -> dict[str, object]:
        """Return the scenario as JSON."""
        found: dict[str, object] = {
            "scenario": self.name, "verdict": self.word, "run_id": self.run_id, "seconds": round(self.seconds, 1),
            "steps": [s.as_dict() for s in self.steps], "checks": self.checks,
        }  # fmt: skip
        return found | {k: v for k, v in {"kept": self.kept, "error": self.error}.items() if v}
