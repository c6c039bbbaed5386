"""Column definitions: the grammar of CREATE TABLE and ADD COLUMNS, and the documents made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from localspace.core.lexer import Cursor, quote_name
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents.catalog import StoredArgument, StoredColumn, StoredIdentity, StoredTable
from localspace.core.stored_documents.kind import Document
from localspace.sql import failures
from localspace.sql.control_arguments import argument_list
from localspace.sql.identity_columns import read_identity
from localspace.sql.types import DataType, read_type

_COLUMN_WORDS: tuple[str, ...] = (
    "NOT",
    "NULL",
    "DEFAULT",
    "COMMENT",
    "GENERATED",
    "CONSTRAINT",
    "PRIMARY",
    "FOREIGN",
    "REFERENCES",
    "MASK",
)
_COLUMN_WORDS += ("COLLATE", "FIRST", "AFTER", "CHECK", ",", ")")
_NOTES: tuple[str, ...] = (
    "NOT",
    "ENFORCED",
    "DEFERRABLE",
    "INITIALLY",
    "DEFERRED",
    "NORELY",
    "RELY",
    "MATCH",
    "FULL",
    "NO",
    "ACTION",
    "ON",
)
_NOTES += ("UPDATE", "DELETE", "ENABLE", "DISABLE", "NOVALIDATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSpec:
    """A column mask as a statement defines it."""

    function: tuple[str, ...]
    using: list[StoredArgument]


@dataclass(slots=True, kw_only=True)
class ColumnSpec:
    """A column as a statement defines it; `place` is FIRST, or (AFTER, column)."""

    name: str
    type: DataType
    nullable: bool = True
    comment: str | None = None
    default: str | None = None
    identity: StoredIdentity | None = None
    mask: MaskSpec | None = None
    position: tuple[str, str] | None = None


@dataclass(slots=True)
class ColumnList:
    """What stands between the parentheses of CREATE TABLE."""

    columns: list[ColumnSpec] = field(default_factory=list)
    constraints: list[Document] = field(default_factory=list)


def read_columns(cursor: Cursor) -> ColumnList:
    """Read `(column, …, constraint, …)`."""
    found = ColumnList()
    cursor.expect("(")
    while True:
        if cursor.looking_at("CONSTRAINT") or cursor.looking_at("PRIMARY", "KEY") or cursor.looking_at("FOREIGN", "KEY"):
            found.constraints.append(_table_constraint(cursor))
        else:
            found.columns.append(read_column(cursor, found.constraints))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found


def read_column(cursor: Cursor, constraints: list[Document]) -> ColumnSpec:
    """Read one column definition; its keys are added to `constraints`."""
    spec = ColumnSpec(name=cursor.name(), type=read_type(cursor))
    constraint_name: str | None = None
    while not cursor.done and not (cursor.looking_at(",") or cursor.looking_at(")")):
        if cursor.accept("NOT", "NULL"):
            spec.nullable = False
        elif cursor.accept("NULL"):
            spec.nullable = True
        elif cursor.accept("COMMENT"):
            spec.comment = cursor.string()
        elif cursor.accept("DEFAULT"):
            spec.default = cursor.skip_until(*_COLUMN_WORDS)
        elif cursor.accept("COLLATE"):
            cursor.name()
        elif cursor.accept("CONSTRAINT"):
            constraint_name = cursor.name()
        elif cursor.accept("PRIMARY", "KEY"):
            spec.nullable = False
            constraints.append(_primary(constraint_name, [spec.name]))
            _notes(cursor)
        elif cursor.looking_at("FOREIGN", "KEY") or cursor.looking_at("REFERENCES"):
            cursor.accept("FOREIGN", "KEY")
            constraints.append(_foreign(cursor, constraint_name, [spec.name]))
        elif cursor.accept("MASK"):
            spec.mask = read_mask(cursor)
        elif cursor.accept("FIRST"):
            spec.position = ("FIRST", "")
        elif cursor.accept("AFTER"):
            spec.position = ("AFTER", cursor.name())
        elif cursor.looking_at("GENERATED"):
            spec.identity = read_identity(cursor, spec.type)
        else:
            raise cursor.error(f"'{cursor.take().text}'", "in a column definition")
    if spec.identity is not None and spec.default is not None:
        raise SqlError(
            "GENERATED_COLUMN_WITH_DEFAULT_VALUE",
            f"A column cannot have both a default value and a generation expression but column {quote_name(spec.name)} has"
            f" default value: ({spec.default}) and an identity.",
            "42623",
        )
    return spec


def read_mask(cursor: Cursor) -> MaskSpec:
    """Read `function [USING COLUMNS (column or literal, …)]` after MASK."""
    function = cursor.path()
    using: list[StoredArgument] = []
    if cursor.accept("USING"):
        cursor.expect("COLUMNS")
        using = argument_list(cursor)
    return MaskSpec(function=function, using=using)


def name_list(cursor: Cursor) -> list[str]:
    """Read `(name, …)`; sort words after a name are passed over."""
    cursor.expect("(")
    found: list[str] = []
    if cursor.accept(")"):
        return found
    while True:
        found.append(cursor.name())
        cursor.one_of("ASC", "DESC", "TIMESERIES")
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found


def documents_of(specs: Iterable[ColumnSpec], first_physical: int = 1, first_position: int = 0) -> list[StoredColumn]:
    """Return the column documents of definitions; raises on two columns of one name."""
    found: list[StoredColumn] = []
    seen: set[str] = set()
    for at, spec in enumerate(specs):
        if spec.name.casefold() in seen:
            raise SqlError("COLUMN_ALREADY_EXISTS", f"The column `{spec.name}` already exists.", "42711")
        seen.add(spec.name.casefold())
        column: StoredColumn = {
            "name": spec.name,
            "physical": f"c{first_physical + at}",
            "type_text": spec.type.text,
            "type_name": spec.type.type_name,
            "type_json": spec.type.column_json(spec.name, spec.nullable, spec.comment),
            "nullable": spec.nullable,
            "comment": spec.comment,
            "position": first_position + at,
            "mask": None,
        }
        if spec.default is not None:
            column["default"] = spec.default
        if spec.identity is not None:
            column["identity"] = spec.identity
        if _scaled(spec):
            column["type_precision"], column["type_scale"] = spec.type.numbers[0], spec.type.numbers[1]
        found.append(column)
    return found


def next_physical(table: StoredTable) -> int:
    """Return the number of the next physical column: names of dropped columns are never used again."""
    used = [int(column["physical"][1:]) for column in table["columns"] if column["physical"][1:].isdigit()]
    return max([int(table.get("last_physical") or 0), *used]) + 1


def _scaled(spec: ColumnSpec) -> bool:
    return spec.type.name == "decimal"


def _table_constraint(cursor: Cursor) -> Document:
    name = cursor.name() if cursor.accept("CONSTRAINT") else None
    if cursor.accept("PRIMARY", "KEY"):
        columns = name_list(cursor)
        _notes(cursor)
        return _primary(name, columns)
    if cursor.accept("FOREIGN", "KEY"):
        return _foreign(cursor, name, name_list(cursor))
    raise failures.not_supported("CHECK constraints in CREATE TABLE")


def _primary(name: str | None, columns: list[str]) -> Document:
    return {"primary_key_constraint": {"name": name or "pk", "child_columns": columns}}


def _foreign(cursor: Cursor, name: str | None, columns: list[str]) -> Document:
    cursor.expect("REFERENCES")
    parent = ".".join(cursor.path())
    parents = name_list(cursor) if cursor.looking_at("(") else columns
    _notes(cursor)
    return {
        "foreign_key_constraint": {
            "name": name or f"fk_{'_'.join(columns)}",
            "child_columns": columns,
            "parent_table": parent,
            "parent_columns": parents,
        }
    }


def _notes(cursor: Cursor) -> None:
    while not cursor.looking_at("NOT", "NULL") and cursor.one_of(*_NOTES):
        pass
