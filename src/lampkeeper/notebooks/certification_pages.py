"""The certification of a partner: the report of the last run, what blocks it, what waits for a person."""

from __future__ import annotations

import json
from pathlib import Path

from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import LampkeeperError, UsageError
from lampkeeper.notebooks.page import PageError
from lampkeeper.notebooks.shown import Shown
from lampkeeper.remote.clients import connect
from lampkeeper.remote.volumes import ROOT, VolumeFolder


def certification(evidence: str) -> Shown:
    """Return the cases that block the certification or wait for a person; raise PageError without a report."""
    result = json.loads(_evidence(evidence, "report.json"))
    parts = (("blocks the certification", result["blocking"]), ("waits for a person", result["waiting"]))
    rows = tuple({"what": what, "case": str(case)} for what, cases in parts for case in cases)
    return Shown(title="Certification", columns=("what", "case"), rows=rows, summary=str(result["summary"]))


def certification_report(evidence: str) -> str:
    """Return the report of the last run as HTML; raise PageError without one."""
    return _evidence(evidence, "report.html").decode()


def _evidence(folder: str, name: str) -> bytes:
    try:
        files = VolumeFolder(connect(Auth()), folder) if folder.startswith(ROOT) else LocalFiles(Path(folder))
        found = files.read(name)
        if found is None:
            raise UsageError(f"no report in {folder}", fix="run the job partner_connect first, or name another folder")
    except LampkeeperError as error:
        raise PageError(error.message + (f"\n  fix: {error.fix}" if error.fix else "")) from None
    return found
