"""Statements on a few rows: their relations are held in memory, and their plans run without a Spark job.

A job over one row takes 20 ms, most of it for making, sending and scheduling its task; the operators take a fraction of one.
The same plans are computed by Spark's own operators in the thread that asks (`DriverRows.java`, compiled by Janino, the
compiler that Spark has for its generated code). What does not fit runs as a job.
"""

from __future__ import annotations

import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FEW_BYTES = 65_536
"""Up to how many bytes of files a relation is held in memory."""
FEW_ROWS = 2_000
"""Up to how many rows a relation is held in memory."""
RESULT_BYTES = 4_000_000
"""A larger result is fetched by a job, which streams it."""
MEMORY_BYTES = 134_217_728
"""The memory that all plans together may take to sort and group."""

_CONF = {
    # Relations of one partition need no exchange: plans without one need no job.
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.maxSinglePartitionBytes": "9223372036854775807b",
    # A broadcast is a job of its own.
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}

_SOURCE = Path(__file__).parent / "DriverRows.java"
_CLASS = "DriverRows"
# No operator that makes many rows of few: what runs long must be a job, which can be stopped.
_OPERATORS = (
    "RDDScanExec LocalTableScanExec OneRowRelationExec ProjectExec FilterExec SortExec TakeOrderedAndProjectExec"
    " GlobalLimitExec LocalLimitExec CollectLimitExec SortAggregateExec HashAggregateExec ObjectHashAggregateExec"
    " SortMergeJoinExec UnionExec WindowExec ExpandExec CoalesceExec"
)
_PLAIN = {
    "byte": pa.int8(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


class DriverRows:
    """Holds small relations in the memory of the JVM and runs small plans in the thread that asks."""

    def __init__(self, spark: Any) -> None:
        """Compile the Java class in the JVM of a Spark session, and give the session the settings that it needs."""
        for name, value in _CONF.items():
            spark.conf.set(name, value)
        self._spark = spark
        self._jvm = spark._jvm
        compiler = self._jvm.org.codehaus.janino.SimpleCompiler()
        compiler.cook(_SOURCE.read_text(encoding="utf-8"))
        values = (spark._jsparkSession, _OPERATORS, MEMORY_BYTES, RESULT_BYTES)
        given = spark.sparkContext._gateway.new_array(self._jvm.java.lang.Object, len(values))
        for at, value in enumerate(values):
            given[at] = value
        self._java = compiler.getClassLoader().loadClass(_CLASS).getConstructors()[0].newInstance(given)
        self._single = _module(self._jvm.org.apache.spark.sql.catalyst.plans.physical, "SinglePartition")
        self._nil = _module(self._jvm.scala.collection.immutable, "Nil")
        self._none = self._jvm.scala.Option.apply(None)
        self._any = self._jvm.scala.reflect.ClassTag.Any()

    def collect(self, frame: Any, request: str) -> list[Any] | None:
        """Return the rows of a frame, or None when they need a job."""
        found = self._java.rows(frame._jdf, request)
        if found is None:
            return None
        if not found:
            # The plan was used; another one of the same text runs as a job.
            rows: list[Any] = frame.select("*").collect()
            return rows
        return _unpickled(found)

    def cancel(self, request: str) -> None:
        """Let the rows of a request end as soon as an operator asks."""
        self._java.cancel(request)

    def forget(self, request: str) -> None:
        """Forget that a request was cancelled."""
        self._java.forget(request)

    def register(self, name: str, folder: str, ddl: str) -> bool:
        """Make a relation of the rows in a folder if they are few and of plain types; return whether it was made.

        The relation is a leaf of which the optimizer knows no number of rows, as of files: it must not drop the limit that
        seals a row filter.
        """
        schema = self._jvm.org.apache.spark.sql.types.DataType.fromDDL(ddl).json()
        rows = few_rows(Path(folder), json.loads(schema)["fields"])
        if rows is None:
            return False
        batches = self._jvm.java.util.ArrayList()
        for batch in rows.combine_chunks().to_batches():
            batches.add(batch.serialize().to_pybytes())
        session = self._spark._jsparkSession
        iterator = self._jvm.scala.jdk.javaapi.CollectionConverters.asScala(batches.iterator())
        converters = self._jvm.org.apache.spark.sql.execution.arrow.ArrowConverters
        local = converters.toDataFrame(iterator, schema, session).queryExecution().analyzed()
        held = session.sparkContext().parallelize(local.data(), 1, self._any)
        relation = self._jvm.org.apache.spark.sql.execution.LogicalRDD(
            local.output(), held, self._single, self._nil, False, self._none, session, self._none, self._none, False
        )
        self._jvm.org.apache.spark.sql.classic.Dataset.ofRows(session, relation).createOrReplaceTempView(name)
        return True


def few_rows(folder: Path, fields: list[dict[str, Any]]) -> pa.Table | None:
    """Return the rows in a folder in the order in which Spark reads its files; None when they are many, or not of plain types."""
    kinds = [(field["name"], _arrow(field["type"])) for field in fields]
    if any(kind is None for _, kind in kinds) or not folder.is_dir():
        return None
    schema = pa.schema(kinds)
    # Spark passes over hidden files, as its own marks of success and checksums are.
    files = [(file.stat().st_size, file) for file in sorted(folder.iterdir()) if not file.name.startswith(("_", "."))]
    if sum(size for size, _ in files) > FEW_BYTES or any(file.suffix != ".parquet" for _, file in files):
        return None
    files.sort(key=lambda one: -one[0])
    parts: list[pa.Table] = [schema.empty_table()]
    for _, file in files:
        part = _read(file, schema)
        if part is None:
            return None
        parts.append(part)
    rows = pa.concat_tables(parts)
    return rows if rows.num_rows <= FEW_ROWS else None


def _read(file: Path, schema: pa.Schema) -> pa.Table | None:
    there = pq.ParquetFile(file)
    if there.metadata.num_rows > FEW_ROWS:
        return None
    names = [name for name in schema.names if name in there.schema_arrow.names]
    rows = there.read(columns=names)
    columns = []
    for field in schema:
        if field.name not in names:
            columns.append(pa.nulls(rows.num_rows, field.type))  # a column that was added after the file was written
        elif rows.schema.field(field.name).type == field.type:
            columns.append(rows.column(field.name))
        else:
            return None  # a column that was widened since: Spark reads it
    return pa.table(columns, schema=schema)


def _arrow(kind: Any) -> pa.DataType | None:
    if not isinstance(kind, str):
        return None
    decimal = _DECIMAL.fullmatch(kind)
    return pa.decimal128(int(decimal[1]), int(decimal[2])) if decimal else _PLAIN.get(kind)


def _unpickled(batches: bytes) -> list[Any]:
    stream = io.BytesIO(batches)
    rows: list[Any] = []
    while stream.tell() < len(batches):
        rows.extend(pickle.load(stream, encoding="bytes"))  # noqa: S301 - written by the engine's own JVM
    return rows


def _module(package: Any, name: str) -> Any:
    return getattr(getattr(package, f"{name}$"), "MODULE$")
