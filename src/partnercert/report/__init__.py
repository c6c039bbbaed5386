"""Reports of a run: JSON, JUnit XML, one self-contained HTML page, a folder of evidence."""

from partnercert.report.evidence import write_evidence
from partnercert.report.page import render_html
from partnercert.report.plain import render_json, render_junit

__all__ = ["render_html", "render_json", "render_junit", "write_evidence"]
