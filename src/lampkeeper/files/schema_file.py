"""Reads schema files of other systems as tables: `.sql` files of CREATE TABLE statements, `.jsonl` files of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.files.legal_names import catalog_from_stem, free_name, legal_column_name, legal_object_name
from lampkeeper.files.schema_sql import StatementCount, read_sql
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text
from lampkeeper.files.types import FALLBACK, databricks_type
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RawColumn:
    """One column as a file gives it, before its names and type are converted; `catalog` and `schema` may be empty."""

    catalog: str
    schema: str
    table: str
    column: str
    type: str
    comment: str
    location: str
    nullable: bool = True
    table_comment: str = ""
    values: tuple[str, ...] = ()
    kind: TableKind = TableKind.TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFile:
    """The tables of a file, and findings about changed names and guessed types.

    `order` has the column of every entry in the file's order (a repeated entry appears twice); `values`
    are examples given with columns; `locations` holds `file:line` of each column. `count` counts the statements of a .sql file;
    `about` maps a finding to the table that may lack columns.
    """

    tables: tuple[Table, ...]
    order: tuple[ColumnName, ...]
    values: Mapping[ColumnName, tuple[str, ...]]
    locations: Mapping[ColumnName, str]
    findings: tuple[Finding, ...]
    count: StatementCount = field(default_factory=StatementCount)
    about: Mapping[Finding, TableName] = field(default_factory=dict)

    def snapshot(self, taken_at: str = "") -> Snapshot:
        """Return the tables as a snapshot."""
        return Snapshot(tables=self.tables, taken_at=taken_at)


def read_schema_file(path: Path, *, dialect: str = "", catalog: str = "") -> SchemaFile:
    """Read a schema file by its extension, see `read_schema`."""
    return read_schema(read_text(path), path, dialect=dialect, catalog=catalog)


def read_schema(text: str, path: Path, *, dialect: str = "", catalog: str = "") -> SchemaFile:
    """Read a schema; raise UsageError with file, line and column of malformed text.

    `dialect` of a .sql file is one of `schema_sql.DIALECTS`, or empty to detect it. `catalog` is the catalog of tables that
    name none, or empty for the file's stem. Table names become lower case, as in the catalog; columns keep their spelling.
    """
    default = catalog or catalog_from_stem(path.stem)
    builder = _Builder(default=default, stem=catalog_from_stem(path.stem))
    if path.suffix == ".sql":
        script = read_sql(text, path, dialect)
        raw = tuple(RawColumn(**column) for column in script.columns)
        builder.findings += script.findings
        builder.count = script.count
        builder.owners = script.owners
    elif path.suffix in (".jsonl", ".ndjson"):
        raw = tuple(_json_column(line, path, number) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    else:
        raise UsageError(f"{path}: {path.suffix or 'no extension'} is not a schema file", fix="give a .sql or a .jsonl file")
    if not raw:
        lost = next((f"; {f.location}: {f.message}" for f in builder.findings if f.severity is Severity.ERROR), "")
        raise UsageError(f"{path}: no table in the file{lost}", fix="it must hold CREATE TABLE statements or one column per line")
    for column in raw:
        builder.add(column)
    return builder.done()


@dataclass(slots=True)
class _Builder:
    default: str
    stem: str
    columns: dict[TableName, dict[str, Column]] = field(default_factory=dict)
    comments: dict[TableName, str] = field(default_factory=dict)
    given: dict[tuple[str, str, str], TableName] = field(default_factory=dict)
    names: dict[tuple[TableName, str], str] = field(default_factory=dict)
    order: list[ColumnName] = field(default_factory=list)
    values: dict[ColumnName, tuple[str, ...]] = field(default_factory=dict)
    locations: dict[ColumnName, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    count: StatementCount = field(default_factory=StatementCount)
    owners: Mapping[Finding, tuple[str, str, str]] = field(default_factory=dict)
    kinds: dict[TableName, TableKind] = field(default_factory=dict)

    def add(self, raw: RawColumn) -> None:
        table = self._table(raw)
        columns = self.columns[table]
        folded = raw.column.casefold()
        if (table, folded) in self.names:
            name = ColumnName(table, self.names[(table, folded)])
            self.order.append(name)
            message = f"column {raw.column!r} of {table} is given twice"
            self._note("SCHEMA_COLUMN_TWICE", Severity.WARNING, raw.location, message, f"it is first at {self.locations[name]}")
            return
        legal = free_name(legal_column_name(raw.column), lambda n: n.casefold() in columns)
        name = ColumnName(table, legal)
        if legal != raw.column:
            message = f"column {raw.column!r} is not a valid column name"
            self._note("SCHEMA_NAME_CHANGED", Severity.WARNING, raw.location, message, f"it is renamed to {legal!r}")
        kind = databricks_type(raw.type)
        if kind is None:
            what = f"type {raw.type!r} of {name} is not known" if raw.type.strip() else f"{name} has no type"
            # A qualified type is user-defined in the other database: a string is its right representation.
            severity = Severity.INFO if "." in raw.type.split("(")[0] else Severity.WARNING
            self._note("SCHEMA_TYPE_UNKNOWN", severity, raw.location, what, f"it is read as {FALLBACK}")
        columns[legal.casefold()] = Column(name=legal, type=kind or FALLBACK, comment=raw.comment, nullable=raw.nullable)
        self.names[(table, folded)] = legal
        self.order.append(name)
        self.locations[name] = raw.location
        if raw.values:
            self.values[name] = raw.values

    def _table(self, raw: RawColumn) -> TableName:
        key = (raw.catalog, raw.schema, raw.table)
        if key not in self.given:
            parts = [raw.catalog or self.default, raw.schema or self.stem, raw.table]
            legal = [legal_object_name(p) for p in parts]
            legal[2] = free_name(legal[2], lambda n: TableName(legal[0], legal[1], n) in self.columns)
            table = TableName(*legal)
            for what, old, new in zip(("catalog", "schema", "table"), parts, legal, strict=True):
                if old.lower() != new:
                    self._note(
                        "SCHEMA_NAME_CHANGED", Severity.WARNING if what == "table" else Severity.INFO, raw.location,
                        f"{what} {old!r} is not a valid name in the catalog, or is not unique", f"it is renamed to {new!r}",
                    )  # fmt: skip
            self.given[key] = table
            self.columns[table] = {}
            self.comments[table] = raw.table_comment
            self.kinds[table] = raw.kind
        return self.given[key]

    def _name(self, parts: tuple[str, str, str]) -> TableName:
        catalog, schema, table = parts
        return TableName(*(legal_object_name(p) for p in (catalog or self.default, schema or self.stem, table)))

    def _note(self, code: str, severity: Severity, location: str, message: str, fix: str) -> None:
        self.findings.append(Finding(code=code, severity=severity, location=location, message=message, fix=fix))

    def done(self) -> SchemaFile:
        tables = (
            Table(name=t, columns=tuple(c.values()), comment=self.comments[t], kind=self.kinds[t])
            for t, c in self.columns.items()
        )
        about = {f: self.given.get(parts) or self._name(parts) for f, parts in self.owners.items()}
        return SchemaFile(
            tables=tuple(sorted(tables, key=lambda t: t.name)), order=tuple(self.order), values=self.values,
            locations=self.locations, findings=sort_findings(self.findings), count=self.count, about=about,
        )  # fmt: skip


def _json_column(line: str, path: Path, number: int) -> RawColumn:
    data = read_json(line, path, line=number)
    location = f"{path}:{number}"
    if not isinstance(data, dict):
        raise UsageError(f"{location}: not an object", fix='write {"db": ..., "table": ..., "column": ..., "type": ...}')
    values = data.get("values") or []
    if not isinstance(values, list):
        raise UsageError(f"{location}: values must be a list of strings")
    return RawColumn(
        catalog=_field(data, "catalog", location), schema=_field(data, "schema", location) or _field(data, "db", location),
        table=_field(data, "table", location, required=True), column=_field(data, "column", location, required=True),
        type=_field(data, "type", location), comment=_field(data, "comment", location), location=location,
        table_comment=_field(data, "table_comment", location), values=tuple(str(v) for v in values if v is not None),
    )  # fmt: skip


def _field(data: dict[str, Any], name: str, location: str, *, required: bool = False) -> str:
    value = data.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise UsageError(f"{location}: {name!r} must be a string", fix=f'add "{name}": "..."')
    return value
