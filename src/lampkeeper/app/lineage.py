"""Column lineage as a source of labels: read from the workspace or from a manifest of dbt, and kept in the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.design.classify.derivations import model_derivations, recorded_derivations
from lampkeeper.files.dbt_manifest import read_manifest
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.lineage import Derivation, LineageOrigin
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.lineage import COLUMN_LINEAGE, QUERY_HISTORY, read_lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The derivations that hold now, and what could not be read."""

    derivations: tuple[Derivation, ...]
    findings: tuple[Finding, ...] = ()


def current_lineage(inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace | None, manifest: Path | None = None) -> Lineage:
    """Return the lineage of now: the workspace's, the manifest's, and what is kept of a source that is not read now.

    What the platform showed before stays: neither a lost privilege nor the end of the year for which it keeps lineage takes
    protection away. Whether an edge is aggregated is what was read last. A manifest replaces the one before.
    """
    kept = [d for d in inputs.sources.lineage() if not _is_gone(d, snapshot)]
    known = {(d.origin, d.source, d.target): d for d in kept if manifest is None or d.origin is not LineageOrigin.DBT}
    findings: list[Finding] = []
    fresh: list[Derivation] = []
    if manifest is not None:
        derived, untraced = model_derivations(snapshot, read_manifest(manifest))
        fresh += derived
        findings += untraced
    if workspace is not None and not inputs.settings.genie_only:  # such an environment protects nothing itself
        read = read_lineage(workspace, {t.name.catalog for t in snapshot.tables})
        findings += [_unread(table, reason) for table, reason in read.unread.items()]
        fresh += recorded_derivations(snapshot, read.edges, read.texts)
    known |= {(d.origin, d.source, d.target): d for d in fresh}
    return Lineage(derivations=tuple(sorted(known.values())), findings=tuple(findings))


def _is_gone(derivation: Derivation, snapshot: Snapshot) -> bool:
    """Return whether the table that was written is in the snapshot and its column is not."""
    table = snapshot.index.get(derivation.target.table)
    return table is not None and all(c.name.casefold() != derivation.target.column.casefold() for c in table.columns)


def keep_lineage(
    inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace | None, manifest: Path | None = None
) -> tuple[Finding, ...]:
    """Read the lineage and keep it in generated/sources; return what could not be read."""
    lineage = current_lineage(inputs, snapshot, workspace, manifest)
    if lineage.derivations or inputs.sources.lineage():
        inputs.sources.write_lineage(lineage.derivations)
    return lineage.findings


def _unread(table: str, reason: str) -> Finding:
    schema = table.rpartition(".")[0]
    effects = {
        COLUMN_LINEAGE: "columns that were written from protected ones are recognised by their names alone",
        QUERY_HISTORY: "counts and sums of protected columns cannot be told apart from their values, so they are protected too",
    }
    return Finding(
        code="lineage/unread", severity=Severity.INFO, location=table, message=f"cannot be read ({reason}): {effects[table]}",
        fix=f"enable the system schema {schema}, and grant USE SCHEMA and SELECT on it to the principal that runs this command",
    )  # fmt: skip
