"""Relations of Spark Connect as SQL text: what runs is always a statement, so that all of it is enforced as one.

A relation that has no form here is refused by name. `Rows` are what the client or a command brought: they need no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from google.protobuf.unknown_fields import UnknownFieldSet

from localspace.connect.expressions import Sides, column_name, expression, listed, order, parameter, table_name, written
from localspace.connect.protocol import chosen, pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.ledger import rule
from localspace.core.lexer import quote_name
from localspace.sql.parameters import bind
from localspace.task_process.sql_values import literal

Columns = Callable[[str], tuple[str, ...]]
"""Returns the columns of a statement, as its caller may see them."""
MAX_LOCAL_ROWS = 10_000
"""Rows of a local relation that may become part of a statement."""


def query(relation: Any, columns: Columns | None = None) -> str:
    """Return a relation as a statement; raises UnsupportedError.

    `columns` tells the columns of a statement, for relations that depend on them (withColumn, drop); None refuses these.
    """
    return _Rendering(columns).query(relation)


def without_rows(text: str) -> str:
    """Return a statement with the columns of a query and no row."""
    return f"SELECT * FROM ({text}) AS _frame LIMIT 0"


def with_names(text: str, names: Sequence[str]) -> str:
    """Return a query with these names for its columns."""
    return f"SELECT * FROM ({text}) AS _frame({', '.join(quote_name(one) for one in names)})"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a statement reads: the text behind FROM, the condition behind WHERE, and which side of a join a plan id means."""

    text: str
    sides: Sides
    where: str = ""

    @property
    def clause(self) -> str:
        """Return the text with its condition."""
        return f"{self.text} WHERE {self.where}" if self.where else self.text


class _Rendering:
    """Writes one plan as one statement."""

    def __init__(self, columns: Columns | None) -> None:
        """Ask `columns` for the columns of a statement."""
        self._columns = columns
        self._joined = 0

    def query(self, relation: Any) -> str:
        """Return a relation as a statement."""
        kind, body = chosen(relation, "rel_type")
        if kind in ("join", "filter"):
            return f"SELECT * FROM {self.source(relation).clause}"
        render = _RELATIONS.get(kind)
        if render is None:
            raise UnsupportedError(f"the relation {kind or 'of a newer client'}")
        return render(self, body)

    def source(self, relation: Any) -> _Source:
        """Return a relation as what stands behind FROM; the sides of a join stay apart for what is asked of it next."""
        kind, body = chosen(relation, "rel_type")
        if kind == "join":
            return self._join(body)
        if kind == "filter":
            below = self.source(body.input)
            condition = expression(body.condition, below.sides)
            return replace(below, where=f"({below.where}) AND ({condition})" if below.where else condition)
        if kind == "subquery_alias":
            return _Source(text=f"({self.query(body.input)}) AS {quote_name(body.alias)}", sides={})
        return _Source(text=f"({self.query(relation)}) AS _frame", sides={})

    def names(self, text: str, operation: str) -> tuple[str, ...]:
        """Return the columns of a statement; raises UnsupportedError where nothing can be asked."""
        if self._columns is None:
            raise UnsupportedError(operation)
        return self._columns(text)

    @rule("LS-194")
    def _join(self, body: Any) -> _Source:
        words = _JOINS.get(body.join_type)
        if words is None:
            raise UnsupportedError("a join of a newer client")
        left, right = self._side(body.left, first=True), self._side(body.right, first=False)
        sides = {**left.sides, **right.sides, **dict.fromkeys(left.sides.keys() & right.sides.keys())}
        text = f"{left.text} {words} {right.text}"
        if body.HasField("join_condition"):
            text += f" ON {expression(body.join_condition, sides)}"
        elif body.using_columns:
            text += f" USING ({', '.join(quote_name(one) for one in body.using_columns)})"
        return _Source(text=text, sides=sides)

    def _side(self, relation: Any, *, first: bool) -> _Source:
        kind, body = chosen(relation, "rel_type")
        if kind == "join" and first:
            return self._join(body)
        self._joined += 1
        alias = body.alias if kind == "subquery_alias" else f"_join{self._joined}"
        text = self.query(body.input if kind == "subquery_alias" else relation)
        return _Source(text=f"({text}) AS {quote_name(alias)}", sides=dict.fromkeys(_plan_ids(relation), alias))


def _plan_ids(message: Any) -> Iterator[int]:
    """Yield the plan ids of a relation and of all relations below it."""
    if message.DESCRIPTOR.name == "Relation" and message.common.HasField("plan_id"):
        yield message.common.plan_id
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in _messages(field, value):
                yield from _plan_ids(one)


def _read(_: _Rendering, body: Any) -> str:
    if body.is_streaming or body.WhichOneof("read_type") != "named_table":
        raise UnsupportedError("reading anything but tables", "read tables")
    if body.named_table.options:
        raise UnsupportedError("the options of a table", "leave them out")
    return f"SELECT * FROM {table_name(body.named_table.unparsed_identifier)}"


def _sql(_: _Rendering, body: Any) -> str:
    return written(sql_text(body))


def _project(to: _Rendering, body: Any) -> str:
    if not body.HasField("input"):
        return f"SELECT {listed(body.expressions) or 'true AS _row'}"
    source = to.source(body.input)
    # A client that asks whether there are rows selects no column at all.
    return f"SELECT {listed(body.expressions, source.sides) or 'true AS _row'} FROM {source.clause}"


def _sort(to: _Rendering, body: Any) -> str:
    if not body.is_global:
        raise UnsupportedError("sortWithinPartitions")
    source = to.source(body.input)
    return f"SELECT * FROM {source.clause} ORDER BY {', '.join(order(one, source.sides) for one in body.order)}"


