"""Creates tables with rows in a workspace: with few statements, repeatable, without touching other objects.

A seeded schema has a property with the digest of its content, written last; while the property and the tables exist, seeding
sends no writes. Every seeded table has its own digest, so that an interrupted run resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table, TypeFamily
from lampkeeper.remote.clients import Workspace, encode
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.testdata.rows import Cell
from lampkeeper.testdata.seeded_catalogs import MARK, ensure_catalog
from lampkeeper.text.digest import digest_of
from lampkeeper.text.sql_quoting import quote_identifier, quote_path, quote_string

Progress = Callable[[str, int, int], None]

_UC = "/api/2.1/unity-catalog"
_THREADS = 4
_ROWS_A_STATEMENT = 500
_PLAIN_COLUMN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTable:
    """A table and its rows, cells in column order."""

    table: Table
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def digest(self) -> str:
        """Return 16 hex digits that depend on columns, comments and rows."""
        text = create_table(self.table, "") + "".join(insert_rows(self.table, self.rows))
        return digest_of(text, digits=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """The result of seeding: tables created, tables that existed, writes sent."""

    made: tuple[TableName, ...] = ()
    kept: tuple[TableName, ...] = ()
    writes: int = 0


@dataclass(slots=True)
class _Tally:
    made: list[TableName] = field(default_factory=list)
    kept: list[TableName] = field(default_factory=list)
    writes: int = 0


def create_table(table: Table, mark: str) -> str:
    """Return CREATE OR REPLACE TABLE, so that the table has no tags of an older one. `mark` is the digest, or empty."""
    columns = ",\n  ".join(
        f"{quote_identifier(c.name)} {c.type}"
        + ("" if c.nullable else " NOT NULL")
        + (f" COMMENT {quote_string(c.comment)}" if c.comment else "")
        for c in table.columns
    )
    properties = {"delta.enableDeletionVectors": "true"}
    if any(not set(c.name) <= _PLAIN_COLUMN for c in table.columns):
        # Delta needs column mapping for blanks and punctuation in column names.
        properties["delta.columnMapping.mode"] = "name"
    if mark:
        properties[MARK] = mark
    shown = ", ".join(f"{quote_string(k)} = {quote_string(v)}" for k, v in sorted(properties.items()))
    comment = f"\nCOMMENT {quote_string(table.comment)}" if table.comment else ""
    return f"CREATE OR REPLACE TABLE {table.name.sql} (\n  {columns}\n){comment}\nTBLPROPERTIES ({shown})"


def insert_rows(table: Table, rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Return INSERT statements of literals, at most 500 rows each."""
    found = []
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        values = ",\n  ".join(
            f"({', '.join(literal(cell, column) for cell, column in zip(row, table.columns, strict=True))})"
            for row in rows[start : start + _ROWS_A_STATEMENT]
        )
        found.append(f"INSERT INTO {table.name.sql} VALUES\n  {values}")
    return tuple(found)


def literal(cell: Cell, column: Column) -> str:
    """Return a cell as a SQL literal for its column."""
    if cell is None:
        return "NULL"
    if column.family is TypeFamily.COMPLEX and isinstance(cell, str):
        if column.type.strip().upper() == "VARIANT":
            return f"parse_json({quote_string(cell)})"
        return f"from_json({quote_string(cell)}, {quote_string(column.type)})"
    match cell:
        case bool():
            return "true" if cell else "false"
        case datetime():
            return f"TIMESTAMP {quote_string(format(cell, '%Y-%m-%d %H:%M:%S'))}"
        case date():
            return f"DATE {quote_string(cell.isoformat())}"
        case bytes():
            return f"X{quote_string(cell.hex())}"
        case Decimal():
            return f"{cell:f}"
        case int():
            return str(cell)
        case float():
            return f"CAST({quote_string(repr(cell))} AS DOUBLE)" if "e" in repr(cell) else repr(cell)
        case str():
            return quote_string(cell)


