"""Relations of Spark Connect as SQL text: what runs is always a statement, so that all of it is enforced as one.

A relation that has no form here is refused by name. `Rows` are what the client or a command brought: they need no engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from google.protobuf.unknown_fields import UnknownFieldSet

from localspace.connect.expressions import expression, listed, order, parameter, table_name, written
from localspace.connect.protocol import chosen, pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.lexer import quote_name
from localspace.sql.parameters import bind
from localspace.task_process.sql_text import literal

MAX_LOCAL_ROWS = 10_000
"""Rows of a local relation that may become part of a statement."""


def query(relation: Any) -> str:
    """Return a relation as a statement; raises UnsupportedError."""
    kind, body = chosen(relation, "rel_type")
    render = _RELATIONS.get(kind)
    if render is None:
        raise UnsupportedError(f"the relation {kind or 'of a newer client'}")
    return render(body)


def require_known(message: Any) -> None:
    """Refuse a plan with parts that pyspark's messages do not have: ignoring them could change what is asked."""
    if len(UnknownFieldSet(message)):
        raise UnsupportedError(f"a part of {message.DESCRIPTOR.name} that Apache Spark does not have")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in _messages(field, value):
            require_known(one)


def sql_text(body: Any) -> str:
    """Return the text of a SQL relation or command with its parameters filled in."""
    if body.pos_args or body.pos_arguments:
        raise UnsupportedError("positional SQL parameters", "name them: spark.sql(…, {'name': value})")
    if body.args:
        raise UnsupportedError("SQL parameters of clients before Spark 4", "use a newer client")
    bound = tuple((name, *parameter(one)) for name, one in sorted(body.named_arguments.items()))
    return bind(body.query, bound)


def local_batch(body: Any) -> pa.RecordBatch:
    """Return the rows of a local relation."""
    if not body.HasField("data"):
        raise UnsupportedError("a local relation without rows")
    with pa.ipc.open_stream(body.data) as reader:
        table = reader.read_all()
    return table.combine_chunks().to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema=table.schema)


def _messages(field: Any, value: Any) -> list[Any]:
    if field.message_type.GetOptions().map_entry:
        held = field.message_type.fields_by_name["value"].message_type
        return list(value.values()) if held is not None else []
    return [value] if hasattr(value, "ListFields") else list(value)


def _from(relation: Any) -> str:
    if relation.WhichOneof("rel_type") == "subquery_alias":
        return f"({query(relation.subquery_alias.input)}) AS {quote_name(relation.subquery_alias.alias)}"
    return f"({query(relation)}) AS _frame"


def _read(body: Any) -> str:
    if body.is_streaming or body.WhichOneof("read_type") != "named_table":
        raise UnsupportedError("reading anything but tables", "read tables")
    if body.named_table.options:
        raise UnsupportedError("the options of a table", "leave them out")
    return f"SELECT * FROM {table_name(body.named_table.unparsed_identifier)}"


def _sql(body: Any) -> str:
    return written(sql_text(body))


def _project(body: Any) -> str:
    source = f" FROM {_from(body.input)}" if body.HasField("input") else ""
    # A client that asks whether there are rows selects no column at all.
    return f"SELECT {listed(body.expressions) or 'true AS _row'}{source}"


def _filter(body: Any) -> str:
    return f"SELECT * FROM {_from(body.input)} WHERE {expression(body.condition)}"


def _sort(body: Any) -> str:
    if not body.is_global:
        raise UnsupportedError("sortWithinPartitions")
    return f"SELECT * FROM {_from(body.input)} ORDER BY {', '.join(order(one) for one in body.order)}"


def _limit(body: Any) -> str:
    return f"SELECT * FROM {_from(body.input)} LIMIT {body.limit}"


def _offset(body: Any) -> str:
    return f"SELECT * FROM {_from(body.input)} OFFSET {body.offset}"


