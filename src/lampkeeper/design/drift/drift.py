"""Differences between a catalog and the desired state: unprotected sensitive columns, and tags on missing objects.

`find_drift` judges one state. `compare_states` judges the desired state in the files against the schema of now. It separates
drift, which needs a change of the files, from protection that is in the files and not yet in the workspace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from lampkeeper.design.drift.retyped import grown_columns, misfits
from lampkeeper.design.rules.coverage import filter_columns
from lampkeeper.design.rules.rule_context import RuleContext
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.design.synthesis.unreviewed import reviewed_tables
from lampkeeper.model.access import CellState
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.labels import Label
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Policy, SecurableType
from lampkeeper.model.schema import Snapshot, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.model.unreviewed import is_fallback

_NOT_REACHED = frozenset({TableKind.VIEW, TableKind.FOREIGN})


class DriftKind(StrEnum):
    """Forward: the catalog has uncovered columns. Reverse: tags on objects that do not exist. A rename is one of each.

    Retyped: the mask of a column does not fit its type any more, or a nested type has changed since it was reviewed.
    """

    FORWARD = "forward"
    REVERSE = "reverse"
    RETYPED = "retyped"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Drift:
    """One difference: the dotted entity, the problem, and the class of the column, if known."""

    kind: DriftKind
    entity: str
    message: str
    label: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"kind": str(self.kind), "entity": self.entity, "message": self.message, "label": self.label}


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The tags and policies of one side: of the workspace, or of what was applied last."""

    tags: tuple[TagAssignment, ...]
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`drift` needs a change of the files. `undone`: protection that was applied and is not in the workspace any more.

    `not_applied`: protection that is in the files and not yet in the workspace. Each is sorted.
    """

    drift: tuple[Drift, ...]
    undone: tuple[Drift, ...] = ()
    not_applied: tuple[Drift, ...] = ()


def find_drift(
    snapshot: Snapshot, desired: Desired, labels: Iterable[Label], policies: tuple[Policy, ...] | None = None
) -> tuple[Drift, ...]:
    """Return the drift, sorted. `snapshot.tags` are the live tags; `policies` the live ones, by default the desired.

    Forward drift is determined by the access of a person in no group, not by the column's tag.
    """
    live = replace(desired, tag_assignments=snapshot.tags, policies=desired.policies if policies is None else policies)
    by_column = {x.column: x for x in labels}
    found = [*_forward(snapshot, live, by_column), *_reverse(snapshot, desired)]
    return tuple(sorted(found))


def raw_columns(snapshot: Snapshot, state: Desired) -> frozenset[ColumnName]:
    """Return the columns that a person in no group would see raw in this state, if the tables were readable and reviewed.

    A column that is hidden because it is unreviewed counts as raw, because no protection covers it.
    """
    if any(is_fallback(p) for p in state.policies):
        tagged = reviewed_tables(t.name for t in snapshot.tables)
        state = replace(state, tag_assignments=tuple({*state.tag_assignments, *tagged}))
    # The state's tags decide coverage; keys are not checked, because external tags count too.
    rule_context = RuleContext(desired=state, snapshot=snapshot, limits=RemainingQuota())
    outsider = rule_context.principals[0]
    filtered = filter_columns(rule_context)
    raw: set[ColumnName] = set()
    for table in snapshot.tables:
        access = rule_context.open_access.table(outsider, table.name)
        hidden = filtered if access.filters else frozenset()
        unprotected = (n for n, cell in access.cells.items() if cell.state is CellState.RAW or cell.unreviewed)
        raw.update(n for n in unprotected if n not in hidden)
    return frozenset(raw)


def _forward(snapshot: Snapshot, live: Desired, labels: dict[ColumnName, Label]) -> Iterable[Drift]:
    raw = raw_columns(snapshot, live)
    unreviewed = _unreviewed(snapshot, live)
    granted = {g.securable for g in live.grants if g.securable_type is SecurableType.TABLE}
    for table in snapshot.tables:
        if table.kind in _NOT_REACHED and table.name.parts not in granted:
            continue
        if table.name in unreviewed:
            message = "this table is unreviewed: it shows no rows to principals without an exemption"
            yield Drift(kind=DriftKind.FORWARD, entity=table.name.plain, message=message)
            continue
        for name in table.column_names():
            label = labels.get(name)
            if label is None:
                yield Drift(kind=DriftKind.FORWARD, entity=name.plain, message="this column has no label")
            elif name in unreviewed:
                message = "this column is unreviewed: it shows NULL to principals without an exemption"
                yield Drift(kind=DriftKind.FORWARD, entity=name.plain, message=message, label=str(label.label))
            elif label.protected and name in raw:
                message = f"{label.label} column ({label.protect}) is not masked for people without clearance"
                yield Drift(kind=DriftKind.FORWARD, entity=name.plain, message=message, label=str(label.label))


def _unreviewed(snapshot: Snapshot, live: Desired) -> frozenset[TableName | ColumnName]:
    """Return the tables, and the columns of other tables, that are hidden because they have no review tag."""
    rule_context = RuleContext(desired=live, snapshot=snapshot, limits=RemainingQuota())
    found: set[TableName | ColumnName] = set()
    for table in snapshot.tables:
        if table.kind is TableKind.VIEW:
            continue
        cells = rule_context.open_access.table(OUTSIDER, table.name).cells
        closed = {name for name, cell in cells.items() if cell.unreviewed}
        whole = any(cell.state is CellState.NO_ROWS for cell in cells.values())
        found |= {table.name} if whole and closed else closed
    return frozenset(found)


def compare_states(
    snapshot: Snapshot,
    files: Desired,
    labels: Iterable[Label],
    *,
    live: Protection | None,
    applied: Protection,
    before: Snapshot | None = None,
) -> Comparison:
    """Compare the desired state in the files with the schema of now.

    `live` is the protection in the workspace (None: unknown, so nothing counts as protected), `applied` what the state files
    record, `before` the snapshot of the last review.
    """
    by_column = {x.column: x for x in labels}
    drift, undone, not_applied = _exposures(snapshot, files, by_column, live, applied)
    retyped = _retyped(snapshot, files, by_column, before)
    drift += [*retyped, *_reverse(snapshot, files), *_gone_tables(snapshot, files)]
    known = {d.entity for d in drift}
    if live is not None:
        there = replace(files, tag_assignments=live.tags, policies=live.policies)
        not_applied += [d for d in _misfitting(snapshot, there, by_column, before) if d.entity not in known]
        drift += _orphans(snapshot, files, live, applied)
    not_applied += _removals(snapshot, files, applied)
    return Comparison(drift=tuple(sorted(set(drift))), undone=tuple(sorted(undone)), not_applied=tuple(sorted(set(not_applied))))


def _exposures(
    snapshot: Snapshot, files: Desired, labels: dict[ColumnName, Label], live: Protection | None, applied: Protection
) -> tuple[list[Drift], list[Drift], list[Drift]]:
    """Return the exposures of now: those that the files do not end, those that an apply had ended, those still to be ended."""

    def exposed(side: Protection) -> dict[str, Drift]:
        return {d.entity: d for d in _forward(snapshot, _with(files, side), labels)}

    asked = exposed(Protection(tags=files.tag_assignments, policies=files.policies))
    if live is None:
        return list(asked.values()), [], []
    there = exposed(live)
    table_of = {c.plain: c.table.plain for c, _ in snapshot.columns()}
    drift = [d for entity, d in asked.items() if entity in there or table_of.get(entity) in there]
    rest = [d for entity, d in there.items() if entity not in asked]
    if not rest:
        return drift, [], []
    missing = exposed(applied)
    undone = [replace(d, message=f"{d.message}: its protection was applied and is gone") for d in rest if d.entity not in missing]
    return drift, undone, [d for d in rest if d.entity in missing]


def _with(files: Desired, side: Protection) -> Desired:
    return replace(files, tag_assignments=side.tags, policies=side.policies)


def _retyped(snapshot: Snapshot, files: Desired, labels: Mapping[ColumnName, Label], before: Snapshot | None) -> list[Drift]:
    found = _misfitting(snapshot, files, labels, before)
    known = {d.entity for d in found}
    grown = grown_columns(before, snapshot) if before is not None else {}
    return found + [
        Drift(kind=DriftKind.RETYPED, entity=c.plain, message=message) for c, message in grown.items() if c.plain not in known
    ]


def _misfitting(snapshot: Snapshot, state: Desired, labels: Mapping[ColumnName, Label], before: Snapshot | None) -> list[Drift]:
    return [
        Drift(kind=DriftKind.RETYPED, entity=c.plain, message=message, label=str(labels[c].label) if c in labels else "")
        for c, message in misfits(snapshot, state, labels, before).items()
    ]


def _gone_tables(snapshot: Snapshot, files: Desired) -> list[Drift]:
    """Return the tables of the files that the schema does not have and that no tag names."""
    have = {t.name.plain.casefold() for t in snapshot.tables}
    message = "the files name this table, and the scope has no such table"
    return [
        Drift(kind=DriftKind.REVERSE, entity=t.plain, message=message) for t in files.tables if t.plain.casefold() not in have
    ]


def _orphans(snapshot: Snapshot, files: Desired, live: Protection, applied: Protection) -> list[Drift]:
    """Return the live governed tags on missing columns of tables in scope that are neither in the files nor in the state."""
    keys = {p.key for p in files.tag_policies}
    known = {_spot(t) for t in (*files.tag_assignments, *applied.tags)}
    columns = {c.plain.casefold() for c, _ in snapshot.columns()}
    tables = tuple(f"{t.name.plain.casefold()}." for t in snapshot.tables)
    return [
        Drift(
            kind=DriftKind.REVERSE, entity=t.entity_name,
            message=f"the workspace has tag {t.key}={t.value} on this column, which does not exist; its owner must remove it",
        )
        for t in live.tags
        if t.entity_type is EntityType.COLUMNS and t.key in keys and _spot(t) not in known
        and t.entity_name.casefold() not in columns and t.entity_name.casefold().startswith(tables)
    ]  # fmt: skip


def _removals(snapshot: Snapshot, files: Desired, applied: Protection) -> list[Drift]:
    """Return the recorded tags on missing objects that the files do not ask for any more: the next apply forgets them."""
    asked = {_spot(t) for t in files.tag_assignments}
    stale = stale_assignments(snapshot, replace(files, tag_assignments=applied.tags))
    message = "the next apply takes this tag out of the state"
    return [Drift(kind=DriftKind.REVERSE, entity=t.entity_name, message=message) for t in stale if _spot(t) not in asked]


def _spot(tag: TagAssignment) -> tuple[str, str, str]:
    return (str(tag.entity_type), tag.entity_name.casefold(), tag.key)


def _reverse(snapshot: Snapshot, desired: Desired) -> Iterable[Drift]:
    for tag in stale_assignments(snapshot, desired):
        message = f"tag {tag.key}={tag.value} is assigned to {tag.entity_type} that do not exist"
        yield Drift(kind=DriftKind.REVERSE, entity=tag.entity_name, message=message)


def stale_assignments(snapshot: Snapshot, desired: Desired) -> tuple[TagAssignment, ...]:
    """Return the assignments to tables and columns that the snapshot does not have."""
    tables = {t.name.plain.casefold() for t in snapshot.tables}
    columns = {n.plain.casefold() for n, _ in snapshot.columns()}
    known = {EntityType.TABLES: tables, EntityType.COLUMNS: columns}
    return tuple(
        t for t in desired.tag_assignments if t.entity_type in known and t.entity_name.casefold() not in known[t.entity_type]
    )
