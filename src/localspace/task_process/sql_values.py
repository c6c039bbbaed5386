"""Python values of a task as SQL: literals and types."""

from __future__ import annotations

import base64
import datetime as dt
import math
from decimal import Decimal
from typing import Any


def literal(value: Any) -> str:
    """Return a Python value as a SQL literal; raises TypeError for a type that has none."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 2**31 else f"CAST('{value}' AS BIGINT)"
        case float():
            return f"CAST('{'NaN' if math.isnan(value) else value}' AS DOUBLE)"
        case Decimal():
            return f"CAST('{value}' AS DECIMAL(38,{max(0, -int(value.as_tuple().exponent))}))"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case dt.datetime():
            return f"TIMESTAMP'{value.isoformat(sep=' ')}'"
        case dt.date():
            return f"DATE'{value.isoformat()}'"
        case bytes():
            return f"unbase64('{base64.b64encode(value).decode()}')"
        case list() | tuple():
            return "array(" + ", ".join(literal(one) for one in value) + ")"
        case dict():
            return "map(" + ", ".join(f"{literal(key)}, {literal(one)}" for key, one in value.items()) + ")"
    raise TypeError(f"a value of type {type(value).__name__} has no SQL literal here")


def type_of(values: list[Any]) -> str:
    """Return the SQL type of a column from its Python values; all NULL is STRING."""
    for value in values:
        match value:
            case None:
                continue
            case bool():
                return "BOOLEAN"
            case int():
                return "BIGINT"
            case float():
                return "DOUBLE"
            case Decimal():
                return "DECIMAL(38,18)"
            case dt.datetime():
                return "TIMESTAMP"
            case dt.date():
                return "DATE"
            case bytes():
                return "BINARY"
            case list() | tuple():
                return f"ARRAY<{type_of(list(value))}>"
            case dict():
                return f"MAP<{type_of(list(value))},{type_of(list(value.values()))}>"
        return "STRING"
    return "STRING"
