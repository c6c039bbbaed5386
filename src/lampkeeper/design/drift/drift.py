"""Differences between a catalog and the desired state: unprotected sensitive columns, and tags on missing objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

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
    """Forward: the catalog has uncovered columns. Reverse: tags on objects that do not exist. A rename is one of each."""

    FORWARD = "forward"
    REVERSE = "reverse"


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


def changed_types(before: Snapshot, now: Snapshot) -> tuple[Drift, ...]:
    """Return the columns whose type has changed since they were labelled: a struct may have new fields."""
    old = {name.plain.casefold(): column.type for name, column in before.columns()}
    return tuple(
        sorted(
            Drift(kind=DriftKind.FORWARD, entity=name.plain, message=f"is {column.type} now and was {was} when it was reviewed")
            for name, column in now.columns()
            if (was := old.get(name.plain.casefold(), column.type)).casefold() != column.type.casefold()
        )
    )


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
