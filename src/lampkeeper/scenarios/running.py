"""Runs one scenario: its steps, the proofs that every scenario ends with, and its teardown, which always runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lampkeeper.model.errors import LampkeeperError
from lampkeeper.scenarios.results import CheckResult, ScenarioResult, StepResult
from lampkeeper.scenarios.scenario import Scenario, Step
from lampkeeper.scenarios.world import Ran, World

Told = Callable[[StepResult, int, int], None]
"""Hears of each step when it has ended, with its number and how many steps there are."""


class Surroundings(Protocol):
    """What is around a scenario in its workspace: what must stay as it is, and what must be gone at the end."""

    def proofs(self) -> Sequence[Callable[[], StepResult]]:
        """Return the proofs that the scenario has disturbed nothing."""
        ...

    def nothing_left(self) -> CheckResult:
        """Look for what the scenario has left behind."""
        ...


EXIT_CODE = "the command ends with the exit code"
HAPPENS = "the step can be taken"


def _silent(_step: StepResult, _number: int, _of: int) -> None:
    """Tell nobody."""


@dataclass(kw_only=True)
class Running:
    """One run of a scenario in a world. `disturb` is called between what a step does and its checks, for tests of the checks."""

    scenario: Scenario
    world: World
    surroundings: Surroundings
    run_id: str
    told: Told = _silent
    keep_data: bool = False
    disturb: Callable[[Step, World], None] = field(default=lambda _step, _world: None)

    def run(self) -> ScenarioResult:
        """Take the steps until one fails, prove, and tear down in every case."""
        began = time.monotonic()
        result = ScenarioResult(name=self.scenario.name, run_id=self.run_id)
        try:
            self._forward(result)
        finally:
            if not self.keep_data:
                self._back(result)
            result.seconds = time.monotonic() - began
        return result

    def tear_down(self) -> ScenarioResult:
        """Take the steps of the teardown alone, after a run that died."""
        result = ScenarioResult(name=self.scenario.name, run_id=self.run_id)
        self._back(result)
        return result

    def _forward(self, result: ScenarioResult) -> None:
        for step in self.scenario.steps:
            taken = self._take(step, "steps")
            self._note(result, taken)
            if not taken.ok:
                return
        for env in self.scenario.governed:
            spaces_alone = self.world.env(env).settings().genie_only
            verified = "as asked for" if spaces_alone else "verify: 0 mismatches"
            for target, proof in (("verify", verified), ("audit-schema", "audit: clean")):
                self._note(result, self._proof(f"make {target} ENV={env}", proof))
        for undisturbed in self.surroundings.proofs():
            self._note(result, timed(undisturbed))

    def _back(self, result: ScenarioResult) -> None:
        """Take every step of the teardown, also after one that fails: each removes what it can."""
        for step in self.scenario.teardown:
            if (step.if_exists and not any(self.world.folder.glob(step.if_exists))) or (
                step.if_noted and step.if_noted not in self.world.noted
            ):
                continue
            self._note(result, self._take(step, "teardown"))
        left = StepResult(title="look for what is left", part="teardown", checks=[self.surroundings.nothing_left()])
        self._note(result, left)

    def _note(self, result: ScenarioResult, taken: StepResult) -> None:
        result.steps.append(taken)
        self.told(taken, len(result.steps), len(self._expected_steps))

    @property
    def _expected_steps(self) -> Sequence[object]:
        proofs = 2 * len(self.scenario.governed) + len(self.surroundings.proofs()) + 1
        return [*self.scenario.steps, *self.scenario.teardown, *range(proofs)]

    def _proof(self, command: str, proof: str) -> StepResult:
        def take() -> StepResult:
            ran = self.world.run(command)
            good = ran.code == 0 and proof in ran.output
            failures = () if good else (f"exit code {ran.code}, and the output has no {proof!r}",)
            name = f"{command} says {proof}"
            return StepResult(
                title=command, command=command, part="proof", exit_code=ran.code, output=ran.output,
                checks=[CheckResult(name=name, failures=failures)],
            )  # fmt: skip

        return timed(take)

    def _take(self, step: Step, part: str) -> StepResult:
        """Take a step and make its checks; an error of lampkeeper or of the platform fails the step and not the run."""

        def take() -> StepResult:
            taken = StepResult(title=step.title, command=step.command, part=part)
            try:
                self.world.last = step.action.perform(self.world)
            except (LampkeeperError, OSError, KeyError) as error:
                taken.checks.append(CheckResult(name=HAPPENS, failures=(f"{type(error).__name__}: {error}",)))
                return taken
            self.disturb(step, self.world)
            return self._judged(step, taken, self.world.last)

        return timed(take)

    def _judged(self, step: Step, taken: StepResult, ran: Ran) -> StepResult:
        taken.exit_code, taken.output = ran.code, ran.output
        if step.command:
            wrong = () if ran.code == step.exit else (f"it ended with {ran.code}, not {step.exit}",)
            taken.checks.append(CheckResult(name=f"{EXIT_CODE} {step.exit}", failures=wrong))
            if wrong:
                return taken
            if step.exit:
                taken.exit_code = 0
        for expected in step.expect:
            if getattr(expected.check, "as_people", False) and not self.world.local:
                taken.checks.append(
                    CheckResult(name=expected.name, skipped="people can be signed in as on a local workspace alone")
                )
                continue
            try:
                failures = expected.check.failures(self.world)
            except (LampkeeperError, OSError, KeyError) as error:
                failures = [f"{type(error).__name__}: {error}"]
            taken.checks.append(CheckResult(name=expected.name, failures=tuple(failures)))
        return taken


def timed(take: Callable[[], StepResult]) -> StepResult:
    """Take a step and record its seconds."""
    began = time.monotonic()
    taken = take()
    taken.seconds = time.monotonic() - began
    return taken
