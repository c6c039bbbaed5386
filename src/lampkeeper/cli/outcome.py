"""What a command returns, and text that is safe to print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lampkeeper.model.findings import Finding, has_errors

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Return text that cannot move the cursor or hide itself: names and comments of a catalog are hostile."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", str(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command found: its JSON document, its findings, and whether it failed for another reason than a finding.

    `facts` are for the steps that follow in a job: those that are text, number or truth become task values. `verdict` is
    the exit code where the command's subject is another's verdict, `message` why it is not 0 where no finding says so.
    """

    document: object
    findings: tuple[Finding, ...] = ()
    failed: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    verdict: int | None = None
    message: str = ""

    @property
    def code(self) -> int:
        """Return the exit code that this outcome comes to."""
        if self.verdict is not None:
            return self.verdict
        return 1 if self.failed or has_errors(self.findings) else 0
