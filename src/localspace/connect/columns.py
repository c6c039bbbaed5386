"""Columns of a result: their types as messages, their cells as Arrow."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa

from localspace.connect.protocol import chosen, pb
from localspace.connect.refusals import Unserved
from localspace.sql.types import DataType, parse_type
from localspace.statement_runner import StatementResult
from localspace.task_process.rows import Field, value_of

_WORDS = {
    "tinyint": "byte", "smallint": "short", "int": "integer", "bigint": "long", "void": "null",
    **{one: one for one in ("boolean", "float", "double", "string", "binary", "date", "timestamp", "timestamp_ntz")},
}  # fmt: skip
_NAMES = {message: name for name, message in _WORDS.items()}


def type_message(kind: DataType) -> Any:
    """Return a type as Spark Connect says it; raises Unserved for one that does not travel."""
    found = pb.DataType()
    match kind.name:
        case name if name in _WORDS:
            getattr(found, _WORDS[name]).SetInParent()
        case "char" | "varchar":
            found.string.SetInParent()
        case "decimal":
            found.decimal.precision, found.decimal.scale = kind.numbers
        case "array":
            found.array.element_type.CopyFrom(type_message(kind.parts[0][1]))
            found.array.contains_null = True
        case "map":
            found.map.key_type.CopyFrom(type_message(kind.parts[0][1]))
            found.map.value_type.CopyFrom(type_message(kind.parts[1][1]))
            found.map.value_contains_null = True
        case "struct":
            found.struct.SetInParent()
            for name, part in kind.parts:
                found.struct.fields.add(name=name, data_type=type_message(part), nullable=True)
        case _:
            raise Unserved(f"a column of type {kind.text}", "cast it to STRING in SQL")
    return found


def type_text(message: Any) -> str:
    """Return a type message in the words of SQL."""
    kind, body = chosen(message, "kind")
    match kind:
        case "decimal":
            return f"decimal({body.precision or 10},{body.scale})"
        case "array":
            return f"array<{type_text(body.element_type)}>"
        case "map":
            return f"map<{type_text(body.key_type)},{type_text(body.value_type)}>"
        case name if name in _NAMES:
            return _NAMES[name]
    raise Unserved(f"the type {kind or 'unknown'}")


def schema_message(result: StatementResult) -> Any:
    """Return the columns of a result as one struct."""
    found = pb.DataType()
    found.struct.SetInParent()
    for name, text, _ in result.columns:
        found.struct.fields.add(name=name, data_type=type_message(parse_type(text)), nullable=True)
    return found


def record_batch(result: StatementResult) -> pa.RecordBatch:
    """Return a result as Arrow."""
    kinds = [parse_type(text) for _, text, _ in result.columns]
    types = [arrow_type(kind) for kind in kinds]
    schema = pa.schema([pa.field(column[0], kind) for column, kind in zip(result.columns, types, strict=True)])
    columns = [
        pa.array([_cell(row[at], kind) for row in result.rows], arrow)
        for at, (kind, arrow) in enumerate(zip(kinds, types, strict=True))
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def stream_of(batch: pa.RecordBatch) -> bytes:
    """Return a batch as one Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def arrow_type(kind: DataType) -> pa.DataType:
    """Return the Arrow type of a column; raises Unserved for one that does not travel."""
    match kind.name:
        case "void":
            return pa.null()
        case "array":
            return pa.list_(arrow_type(kind.parts[0][1]))
        case "map":
            key = kind.parts[0][1]
            if key.parts or key.name in ("date", "timestamp", "timestamp_ntz", "binary"):
                raise Unserved(f"a map with keys of type {key.text}", "cast the keys to STRING in SQL")
            return pa.map_(arrow_type(key), arrow_type(kind.parts[1][1]))
        case "struct":
            return pa.struct([pa.field(name, arrow_type(part)) for name, part in kind.parts])
    found = kind.arrow
    if found is None:
        raise Unserved(f"a column of type {kind.text}", "cast it to STRING in SQL")
    return found


def _cell(text: str | None, kind: DataType) -> Any:
    if text is None or kind.name == "void":
        return None
    if kind.parts:
        return _nested(json.loads(text, parse_float=Decimal), kind)
    return _moment(value_of(text, Field(name="", type_text=kind.text, type_name=kind.type_name)))


def _nested(value: Any, kind: DataType) -> Any:
    if value is None:
        return None
    match kind.name:
        case "array":
            return [_nested(one, kind.parts[0][1]) for one in value]
        case "map":
            (_, key), (_, held) = kind.parts
            return [(_cell(name, key), _nested(one, held)) for name, one in value.items()]
        case "struct":
            return {name: _nested(value.get(name), part) for name, part in kind.parts}
        case "string" | "char" | "varchar":
            return value if isinstance(value, str) else json.dumps(value, default=str)
    return _cell(str(value).lower() if isinstance(value, bool) else str(value), kind)


def _moment(value: Any) -> Any:
    # Rows of tasks hold moments without a zone; Arrow is told the one that they are in.
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value
