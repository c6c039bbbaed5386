"""Findings as SARIF 2.1.0, the format that code review tools import."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lampkeeper.design.rules import RULES
from lampkeeper.model.findings import Finding, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_LOCATION = re.compile(r"(?P<file>.+\.[A-Za-z]+)(?::(?P<line>\d+)(?::(?P<column>\d+))?)?\Z")


def render_sarif(findings: Iterable[Finding], checked: Path) -> dict[str, Any]:
    """Return the SARIF document. A finding about an object gets the first line of `checked` that names the object."""
    found = tuple(findings)
    text = checked.read_text(encoding="utf-8").split("\n") if checked.is_file() else []
    driver = {
        "name": "lampkeeper",
        "version": version("lampkeeper"),
        "rules": [_rule(code) for code in sorted({f.code for f in found})],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(f, checked, text) for f in found]}],
    }


def _rule(code: str) -> dict[str, Any]:
    rule = next((r for r in RULES if r.code == code), None)
    if rule is None:
        return {"id": code}
    summary, _, rest = rule.text.partition("\n\n")
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": " ".join(summary.split())},
        "fullDescription": {"text": " ".join(f"{summary} {rest}".split())},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, checked: Path, text: list[str]) -> dict[str, Any]:
    message = finding.message + (f" (fix: {finding.fix})" if finding.fix else "")
    file = _LOCATION.match(finding.location) if "/" in finding.location or "\\" in finding.location else None
    if file:
        region = {"startLine": int(file["line"] or 1)} | ({"startColumn": int(file["column"])} if file["column"] else {})
        uri, logical = Path(file["file"]), None
    else:
        region, uri, logical = {"startLine": _line(finding.location, text)}, checked, finding.location
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": uri.as_posix()}, "region": region}}
    if logical:
        location["logicalLocations"] = [{"fullyQualifiedName": logical}]
    return {"ruleId": finding.code, "level": _LEVELS[finding.severity], "message": {"text": message}, "locations": [location]}


def _line(location: str, text: list[str]) -> int:
    """Return the first line, from 1, with the location or with its last word in quotes; 1 if there is none."""
    for name in (location, location.split(" ", 1)[-1], location.rsplit(".", 1)[-1]):
        for number, line in enumerate(text, start=1):
            if f'"{name}"' in line:
                return number
    return 1
