"""A warehouse in SQLite: what each principal sees follows from a *live* access model, which a test may have tampered with."""

from __future__ import annotations

import hashlib
import re
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


_STATEMENT = re.compile(r"SELECT b, p, (?P<columns>.*?) FROM \((?P<branches>.*)\) GROUP BY b, p", re.S)
_BRANCHES = re.compile(r" UNION ALL (?=SELECT \d+ AS b, posexplode)")
_BRANCH = re.compile(r"SELECT (?P<number>\d+) AS b, posexplode\(array\((?P<texts>.*)\)\) AS \(p, v\) FROM (?P<rest>.*)", re.S)
_DAY = re.compile(r"CAST\('([\d-]+)' AS STRING\)$")
"""The shape of a statement of the verification; a day stands where a test has put it in place of current_date()."""


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
        """Return the rows of a statement about one table, or about several: these fail as a whole."""
        self.warehouse.asked.append((self.principal.name, sql))
        outer = _STATEMENT.fullmatch(sql)
        assert outer is not None, sql
        day = _DAY.search(outer["columns"])
        found: list[list[str | None]] = []
        for text in _BRANCHES.split(outer["branches"]):
            branch = _BRANCH.fullmatch(text)
            assert branch is not None, text
            places = self._branch(branch["texts"], branch["rest"])
            for place, values in enumerate(zip(*places, strict=True)):
                there = [v for v in values if v is not None]
                total = sum(_hash(parameters["salt"], v) for v in values)
                row: list[str | None] = [branch["number"], str(place), str(len(there)), str(total)]
                row += [str(len(set(there)))] if "DISTINCT" in outer["columns"] else []
                found.append([*row, *([day[1]] if day is not None else [])])
        return found

    def _branch(self, texts: str, rest: str) -> Sequence[Sequence[str | None]]:
        """Return the texts of each row of one table, as the principal sees it."""
        live = self.warehouse.live
        table = next(
            (t for t in live.tables if rest.startswith(t.name.sql) and rest[len(t.name.sql) :][:7] in ("", " WHERE ")), None
        )
        if table is None:
            raise RemoteError("the table cannot be found", code="TABLE_OR_VIEW_NOT_FOUND", status=200)
        access = Access(live).table(self.principal, table.name)
        if not access.readable:
            privilege, _, securable = access.missing[0].replace("_", " ").partition(" on ")
            kind = {"USE CATALOG": "Catalog", "USE SCHEMA": "Schema"}.get(privilege, "Table")
            raise RemoteError(
                f"Insufficient privileges: User does not have {privilege} on {kind} '{securable}'.",
                code="INSUFFICIENT_PERMISSIONS", status=200,
            )  # fmt: skip
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
            found = base.execute(_sqlite(f"SELECT {texts} FROM seen{rest[len(table.name.sql) :]}")).fetchall()
        return [[None if v is None else str(v) for v in row] for row in found]


def _sqlite(sql: str) -> str:
    return sqlglot.transpile(sql, read="databricks", write="sqlite")[0]


def column(table: TableName, name: str) -> ColumnName:
    return ColumnName(table, name)
