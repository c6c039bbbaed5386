"""The outcome of a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lampkeeper.deploy.sentences import errors_line, first_fix, sentence
from lampkeeper.model.findings import Finding, has_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a command: its JSON document, its findings, and a verdict if it failed for another reason.

    `facts` are for later steps of a job: strings, numbers and booleans become task values. `verdict` is the exit code of
    a command that reports on another run; `message` and `fix` explain an exit code other than 0 that has no finding.
    `sentence` is that of the step that decided, where a command reports on another run.
    """

    document: object
    findings: tuple[Finding, ...] = ()
    failed: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    verdict: int | None = None
    message: str = ""
    fix: str = ""
    sentence: str = ""

    @property
    def problem(self) -> str:
        """Return what failed: the errors, else the message; empty for an outcome that is good."""
        return (errors_line(self.findings) or self.message) if self.code else ""

    def said(self, step: str, env: str) -> str:
        """Return the sentence of this outcome as that of a step; empty for an outcome that is good."""
        if not self.code or self.sentence:
            return self.sentence if self.code else ""
        fix, plan_hash = first_fix(self.findings) or self.fix, str(self.facts.get("plan_hash") or "")
        return sentence(step, env, self.problem, fix=fix, plan_hash=plan_hash)

    @property
    def code(self) -> int:
        """Return the exit code of this outcome."""
        if self.verdict is not None:
            return self.verdict
        return 1 if self.failed or has_errors(self.findings) else 0
