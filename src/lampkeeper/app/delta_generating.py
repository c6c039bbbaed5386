"""`generate-delta`: the smallest change of an environment's files that answers the drift."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lampkeeper.app.choices import Choices
from lampkeeper.app.drift_inputs import DriftInputs, read_drift
from lampkeeper.app.generating import synthesis_request
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.design.drift.delta import delta
from lampkeeper.design.drift.drift import Drift, DriftKind
from lampkeeper.design.drift.governed import GovernedTags, governed_tags, new_values, refused_assignments
from lampkeeper.design.drift.retyped import misfits
from lampkeeper.design.synthesis.synthesize import SynthesisRequest
from lampkeeper.files.draft_history import record_draft
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE, EnvFolder
from lampkeeper.files.masks_sql import with_functions
from lampkeeper.files.snapshots import render_labels
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.files.tfvars import part_of, read_layer
from lampkeeper.files.tfvars_edit import edit_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import TagAssignment
from lampkeeper.model.unreviewed import REVIEW_KEY
from lampkeeper.remote.clients import Workspace
from lampkeeper.text.moments import utc_text

AskModel = Callable[[Snapshot], tuple[Finding, ...]]
"""Has a model label the tables of a snapshot, keeps the labels as a source, and returns findings about the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What a delta answers and writes. `refused`: it has errors, and nothing was written."""

    drift: tuple[Drift, ...]
    added: tuple[TagAssignment, ...] = ()
    removed: tuple[TagAssignment, ...] = ()
    governed: GovernedTags | None = None
    changed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_applied: int = 0

    @property
    def refused(self) -> bool:
        """Return whether errors prevented the delta."""
        return has_errors(self.findings)


def generate_delta(
    inputs: EnvInputs,
    workspace: Workspace | None,
    choices: Choices | None = None,
    *,
    manifest: Path | None = None,
    ask: AskModel | None = None,
    now: datetime | None = None,
) -> Delta:
    """Write the smallest change that answers the drift, into the draft if it covers the data access layer, else into the layers.

    Without drift nothing is written, and with an error neither. `ask` is called if a new column is not certainly sensitive by the
    rules; a removal asks nobody. Without a workspace the last snapshot is the schema.
    """
    choices, now = choices or Choices(), now or datetime.now(UTC)
    if inputs.settings.genie_only:
        raise UsageError("genie_only is set: this environment manages no governance", fix="unset genie_only, or use `generate`")
    found = read_drift(inputs, workspace, choices, manifest=manifest, now=now)
    synthesis_request(inputs, found.snapshot, found.labels, choices)  # raises for an unknown group, with drift and without
    asked: tuple[Finding, ...] = ()
    if ask is not None and (unsure := _unsure(inputs, found)) is not None:
        asked = ask(unsure)
        found = read_drift(inputs, workspace, choices, manifest=manifest, now=now)
    if not found.comparison.drift:
        return Delta(drift=(), findings=sort_findings([*asked, *found.findings]), not_applied=len(found.comparison.not_applied))
    request, made, reported = _closed(inputs, found, choices)
    governed = _governed(inputs, found, request)
    added = _missing_in(found.files.tag_assignments, made)
    removed = _missing_in(made.tag_assignments, found.files)
    findings = sort_findings([*asked, *found.findings, *reported, *_checked(found, added, made, governed)])
    result = Delta(drift=found.comparison.drift, added=added, removed=removed, governed=governed, findings=findings)
    return result if result.refused else replace(result, changed=_write(inputs, found, made, findings, now))


def _unsure(inputs: EnvInputs, found: DriftInputs) -> Snapshot | None:
    """Return the tables with new columns that the rules do not call sensitive; None if there are none."""
    known = {x.column for x in inputs.labels}
    tables = {x.column.table for x in found.labels if x.column not in known and x.protect is not Protect.YES}
    return replace(found.snapshot, tables=tuple(t for t in found.snapshot.tables if t.name in tables)) if tables else None


def _closed(inputs: EnvInputs, found: DriftInputs, choices: Choices) -> tuple[SynthesisRequest, Desired, list[Finding]]:
    """Return the request of the delta, the state with the drift closed, and findings about that."""
    columns = {c.plain: c for c, _ in found.snapshot.columns()}
    by_label = {x.column: x for x in found.labels}
    misfitting = frozenset(misfits(found.snapshot, found.files, by_label, inputs.snapshot))
    drifted = {d.entity for d in found.comparison.drift if d.kind is not DriftKind.REVERSE}
    retyped = frozenset(c for c in misfitting if c.plain in drifted)
    only = frozenset(c for name, c in columns.items() if name in drifted or c.table.plain in drifted)
    request = synthesis_request(inputs, found.snapshot, tuple(_kept_closed(x, retyped) for x in found.labels), choices)
    groups = {g.name for g in found.files.groups}
    request = replace(request, groups=tuple(s for s in request.groups if s.group.name in groups))
    made = delta(found.files, request, only=only, retyped=retyped)
    concerned = {str(c) for c in only | retyped} | {str(c.table) for c in only | retyped}
    findings = [f for f in made.findings if f.severity is not Severity.ERROR or f.location in concerned]
    return request, made.desired, [*findings, *_spaces_to_regenerate(found.snapshot, made.desired.spaces)]


def _kept_closed(label: Label, retyped: frozenset[ColumnName]) -> Label:
    """Return the label; a retyped column that is masked although its label is not sensitive stays masked until a decision."""
    if label.column not in retyped or label.protected:
        return label
    return replace(label, label=LabelClass.UNDECIDED, protect=Protect.UNDECIDED, subtype="")


def _spaces_to_regenerate(snapshot: Snapshot, spaces: Iterable[GenieSpace]) -> list[Finding]:
    have = {t.name.plain.casefold() for t in snapshot.tables}
    return [
        Finding(
            code="delta/space_table", severity=Severity.WARNING, location=f"space {s.name}",
            message=f"it has the table {t}, which does not exist", fix=f"lampkeeper generate --space {s.name!r}",
        )
        for s in spaces for t in s.tables if t.plain.casefold() not in have
    ]  # fmt: skip


def _governed(inputs: EnvInputs, found: DriftInputs, request: SynthesisRequest) -> GovernedTags:
    account, data_access = (inputs.layers.reads[n].desired for n in range(2))
    return governed_tags(account, data_access, found.files if found.drafted else None, request.knowledge.vocabulary)


def _checked(found: DriftInputs, added: Iterable[TagAssignment], made: Desired, governed: GovernedTags) -> tuple[Finding, ...]:
    names = {d.entity for d in found.comparison.drift}
    names |= {c.plain for c, _ in found.snapshot.columns() if c.table.plain in names}
    checked = [t for t in added if t.key != REVIEW_KEY]
    return (
        *refused_assignments(checked, made.tag_policies, governed, names),
        *new_values(found.files.tag_policies, made.tag_policies),
        *governed.findings(),
    )


def _missing_in(tags: Iterable[TagAssignment], state: Desired) -> tuple[TagAssignment, ...]:
    known = set(tags)
    return tuple(t for t in state.tag_assignments if t not in known)


def _write(inputs: EnvInputs, found: DriftInputs, made: Desired, findings: tuple[Finding, ...], now: datetime) -> tuple[str, ...]:
    """Write the files that change, all or none; return their paths."""
    folder = inputs.folder
    if found.drafted:
        record_draft(folder, "edited by hand", now)
    texts = _draft_texts(folder, found, made) if found.drafted else _layer_texts(inputs, found, made)
    if inputs.labels:
        texts[folder.labels_path] = render_labels(found.labels)
    written = set(write_texts(texts))
    changed = [str(p) for p in texts if p.resolve() in written]
    inputs.changed("draft_file", "layers", "labels")
    before = inputs.snapshot
    taken = found.view.taken if found.view is not None else found.snapshot
    functions = before.functions if before is not None else ()
    inputs.write_snapshot(replace(taken, taken_at=utc_text(now), functions=functions))
    if found.derivations:
        inputs.sources.write_lineage(found.derivations)
    if found.drafted:
        folder.write_pages(made, found.labels, findings)
        record_draft(folder, "generate-delta", now)
    return tuple(changed)


def _draft_texts(folder: EnvFolder, found: DriftInputs, made: Desired) -> dict[Path, str]:
    path = folder.generated_path / ABAC_FILE
    return {path: edit_layer(read_text(path), path, made)} | _sql_text(folder.generated_path / SQL_FILE, found.files, made)


def _layer_texts(inputs: EnvInputs, found: DriftInputs, made: Desired) -> dict[Path, str]:
    folder = inputs.folder
    data = folder.layer_path(Layer.DATA_ACCESS)
    # Each layer lists groups, and keeps its own list.
    own = replace(part_of(made, Layer.DATA_ACCESS), groups=inputs.layers.reads[1].desired.groups)
    texts = {data / ABAC_FILE: edit_layer(read_text(data / ABAC_FILE), data / ABAC_FILE, own, Layer.DATA_ACCESS)}
    texts |= _sql_text(data / SQL_FILE, found.files, made)
    if made.tag_policies == found.files.tag_policies:
        return texts
    account = folder.layer_path(Layer.ACCOUNT)
    for path in (account / ABAC_FILE, account / "contributions" / f"{inputs.env}.tfvars"):
        if path.is_file():
            text = read_text(path)
            before = read_layer(text, path, Layer.ACCOUNT).desired
            texts[path] = edit_layer(text, path, _with_tags(before, found.files, made), Layer.ACCOUNT)
    return texts


def _with_tags(account: Desired, before: Desired, made: Desired) -> Desired:
    """Return an account file's state with what the delta adds to the governed tags."""
    old = {p.key: p for p in before.tag_policies}
    policies = {p.key: p for p in account.tag_policies}
    for policy in made.tag_policies:
        if policy != old.get(policy.key):
            mine = policies.get(policy.key)
            new = (
                policy
                if policy.key not in old
                else replace(policy, values=tuple(set(policy.values) - set(old[policy.key].values)))
            )
            policies[policy.key] = new if mine is None else replace(mine, values=(*mine.values, *new.values))
    return replace(account, tag_policies=tuple(policies.values()))


def _sql_text(path: Path, before: Desired, made: Desired) -> dict[Path, str]:
    known = {f.name for f in before.functions}
    added = [f for f in made.functions if f.name not in known]
    return {path: with_functions(read_text(path) if path.is_file() else "", added)} if added else {}
