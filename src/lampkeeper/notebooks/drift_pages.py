"""Drift and what ends: the delta that would answer it, exemptions and waivers with their last days."""

from __future__ import annotations

from datetime import UTC, date, datetime

from lampkeeper.app.auditing import audit
from lampkeeper.app.waiving import waivers_of
from lampkeeper.model.auth import Auth
from lampkeeper.model.labels import Protect
from lampkeeper.notebooks.opened import Opened
from lampkeeper.notebooks.shown import Row, Shown
from lampkeeper.remote.clients import connect

_NOTHING = "nothing"


def delta(found: Opened) -> Shown:
    """Audit the workspace now, and return each object that has drifted with its answer. Needs MANAGE on the catalogs."""
    seen = audit(found.inputs, connect(Auth()), now=datetime.now(UTC))
    rows = tuple(
        {"severity": str(f.severity), "object": f.location, "drift": f.message, "answer": f.fix or _NOTHING}
        for f in seen.all_findings
    )
    return Shown(
        title=f"Drift of {found.env} now", columns=("severity", "object", "drift", "answer"), rows=rows,
        summary=f"{seen.tables} tables and {seen.columns} columns looked at: {len(seen.drift)} drifted,"
        f" {len(seen.not_applied)} not applied yet, {len(seen.waived)} waived",
    )  # fmt: skip


def endings(found: Opened, today: date | None = None) -> Shown:
    """Return exemptions and waivers with reason, owner and last day, the next to end first; `days` is negative after the end."""
    now = today or datetime.now(UTC).date()
    settings = found.inputs.settings
    rows: list[Row] = [
        {
            "last_day": e.expires.isoformat(), "days": (e.expires - now).days, "kind": "exemption", "of": e.principal,
            "from": ", ".join(e.families) or "all policies", "owner": e.owner, "reason": e.reason,
        }
        for e in settings.exemptions
    ]  # fmt: skip
    rows += [
        {
            "last_day": w.expires.isoformat(), "days": (w.expires - now).days, "kind": "waiver", "of": w.at, "from": w.finding,
            "owner": w.owner, "reason": w.reason,
        }
        for w in waivers_of(settings)
    ]  # fmt: skip
    rows.sort(key=lambda row: str(row["last_day"]))
    over = sum(int(row["days"]) < 0 for row in rows)
    return Shown(
        title="What ends", columns=("last_day", "days", "kind", "of", "from", "owner", "reason"), rows=tuple(rows),
        summary=f"{len(rows)} exemptions and waivers in {found.env}, {over} of them are over",
    )  # fmt: skip


def coverage(found: Opened) -> dict[str, int]:
    """Return how many columns are protected, not sensitive and undecided."""
    return {str(p): sum(x.protect is p for x in found.inputs.labels) for p in Protect}
