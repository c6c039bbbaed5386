"""What every apply of a command shares: progress, the wait for propagation, and the report."""

from __future__ import annotations

from lampkeeper.cli.console import Console, Step
from lampkeeper.cli.places import is_local
from lampkeeper.deploy.direct import ApplyReport, ProgressCallback
from lampkeeper.deploy.direct import Progress as ApplyProgress
from lampkeeper.deploy.history import Writes
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.remote.clients import Workspace


def apply_progress(step: Step, writes: Writes | None = None) -> ProgressCallback:
    """Return the callback to which an apply reports its steps; `writes` counts the completed ones."""

    def report(progress: ApplyProgress) -> None:
        change = progress.change
        if writes is not None:
            writes.count = progress.number - 1
        what = "waiting for propagation" if progress.waiting else f"{change.action} {change.kind} {change.key}"
        step(what, progress.number - 1, progress.total)

    return report


def waiting(workspace: Workspace, seconds: float | None) -> PropagationWait:
    """Return how long to wait for propagation: half a minute, or not at all on the local workspace."""
    local = is_local(workspace)
    if seconds is None:
        seconds = 0.0 if local else PropagationWait().seconds
    return PropagationWait(seconds=seconds, poll=0.2 if local else PropagationWait().poll)


def print_applied(console: Console, report: ApplyReport) -> None:
    """Print the writes of an apply per kind."""
    if report.by_kind:
        console.line(", ".join(f"{kind} {n}" for kind, n in report.by_kind.items()))
    console.line(f"apply: {report.writes} writes")


def applied_dict(report: ApplyReport) -> dict[str, object]:
    """Return the JSON form of an apply's report."""
    return {"writes": report.writes, "records": report.records, "by_kind": dict(report.by_kind)}
