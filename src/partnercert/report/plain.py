"""JSON and JUnit XML."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from partnercert.runner import Result
from partnercert.verdicts import CheckOutcome, Outcome, Verdict

# XML 1.0 has no way to write these, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_json(result: Result) -> str:
    """Return the run as a JSON document."""
    return json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n"


def render_junit(result: Result) -> str:
    """Return the run as JUnit XML: failed and blocked cases are failures, pending and inapplicable ones are skipped."""
    rows: list[tuple[str, str, Outcome | CheckOutcome, bool]] = [
        ("partnercert.cases", o.case, o, o in result.blocking or o in result.failed[1]) for o in result.outcomes
    ]
    rows += [("partnercert.checks", c.check, c, c in result.failed_checks) for c in result.checks]
    suite = ElementTree.Element(
        "testsuite",
        name=f"partnercert {_text(result.partner)}",
        tests=str(len(rows)),
        failures=str(sum(1 for *_, blocks in rows if blocks)),
        errors="0",
        skipped=str(sum(1 for _, _, o, blocks in rows if not blocks and _skipped(o))),
        time=f"{sum(o.seconds for _, _, o, _ in rows):.3f}",
        timestamp=result.started,
    )
    for group, name, outcome, blocks in rows:
        item = ElementTree.SubElement(
            suite, "testcase", classname=group, name=f"{name} {_text(outcome.title)}", time=f"{outcome.seconds:.3f}"
        )
        lines = "\n".join(f"{p.severity} {p.code}: {p.message}" for p in outcome.problems)
        if blocks:
            optional = "optional: " if isinstance(outcome, Outcome) and outcome.optional else ""
            message = _text(f"{optional}{outcome.reason}")
            failure = ElementTree.SubElement(item, "failure", type=str(outcome.verdict), message=message)
            failure.text = _text(lines)
        elif _skipped(outcome):
            ElementTree.SubElement(item, "skipped", message=_text(f"{outcome.verdict}: {outcome.reason}"))
        ElementTree.SubElement(item, "system-out").text = _text(f"{outcome.verdict} {outcome.reason}\n{lines}")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _skipped(outcome: Outcome | CheckOutcome) -> bool:
    return outcome.verdict in (Verdict.NOT_APPLICABLE, Verdict.MANUAL_PENDING, Verdict.BLOCKED, Verdict.FAIL)


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
