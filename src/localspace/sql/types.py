"""Data types: the user's spelling, Unity Catalog's fields, Spark's DDL, Arrow's types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from localspace.core.lexer import Cursor, quote_name
from localspace.core.statement_runner import SqlError

_SIMPLE = {
    "boolean": ("BOOLEAN", "boolean"),
    "tinyint": ("BYTE", "byte"),
    "smallint": ("SHORT", "short"),
    "int": ("INT", "integer"),
    "bigint": ("LONG", "long"),
    "float": ("FLOAT", "float"),
    "double": ("DOUBLE", "double"),
    "string": ("STRING", "string"),
    "binary": ("BINARY", "binary"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamp"),
    "timestamp_ntz": ("TIMESTAMP_NTZ", "timestamp_ntz"),
    "variant": ("VARIANT", "variant"),
    "void": ("NULL", "void"),
}
_ALIASES = {
    "bool": "boolean",
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "timestamp_ltz": "timestamp",
}
_WIDER: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint", "decimal", "double"),
    "smallint": ("int", "bigint", "decimal", "double"),
    "int": ("bigint", "decimal", "double"),
    "bigint": ("decimal",),
    "float": ("double",),
    "date": ("timestamp_ntz",),
}
_ARROW = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class DataType:
    """A parsed type: `name` is the base word, `numbers` precision, scale or length, `parts` (name, type, comment)."""

    name: str
    numbers: tuple[int, ...] = ()
    parts: tuple[tuple[str, DataType], ...] = ()

    @property
    def text(self) -> str:
        """Return the canonical text, as `type_text` holds it."""
        if self.name == "struct":
            return "struct<" + ",".join(f"{_field(name)}:{part.text}" for name, part in self.parts) + ">"
        if self.parts:
            return f"{self.name}<" + ",".join(part.text for _, part in self.parts) + ">"
        if self.numbers:
            return f"{self.name}({','.join(str(number) for number in self.numbers)})"
        return self.name

    @property
    def shown(self) -> str:
        """Return the text with its words in capitals, as results have it; names of fields stay as they are."""
        if self.name == "struct":
            return "STRUCT<" + ",".join(f"{_field(name)}:{part.shown}" for name, part in self.parts) + ">"
        if self.parts:
            return f"{self.name.upper()}<" + ",".join(part.shown for _, part in self.parts) + ">"
        return self.text.upper()

    @property
    def spark(self) -> str:
        """Return the type as the engine gets it; lengths of strings are not the engine's business."""
        if self.name in ("char", "varchar"):
            return "string"
        if self.name == "struct":
            return "struct<" + ",".join(f"{quote_name(name)}:{part.spark}" for name, part in self.parts) + ">"
        if self.parts:
            return f"{self.name}<" + ",".join(part.spark for _, part in self.parts) + ">"
        return self.text

    @property
    def type_name(self) -> str:
        """Return Unity Catalog's ColumnTypeName."""
        if self.name in _SIMPLE:
            return _SIMPLE[self.name][0]
        if self.name in ("char", "varchar"):
            return "CHAR" if self.name == "char" else "STRING"
        return "INTERVAL" if self.name.startswith("interval") else self.name.upper()

    @property
    def json(self) -> Any:
        """Return the type as Spark's schema JSON spells it."""
        if self.name in _SIMPLE:
            return _SIMPLE[self.name][1]
        if self.name == "array":
            return {"type": "array", "elementType": self.parts[0][1].json, "containsNull": True}
        if self.name == "map":
            key, value = (part.json for _, part in self.parts)
            return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}
        if self.name == "struct":
            fields = [{"name": n, "type": t.json, "nullable": True, "metadata": {}} for n, t in self.parts]
            return {"type": "struct", "fields": fields}
        return "string" if self.name in ("char", "varchar") else self.text

    @property
    def arrow(self) -> pa.DataType | None:
        """Return the Arrow type of the literal fast path, or None for a type that only the engine writes."""
        if self.name == "decimal":
            return pa.decimal128(*self.numbers)
        if self.name in ("char", "varchar"):
            return pa.string()
        return _ARROW.get(self.name)

    def column_json(self, name: str, nullable: bool, comment: str | None) -> str:
        """Return the `type_json` of a column."""
        metadata = {"comment": comment} if comment else {}
        field = {"name": name, "type": self.json, "nullable": nullable, "metadata": metadata}
        return json.dumps(field, separators=(",", ":"), ensure_ascii=False)

    def widens_to(self, other: DataType) -> bool:
        """Return whether a column may change from this type to the other without rewriting values."""
        if self == other:
            return True
        if self.name == other.name == "decimal":
            grown = other.numbers[0] - self.numbers[0]
            return other.numbers[1] >= self.numbers[1] and grown >= other.numbers[1] - self.numbers[1]
        if self.name in ("char", "varchar", "string") and other.name in ("varchar", "string"):
            return other.name == "string" or (bool(self.numbers) and other.numbers[0] >= self.numbers[0])
        return other.name in _WIDER.get(self.name, ())


