"""The audit of an environment: what the catalog has that nothing covers, what is gone, what nobody has reviewed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lampkeeper.app.choices import Choices
from lampkeeper.app.drift_inputs import DriftInputs, drift_finding, read_drift
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.unreviewed import new_tables, opened_by_others
from lampkeeper.app.waiving import OF_AUDITS, exceptions_ending, waivers_of
from lampkeeper.design.drift.drift import Drift
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.waivers import unused_waivers
from lampkeeper.remote.clients import Workspace

_APPLY = "run `apply`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found: the drift, and how much it looked at.

    `drift` is drift that the files do not answer, and protection that was removed from the workspace after an apply.
    `not_applied` is protection that is in the files and not yet in the workspace. `waived` is accepted drift.
    `spaces` are those of an environment that manages spaces alone.
    """

    drift: tuple[Drift, ...]
    tables: int
    columns: int
    findings: tuple[Finding, ...] = ()
    not_applied: tuple[Drift, ...] = ()
    waived: tuple[Finding, ...] = ()
    undone: tuple[Drift, ...] = ()
    spaces: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Return whether nothing was found that is an error."""
        return not has_errors(self.all_findings)

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Return the drift as findings of severity error, what is not applied as warnings, and what else was found."""
        undone = set(self.undone)
        drift = (replace(drift_finding(d), fix=_APPLY) if d in undone else drift_finding(d) for d in self.drift)
        waiting = (
            Finding(
                code="audit/not_applied", severity=Severity.WARNING, location=d.entity,
                message=f"not applied yet: {d.message}", fix=_APPLY,
            )
            for d in self.not_applied
        )  # fmt: skip
        return sort_findings([*drift, *waiting, *self.waived, *self.findings])


def audit(
    inputs: EnvInputs,
    workspace: Workspace,
    choices: Choices | None = None,
    *,
    manifest: Path | None = None,
    now: datetime | None = None,
) -> Audit:
    """Compare the catalog as it is now with the desired state in the files, by effect and not by the presence of tags.

    `choices` names overlays that replace the settings' for unlabelled tables; `now` decides which exemptions have expired.
    """
    now = now or datetime.now(UTC)
    found = read_drift(inputs, workspace, choices, manifest=manifest, now=now)
    comparison = found.comparison
    return Audit(
        drift=tuple(sorted({*comparison.drift, *comparison.undone})),
        undone=comparison.undone,
        not_applied=comparison.not_applied,
        waived=tuple(
            replace(drift_finding(d), severity=Severity.INFO, message=f"waived {waiver}: {d.message}", fix="")
            for d, waiver in found.waived
        ),
        tables=len(found.snapshot.tables),
        columns=len(found.labels),
        findings=(*_others(inputs, workspace, found), *_of_exceptions(inputs, found, now)),
    )


def _others(inputs: EnvInputs, workspace: Workspace, found: DriftInputs) -> tuple[Finding, ...]:
    """Return what is wrong besides drift: unread policies and lineage, tables that are new, tables that others have opened."""
    layers = inputs.layers.desired
    standing = layers if layers != Desired() else found.files
    known_tables = [t.name.plain for t in found.snapshot.tables]
    before = inputs.snapshot or Snapshot(tables=())
    new = new_tables(standing, workspace, before.taken_at, known_tables)
    seen = found.view.findings if found.view is not None else ()
    return (*seen, *found.findings, *new, *opened_by_others(standing, workspace))


def _of_exceptions(inputs: EnvInputs, found: DriftInputs, now: datetime) -> tuple[Finding, ...]:
    """Return what is wrong with exemptions and waivers today: those that have ended or soon will, and those of no drift."""
    of_audits = [w for w in waivers_of(inputs.settings) if w.finding in OF_AUDITS]
    covered = [drift_finding(d) for d, _ in found.waived]
    return (*exceptions_ending(inputs.settings, now.date()), *unused_waivers(of_audits, covered))
