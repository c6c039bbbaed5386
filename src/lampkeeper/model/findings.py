"""Findings: problems of the input, returned together as a sorted list instead of one exception at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The severity of a finding; only an error leads to exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem: a stable code, a severity, a location, a message, and a fix if one is known.

    `location` is `file:line:column`, a dotted object name, or a principal; text from a catalog is quoted in `message`.
    """

    code: str
    severity: Severity
    location: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        """Return `severity code location: message (fix: …)` on one line."""
        tail = f" (fix: {self.fix})" if self.fix else ""
        return f"{self.severity} {self.code} {self.location}: {self.message}{tail}"

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "location": self.location,
            "message": self.message,
            "fix": self.fix,
        }


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without duplicates, errors first, then by location and code."""
    return tuple(sorted(set(findings), key=lambda f: (_RANK[f.severity], f.location, f.code, f.message)))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Return whether any finding is an error."""
    return any(f.severity is Severity.ERROR for f in findings)
