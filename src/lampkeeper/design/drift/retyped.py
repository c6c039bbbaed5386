"""Columns whose type has changed: the mask or filter does not take it any more, or a nested type has other fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lampkeeper.design.knowledge.library import load_library
from lampkeeper.design.knowledge.vocabulary import family_of, fits, mask_protection
from lampkeeper.design.rules.rule_context import RuleContext
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.model.desired import Desired
from lampkeeper.model.labels import Label
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.schema import Column, Snapshot, TypeFamily, takes_column
from lampkeeper.model.unreviewed import is_fallback


def misfits(
    snapshot: Snapshot, state: Desired, labels: Mapping[ColumnName, Label], before: Snapshot | None
) -> dict[ColumnName, str]:
    """Return the columns whose function in this state does not fit their type, each with a message.

    A function of the right family is also one that does not fit if the text has become too short for its result, as far as the
    snapshot `before` shows the change.
    """
    context = RuleContext(desired=state, snapshot=snapshot, limits=RemainingQuota())
    types = dict(before.columns()) if before is not None else {}
    found: dict[ColumnName, str] = {}
    for policy in state.policies:
        function = context.functions.get(policy.function)
        if function is None or is_fallback(policy):
            continue
        for name, column, wanted in _bound(context, policy, function):
            label, was = labels.get(name), types.get(name)
            if any(not takes_column(t, column) for t in wanted) or _outgrown(function, column, was, label):
                kind = "mask" if policy.kind is PolicyKind.COLUMN_MASK else "row filter"
                changed = f" (it was {was.type})" if was is not None and was.type != column.type else ""
                found.setdefault(
                    name, f"the column is {column.type} now{changed}, and its {kind} {function.name.function} is not"
                )
    return found


def _bound(context: RuleContext, policy: Policy, function: Function) -> Iterator[tuple[ColumnName, Column, list[str]]]:
    """Yield the columns that a policy passes to its function, with the types that the function takes and returns for them."""
    masked = [(policy.on_column, [*(p.type for p in function.parameters[:1]), function.returns])]
    filtered = [(a.alias, [p.type]) for a, p in zip(policy.using, function.parameters, strict=False) if a.alias is not None]
    for alias, types in masked if policy.kind is PolicyKind.COLUMN_MASK else filtered:
        for columns in context.matched(policy, alias or "").values():
            for name, column in columns:
                yield name, column, types


def _outgrown(function: Function, column: Column, was: Column | None, label: Label | None) -> bool:
    name = function.name.function
    if name in load_library().functions and not fits(name, column):
        return True
    if was is None or label is None or not label.protected or family_of(was) == family_of(column):
        return False
    wanted = mask_protection(label, column)
    return wanted is not None and wanted.function != name


def grown_columns(before: Snapshot, now: Snapshot) -> dict[ColumnName, str]:
    """Return the columns of nested types whose type is another one than at the last review: new fields were not looked at."""
    old = {name.plain.casefold(): column.type for name, column in before.columns()}
    return {
        name: f"is {column.type} now and was {was} when it was reviewed"
        for name, column in now.columns()
        if column.family is TypeFamily.COMPLEX
        and (was := old.get(name.plain.casefold(), column.type)).casefold() != column.type.casefold()
    }


def retyped_columns(before: Snapshot | None, now: Snapshot) -> frozenset[ColumnName]:
    """Return the columns whose type is another one than in the snapshot before: their labels are of the old type."""
    old = {name.plain.casefold(): column.type for name, column in before.columns()} if before is not None else {}
    return frozenset(
        name for name, column in now.columns()
        if old.get(name.plain.casefold(), column.type).casefold() != column.type.casefold()
    )  # fmt: skip
