"""The sentence of a verdict: what failed, for which columns or principals, the plan's hash, and the fix; on one line.

The exception of a failed task, the record of its step, `outcome` and `launch` all show the same sentence. It has names and
counts; values of the data and secrets are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lampkeeper.model.findings import Finding, Severity
from lampkeeper.remote.failures import redact
from lampkeeper.text.escaping import one_line

# A message about one row quotes its value. Such errors have a SQLSTATE of class 22 (data exception) or P0001 (raised by a
# function); source: Apache Spark, error conditions.
_DATA_ERROR = re.compile(r"\[([A-Z][A-Z0-9_.]*)\].*?SQLSTATE: (22\w{3}|P0001)", re.S)
_NAMED = 5
VERDICT_NAMES = {1: "Failed", 2: "WrongUse", 3: "Unsafe", 70: "Bug"}
"""The verdict of an exit code as it heads a sentence; of any other exit code it is Broken."""


def headed(code: int, said: str) -> str:
    """Return a sentence with its verdict before it, as the error of a failed task reads: `Unsafe: plan, environment dev: …`."""
    return f"{VERDICT_NAMES.get(code, 'Broken')}: {said}"


def is_headed(line: str) -> bool:
    """Return whether a line is a sentence with its verdict before it."""
    return line.partition(": ")[0] in {*VERDICT_NAMES.values(), "Broken"}


def without_values(text: str) -> str:
    """Return a message without values of the data: of an error about a row, only its class and SQLSTATE stay."""
    return _DATA_ERROR.sub(r"[\1] SQLSTATE: \2", text)


def sentence(step: str, env: str, message: str, *, fix: str = "", plan_hash: str = "") -> str:
    """Return the sentence of a step that did not succeed, such as `plan, environment dev: …. Plan hash: …. Fix: ….`."""
    where = ", ".join(part for part in (step, f"environment {env}" if env else "") if part)
    parts = [
        f"{where or 'lampkeeper'}: {message or 'it did not succeed'}",
        f"Plan hash: {plan_hash}" if plan_hash else "",
        f"Fix: {fix}" if fix else "",
    ]
    shown = (one_line(redact(without_values(part))).rstrip(".") for part in parts if part)
    return ". ".join(shown) + "."


def errors_line(findings: Sequence[Finding]) -> str:
    """Return the errors among findings on one line: the first one whole, of the others the number and the first locations."""
    errors = [f for f in findings if f.severity is Severity.ERROR]
    if not errors:
        return ""
    first, others = errors[0], errors[1:]
    if not others:
        return f"{first.location}: {first.message}"
    places = [place for place in dict.fromkeys(f.location for f in others) if place != first.location]
    named = ", ".join(places[:_NAMED]) + (", …" if len(places) > _NAMED else "")
    return f"{first.location}: {first.message} (and {len(others)} more{f': {named}' if named else ''})"


def first_fix(findings: Sequence[Finding]) -> str:
    """Return the fix of the first error, empty if it has none."""
    return next((f.fix for f in findings if f.severity is Severity.ERROR), "")
