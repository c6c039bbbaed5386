"""Reports of a run: JSON, JUnit XML, self-contained HTML pages, a folder of evidence."""

from partnercert.report.evidence import write_evidence
from partnercert.report.page import render_html, render_verdict
from partnercert.report.plain import render_json, render_junit

__all__ = ["render_html", "render_json", "render_junit", "render_verdict", "write_evidence"]
