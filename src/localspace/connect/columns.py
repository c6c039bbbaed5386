"""Columns of a result: their types as messages."""

from __future__ import annotations

from typing import Any

from localspace.connect.protocol import chosen, pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.statement_runner import StatementResult
from localspace.sql.arrow import arrow_type
from localspace.sql.types import DataType, parse_type

_WORDS = {
    "tinyint": "byte", "smallint": "short", "int": "integer", "bigint": "long", "void": "null",
    **{one: one for one in ("boolean", "float", "double", "string", "binary", "date", "timestamp", "timestamp_ntz")},
}  # fmt: skip
_NAMES = {message: name for name, message in _WORDS.items()}


def type_message(kind: DataType) -> Any:
    """Return a type as Spark Connect says it; raises UnsupportedError for one that does not travel."""
    if arrow_type(kind) is None:
        raise UnsupportedError(f"a column of type {kind.text}", "cast it to STRING in SQL")
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
    raise UnsupportedError(f"the type {kind or 'unknown'}")


def schema_message(result: StatementResult) -> Any:
    """Return the columns of a result as one struct."""
    found = pb.DataType()
    found.struct.SetInParent()
    for name, text, type_name in result.columns:
        if type_name == "INTERVAL":
            raise UnsupportedError(f"a column of type {text}", "cast it to STRING in SQL")
        found.struct.fields.add(name=name, data_type=type_message(parse_type(text)), nullable=True)
    return found