@lru_cache(maxsize=4096)
def parse_type(text: str) -> DataType:
    """Read a type; raises UNSUPPORTED_DATATYPE or a syntax error."""
    cursor = Cursor(text)
    found = read_type(cursor)
    cursor.end()
    return found


def read_type(cursor: Cursor) -> DataType:
    """Read a type at the cursor."""
    token = cursor.take()
    name = token.text.lower()
    name = _ALIASES.get(name, name)
    if token.kind != "word":
        raise _unsupported(token.text)
    if name in _SIMPLE:
        if name == "string" and cursor.accept("COLLATE"):
            cursor.name()
        return DataType(name)
    if name == "decimal":
        numbers = _numbers(cursor)
        precision, scale = (*numbers, 0)[:2] if numbers else (10, 0)
        if not (1 <= precision <= 38 and 0 <= scale <= precision):
            raise SqlError("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "Decimal precision exceeds 38.", "22003")
        return DataType("decimal", (precision, scale))
    if name in ("char", "varchar", "character"):
        name = "char" if name == "character" else name
        numbers = _numbers(cursor)
        if len(numbers) != 1:
            raise SqlError("DATATYPE_MISSING_SIZE", f'DataType "{name.upper()}" requires a length parameter.', "42K01")
        return DataType(name, tuple(numbers))
    if name == "array":
        return DataType("array", (), (("element", _nested(cursor)[0]),))
    if name == "map":
        key, value = _nested(cursor, 2)
        return DataType("map", (), (("key", key), ("value", value)))
    if name == "struct":
        return _struct(cursor)
    if name == "interval":
        words = [_unit(cursor)]
        if cursor.accept("TO"):
            words += ["to", _unit(cursor)]
        return DataType("interval " + " ".join(words))
    raise _unsupported(token.text)


def _unit(cursor: Cursor) -> str:
    token = cursor.take()
    if not token.is_word("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"):
        raise _unsupported("interval")
    return token.text.lower()


def _nested(cursor: Cursor, count: int = 1) -> list[DataType]:
    cursor.expect("<")
    found = [read_type(cursor)]
    while len(found) < count:
        cursor.expect(",")
        found.append(read_type(cursor))
    _close(cursor)
    return found


def _struct(cursor: Cursor) -> DataType:
    parts: list[tuple[str, DataType]] = []
    cursor.expect("<")
    while True:
        name = cursor.name()
        cursor.accept(":")
        parts.append((name, read_type(cursor)))
        if cursor.accept("NOT"):
            cursor.expect("NULL")
        if cursor.accept("COMMENT"):
            cursor.string()
        if not cursor.accept(","):
            break
    _close(cursor)
    return DataType("struct", (), tuple(parts))


def _close(cursor: Cursor) -> None:
    token = cursor.peek()
    if token is not None and token.kind == "symbol" and len(token.text) > 1 and set(token.text) == {">"}:
        # >> closes two types: leave the rest of it for the outer one.
        rest = type(token)(token.kind, token.text[1:], token.start + 1, token.end)
        cursor.tokens[cursor.at] = rest
        return
    cursor.expect(">")


def _numbers(cursor: Cursor) -> list[int]:
    found: list[int] = []
    if cursor.accept("("):
        while True:
            token = cursor.take()
            if token.kind != "number" or not token.text.isdigit():
                raise cursor.error(f"'{token.text}'", "expected a number")
            found.append(int(token.text))
            if not cursor.accept(","):
                break
        cursor.expect(")")
    return found


def _field(name: str) -> str:
    return name if name.replace("_", "a").isalnum() else quote_name(name)


def _unsupported(text: str) -> SqlError:
    return SqlError("UNSUPPORTED_DATATYPE", f'Unsupported data type "{text.upper()}".', "0A000")
