"""Column masks and row filters that are set directly on tables: one paged list per schema, no call per column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.model.controls import TableControl
from lampkeeper.model.names import FunctionName, TableName, split_name
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.side_by_side import side_by_side

_TABLES = "/api/2.1/unity-catalog/tables"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlsRead:
    """The controls on tables in scope, and the tables that the list does not show, whose controls are unknown."""

    controls: tuple[TableControl, ...] = ()
    not_shown: tuple[TableName, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield one line for each control and for each table that is not shown; `none` if there are neither."""
        yield from map(str, self.controls)
        yield from (f"{table} is not shown to this principal: its controls are unknown" for table in self.not_shown)
        if not self.controls and not self.not_shown:
            yield "none"

    def as_dict(self) -> dict[str, list[str]]:
        """Return the controls and the tables that are not shown, as text."""
        return {"set": [str(c) for c in self.controls], "not_shown": [str(t) for t in self.not_shown]}


def read_controls(workspace: Workspace, tables: Iterable[TableName]) -> ControlsRead:
    """Read the controls that ALTER TABLE has set on these tables.

    The source is the list of tables, not information_schema, whose views omit tables that are visible by BROWSE alone and
    give the further arguments as one string (source: platform docs, COLUMN_MASKS and ROW_FILTERS).
    """
    wanted: dict[tuple[str, str], dict[str, TableName]] = defaultdict(dict)
    for table in tables:
        wanted[(table.catalog, table.schema)][table.plain.casefold()] = table

    def one(schema: tuple[str, str]) -> ControlsRead:
        names, seen = wanted[schema], set()
        found: list[TableControl] = []
        query = {"catalog_name": schema[0], "schema_name": schema[1], "omit_properties": True}
        for raw in workspace.pages("tables", _TABLES, "tables", query):
            table = names.get(f"{raw.get('catalog_name')}.{raw.get('schema_name')}.{raw.get('name')}".casefold())
            if table is not None:
                seen.add(table)
                found += _controls(table, raw)
        return ControlsRead(controls=tuple(found), not_shown=tuple(set(names.values()) - seen))

    parts = side_by_side(one, sorted(wanted))
    return ControlsRead(
        controls=tuple(sorted(c for part in parts for c in part.controls)),
        not_shown=tuple(sorted(t for part in parts for t in part.not_shown)),
    )


def _controls(table: TableName, raw: Mapping[str, Any]) -> Iterator[TableControl]:
    row_filter = raw.get("row_filter") or {}
    if row_filter.get("function_name"):
        arguments = tuple(str(a) for a in row_filter.get("input_column_names") or ())
        yield TableControl(table=table, function=_function(row_filter["function_name"]), arguments=arguments)
    for column in raw.get("columns") or ():
        mask = column.get("mask") or {}
        if mask.get("function_name"):
            arguments = tuple(str(a) for a in mask.get("using_column_names") or ())
            name = str(column["name"])
            yield TableControl(table=table, column=name, function=_function(mask["function_name"]), arguments=arguments)


def _function(full_name: object) -> FunctionName:
    text = str(full_name)
    return FunctionName(*(split_name(text) if "`" in text else text.split(".", 2)))
