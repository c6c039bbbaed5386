"""A folder of evidence: reports, transcripts by case, and a manifest of digests."""

from __future__ import annotations

import json
from pathlib import Path

from partnercert.report.page import render_html, render_verdict
from partnercert.report.plain import render_json, render_junit
from partnercert.runner import Result
from partnercert.signoff import digest


def write_evidence(result: Result, folder: Path) -> list[Path]:
    """Write everything that is known about a run; return the files, the manifest last. Raises OSError."""
    (folder / "transcripts").mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": render_json(result),
        "report.xml": render_junit(result),
        "report.html": render_html(result),
        "verdict.html": render_verdict(result),
    }
    by_number = {e.number: e for e in result.exchanges}
    used: set[int] = set()
    for outcome in result.outcomes:
        used |= set(outcome.exchanges)
        rows = [by_number[number].as_json() for number in outcome.exchanges if number in by_number]
        texts[f"transcripts/{outcome.case}.json"] = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    rest = [e.as_json() for e in result.exchanges if e.number not in used]
    if rest:
        texts["transcripts/extended.json"] = json.dumps(rest, indent=1, ensure_ascii=False) + "\n"
    files = []
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8", errors="replace")
        files.append(path)
    manifest = folder / "manifest.json"
    digests = {str(path.relative_to(folder)): digest(path) for path in files}
    manifest.write_text(json.dumps({"config_sha256": result.config_sha256, "files": digests}, indent=2) + "\n")
    return [*files, manifest]
