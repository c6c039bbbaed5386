"""The output for people during and after a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape

from partnercert.cases import CASES, Case
from partnercert.config import PartnerConfig
from partnercert.runner import Result
from partnercert.verdicts import CheckOutcome, Outcome, Verdict

_STYLES = {
    Verdict.PASS: "green",
    Verdict.SIGNED_OFF: "green",
    Verdict.FAIL: "bold red",
    Verdict.BLOCKED: "red",
    Verdict.WARN: "yellow",
    Verdict.MANUAL_PENDING: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
}


class Console:
    """Print each result once, as it comes, and the conclusion at the end."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._terminal = Terminal(stderr=to_stderr, highlight=False, soft_wrap=True)

    def start(self, config: PartnerConfig, seed: int) -> None:
        """Print the partner, its address and the seed."""
        self._terminal.print(f"{escape(config.name)} at {escape(config.base_url)}, seed {seed}")

    def progress(self, outcome: Outcome | CheckOutcome) -> None:
        """Print one line for a case or check that is done."""
        name = outcome.case if isinstance(outcome, Outcome) else outcome.check
        style = _STYLES[outcome.verdict]
        optional = " (optional)" if isinstance(outcome, Outcome) and outcome.optional else ""
        shown = outcome.sign_off if isinstance(outcome, Outcome) and outcome.sign_off else outcome.reason
        reason = f"  {_one_line(shown)}" if shown else ""
        line = f"  {name:10}[{style}]{outcome.verdict:15}[/]{outcome.seconds:6.1f} s{optional}{escape(reason)}"
        self._terminal.print(line)

    def finish(self, result: Result) -> None:
        """Print the pending manual cases, the counts, the failures and the conclusion."""
        if result.waiting:
            self._terminal.print(f"manual check pending: {', '.join(o.case for o in result.waiting)}")
        self._terminal.print(result.summary())
        self._terminal.print(result.conclusion())
        self._terminal.print(result.failures())


def list_rows(config: PartnerConfig | None) -> list[dict[str, Any]]:
    """Return one row per case: id, title, whether optional and manual, and its gate under a config."""
    rows = []
    for case in CASES:
        row: dict[str, Any] = {
            "id": case.id,
            "title": case.title,
            "optional": case.optional,
            "manual": bool(case.points(guided=True)),
        }
        if config is not None:
            row["gate"] = case.gate(config)
        rows.append(row)
    return rows


def explain_text(case: Case) -> str:
    """Return the description of a case as plain text."""
    lines = [f"{case.id}  {case.title}", "", f"Applies to: {case.applies}", f"Journey:    {case.journey}", "", "Judged:"]
    lines += [f"  - {point}" for point in case.looks_at]
    if case.manual:
        lines += ["", "A person checks:", *(f"  - {point}" for point in case.manual)]
    if case.guided_manual:
        lines += ["", "A person checks, if nothing is automated:", *(f"  - {point}" for point in case.guided_manual)]
    if case.points(guided=True):
        lines += ["", f"Record it with: partnercert signoff {case.id} --config partner.json --who NAME"]
    else:
        lines += ["", "No manual step."]
    if case.optional:
        lines += ["Optional: a failure is shown and does not prevent certification, unless `run --optional fail`."]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 160 else text[:159] + "…"
