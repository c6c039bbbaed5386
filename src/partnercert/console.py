"""What people read while and after a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Table

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
    """Print progress as it comes, and a table at the end."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._terminal = Terminal(stderr=to_stderr, highlight=False, soft_wrap=True)

    def start(self, config: PartnerConfig, seed: int) -> None:
        """Say what is about to be certified."""
        self._terminal.print(f"{escape(config.name)} at {escape(config.base_url)}, seed {seed}")

    def progress(self, outcome: Outcome | CheckOutcome) -> None:
        """Print one line for a case or check that is done."""
        name = outcome.case if isinstance(outcome, Outcome) else outcome.check
        style = _STYLES[outcome.verdict]
        reason = f"  {_one_line(outcome.reason)}" if outcome.reason else ""
        line = f"  {name:10}[{style}]{outcome.verdict:15}[/]{outcome.seconds:6.1f} s{escape(reason)}"
        self._terminal.print(line)

    def finish(self, result: Result) -> None:
        """Print the table, what waits, the summary line and whether anything stands in the way."""
        table = Table(title=escape(f"Partner Connect certification of {result.partner}"))
        for heading in ("case", "what", "verdict", "reason"):
            table.add_column(heading, overflow="fold")
        for outcome in result.outcomes:
            title = outcome.title + (" (optional)" if outcome.optional else "")
            style = _STYLES[outcome.verdict]
            shown = outcome.sign_off or outcome.reason
            table.add_row(outcome.case, escape(title), f"[{style}]{outcome.verdict}[/]", escape(_one_line(shown)))
        self._terminal.print(table, soft_wrap=False)
        if result.waiting:
            self._terminal.print(f"waits for a person: {', '.join(o.case for o in result.waiting)}")
        for check in result.failed_checks:
            self._terminal.print(f"failed extended check: {check.check}: {escape(_one_line(check.reason))}")
        self._terminal.print(result.summary())
        if result.certified:
            self._terminal.print("nothing stands in the way of certification")
        else:
            names = [o.case for o in result.blocking] + [c.check for c in result.failed_checks]
            self._terminal.print(f"not certified: {', '.join(names)}")


def list_rows(config: PartnerConfig | None) -> list[dict[str, Any]]:
    """Return one row a case: id, title, whether optional and manual, and its gate under a config."""
    rows = []
    for case in CASES:
        row: dict[str, Any] = {"id": case.id, "title": case.title, "optional": case.optional, "manual": bool(case.manual)}
        if config is not None:
            row["gate"] = case.gate(config)
        rows.append(row)
    return rows


def explain_text(case: Case) -> str:
    """Return what there is to know about a case, as plain text."""
    lines = [f"{case.id}  {case.title}", "", f"Applies to: {case.applies}", f"Journey:    {case.journey}", "", "Judged:"]
    lines += [f"  - {point}" for point in case.looks_at]
    if case.manual:
        only = " (only where it cannot be automated)" if case.manual_only_if_guided else ""
        lines += ["", f"A person looks at{only}:"] + [f"  - {point}" for point in case.manual]
        lines += ["", f"Record it with: partnercert signoff {case.id} --config partner.json --who NAME"]
    else:
        lines += ["", "No manual step."]
    if case.optional:
        lines += ["Optional: never stands in the way of certification."]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 160 else text[:159] + "…"
