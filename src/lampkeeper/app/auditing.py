"""The audit of an environment: what the catalog has that nothing covers, what is gone, what nobody has reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lampkeeper.app.choices import Choices
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.unreviewed import new_tables, opened_by_others
from lampkeeper.app.waiving import exceptions_ending
from lampkeeper.deploy.audit import read_audit_view
from lampkeeper.deploy.required_privileges import require_sight
from lampkeeper.design.classify.offline import classify
from lampkeeper.design.drift.drift import Drift, DriftKind, changed_types, find_drift
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found: the drift, and how much it looked at."""

    drift: tuple[Drift, ...]
    tables: int
    columns: int
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Return whether nothing was found that is an error."""
        return not has_errors(self.all_findings)

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Return the drift as findings of severity error, with what else was found."""
        fixes = {
            DriftKind.FORWARD: "label it, then `generate`, `plan` and `apply`",
            DriftKind.REVERSE: "run `generate` to let go of it, then `apply`",
        }
        drift = (
            Finding(code=f"audit/{d.kind}", severity=Severity.ERROR, location=d.entity, message=d.message, fix=fixes[d.kind])
            for d in self.drift
        )
        return sort_findings([*drift, *self.findings])


def audit(inputs: EnvInputs, workspace: Workspace, choices: Choices | None = None, *, now: datetime | None = None) -> Audit:
    """Compare the catalog as it is now with what the environment covers, by effect and not by the presence of tags.

    `choices` names overlays that replace the settings' for unlabelled tables; `now` decides which exemptions have expired.
    """
    desired = inputs.layers.desired
    if desired == Desired():
        raise UsageError(f"environment {inputs.env!r} has nothing applied to audit", fix=f"lampkeeper apply --env {inputs.env}")
    require_sight(workspace, (t.catalog for t in desired.tables))
    view = read_audit_view(workspace, inputs.settings.patterns, {p.key for p in desired.policies})
    known = {x.column: x for x in inputs.labels}
    by_column = {x.column: x for x in classify(view.snapshot, knowledge=inputs.knowledge(choices))} | known
    labels = tuple(by_column[c] for c, _ in view.snapshot.columns())
    ends = exceptions_ending(inputs.settings, (now or datetime.now(UTC)).date())
    opened = opened_by_others(desired, workspace)
    known_tables = [t.name.plain for t in view.snapshot.tables]
    before = inputs.snapshot or Snapshot(tables=())
    return Audit(
        drift=(*find_drift(view.snapshot, desired, labels, view.policies), *changed_types(before, view.snapshot)),
        tables=len(view.snapshot.tables),
        columns=len(labels),
        findings=(*view.findings, *new_tables(desired, workspace, before.taken_at, known_tables), *opened, *ends),
    )
