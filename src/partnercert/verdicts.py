"""The nouns of a certification: problems, verdicts, outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a run says about one case."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    WARN = "WARN"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    BLOCKED = "BLOCKED"
    MANUAL_PENDING = "MANUAL_PENDING"
    SIGNED_OFF = "SIGNED_OFF"


#: A case with one of these verdicts does not keep the partner from being certified.
ACCEPTED = frozenset({Verdict.PASS, Verdict.WARN, Verdict.NOT_APPLICABLE, Verdict.SIGNED_OFF})


class Severity(StrEnum):
    """How much a problem weighs: FAIL decides, WARN asks for a look, NOTE only tells."""

    FAIL = "FAIL"
    WARN = "WARN"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that was seen, with a stable code."""

    code: str
    severity: Severity
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the problem as a JSON object."""
        return {"code": self.code, "severity": str(self.severity), "message": self.message}


class NotApplicableError(Exception):
    """A case found while running that it does not apply; the text is the gate."""


class BlockedError(Exception):
    """A case could not be judged because something it needs is missing; the text says what."""


class FailedError(Exception):
    """A case has failed and has nothing more to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one of the 21 cases."""

    case: str
    title: str
    verdict: Verdict
    automated: Verdict | None
    reason: str = ""
    optional: bool = False
    problems: tuple[Problem, ...] = ()
    manual: tuple[str, ...] = ()
    sign_off: str = ""
    seconds: float = 0.0
    exchanges: tuple[int, ...] = ()

    @property
    def waits_for_a_person(self) -> bool:
        """Tell whether a person still has to look at this case."""
        return bool(self.manual) and not self.sign_off and self.verdict in _STILL_OPEN

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {
            "id": self.case,
            "title": self.title,
            "verdict": str(self.verdict),
            "automated": str(self.automated) if self.automated else None,
            "reason": self.reason,
            "optional": self.optional,
            "problems": [p.as_json() for p in self.problems],
            "manual": list(self.manual),
            "sign_off": self.sign_off,
            "waits_for_a_person": self.waits_for_a_person,
            "seconds": round(self.seconds, 3),
            "exchanges": list(self.exchanges),
        }


_STILL_OPEN = frozenset({Verdict.PASS, Verdict.WARN, Verdict.MANUAL_PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """The result of one extended check."""

    check: str
    title: str
    verdict: Verdict
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {
            "id": self.check,
            "title": self.title,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "problems": [p.as_json() for p in self.problems],
            "seconds": round(self.seconds, 3),
        }


class Judge:
    """Collect what a case or check sees, and turn it into a verdict."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def fail(self, code: str, message: str) -> None:
        """Record a failure and continue."""
        self._add(Problem(code=code, severity=Severity.FAIL, message=message))

    def warn(self, code: str, message: str) -> None:
        """Record something a person should look at; the case still passes."""
        self._add(Problem(code=code, severity=Severity.WARN, message=message))

    def note(self, code: str, message: str) -> None:
        """Record a fact that weighs nothing."""
        self._add(Problem(code=code, severity=Severity.NOTE, message=message))

    def add(self, problems: tuple[Problem, ...] | list[Problem], at: str = "") -> None:
        """Record problems found elsewhere, with the step they belong to."""
        for problem in problems:
            message = f"{at}: {problem.message}" if at else problem.message
            self._add(Problem(code=problem.code, severity=problem.severity, message=message))

    def expect(self, fact: bool, code: str, message: str) -> bool:
        """Record a failure unless the fact holds; return the fact."""
        if not fact:
            self.fail(code, message)
        return fact

    def require(self, fact: bool, code: str, message: str) -> None:
        """Fail and stop the case unless the fact holds."""
        if not self.expect(fact, code, message):
            raise FailedError(message)

    def stop_if_failed(self) -> None:
        """Stop the case when it has failed already, since later steps would only repeat it."""
        if self.failed:
            raise FailedError("failed")

    @property
    def failed(self) -> bool:
        """Tell whether a failure was recorded."""
        return any(p.severity is Severity.FAIL for p in self.problems)

    @property
    def verdict(self) -> Verdict:
        """Return FAIL, WARN or PASS."""
        severities = {p.severity for p in self.problems}
        if Severity.FAIL in severities:
            return Verdict.FAIL
        return Verdict.WARN if Severity.WARN in severities else Verdict.PASS

    def _add(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
