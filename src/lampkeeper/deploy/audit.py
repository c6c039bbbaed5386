"""What an audit looks at: the tables in scope as they are now, their live tags, and the live policies that reach them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.policies import Policy
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import read_governed


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The live side of an audit; `findings` are policies that we cannot read, whose effect is therefore unknown."""

    snapshot: Snapshot
    policies: tuple[Policy, ...]
    findings: tuple[Finding, ...] = ()


def read_audit_view(workspace: Workspace, patterns: Iterable[str]) -> AuditView:
    """Read the tables that the patterns name now, new ones included, with what protects them; writes nothing."""
    snapshot = read_snapshot(workspace, patterns)
    live = read_governed(workspace, [t.name for t in snapshot.tables])
    return AuditView(
        snapshot=Snapshot(tables=snapshot.tables, tags=live.tags),
        policies=tuple(p.policy for p in live.policies if p.policy is not None),
        findings=tuple(
            Finding(
                code="audit/unread_policy",
                severity=Severity.WARNING,
                place=found.key[2],
                message=f"this policy cannot be read, its effect is unknown: {found.problem}",
            )
            for found in live.unread
        ),
    )
