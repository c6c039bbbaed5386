"""Closes a drift: adds protection for uncovered columns, removes tags of missing objects, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.design.drift.drift import raw_columns, stale_assignments
from lampkeeper.design.synthesis.synthesize import Synthesis, SynthesisRequest, synthesize
from lampkeeper.model.conditions import Condition, Not, Or, any_of, tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from lampkeeper.model.unreviewed import REVIEW_KEY, Unreviewed, is_fallback


def delta(
    desired: Desired,
    request: SynthesisRequest,
    *,
    only: frozenset[ColumnName] | None = None,
    retyped: frozenset[ColumnName] = frozenset(),
) -> Synthesis:
    """Return the desired state with the drift closed: find_drift is empty once it is applied.

    It adds protection and removes what belongs to missing objects: tags, and the grants and scope of missing tables. A column of
    `retyped` loses the tags that it has and gets those of its type. `only` limits the columns that get protection; by default
    every protected column that is raw. New tables are protected and not granted to any group: grants need a full generation, and
    a finding reports that.
    """
    request = _as_before(desired, request)
    kept = _without_missing(desired, request.snapshot, retyped)
    protected = {x.column for x in request.labels if x.protected}
    unprotected = {c for c in raw_columns(request.snapshot, kept) if c in protected and (only is None or c in only | retyped)}
    full = synthesize(request)
    covered = _with_reviews(_cover(kept, full.desired, unprotected) if unprotected else kept, full.desired)
    closed, notes = _with_new_tables(covered, request)
    left = {c for c in raw_columns(request.snapshot, closed) if c in unprotected}
    findings = [f for f in full.findings if f.severity is Severity.ERROR]
    findings.extend(_still_raw(c) for c in left)
    return Synthesis(desired=closed, findings=sort_findings([*findings, *notes]))


def _without_missing(desired: Desired, snapshot: Snapshot, retyped: frozenset[ColumnName]) -> Desired:
    """Return the state without tags on missing objects and on retyped columns, and without missing tables and their grants."""
    stale = set(stale_assignments(snapshot, desired))
    names = {c.plain.casefold() for c in retyped}
    have = {t.name.plain.casefold() for t in snapshot.tables}
    gone = {t.parts for t in desired.tables if t.plain.casefold() not in have}

    def stays(tag: TagAssignment) -> bool:
        loose = tag.entity_type is EntityType.COLUMNS and tag.key != REVIEW_KEY and tag.entity_name.casefold() in names
        return tag not in stale and not loose

    return replace(
        desired,
        tag_assignments=tuple(t for t in desired.tag_assignments if stays(t)),
        tables=tuple(t for t in desired.tables if t.parts not in gone),
        grants=tuple(g for g in desired.grants if g.securable_type is not SecurableType.TABLE or g.securable not in gone),
    )


def _as_before(desired: Desired, request: SynthesisRequest) -> SynthesisRequest:
    """Return the request that hides the tables that the state hides already: a delta does not change that decision."""
    if not desired.tables:
        return request
    closed = {p.kind for p in desired.policies if is_fallback(p)}

    def choice(kind: PolicyKind) -> Unreviewed:
        return Unreviewed.DENY if kind in closed else Unreviewed.ALLOW

    return replace(request, unreviewed=choice(PolicyKind.ROW_FILTER), unreviewed_columns=choice(PolicyKind.COLUMN_MASK))


def _with_reviews(state: Desired, full: Desired) -> Desired:
    """Return the state with the review tags that it lacks, and the fallback policies of catalogs that are new."""
    have = {p.key for p in state.policies}
    policies = [p for p in full.policies if is_fallback(p) and p.key not in have]
    tagged = {(t.entity_name.casefold(), t.key) for t in state.tag_assignments}
    tags = [t for t in full.tag_assignments if t.key == REVIEW_KEY and (t.entity_name.casefold(), t.key) not in tagged]
    full_by_key = {p.key: p for p in full.policies}
    standing = tuple(_widened(p, full_by_key.get(p.key)) for p in state.policies)
    if not policies and not tags and standing == state.policies:
        return state
    wanted = {p.function for p in policies} - {f.name for f in state.functions}
    functions = [f for f in full.functions if f.name in wanted]
    return replace(
        state,
        tag_policies=_merged_tags(state.tag_policies, full.tag_policies, tags),
        tag_assignments=(*state.tag_assignments, *tags),
        policies=(*standing, *policies),
        functions=(*state.functions, *functions),
        schemas=tuple({*state.schemas, *((f.name.catalog, f.name.schema) for f in functions)}),
    )


def _widened(old: Policy, new: Policy | None) -> Policy:
    """Return a fallback for columns that excludes the tags which either excludes, because a protected column has its own mask."""
    if new is None or not is_fallback(old) or old.kind is not PolicyKind.COLUMN_MASK or len(new.match_columns) != 1:
        return old
    known: dict[Condition, None] = {}
    for policy in (old, new):
        for entry in policy.match_columns:
            if not isinstance(entry.condition, Not):
                return old
            part = entry.condition.part
            known |= dict.fromkeys(part.parts if isinstance(part, Or) else (part,))
    return replace(old, match_columns=(replace(old.match_columns[0], condition=Not(any_of(tuple(known)))),))


def _cover(kept: Desired, full: Desired, unprotected: set[ColumnName]) -> Desired:
    """Return the state with the protections that a full synthesis gives the unprotected columns."""
    names = {c.plain for c in unprotected}
    added = [t for t in full.tag_assignments if t.entity_type is EntityType.COLUMNS and t.entity_name in names]
    replaced = {(t.entity_name.casefold(), t.key) for t in added}
    assignments = [t for t in kept.tag_assignments if (t.entity_name.casefold(), t.key) not in replaced]
    used = {(t.key, t.value) for t in added}
    catalogs = {c.table.catalog for c in unprotected}
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
        Finding(code="LK014", severity=Severity.INFO, location=str(t), message=message, fix="run a full generation") for t in new
    )
    return (replace(state, tables=(*state.tables, *new)) if new else state), notes


def _still_raw(column: ColumnName) -> Finding:
    return Finding(
        code="LK015",
        severity=Severity.ERROR,
        location=str(column),
        message="no policy of this state can cover the column, because one with the same name differs",
        fix="run a full generation, or rename the policy",
    )
