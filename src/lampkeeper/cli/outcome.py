"""The outcome of a command, and escaping of text for the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lampkeeper.model.findings import Finding, has_errors

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Return text with control characters escaped: names and comments of a catalog may be hostile."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", str(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a command: its JSON document, its findings, and a verdict if it failed for another reason.

    `facts` are for later steps of a job: strings, numbers and booleans become task values. `verdict` is the exit code of
    a command that reports on another run; `message` explains an exit code other than 0 that has no finding.
    """

    document: object
    findings: tuple[Finding, ...] = ()
    failed: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    verdict: int | None = None
    message: str = ""

    @property
    def code(self) -> int:
        """Return the exit code of this outcome."""
        if self.verdict is not None:
            return self.verdict
        return 1 if self.failed or has_errors(self.findings) else 0
