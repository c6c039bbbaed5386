"""Waivers: accepted findings of `validate`, each with a reason, an owner and a last day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from lampkeeper.model.ends import end_findings, ended
from lampkeeper.model.findings import Finding, Severity

_LINE = re.compile(r"(:\d+){1,2}\Z")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Waiver:
    """Accepts one finding, by its code and its location, until the end of the last day.

    `at` is the finding's location (for a file, line and column may be omitted), `location` is the location of the waiver.
    """

    finding: str
    at: str
    reason: str
    owner: str
    expires: date
    location: str = field(default="", compare=False)

    @property
    def subject(self) -> str:
        """Return the name of the waiver in findings."""
        return f"the waiver of {self.finding} at {self.at!r}"

    def covers(self, finding: Finding) -> bool:
        """Return whether the waiver is for this finding: same code and same location, without patterns."""
        locations = {finding.location.casefold(), _LINE.sub("", finding.location).casefold()}
        return finding.code == self.finding and self.at.casefold() in locations

    def __str__(self) -> str:
        """Return one line for people."""
        return f"until {self.expires.isoformat()}: {self.reason} (owner: {self.owner})"


def waive(findings: Iterable[Finding], waivers: Iterable[Waiver], today: date) -> tuple[Finding, ...]:
    """Return the findings; a waived one becomes severity info with a note. An ended waiver has no effect."""
    standing = [w for w in waivers if not ended(w, today)]
    out = []
    for finding in findings:
        waiver = next((w for w in standing if w.covers(finding)), None)
        if waiver is None or finding.severity is Severity.INFO:
            out.append(finding)
        else:
            message = f"waived {waiver}: {finding.message}"
            out.append(replace(finding, severity=Severity.INFO, message=message, fix=""))
    return tuple(out)


def waiver_findings(waivers: Iterable[Waiver], today: date) -> tuple[Finding, ...]:
    """Return an error for each waiver that has ended, and a warning for each that ends soon."""
    return end_findings(waivers, today, "WAIVER")


def unused_waivers(waivers: Iterable[Waiver], findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return a warning for each waiver that matches none of these findings."""
    found = tuple(findings)
    return tuple(
        Finding(
            code="WAIVER_UNUSED", severity=Severity.WARNING, location=w.location or w.subject,
            message=f"{w.subject} matches no finding", fix="remove the entry, or give finding and location as they are printed",
        )
        for w in waivers if not any(w.covers(f) for f in found)
    )  # fmt: skip
