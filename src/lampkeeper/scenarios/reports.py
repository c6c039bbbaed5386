"""Reports of a run: JSON, JUnit and HTML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from lampkeeper.files.text import write_texts
from lampkeeper.html import render, visible
from lampkeeper.scenarios.results import ScenarioResult, StepResult

_LONGEST = 20_000


def write_reports(folder: Path, results: Sequence[ScenarioResult]) -> tuple[Path, ...]:
    """Write `report.json`, `report.xml` and `report.html` into a folder; return their paths."""
    paths = {
        folder / "report.json": json.dumps(document(results), indent=1, ensure_ascii=False) + "\n",
        folder / "report.xml": junit(results),
        folder / "report.html": page(results),
    }
    write_texts(paths)
    return tuple(paths)


def document(results: Sequence[ScenarioResult]) -> dict[str, object]:
    """Return the whole run as JSON."""
    return {
        "run_id": results[0].run_id if results else "",
        "passed": sum(r.ok for r in results), "scenarios": len(results), "checks": sum(r.checks for r in results),
        "seconds": round(sum(r.seconds for r in results), 1), "results": [r.as_dict() for r in results],
    }  # fmt: skip


def junit(results: Sequence[ScenarioResult]) -> str:
    """Return the run as JUnit XML: a suite per scenario, a case per step; a failure has the command and its output."""
    top = ET.Element("testsuites", name="lampkeeper scenarios")
    for result in results:
        failed = sum(not s.ok for s in result.steps)
        suite = ET.SubElement(
            top, "testsuite", name=result.name, tests=str(len(result.steps) or 1), failures=str(failed),
            skipped=str(int(result.skipped)), time=f"{result.seconds:.3f}",
        )  # fmt: skip
        for number, step in enumerate(result.steps, 1):
            case = ET.SubElement(
                suite, "testcase", classname=f"{result.name}.{step.part}", name=_plain(f"{number} {step.title}"),
                time=f"{step.seconds:.3f}",
            )  # fmt: skip
            if not step.ok:
                message = "; ".join(f"{c.name}: {', '.join(c.failures)}" for c in step.failed)
                ET.SubElement(case, "failure", message=_plain(message)).text = _plain(_story(step, result))
        if result.skipped:
            ET.SubElement(ET.SubElement(suite, "testcase", classname=result.name, name="not started"), "skipped")
    ET.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def page(results: Sequence[ScenarioResult]) -> str:
    """Return the run as an HTML page."""
    good = sum(r.ok for r in results)
    stories = [(r, s, _story(s, r)) for r in results for s in r.steps if not s.ok]
    return render("scenarios.html", title=f"Scenarios: {good} of {len(results)} passed", results=results, stories=stories)


def _story(step: StepResult, result: ScenarioResult) -> str:
    lines = [f"{c.name}: {text}" for c in step.failed for text in c.failures]
    kept = [f"kept in {result.kept}"] if result.kept else []
    return "\n".join([f"$ {step.command or step.title}", step.output[-_LONGEST:], *lines, *kept])


def _plain(text: str) -> str:
    """Return text that XML can carry."""
    return visible(text)