def _limit(to: _Rendering, body: Any) -> str:
    return f"SELECT * FROM {to.source(body.input).clause} LIMIT {body.limit}"


def _offset(to: _Rendering, body: Any) -> str:
    return f"SELECT * FROM {to.source(body.input).clause} OFFSET {body.offset}"


def _drop(to: _Rendering, body: Any) -> str:
    if body.columns and any(one.WhichOneof("expr_type") != "unresolved_attribute" for one in body.columns):
        raise UnsupportedError("drop of expressions")
    source = to.source(body.input)
    whole = f"SELECT * FROM {source.clause}"
    there = {one.casefold() for one in to.names(whole, "drop")}
    # A column that is not there is passed over, as in Spark.
    gone = [quote_name(one) for one in body.column_names if one.casefold() in there]
    gone += [expression(one, source.sides) for one in body.columns if column_name(one).casefold() in there]
    return f"SELECT * EXCEPT ({', '.join(gone)}) FROM {source.clause}" if gone else whole


@rule("LS-194")
def _with_columns(to: _Rendering, body: Any) -> str:
    source = to.source(body.input)
    names = to.names(f"SELECT * FROM {source.clause}", "withColumn")
    if any(len(one.name) != 1 for one in body.aliases):
        raise UnsupportedError("withColumn with several names for one column")
    made = {one.name[0].casefold(): f"{expression(one.expr, source.sides)} AS {quote_name(one.name[0])}" for one in body.aliases}
    kept = {one.casefold() for one in names}
    new = [text for name, text in made.items() if name not in kept]
    if len(new) == len(made):
        return f"SELECT {', '.join(['*', *new])} FROM {source.clause}"
    items = [made.get(one.casefold()) or quote_name(one) for one in names]
    return f"SELECT {', '.join([*items, *new])} FROM {source.clause}"


def _with_columns_renamed(to: _Rendering, body: Any) -> str:
    source = to.source(body.input)
    whole = f"SELECT * FROM {source.clause}"
    renames = dict(body.rename_columns_map) | {one.col_name: one.new_col_name for one in body.renames}
    folded = {old.casefold(): new for old, new in renames.items()}
    names = to.names(whole, "withColumnRenamed")
    if not any(one.casefold() in folded for one in names):
        return whole
    items = [quote_name(one) + (f" AS {quote_name(folded[one.casefold()])}" if one.casefold() in folded else "") for one in names]
    return f"SELECT {', '.join(items)} FROM {source.clause}"


def _distinct(to: _Rendering, body: Any) -> str:
    if not body.all_columns_as_keys or body.within_watermark:
        raise UnsupportedError("dropDuplicates of some columns")
    return f"SELECT DISTINCT * FROM {to.source(body.input).clause}"


def _aggregate(to: _Rendering, body: Any) -> str:
    if body.group_type != pb.Aggregate.GROUP_TYPE_GROUPBY:
        raise UnsupportedError("rollup, cube, pivot and grouping sets")
    source = to.source(body.input)
    keys = listed(body.grouping_expressions, source.sides)
    columns = ", ".join(one for one in (keys, listed(body.aggregate_expressions, source.sides)) if one)
    return f"SELECT {columns} FROM {source.clause}" + (f" GROUP BY {keys}" if keys else "")


def _set_operation(to: _Rendering, body: Any) -> str:
    words = {body.SET_OP_TYPE_UNION: "UNION", body.SET_OP_TYPE_INTERSECT: "INTERSECT", body.SET_OP_TYPE_EXCEPT: "EXCEPT"}
    if body.by_name or body.allow_missing_columns or body.set_op_type not in words:
        raise UnsupportedError("unionByName")
    middle = f" {words[body.set_op_type]}{' ALL' if body.is_all else ''} "
    left, right = to.source(body.left_input).clause, to.source(body.right_input).clause
    return f"SELECT * FROM {left}{middle}SELECT * FROM {right}"


def _range(_: _Rendering, body: Any) -> str:
    return f"SELECT id FROM range({body.start}, {body.end}, {body.step})"


def _alias(to: _Rendering, body: Any) -> str:
    return f"SELECT * FROM ({to.query(body.input)}) AS {quote_name(body.alias)}"


def _renamed(to: _Rendering, body: Any) -> str:
    return with_names(to.query(body.input), body.column_names)


def _local(_: _Rendering, body: Any) -> str:
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

_JOINS: dict[int, str] = {
    pb.Join.JOIN_TYPE_INNER: "JOIN", pb.Join.JOIN_TYPE_FULL_OUTER: "FULL OUTER JOIN", pb.Join.JOIN_TYPE_CROSS: "CROSS JOIN",
    pb.Join.JOIN_TYPE_LEFT_OUTER: "LEFT OUTER JOIN", pb.Join.JOIN_TYPE_RIGHT_OUTER: "RIGHT OUTER JOIN",
    pb.Join.JOIN_TYPE_LEFT_ANTI: "LEFT ANTI JOIN", pb.Join.JOIN_TYPE_LEFT_SEMI: "LEFT SEMI JOIN",
}  # fmt: skip

_RELATIONS: dict[str, Callable[[_Rendering, Any], str]] = {
    "read": _read, "sql": _sql, "project": _project, "sort": _sort, "limit": _limit, "offset": _offset,
    "deduplicate": _distinct, "aggregate": _aggregate, "set_op": _set_operation, "range": _range, "to_df": _renamed,
    "drop": _drop, "local_relation": _local, "subquery_alias": _alias, "with_columns": _with_columns,
    "with_columns_renamed": _with_columns_renamed,
}  # fmt: skip
"""What is served, by its name in the protocol."""
