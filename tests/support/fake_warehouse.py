"""A warehouse in SQLite: what each principal sees follows from a *live* access model, which a test may have tampered with."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot

from lampkeeper.deploy.verify.queries import apply_function
from lampkeeper.model.access import Access, AccessModel, CellState, Principal
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.text.sql_quoting import quote_identifier

Row = tuple[object, ...]


def _hash(*values: object) -> int:
    text = "\x1f".join(str(v) for v in values if v is not None)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@dataclass
class FakeWarehouse:
    """Holds the rows of each table and answers queries as a principal."""

    live: AccessModel
    rows: Mapping[TableName, Sequence[Row]]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def as_(self, principal: Principal) -> FakeQueryRunner:
        return FakeQueryRunner(self, principal)


@dataclass
class FakeQueryRunner:
    """Runs queries as one principal."""

    warehouse: FakeWarehouse
    principal: Principal

    def ask(self, sql: str, parameters: Mapping[str, str]) -> Sequence[Sequence[str | None]]:
        live = self.warehouse.live
        table = next(t for t in live.tables if t.name.sql in sql)
        self.warehouse.asked.append((self.principal.name, table.name.table))
        access = Access(live).table(self.principal, table.name)
        if not access.readable:
            raise RemoteError(f"no {access.missing[0]}", code="INSUFFICIENT_PERMISSIONS", status=200)
        failing = [c.by for c in access.cells.values() if c.state is CellState.FAILING]
        if failing:
            raise RemoteError(failing[0], code=failing[0], status=200)
        functions = {f.name: f for f in live.functions}
        seen = []
        for column, declared in zip(table.column_names(), table.columns, strict=True):
            quoted = quote_identifier(column.column)
            uses = access.masks.get(column, ())
            value = apply_function(uses[0], functions, declared.type) if uses else quoted
            seen.append(f"{value} AS {quoted}")
        where = f" WHERE {apply_function(access.filters[0], functions, 'BOOLEAN')}" if access.filters else ""
        with sqlite3.connect(":memory:") as base:
            base.create_function("XXHASH64", -1, _hash)
            names = ", ".join(quote_identifier(c.name) for c in table.columns)
            base.execute(f"CREATE TABLE base ({names})")
            marks = ", ".join("?" for _ in table.columns)
            base.executemany(f"INSERT INTO base VALUES ({marks})", list(self.warehouse.rows[table.name]))
            base.execute(_sqlite(f"CREATE VIEW seen AS SELECT {', '.join(seen)} FROM base{where}"))
            found = base.execute(_sqlite(sql.replace(table.name.sql, "seen")), dict(parameters)).fetchall()
        return [[None if v is None else str(v) for v in row] for row in found]


def _sqlite(sql: str) -> str:
    return sqlglot.transpile(sql, read="databricks", write="sqlite")[0]


def column(table: TableName, name: str) -> ColumnName:
    return ColumnName(table, name)
