"""The inputs of an audit and a delta: the desired state in the files, the labels of now, and the state that was applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lampkeeper.app.choices import Choices
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_sources
from lampkeeper.app.lineage import current_lineage
from lampkeeper.app.waiving import waivers_of
from lampkeeper.deploy.audit import AuditView, read_audit_view
from lampkeeper.deploy.kinds import POLICY
from lampkeeper.deploy.required_privileges import require_sight
from lampkeeper.design.drift.drift import Comparison, Drift, DriftKind, Protection, compare_states
from lampkeeper.design.drift.retyped import retyped_columns
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.model.desired import Desired
from lampkeeper.model.ends import ended
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelSource
from lampkeeper.model.layers import Layer
from lampkeeper.model.lineage import Derivation
from lampkeeper.model.policies import Policy
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.waivers import Waiver
from lampkeeper.remote.clients import Workspace

CODES = {kind: f"audit/{kind}" for kind in DriftKind}
"""The code of the finding for each kind of drift; a waiver may name it."""

_FIXES = {
    DriftKind.FORWARD: "run `generate-delta`, then `plan` and `apply`",
    DriftKind.REVERSE: "run `generate-delta`",
    DriftKind.RETYPED: "run `generate-delta`, then `plan` and `apply`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftInputs:
    """The two sides of a comparison: the files (`drafted`: the draft) and the workspace, with the labels of its columns."""

    files: Desired
    drafted: bool
    snapshot: Snapshot
    view: AuditView | None
    labels: tuple[Label, ...]
    derivations: tuple[Derivation, ...]
    comparison: Comparison
    waived: tuple[tuple[Drift, Waiver], ...] = ()
    findings: tuple[Finding, ...] = ()


def governance_files(inputs: EnvInputs) -> tuple[Desired, bool]:
    """Return the desired state in the files, and whether it is the draft's: it is if a draft covers the data access layer."""
    if inputs.has_draft and Layer.DATA_ACCESS in inputs.folder.draft_layers():
        return inputs.draft, True
    return inputs.layers.desired, False


def read_drift(
    inputs: EnvInputs,
    workspace: Workspace | None,
    choices: Choices | None = None,
    *,
    manifest: Path | None = None,
    now: datetime,
) -> DriftInputs:
    """Compare the files with the workspace, or without one with the last snapshot, whose protection then does not count."""
    files, drafted = governance_files(inputs)
    if files == Desired():
        raise UsageError(
            f"environment {inputs.env!r} has neither a draft nor layer files to audit",
            fix=f"lampkeeper generate --env {inputs.env}",
        )
    view = None
    if workspace is not None:
        require_sight(workspace, (t.catalog for t in files.tables))
        view = read_audit_view(workspace, inputs.settings.patterns, {p.key for p in files.policies})
    snapshot = inputs.require_snapshot() if view is None else view.snapshot
    lineage = current_lineage(inputs, snapshot, workspace, manifest)
    labels = current_labels(inputs, snapshot, inputs.knowledge(choices), lineage.derivations)
    written = (owned.spec for owned in inputs.states.owned(POLICY).values())
    applied = Protection(tags=inputs.assigned_tags, policies=tuple(p for p in written if isinstance(p, Policy)))
    live = None if view is None else Protection(tags=view.snapshot.tags, policies=view.policies)
    comparison = compare_states(snapshot, files, labels, live=live, applied=applied, before=inputs.snapshot)
    standing = [w for w in waivers_of(inputs.settings) if not ended(w, now.date())]
    kept, waived = _waived(comparison.drift, standing)
    return DriftInputs(
        files=files, drafted=drafted, snapshot=snapshot, view=view, labels=labels, derivations=lineage.derivations,
        comparison=Comparison(drift=kept, undone=comparison.undone, not_applied=comparison.not_applied),
        waived=waived, findings=lineage.findings,
    )  # fmt: skip


def _waived(drift: Iterable[Drift], waivers: Iterable[Waiver]) -> tuple[tuple[Drift, ...], tuple[tuple[Drift, Waiver], ...]]:
    kept, waived = [], []
    standing = tuple(waivers)
    for each in drift:
        finding = drift_finding(each)
        waiver = next((w for w in standing if w.covers(finding)), None)
        if waiver is None:
            kept.append(each)
        else:
            waived.append((each, waiver))
    return tuple(kept), tuple(waived)


def drift_finding(drift: Drift) -> Finding:
    """Return a drift as an error."""
    return Finding(
        code=CODES[drift.kind], severity=Severity.ERROR, location=drift.entity, message=drift.message, fix=_FIXES[drift.kind]
    )


def current_labels(
    inputs: EnvInputs, snapshot: Snapshot, knowledge: Knowledge, derivations: Iterable[Derivation] | None = None
) -> tuple[Label, ...]:
    """Return one label per column of the snapshot: the one of the last generation, where it still holds.

    Columns that are new or have another type, columns on which a steward has decided, and columns that lineage protects get the
    label that the sources give them now.
    """
    sources = read_sources(inputs, snapshot, knowledge, derivations=derivations)
    changed = retyped_columns(inputs.snapshot, snapshot)
    known = {x.column: x for x in inputs.labels if x.column not in changed}
    decided = {x.column for x in sources.stewards}
    stale = {c for c, x in known.items() if x.source is LabelSource.STEWARD and c not in decided}
    inherited = {x.column for x in sources.inherited}

    def current(label: Label) -> Label:
        before = known.get(label.column)
        if before is None or label.column in decided | stale:
            return label
        stricter = label.column in inherited and label.protected and not before.protected
        return label if stricter else before

    return tuple(current(label) for label in sources.merged(snapshot, knowledge))
