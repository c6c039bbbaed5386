"""Tables and columns of a catalog, and a snapshot of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.tags import TagAssignment


class TypeFamily(StrEnum):
    """Types that share a masking function: the platform casts its input and output to the column's type."""

    STRING = "STRING"
    INTEGER = "BIGINT"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    BINARY = "BINARY"
    COMPLEX = "COMPLEX"


_FAMILIES = {
    "string": TypeFamily.STRING, "varchar": TypeFamily.STRING, "char": TypeFamily.STRING,
    "tinyint": TypeFamily.INTEGER, "smallint": TypeFamily.INTEGER, "int": TypeFamily.INTEGER,
    "integer": TypeFamily.INTEGER, "bigint": TypeFamily.INTEGER, "long": TypeFamily.INTEGER,
    "byte": TypeFamily.INTEGER, "short": TypeFamily.INTEGER,
    "decimal": TypeFamily.DECIMAL, "numeric": TypeFamily.DECIMAL, "dec": TypeFamily.DECIMAL,
    "double": TypeFamily.DOUBLE, "float": TypeFamily.DOUBLE, "real": TypeFamily.DOUBLE,
    "boolean": TypeFamily.BOOLEAN, "date": TypeFamily.DATE,
    "timestamp": TypeFamily.TIMESTAMP, "timestamp_ntz": TypeFamily.TIMESTAMP, "timestamp_ltz": TypeFamily.TIMESTAMP,
    "binary": TypeFamily.BINARY,
}  # fmt: skip
_HEAD = re.compile(r"\s*([a-z_]+)", re.IGNORECASE)


def type_family(type_text: str) -> TypeFamily:
    """Return the family of a Databricks SQL type text; array, map, struct, variant and unknown types are COMPLEX."""
    head = _HEAD.match(type_text)
    return _FAMILIES.get(head.group(1).lower(), TypeFamily.COMPLEX) if head else TypeFamily.COMPLEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its name as stored, its Databricks SQL type, its comment, and its position from 0."""

    name: str
    type: str
    comment: str = ""
    nullable: bool = True

    @property
    def family(self) -> TypeFamily:
        """Return the type's family."""
        return type_family(self.type)


def takes_column(type_text: str, column: Column) -> bool:
    """Return whether a function of this type takes the column: the same family, and the same text for nested types."""
    family = type_family(type_text)
    if family is TypeFamily.COMPLEX:
        return "".join(type_text.split()).lower() == "".join(column.type.split()).lower()
    return family is column.family


class TableKind(StrEnum):
    """The kind of a table. Policies apply to tables; views enforce the policies of their base tables."""

    TABLE = "TABLE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    STREAMING_TABLE = "STREAMING_TABLE"
    FOREIGN = "FOREIGN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table with its columns in order."""

    name: TableName
    columns: tuple[Column, ...]
    comment: str = ""
    kind: TableKind = TableKind.TABLE
    owner: str = ""

    def column_names(self) -> tuple[ColumnName, ...]:
        """Return the full names of the columns, in order."""
        return tuple(ColumnName(self.name, c.name) for c in self.columns)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Schema:
    """A schema of Unity Catalog with its comment."""

    catalog: str
    name: str
    comment: str = ""

    @property
    def full_name(self) -> str:
        """Return `catalog.schema`, unquoted."""
        return f"{self.catalog}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The tables in scope, sorted by name, with their tags; for Genie also the SQL functions of their schemas.

    `taken_at` is an ISO-8601 UTC time from the caller; it does not affect any decision.
    """

    tables: tuple[Table, ...]
    tags: tuple[TagAssignment, ...] = ()
    taken_at: str = ""
    functions: tuple[Function, ...] = ()
    index: Mapping[TableName, Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the tables and index them by name."""
        object.__setattr__(self, "tables", tuple(sorted(self.tables, key=lambda t: t.name)))
        object.__setattr__(self, "tags", tuple(sorted(self.tags)))
        object.__setattr__(self, "functions", tuple(sorted(self.functions, key=lambda f: f.name)))
        object.__setattr__(self, "index", {t.name: t for t in self.tables})

    def columns(self) -> tuple[tuple[ColumnName, Column], ...]:
        """Return every column with its full name, tables sorted, columns in table order."""
        return tuple((ColumnName(t.name, c.name), c) for t in self.tables for c in t.columns)
