"""Results as Arrow: cells come as text and become values of their column's type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from localspace.sql.calendar_days import days_of, micros_of
from localspace.sql.result_rows import Field, value_of
from localspace.sql.types import DataType, parse_type

Columns = Sequence[tuple[str, str, str]]
Rows = Sequence[Sequence[str | None]]
_NO_KEYS = frozenset({"date", "timestamp", "timestamp_ntz", "binary", "array", "map", "struct"})


def record_batch(columns: Columns, rows: Rows) -> pa.RecordBatch:
    """Return rows as Arrow; a column whose type Arrow does not have here travels as its text."""
    kinds = [_kind(text) for _, text, _ in columns]
    arrows = [arrow_type(kind) or pa.string() for kind in kinds]
    arrays = [
        pa.array([_cell(row[at], kind) if arrow_type(kind) is not None else row[at] for row in rows], arrow)
        for at, (kind, arrow) in enumerate(zip(kinds, arrows, strict=True))
    ]
    schema = pa.schema([pa.field(column[0], kind) for column, kind in zip(columns, arrows, strict=True)])
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def stream_of(batch: pa.RecordBatch) -> bytes:
    """Return a batch as one Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def arrow_type(kind: DataType) -> pa.DataType | None:
    """Return the Arrow type of a column, None for one that travels as text: intervals, variants, maps with odd keys."""
    if kind.name == "void":
        return pa.null()
    parts = [arrow_type(part) for _, part in kind.parts]
    if any(one is None for one in parts):
        return None
    match kind.name:
        case "array":
            return pa.list_(parts[0])
        case "map":
            return None if kind.parts[0][1].name in _NO_KEYS else pa.map_(*parts)
        case "struct":
            return pa.struct([pa.field(name, one) for (name, _), one in zip(kind.parts, parts, strict=True)])
    return kind.arrow


def _kind(text: str) -> DataType:
    return DataType(text.lower()) if text.upper().startswith("INTERVAL") else parse_type(text)


def _cell(text: str | None, kind: DataType) -> Any:
    if text is None or kind.name == "void":
        return None
    if kind.name == "date":
        return days_of(text)
    if kind.name in ("timestamp", "timestamp_ntz"):
        return micros_of(text)
    if kind.parts:
        return _nested(json.loads(text, parse_float=Decimal), kind)
    return value_of(text, Field(name="", type_text=kind.text, type_name=kind.type_name))


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
