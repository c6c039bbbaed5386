"""How the columns of relations that are made of the repositories are written: a name with its type, or with a mark of it.

`#` stands for an INT, `~` for a DOUBLE, `*` for an ARRAY<STRING>; any other type stands behind a colon.
"""

from __future__ import annotations

import pyarrow as pa

from localspace.sql.types import DataType, parse_type

_TIMES = frozenset({"created", "last_altered"})


def plain_name(column: str) -> str:
    """Return a column's name without its type or its mark of one."""
    return column.partition(":")[0].rstrip("#*~")


def kind_of(column: str) -> str:
    """Return a column's SQL type, written out or by its mark."""
    if ":" in column:
        return column.partition(":")[2]
    if column.endswith("#"):
        return "INT"
    if column.endswith("~"):
        return "DOUBLE"
    if column.endswith("*"):
        return "ARRAY<STRING>"
    return "TIMESTAMP" if column in _TIMES else "STRING"


def arrow_of(column: str) -> pa.DataType:
    """Return the Arrow type in which a column's values are handed to the engine."""
    if ":" in column:
        kind = kind_of(column)
        return pa.timestamp("ms", tz="UTC") if kind == "TIMESTAMP" else _nested(parse_type(kind))
    if column.endswith("#"):
        return pa.int32()
    if column.endswith("~"):
        return pa.float64()
    if column.endswith("*"):
        return pa.list_(pa.string())
    return pa.timestamp("ms", tz="UTC") if column in _TIMES else pa.string()


def _nested(kind: DataType) -> pa.DataType:
    if kind.name == "struct":
        return pa.struct([pa.field(name, _nested(part)) for name, part in kind.parts])
    if kind.name == "map":
        key, value = (part for _, part in kind.parts)
        return pa.map_(_nested(key), _nested(value))
    if kind.name == "array":
        return pa.list_(_nested(kind.parts[0][1]))
    return kind.arrow
