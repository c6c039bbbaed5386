"""Identity columns: `GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY [(START WITH n INCREMENT BY m)]`.

Source: platform docs, CREATE TABLE [USING], "identity columns": BIGINT alone; numbers are unique, ascending by the step, and none
is given twice. A row gets its number when its values are written; the next number stands in the table's document.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents.catalog import StoredColumn, StoredIdentity, StoredTable
from localspace.sql import failures
from localspace.sql.types import DataType


def read_identity(cursor: Cursor, kind: DataType) -> StoredIdentity:
    """Read the clause; raises for generated columns of another sort, other types than BIGINT, and a step of 0."""
    cursor.expect("GENERATED")
    always = cursor.accept("ALWAYS")
    if not always:
        cursor.expect("BY", "DEFAULT")
    cursor.expect("AS")
    if not cursor.accept("IDENTITY"):
        raise failures.not_supported("columns GENERATED AS an expression")
    found: StoredIdentity = {"always": always, "start": 1, "step": 1, "next": 1}
    if cursor.accept("("):
        while not cursor.accept(")"):
            if cursor.accept("START"):
                cursor.accept("WITH")
                found["start"] = found["next"] = _number(cursor)
            elif cursor.accept("INCREMENT"):
                cursor.accept("BY")
                found["step"] = _number(cursor)
            else:
                raise cursor.error("this place", "expected START WITH or INCREMENT BY")
            cursor.accept(",")
    if kind.name != "bigint":
        raise SqlError(
            "DELTA_IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE",
            f"DataType {kind.shown} is not supported for IDENTITY columns.",
            "428H2",
        )
    if found["step"] == 0:
        raise SqlError("DELTA_IDENTITY_COLUMNS_ILLEGAL_STEP", "IDENTITY column step cannot be 0.", "42611")
    return found


def clause_of(column: StoredColumn) -> str:
    """Return the clause of a column as SHOW CREATE TABLE has it, "" for a column without."""
    identity = column.get("identity")
    if not identity:
        return ""
    words = "ALWAYS" if identity["always"] else "BY DEFAULT"
    return f" GENERATED {words} AS IDENTITY (START WITH {identity['start']} INCREMENT BY {identity['step']})"


def refuse_given(columns: Iterable[StoredColumn]) -> None:
    """Refuse values for a column whose numbers are GENERATED ALWAYS."""
    for column in columns:
        if (identity := column.get("identity")) and identity["always"]:
            raise SqlError(
                "DELTA_IDENTITY_COLUMNS_EXPLICIT_INSERT_NOT_SUPPORTED",
                f"Providing values for GENERATED ALWAYS AS IDENTITY column {column['name']} is not supported.",
                "42808",
            )


def refuse_update(column: StoredColumn) -> None:
    """Refuse an assignment to an identity column."""
    if column.get("identity"):
        raise SqlError(
            "DELTA_IDENTITY_COLUMNS_UPDATE_NOT_SUPPORTED",
            f"UPDATE on IDENTITY column {column['name']} is not supported.",
            "42808",
        )


def number_rows(table: StoredTable, folder: Path) -> list[StoredColumn]:
    """Give a number to each new row that has none; return the table's columns with the numbers that come next."""
    columns = [column.copy() for column in table["columns"]]
    numbered = [column for column in columns if column.get("identity")]
    if numbered:
        for file in sorted(folder.glob("*.parquet")):
            _number_file(numbered, file)
    return columns


def _number_file(columns: list[StoredColumn], file: Path) -> None:
    rows = pq.read_table(file)
    for column in columns:
        identity = column.get("identity")
        at = rows.schema.get_field_index(column["physical"])
        if not identity or at < 0 or rows.num_rows == 0:
            continue
        values = rows.column(at).combine_chunks()
        missing = values.null_count
        numbers = pa.array(range(identity["next"], identity["next"] + missing * identity["step"], identity["step"]), pa.int64())
        filled = pc.replace_with_mask(values.cast(pa.int64()), pc.is_null(values), numbers)
        rows = rows.set_column(at, rows.schema.field(at), filled)
        identity["next"] += missing * identity["step"]
    # A new file: the checksum beside the former one is of its former content.
    pq.write_table(rows, file.with_name(f"{uuid.uuid4().hex}.parquet"))
    file.unlink()
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)


def _number(cursor: Cursor) -> int:
    sign = "-" if cursor.accept("-") else ""
    token = cursor.take()
    if token.kind != "number" or not token.text.isdigit():
        raise cursor.error(f"'{token.text}'", "expected a whole number")
    return int(sign + token.text)
