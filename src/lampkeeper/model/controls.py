"""Column masks and row filters that are set directly on a table, and the conflicts in which a second one fails every query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.model.names import ColumnName, FunctionName, TableName

SET_ON_TABLE = "set on the table"
"""The replacement for a policy's name if a control is set directly on the table."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TableControl:
    """A column mask or row filter set with ALTER TABLE or CREATE TABLE; it applies to all principals, also owners and admins.

    `column` is empty for a row filter. `arguments` are the columns passed to the function, without the masked one.
    """

    table: TableName
    function: FunctionName
    column: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def securable(self) -> str:
        """Return the column or table of the control, as users write it."""
        return str(ColumnName(self.table, self.column)) if self.column else str(self.table)

    def __str__(self) -> str:
        """Return `column mask c.s.f(x) on c.s.t.x`."""
        what = "column mask" if self.column else "row filter"
        inputs = (self.column, *self.arguments) if self.column else self.arguments
        return f"{what} {self.function}({', '.join(inputs)}) on {self.securable}"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ControlSlot:
    """The mask of a column or (with an empty `column`) the row filter of a table; without `function`, none is set."""

    table: TableName
    column: str = ""
    function: FunctionName | None = None
    arguments: tuple[str, ...] = ()

    @classmethod
    def of(cls, control: TableControl) -> ControlSlot:
        """Return the slot that a control fills."""
        return cls(table=control.table, column=control.column, function=control.function, arguments=control.arguments)

    @property
    def control(self) -> TableControl | None:
        """Return what is set there."""
        if self.function is None:
            return None
        return TableControl(table=self.table, column=self.column, function=self.function, arguments=self.arguments)

    @property
    def empty(self) -> ControlSlot:
        """Return the slot of the same column or table without a control."""
        return ControlSlot(table=self.table, column=self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionUse:
    """A function bound to columns: its policy, and its arguments as columns or constants."""

    policy: str
    function: FunctionName
    arguments: tuple[ColumnName | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A column (or with an empty `column` the rows of a table) on which every query of `principals` fails.

    `uses` are the conflicting masks or filters; with `reads_masked`, the last one has a masked column as an argument.
    """

    table: TableName
    column: str
    uses: tuple[FunctionUse, ...]
    principals: tuple[str, ...] = ()
    reads_masked: bool = False

    @property
    def securable(self) -> str:
        """Return the column or table, as users write it."""
        return str(ColumnName(self.table, self.column)) if self.column else str(self.table)


class ConflictCollector:
    """Collects conflicts principal by principal, and reports each once with all affected principals."""

    def __init__(self) -> None:
        """Start without conflicts."""
        self._found: dict[tuple[TableName, str, bool], tuple[set[FunctionUse], set[str]]] = defaultdict(lambda: (set(), set()))

    def add(
        self, principal: str, table: TableName, filters: Iterable[FunctionUse], masks: Iterable[tuple[ColumnName, FunctionUse]]
    ) -> None:
        """Add the conflicts of one principal on one table."""
        met, masked = list(filters), defaultdict(list)
        for column, use in masks:
            masked[column].append(use)
        self._several(principal, table, "", met)
        for column, uses in masked.items():
            self._several(principal, table, column.column, uses)
        readers = [(use, use.arguments) for use in met]
        readers += [(use, use.arguments[1:]) for uses in masked.values() for use in uses]
        for use, arguments in readers:
            for argument in arguments:
                if isinstance(argument, ColumnName) and argument in masked:
                    self._note(principal, table, argument.column, [*masked[argument], use], reads_masked=True)

    def _several(self, principal: str, table: TableName, column: str, uses: list[FunctionUse]) -> None:
        if len({(u.function, u.arguments) for u in uses}) > 1:
            self._note(principal, table, column, uses, reads_masked=False)

    def _note(self, principal: str, table: TableName, column: str, uses: list[FunctionUse], *, reads_masked: bool) -> None:
        met, who = self._found[(table, column, reads_masked)]
        met.update(uses)
        who.add(principal)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return the conflicts, sorted."""
        return tuple(
            Conflict(
                table=table, column=column, reads_masked=reads_masked, principals=tuple(sorted(who)),
                uses=tuple(sorted(met, key=lambda u: (u.policy == SET_ON_TABLE, u.policy, str(u.function), str(u.arguments)))),
            )
            for (table, column, reads_masked), (met, who) in sorted(self._found.items())
        )  # fmt: skip
