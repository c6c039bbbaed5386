"""Items of the checklist about the synthesis: access to a table with a column of every class and type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.library import Library
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.model.access import Access, AccessModel, CellState, Principal, TableAccess
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import EVERYBODY, Group, GroupSpec
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Grant, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table, TypeFamily, type_family

_TABLE = TableName("checks", "s", "everything")
_TYPES = {
    "STRING": "STRING", "SHORT": "VARCHAR(8)", "BIGINT": "BIGINT", "DECIMAL": "DECIMAL(18,2)", "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "BINARY": "BINARY",
}  # fmt: skip
_NUMBERS = frozenset({"national_id", "tax_id", "bank_account", "insurance_id", "person_ref", "health", "ip_device"})
"""Classes whose masks reveal equally much of a number."""


def everything(knowledge: Knowledge) -> tuple[Table, tuple[Label, ...]]:
    """Return a table with a column for each class and type that the vocabulary protects, and its labels."""
    rows = sorted({row for row, _ in knowledge.vocabulary.masks})
    columns, labels = [], []
    for row in rows:
        name, _, subtype = row.partition("/")
        for family, kind in _TYPES.items():
            column = Column(name=f"{name}_{subtype}_{family}".lower(), type=kind)
            columns.append(column)
            labels.append(
                Label(
                    column=ColumnName(_TABLE, column.name), label=LabelClass(name), subtype=subtype, confidence=1.0,
                    protect=Protect.UNDECIDED if name == "undecided" else Protect.YES,
                )
            )  # fmt: skip
    return Table(name=_TABLE, columns=tuple(columns)), tuple(labels)


def desired_for(knowledge: Knowledge, table: Table, labels: Sequence[Label]) -> Desired:
    """Return the desired state of the labels for two groups: one cleared for everything, one for nothing."""
    groups = (GroupSpec(group=Group(name="cleared"), clearance=("*",)), GroupSpec(group=Group(name="bound")))
    request = SynthesisRequest(snapshot=Snapshot(tables=(table,)), labels=tuple(labels), groups=groups, knowledge=knowledge)
    return synthesize(request).desired


def who_sees_what(desired: Desired, table: Table) -> str:
    """Return a principal with wrong access, assuming that all may read the table; empty if there is none."""
    securables = ((SecurableType.CATALOG, 1), (SecurableType.SCHEMA, 2), (SecurableType.TABLE, 3))
    grants = tuple(
        Grant(securable_type=t, securable=_TABLE.parts[:n], principal=EVERYBODY, privileges=("ALL_PRIVILEGES",))
        for t, n in securables
    )
    access = Access(replace(AccessModel.of_desired(desired, (table,)), grants=grants))
    for who, groups, wanted in (
        ("a user without groups", (), CellState.MASKED), ("a member of an uncleared group", ("bound",), CellState.MASKED),
        ("a member of a cleared group", ("cleared",), CellState.RAW), ("a member of both", ("bound", "cleared"), CellState.RAW),
    ):  # fmt: skip
        seen = access.table(Principal(name="somebody", groups=groups), _TABLE)
        filtered = {a for use in seen.filters for a in use.arguments}
        wrong = [
            c for c, cell in seen.cells.items() if cell.state is not wanted and not _by_rows(desired, c, filtered, cell.state)
        ]
        if wrong:
            return f"{who} sees {wrong[0].column} {seen.cells[wrong[0]].state}"
    return ""


def _by_rows(desired: Desired, column: ColumnName, filtered: Collection[ColumnName | str], state: CellState) -> bool:
    """Return whether a column filters rows instead of being masked, so that the remaining rows may show it."""
    filters = {p.name for p in desired.policies if p.kind is PolicyKind.ROW_FILTER}
    return state is CellState.RAW and column in filtered and bool(filters)


def one_mask_each(desired: Desired, table: Table) -> str:
    """Return the columns with more than one mask, or without a required one; empty if there are none."""
    access = Access(AccessModel.of_desired(desired, (table,)))
    seen: TableAccess = access.table(Principal(name="somebody"), _TABLE)
    filtered = {a for use in seen.filters for a in use.arguments}
    wrong = [c.column for c in table.column_names() if len(seen.masks.get(c, ())) != 1 and c not in filtered]
    return ", ".join(wrong[:5])


def masks_of_their_class(knowledge: Knowledge, library: Library) -> str:
    """Return masks that reveal part of a value and are used for a class other than their own."""
    wrong = set()
    for (row, _), protection in knowledge.vocabulary.masks.items():
        mask = library.functions.get(protection.function)
        name = row.partition("/")[0]
        if mask is None or mask.reveals == "nothing" or mask.label in ("any", name):
            continue
        # The mask of every kind of date leaves the year.
        if type_family(mask.function.returns) in (TypeFamily.DATE, TypeFamily.TIMESTAMP):
            continue
        if not {mask.label, name} <= _NUMBERS:
            wrong.add(f"{mask.name} ({mask.label}) on {row}")
    return ", ".join(sorted(wrong))


def unlabelled_stay_closed(knowledge: Knowledge) -> str:
    """Return how an unlabelled or undecided column would become visible; empty if it stays protected."""
    table, labels = everything(knowledge)
    known = [x for x in labels if x.protect is Protect.YES]
    granted = [g.principal for g in desired_for(knowledge, table, known).grants if g.securable == _TABLE.parts]
    if granted:
        return f"{granted[0]} gets access to a table with an unlabelled column"
    undecided = [replace(x, label=LabelClass.UNDECIDED, subtype="", protect=Protect.UNDECIDED) for x in labels]
    return who_sees_what(desired_for(knowledge, table, undecided), table)
