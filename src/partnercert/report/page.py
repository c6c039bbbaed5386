"""HTML pages that need nothing but themselves: the whole report, and a verdict to forward. Every value is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from partnercert.runner import Result
from partnercert.verdicts import Verdict

_SHOWN = 40


def render_html(result: Result) -> str:
    """Return the whole report."""
    problems = (Verdict.FAIL, Verdict.WARN, Verdict.BLOCKED)
    wanted = {number for o in result.outcomes if o.verdict in problems for number in o.exchanges[:_SHOWN]}
    transcripts = [e for e in result.exchanges if e.number in wanted]
    return _templates().get_template("report.html").render(result=result, transcripts=transcripts)


def render_verdict(result: Result) -> str:
    """Return the page that a partner manager can forward: what holds, what does not, what waits; no transcripts."""
    mandatory, optional = result.failed
    failed = [*mandatory, *optional]
    rest = [o for o in result.outcomes if o not in failed and o not in result.waiting]
    return _templates().get_template("verdict.html").render(result=result, failed=failed, rest=rest)


@cache
def _templates() -> Environment:
    loader = PackageLoader("partnercert.report", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["capitalized"] = lambda text: text[:1].upper() + text[1:]
    return made
