"""Environments with genie_only: what their runner may see is verified and audited, and nothing that others govern is read.

Such a runner has SELECT on tables and CAN USE on a warehouse. It may not read policies, grants or groups, so masks cannot be
judged here: the environment that governs the tables verifies them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from lampkeeper.app.attaching import lay_over_live
from lampkeeper.app.auditing import Audit
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.layer_choice import layers_desired
from lampkeeper.app.progress import Progress
from lampkeeper.app.waiving import exceptions_ending, gated
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.verify.report import VerifyReport
from lampkeeper.deploy.verify.verification import pending_finding
from lampkeeper.design.rules.check import check
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.task import whoami
from lampkeeper.remote.warehouse import run_sql


def verify_spaces(inputs: EnvInputs, workspace: Workspace, progress: Progress | None = None) -> VerifyReport:
    """Verify that the spaces are as desired, and that the runner may query each of their tables; one query per table."""
    desired, states = _applied(inputs, "verify"), inputs.states
    attached = lay_over_live(inputs.folder, workspace, desired, states)
    plan = make_plan(attached.desired, workspace, states, layers=(Layer.WORKSPACE,), known=attached.known)
    findings = [*plan.findings, *attached.findings]
    findings += [pending_finding(c) for c in plan.changes if c.action.writes and c.kind.planned]
    me, lines = whoami(workspace), []
    tables = sorted({t for s in attached.desired.spaces for t in s.tables})
    columns: dict[TableName, int] = {}
    for number, table in enumerate(tables, start=1):
        if progress is not None:
            progress(f"query {table}", number, len(tables))
        try:
            columns[table] = len(run_sql(workspace, f"SELECT * FROM {table.sql} LIMIT 0", kind="verify").columns)  # noqa: S608
        except RemoteError as error:
            if error.status >= 500:
                raise
            findings.append(_not_readable(table, me, error))
    for space in attached.desired.spaces:
        read = [columns[t] for t in space.tables if t in columns]
        lines.append(f"space {space.name}: {me} reads {len(read)} of {len(space.tables)} tables, {sum(read)} columns")
    return VerifyReport(
        principals=(), cells=(), rows=(), findings=sort_findings(findings), queries=len(tables), spaces=tuple(lines),
        checked=(("genie_space", len(attached.desired.spaces)),),
    )  # fmt: skip


def audit_spaces(inputs: EnvInputs, workspace: Workspace, now: datetime | None = None) -> Audit:
    """Compare the spaces with the tables as they are now: tables that are gone, and SQL that no longer fits them."""
    desired, settings, today = _applied(inputs, "audit"), inputs.settings, (now or datetime.now(UTC)).date()
    findings: list[Finding] = list(exceptions_ending(settings, today))
    snapshot = Snapshot(tables=())
    try:
        snapshot = read_snapshot(workspace, settings.patterns)
    except RemoteError as error:
        if error.code != "TABLE_OR_VIEW_NOT_FOUND":
            raise
        findings.append(
            Finding(
                code="audit/space_table", severity=Severity.ERROR, location=_names(desired.spaces), message=error.message,
                fix=error.fix,
            )
        )  # fmt: skip
    else:
        found = check(desired, snapshot, vocabulary=inputs.knowledge().vocabulary)
        findings += gated(settings, (f for f in found if f.location.startswith("space ")), today)
    return Audit(
        drift=(), tables=len(snapshot.tables), columns=sum(len(t.columns) for t in snapshot.tables), findings=tuple(findings),
        spaces=tuple(s.name for s in desired.spaces),
    )  # fmt: skip


def _applied(inputs: EnvInputs, what: str) -> Desired:
    desired = layers_desired(inputs)
    if desired == Desired():
        raise UsageError(f"environment {inputs.env!r} has nothing applied to {what}", fix=f"lampkeeper apply --env {inputs.env}")
    return desired


def _names(spaces: tuple[GenieSpace, ...]) -> str:
    return ", ".join(f"space {s.name}" for s in spaces)


def _not_readable(table: TableName, me: str, error: RemoteError) -> Finding:
    return Finding(
        code="verify/space_table", severity=Severity.ERROR, location=str(table),
        message=f"{me} may not query it: {error.message}",
        fix=f"have its owner grant SELECT on it, and USE SCHEMA and USE CATALOG above it, to {me}",
    )  # fmt: skip