def seed(
    workspace: Workspace,
    tables: Iterable[SeedTable],
    *,
    comments: Mapping[tuple[str, str], str] | None = None,
    storage_base: str = "",
    progress: Progress | None = None,
) -> SeedReport:
    """Create catalogs, schemas and tables with their rows if they are missing or differ.

    `comments` are keyed by (catalog, schema). `storage_base` is the URL for the files of new catalogs, for accounts without
    default storage. Raise UsageError if a table of the same name exists that seeding did not create.
    """
    by_schema: dict[tuple[str, str], list[SeedTable]] = {}
    for each in tables:
        by_schema.setdefault(each.table.name.parts[:2], []).append(each)
    tally = _Tally()
    total = sum(len(t) for t in by_schema.values())

    def report_progress() -> None:
        if progress is not None:
            progress("seed", len(tally.made) + len(tally.kept), total)

    for catalog in sorted({c for c, _ in by_schema}):
        tally.writes += ensure_catalog(workspace, catalog, storage_base)
    for (catalog, schema), wanted in sorted(by_schema.items()):
        _seed_schema(workspace, wanted, (comments or {}).get((catalog, schema), ""), tally, report_progress)
    return SeedReport(made=tuple(sorted(tally.made)), kept=tuple(sorted(tally.kept)), writes=tally.writes)


def _seed_schema(
    workspace: Workspace, wanted: Sequence[SeedTable], comment: str, tally: _Tally, report_progress: Callable[[], None]
) -> None:
    catalog, schema, _ = wanted[0].table.name.parts
    digest = digest_of("".join(sorted(t.digest for t in wanted)), digits=16)
    path = f"{_UC}/schemas/{encode(f'{catalog}.{schema}')}"
    found = workspace.find("schema", path)
    there: dict[str, str] = {}
    if found is None:
        body = {"catalog_name": catalog, "name": schema, "comment": comment}
        workspace.write("seed", "POST", f"{_UC}/schemas", body)
        tally.writes += 1
    else:
        there = _marks(workspace, catalog, schema)
    names = {t.table.name.table.lower() for t in wanted}
    if found is not None and (found.get("properties") or {}).get(MARK) == digest and names <= set(there):
        tally.kept += [t.table.name for t in wanted]
        report_progress()
        return
    foreign = sorted(n for n in names if there.get(n) == "")
    if foreign:
        raise UsageError(
            f"{quote_path(catalog, schema, foreign[0])} exists and was not created by seeding", fix="choose another catalog name"
        )
    missing = [t for t in wanted if there.get(t.table.name.table.lower()) != t.digest or not _has_rows(workspace, t)]
    tally.kept += [t.table.name for t in wanted if t not in missing]
    with ThreadPoolExecutor(_THREADS) as pool:
        for each, writes in zip(missing, pool.map(lambda t: _make(workspace, t), missing), strict=True):
            tally.made.append(each.table.name)
            tally.writes += writes
            report_progress()
    properties = {**((found or {}).get("properties") or {}), MARK: digest}
    workspace.write("seed", "PATCH", path, {"properties": properties})
    tally.writes += 1


def _marks(workspace: Workspace, catalog: str, schema: str) -> dict[str, str]:
    """Return the seeding digest of every table of the schema; empty for other tables."""
    query = {"catalog_name": catalog, "schema_name": schema, "omit_columns": "true"}
    return {
        str(t["name"]).lower(): str((t.get("properties") or {}).get(MARK, ""))
        for t in workspace.pages("table", f"{_UC}/tables", "tables", query)
    }


def _has_rows(workspace: Workspace, seed_table: SeedTable) -> bool:
    """Return whether the table has rows: tables of this size are filled by one statement, so they have all rows or none."""
    if not seed_table.rows:
        return True
    return bool(run_sql(workspace, f"SELECT 1 FROM {seed_table.table.name.sql} LIMIT 1", kind="seed").rows)  # noqa: S608


def _make(workspace: Workspace, seed_table: SeedTable) -> int:
    statements = (create_table(seed_table.table, seed_table.digest), *insert_rows(seed_table.table, seed_table.rows))
    for statement in statements:
        run_sql(workspace, statement, kind="seed")
    return len(statements)