def _drop(body: Any) -> str:
    if body.columns and any(one.WhichOneof("expr_type") != "unresolved_attribute" for one in body.columns):
        raise UnsupportedError("drop of expressions")
    names = [*body.column_names, *(one.unresolved_attribute.unparsed_identifier for one in body.columns)]
    gone = ", ".join(quote_name(one) for one in names)
    return f"SELECT * EXCEPT ({gone}) FROM {_from(body.input)}"


def _distinct(body: Any) -> str:
    if not body.all_columns_as_keys or body.within_watermark:
        raise UnsupportedError("dropDuplicates of some columns")
    return f"SELECT DISTINCT * FROM {_from(body.input)}"


def _aggregate(body: Any) -> str:
    if body.group_type != pb.Aggregate.GROUP_TYPE_GROUPBY:
        raise UnsupportedError("rollup, cube, pivot and grouping sets")
    keys = listed(body.grouping_expressions)
    columns = ", ".join(one for one in (keys, listed(body.aggregate_expressions)) if one)
    return f"SELECT {columns} FROM {_from(body.input)}" + (f" GROUP BY {keys}" if keys else "")


def _set_operation(body: Any) -> str:
    words = {body.SET_OP_TYPE_UNION: "UNION", body.SET_OP_TYPE_INTERSECT: "INTERSECT", body.SET_OP_TYPE_EXCEPT: "EXCEPT"}
    if body.by_name or body.allow_missing_columns or body.set_op_type not in words:
        raise UnsupportedError("unionByName")
    middle = f" {words[body.set_op_type]}{' ALL' if body.is_all else ''} "
    return f"SELECT * FROM {_from(body.left_input)}{middle}SELECT * FROM {_from(body.right_input)}"


def _range(body: Any) -> str:
    return f"SELECT id FROM range({body.start}, {body.end}, {body.step})"


def _alias(body: Any) -> str:
    return f"SELECT * FROM ({query(body.input)}) AS {quote_name(body.alias)}"


def _renamed(body: Any) -> str:
    columns = ", ".join(quote_name(one) for one in body.column_names)
    return f"SELECT * FROM ({query(body.input)}) AS _frame({columns})"


def _local(body: Any) -> str:
    batch = local_batch(body)
    if batch.num_rows > MAX_LOCAL_ROWS:
        raise UnsupportedError(f"a local relation of more than {MAX_LOCAL_ROWS} rows")
    names = [quote_name(one) for one in batch.schema.names]
    casts = ", ".join(f"CAST({n} AS {_arrow_text(f.type)}) AS {n}" for n, f in zip(names, batch.schema, strict=True))
    rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True)) or [(None,) * len(names)]
    values = ", ".join("(" + ", ".join(literal(cell) for cell in row) + ")" for row in rows)
    return f"SELECT {casts} FROM VALUES {values} AS _local({', '.join(names)})" + ("" if batch.num_rows else " WHERE false")


def _arrow_text(kind: pa.DataType) -> str:
    for name, check in _ARROW:
        if check(kind):
            return name
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    raise UnsupportedError(f"a local column of type {kind}")


_ARROW: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
    ("boolean", pa.types.is_boolean), ("tinyint", pa.types.is_int8), ("smallint", pa.types.is_int16), ("int", pa.types.is_int32),
    ("bigint", pa.types.is_int64), ("float", pa.types.is_float32), ("double", pa.types.is_float64), ("date", pa.types.is_date32),
    ("string", pa.types.is_string), ("string", pa.types.is_large_string), ("binary", pa.types.is_binary),
    ("void", pa.types.is_null),
)  # fmt: skip

_RELATIONS: dict[str, Callable[[Any], str]] = {
    "read": _read, "sql": _sql, "project": _project, "filter": _filter, "sort": _sort, "limit": _limit, "offset": _offset,
    "deduplicate": _distinct, "aggregate": _aggregate, "set_op": _set_operation, "range": _range, "to_df": _renamed,
    "drop": _drop, "local_relation": _local, "subquery_alias": _alias,
}  # fmt: skip
"""What is served, by its name in the protocol."""
