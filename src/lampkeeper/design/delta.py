"""Closes a drift: adds what uncovered columns need, takes away tags of what is gone, leaves everything else as it is."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.design.drift import raw_columns, stale_assignments
from lampkeeper.design.synthesize import Synthesis, SynthesisRequest, synthesize
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Policy
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy


def delta(desired: Desired, request: SynthesisRequest) -> Synthesis:
    """Return the desired state with the drift closed: find_drift is empty once it is applied.

    Only protection is added, and only stale assignments go. New tables are protected and given to nobody: grants are
    left to a full generation, which a finding says.
    """
    stale = set(stale_assignments(request.snapshot, desired))
    kept = replace(desired, tag_assignments=tuple(t for t in desired.tag_assignments if t not in stale))
    protected = {x.column for x in request.labels if x.protected}
    naked = {c for c in raw_columns(request.snapshot, kept) if c in protected}
    full = synthesize(request)
    closed, notes = _with_new_tables(_cover(kept, full.desired, naked) if naked else kept, request)
    left = {c for c in raw_columns(request.snapshot, closed) if c in naked}
    findings = [f for f in full.findings if f.severity is Severity.ERROR]
    findings.extend(_still_raw(c) for c in left)
    return Synthesis(desired=closed, findings=sort_findings([*findings, *notes]))


def _cover(kept: Desired, full: Desired, naked: set[ColumnName]) -> Desired:
    """Return the state with the treatments that a full synthesis gives the naked columns."""
    names = {c.plain for c in naked}
    added = [t for t in full.tag_assignments if t.entity_type is EntityType.COLUMNS and t.entity_name in names]
    replaced = {(t.entity_name.casefold(), t.key) for t in added}
    assignments = [t for t in kept.tag_assignments if (t.entity_name.casefold(), t.key) not in replaced]
    used = {(t.key, t.value) for t in added}
    catalogs = {c.table.catalog for c in naked}
    have = {p.key for p in kept.policies}
    policies = [p for p in full.policies if p.key not in have and p.securable[0] in catalogs and _names(p, used)]
    functions = {f.name: f for f in kept.functions}
    for function in full.functions:
        if function.name not in functions and any(p.function == function.name for p in policies):
            functions[function.name] = function
    schemas = {*kept.schemas, *((f.name.catalog, f.name.schema) for f in functions.values() if f not in kept.functions)}
    return replace(
        kept,
        tag_policies=_merged_tags(kept.tag_policies, full.tag_policies, added),
        tag_assignments=(*assignments, *added),
        policies=(*kept.policies, *policies),
        functions=tuple(functions.values()),
        schemas=tuple(schemas),
    )


def _names(policy: Policy, used: set[tuple[str, str]]) -> bool:
    return any((key, value or "") in used for m in policy.match_columns for key, value in tag_references(m.condition))


def _merged_tags(kept: tuple[TagPolicy, ...], full: tuple[TagPolicy, ...], added: list[TagAssignment]) -> tuple[TagPolicy, ...]:
    by_key = {p.key: p for p in kept}
    new = {p.key: replace(p, values=()) for p in full}
    for tag in added:
        before = by_key.get(tag.key) or new[tag.key]
        by_key[tag.key] = replace(before, values=(*before.values, *([tag.value] if tag.value else ())))
    return tuple(by_key.values())


def _with_new_tables(state: Desired, request: SynthesisRequest) -> tuple[Desired, tuple[Finding, ...]]:
    new = tuple(t.name for t in request.snapshot.tables if t.name not in set(state.tables))
    message = "the table is new: its columns are protected, and no group is given it yet"
    notes = tuple(
        Finding(code="LK014", severity=Severity.INFO, place=str(t), message=message, fix="run a full generation") for t in new
    )
    return (replace(state, tables=(*state.tables, *new)) if new else state), notes


def _still_raw(column: ColumnName) -> Finding:
    return Finding(
        code="LK015",
        severity=Severity.ERROR,
        place=str(column),
        message="no policy of this state can be made to cover the column: one of the same name has another meaning",
        fix="run a full generation, or rename the policy",
    )
