"""The live objects that an audit compares: the tables in scope, their tags, and the policies that apply to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.deploy.existing_controls import PolicyKey, conflict_findings, conflicts_of, not_shown_findings
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.policies import Policy
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import read_governed


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The live side of an audit. `snapshot` has all tags of the schemas, `taken` those of the tables in scope.

    `findings`: policies that cannot be read, whose effect is unknown, and conflicts with masks and filters of other owners.
    """

    snapshot: Snapshot
    taken: Snapshot
    policies: tuple[Policy, ...]
    findings: tuple[Finding, ...] = ()


def read_audit_view(workspace: Workspace, patterns: Iterable[str], ours: Iterable[PolicyKey] = ()) -> AuditView:
    """Read the tables that the patterns match now, including new ones, with their protection; write nothing.

    `ours` are the keys of the environment's own policies.
    """
    snapshot = read_snapshot(workspace, patterns)
    live = read_governed(workspace, [t.name for t in snapshot.tables])
    met = conflict_findings(conflicts_of(SimulatedAccess(live.access.model), ours), live, codes="audit/")
    met += not_shown_findings(live, code="audit/controls_not_shown")
    return AuditView(
        snapshot=Snapshot(tables=snapshot.tables, tags=live.tags),
        taken=snapshot,
        policies=tuple(p.policy for p in live.policies if p.policy is not None),
        findings=met
        + tuple(
            Finding(
                code="audit/unread_policy",
                severity=Severity.WARNING,
                location=found.key[2],
                message=f"this policy cannot be read, so its effect is unknown: {found.problem}",
            )
            for found in live.unread
        ),
    )
