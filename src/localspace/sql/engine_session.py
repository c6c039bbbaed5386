"""A Spark session of the engine's process: its relations and functions by name, and how it runs one request."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

from localspace.sql.builtin_functions import ADMITTED, ENGINE_KEEPS, LIMITED
from localspace.sql.driver_rows import FEW_BYTES, DriverRows
from localspace.sql.engine_answers import cell, columns_of, moments_printed

LARGE_BYTES = 1_000_000
"""From how many bytes of files a request is large: some 100,000 rows, where compiling a plan costs as much as it saves."""

HUGE_BYTES = 32_000_000
"""From how many bytes of files, some 3 million rows, a request goes to a JVM of its own, which has both compilers."""

LARGE_CONF = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
"""What a session for large requests sets: its plans are compiled, which takes longer than a small statement runs."""

MUCH_DATA = frozenset({"query", "write", "explain"})
"""The operations that read the rows of their relations, or say how they would."""

_LARGE_RANGE = re.compile(r"\brange\s*\([^()]*\d{6,}", re.IGNORECASE)
_KEPT_RELATIONS = 1000
_KEPT_BYTES = 16_000_000
"""How many bytes of files the relations in memory come from, all together."""
_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz"})
_PLAIN = _MOMENTS | {"string", "boolean", "tinyint", "smallint", "int", "bigint", "double", "binary", "void"}


def is_large(request: dict[str, Any]) -> bool:
    """Return whether a request reads so much that compiled plans pay, by the files of its relations and by its ranges."""
    return _bytes_read(request) >= LARGE_BYTES or bool(_LARGE_RANGE.search(request.get("sql") or ""))


def is_huge(request: dict[str, Any]) -> bool:
    """Return whether a request reads so much that it runs faster in the JVM that has both compilers."""
    return request["op"] in MUCH_DATA and _bytes_read(request) >= HUGE_BYTES


def _bytes_read(request: dict[str, Any]) -> int:
    return sum(_bytes_in(folder) for _, folder, _ in request["views"])


@lru_cache(maxsize=10_000)
def _bytes_in(folder: str) -> int:
    # A folder of rows is complete before a relation names it, and never changes.
    return sum(file.stat().st_size for file in Path(folder).glob("*.parquet"))


class EngineSession:
    """A session with the functions that the workspace admits, and no other."""

    def __init__(self, spark: Any, conf: dict[str, str] | None = None, driver: DriverRows | None = None) -> None:
        """Take a new Spark session and set what is its own; raises RuntimeError when a function cannot be removed.

        With `driver`, statements on a few rows run without a Spark job.
        """
        self.spark = spark
        self._driver = driver
        self.functions_found: set[str] = set()
        self._relations: OrderedDict[str, int] = OrderedDict()
        self._bytes_held = 0
        self._functions: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        for name, value in (conf or {}).items():
            spark.conf.set(name, value)
        self._drop_functions()

    def _drop_functions(self) -> None:
        """Leave the engine the functions that the workspace admits: what slips past the text finds nothing here."""
        state = self.spark._jsparkSession.sessionState()
        jvm = self.spark._jvm
        some = jvm.scala.Option.apply
        kept = ADMITTED | frozenset(LIMITED) | ENGINE_KEEPS
        for registry in (state.functionRegistry(), state.tableFunctionRegistry()):
            # One call for all names: each costs a round trip.
            names = {name.removeprefix("system.builtin.") for name in registry.listFunction().mkString("\n").split("\n")}
            self.functions_found |= names
            for name in sorted(names - kept):
                identifier = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(name, some("builtin"), some("system"))
                if not registry.dropFunction(identifier):
                    raise RuntimeError(f"the engine's function {name} could not be removed")

    def prepare(self, views: list[list[str]], functions: list[list[str]]) -> None:
        """Make the relations and functions known that a request names."""
        self._register(views)
        self._declare(functions)

    def query(self, sql: str, limit: int | None, request: str) -> dict[str, Any]:
        """Run a query; return columns and rows, one row more than `limit` read to see whether there are more."""
        frame = self.spark.sql(sql)
        columns = columns_of(frame)
        if limit is not None:
            frame = frame.limit(limit + 1)
        try:
            rows = self._rows(_readable(frame, columns, _PLAIN), request)
        except (ValueError, OverflowError):
            # A year that Python's dates do not have: the engine prints the moments.
            printed = self._rows(_readable(frame, columns, _PLAIN - _MOMENTS), request)
            rows = [moments_printed(row, columns) for row in printed]
        truncated = limit is not None and len(rows) > limit
        kept = rows[:limit] if truncated else rows
        return {"columns": columns, "rows": [[cell(value) for value in row] for row in kept], "truncated": truncated}

    def write(self, sql: str, folder: str) -> dict[str, Any]:
        """Write a query's rows into a new folder."""
        self.spark.sql(sql).write.mode("error").parquet(folder)
        return {"columns": []}

    def analyze(self, sql: str) -> dict[str, Any]:
        """Return the columns that a query would have."""
        return {"columns": columns_of(self.spark.sql(sql))}

    def plan(self, sql: str) -> dict[str, Any]:
        """Return the physical plan of a query."""
        return {"plan": self.spark.sql(sql)._jdf.queryExecution().executedPlan().toString()}

    def check(self) -> dict[str, Any]:
        """Run a job over one row."""
        return {"columns": [], "rows": [[str(self.spark.range(1).count())]]}

    def _rows(self, frame: Any, request: str) -> list[Any]:
        found = None if self._driver is None else self._driver.collect(frame, request)
        return frame.collect() if found is None else found

    def _register(self, views: list[list[str]]) -> None:
        with self._lock:
            for name, folder, ddl in views:
                if name not in self._relations:
                    self._relations[name] = self._make_relation(name, folder, ddl)
                    self._bytes_held += self._relations[name]
                self._relations.move_to_end(name)
            # Each write makes a new relation: those long unused are forgotten.
            while len(self._relations) > len(views) and (
                len(self._relations) > _KEPT_RELATIONS or self._bytes_held > _KEPT_BYTES
            ):
                name, held = self._relations.popitem(last=False)
                self._bytes_held -= held
                self.spark.catalog.dropTempView(name)

    def _make_relation(self, name: str, folder: str, ddl: str) -> int:
        """Make a relation; return the bytes of its files if its rows are held in memory, else 0."""
        size = _bytes_in(folder)
        if self._driver is not None and size <= FEW_BYTES and self._driver.register(name, folder, ddl):
            return size
        self.spark.read.schema(ddl).parquet(folder).createOrReplaceTempView(name)
        return 0

    def _declare(self, functions: list[list[str]]) -> None:
        with self._lock:
            for name, declaration in functions:
                if name not in self._functions:
                    self.spark.sql(declaration)
                self._functions[name] = None
                self._functions.move_to_end(name)
            while len(self._functions) > max(_KEPT_RELATIONS, len(functions)):
                self.spark.sql(f"DROP TEMPORARY FUNCTION {self._functions.popitem(last=False)[0]}")


def _readable(frame: Any, columns: list[list[Any]], plain: frozenset[str]) -> Any:
    """Let the engine turn into strings what is not one of the `plain` types, which Python prints the platform's way."""
    if all(kind in plain or kind.startswith("decimal") for _, kind, _ in columns):
        return frame
    names = [f"c{at}" for at in range(len(columns))]
    items = []
    for name, (_, kind, _) in zip(names, columns, strict=True):
        if kind.startswith(("struct", "array", "map")) or kind == "variant":
            items.append(f"to_json({name}) AS {name}")
        elif kind in plain or kind.startswith("decimal"):
            items.append(name)
        else:
            items.append(f"CAST({name} AS STRING) AS {name}")
    return frame.toDF(*names).selectExpr(*items)
