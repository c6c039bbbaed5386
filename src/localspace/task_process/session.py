"""`spark` in a task: a session over the workspace's SQL, as the run-as principal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from localspace.core.lexer import Cursor, quote_name, quote_path
from localspace.core.statement_runner import SqlError
from localspace.core.statement_text import attribute_path, first_word
from localspace.sql.result_rows import Field
from localspace.task_process.data_frame import DataFrame
from localspace.task_process.rest import Rest, RestError
from localspace.task_process.sql_values import literal, type_of

# ruff: noqa: N802, S608  (the method names are Spark's; the SQL is the user's own and runs as the user)

_LAZY = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "FROM"})


class SqlStatementError(Exception):
    """A statement failed: the workspace's error class, message and SQLSTATE."""

    def __init__(self, message: str, sql_state: str) -> None:
        """Make an error; the message starts with its `[CLASS]`."""
        super().__init__(message)
        self._state = sql_state

    def getSqlState(self) -> str:
        """Return the SQLSTATE."""
        return self._state

    def getErrorClass(self) -> str:
        """Return the error class, "" when the message names none."""
        found = re.match(r"\[([A-Z0-9_.]+)\]", str(self))
        return found.group(1) if found else ""


class SparkSession:
    """A part of Spark's SparkSession; what is not built raises AttributeError by name."""

    version = "4.0.0"

    def __init__(self, rest: Rest) -> None:
        """Run statements through `rest`."""
        self._rest = rest
        self.views: list[dict[str, str | None]] = []
        self.catalog = Catalog(self, rest)
        self.conf = Conf()

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not built, by name."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"spark.{name} is not served by the local workspace's tasks; say it in spark.sql(…).")

    def sql(self, sqlQuery: str, args: dict[str, Any] | None = None) -> DataFrame:  # noqa: N803
        """Run a statement; a query runs when its rows are asked for, as on serverless compute."""
        if args is not None and not isinstance(args, dict):
            raise TypeError("only named parameters (a dict) are served")
        use = _use_target(sqlQuery)
        if use is not None:
            self.catalog.use(*use)
            return DataFrame(self, sqlQuery, answer=([], []))
        if first_word(sqlQuery) in _LAZY:
            return DataFrame(self, sqlQuery.strip().rstrip(";"), args)
        return DataFrame(self, sqlQuery, args, answer=self.run(sqlQuery, args or {}))

    def table(self, tableName: str) -> DataFrame:  # noqa: N803
        """Return a table or view."""
        return DataFrame(self, f"SELECT * FROM {quote_path(attribute_path(tableName))}")

    @property
    def read(self) -> DataFrameReader:
        """Return the reader."""
        return DataFrameReader(self)

    def range(self, start: int, end: int | None = None, step: int = 1) -> DataFrame:
        """Return a column `id` of numbers."""
        first, last = (0, start) if end is None else (start, end)
        return DataFrame(self, f"SELECT id FROM range({int(first)}, {int(last)}, {int(step)})")

    def createDataFrame(self, data: Any, schema: Any = None) -> DataFrame:
        """Return a data frame of local rows: tuples, dicts or a pandas DataFrame; `schema` is names or a DDL string."""
        names, types, rows = _local_rows(data, schema)
        columns = ", ".join(
            f"CAST({quote_name(name)} AS {kind}) AS {quote_name(name)}" for name, kind in zip(names, types, strict=True)
        )
        listed = ", ".join(quote_name(name) for name in names)
        if not rows:
            empty = ", ".join("NULL" for _ in names)
            return DataFrame(self, f"SELECT {columns} FROM VALUES ({empty}) AS _local({listed}) WHERE false")
        values = ", ".join("(" + ", ".join(literal(cell) for cell in row) + ")" for row in rows)
        return DataFrame(self, f"SELECT {columns} FROM VALUES {values} AS _local({listed})")

    def stop(self) -> None:
        """Do nothing: the session ends with the task."""

    def run(self, statement: str, args: dict[str, Any]) -> tuple[list[Field], list[list[str | None]]]:
        """Run one statement as the run-as principal and return columns and rows; raises SqlStatementError."""
        body = {
            "statement": statement,
            "catalog": self.catalog.current_catalog,
            "schema": self.catalog.current_schema,
            "parameters": [_parameter(name, value) for name, value in args.items()],
            "views": self.views,
        }
        answer = self._rest.json("POST", "/api/2.0/localspace/sql", body)
        if "error" in answer:
            raise SqlStatementError(answer["error"]["message"], answer["error"].get("sql_state", ""))
        return [Field(**one) for one in answer["columns"]], answer["rows"]

    def keep_view(self, name: str, query: str) -> None:
        """Give a query a name for later statements of this task; it may name the views that were made before it."""
        here = {"catalog": self.catalog.current_catalog, "schema": self.catalog.current_schema}
        self.views.append({"name": ".".join(attribute_path(name)), "query": query, **here})


class DataFrameReader:
    """A part of Spark's DataFrameReader: tables."""

    def __init__(self, session: SparkSession) -> None:
        """Read through `session`."""
        self._session = session

    def table(self, tableName: str) -> DataFrame:  # noqa: N803
        """Return a table or view."""
        return self._session.table(tableName)

    def __getattr__(self, name: str) -> Any:
        """Refuse paths: files are read through volumes and dbutils.fs."""
        raise AttributeError(
            f"spark.read.{name} is not served by the local workspace's tasks; read tables, or files with dbutils.fs."
        )


class Conf:
    """Settings that only this task sees."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting, or the default."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set a setting; nothing in the local workspace reads it."""
        self._values[key] = str(value)


class Catalog:
    """Where names without a catalog are looked up, and what exists."""

    def __init__(self, session: SparkSession, rest: Rest) -> None:
        """Start in no catalog, as the workspace's default."""
        self._session = session
        self._rest = rest
        self.current_catalog: str | None = None
        self.current_schema: str | None = None

    def use(self, kind: str | None, first: str | None, second: str | None) -> None:
        """Follow a USE statement; raises RestError when the target is not there."""
        if (kind or "").upper() == "CATALOG":
            catalog, schema = first, None
        elif second is None:
            catalog, schema = self.current_catalog, first
        else:
            catalog, schema = first, second
        if catalog is not None:
            path = f"catalogs/{catalog}" if schema is None else f"schemas/{catalog}.{schema}"
            self._rest.json("GET", f"/api/2.1/unity-catalog/{path}")
        self.current_catalog, self.current_schema = catalog, schema

    def currentCatalog(self) -> str:
        """Return the current catalog."""
        return str(self._session.sql("SELECT current_catalog()").collect()[0][0])

    def currentDatabase(self) -> str:
        """Return the current schema."""
        return str(self._session.sql("SELECT current_schema()").collect()[0][0])

    def setCurrentCatalog(self, catalogName: str) -> None:  # noqa: N803
        """Make a catalog the current one."""
        self.use("CATALOG", catalogName, None)

    def setCurrentDatabase(self, dbName: str) -> None:  # noqa: N803
        """Make a schema the current one."""
        self.use("SCHEMA", dbName, None)

    def tableExists(self, tableName: str) -> bool:  # noqa: N803
        """Return whether a table or view is there and may be seen."""
        parts = [*attribute_path(tableName)]
        for missing in (self.current_schema, self.current_catalog):
            if len(parts) < 3:
                parts.insert(0, missing or "")
        if not all(parts):
            raise ValueError(f"'{tableName}' needs a catalog and a schema: say catalog.schema.table or USE one first")
        try:
            self._rest.json("GET", "/api/2.1/unity-catalog/tables/" + ".".join(parts))
        except RestError as error:
            if error.status == 404:
                return False
            raise
        return True


def _use_target(statement: str) -> tuple[str | None, str | None, str | None] | None:
    """Return what a USE statement names: CATALOG, SCHEMA or neither, and one or two names; None for any other statement."""
    try:
        cursor = Cursor(statement)
        if not cursor.accept("USE"):
            return None
        kind, path = cursor.one_of("CATALOG", "SCHEMA", "DATABASE"), cursor.path()
    except SqlError:
        return None  # the statement goes to the workspace, which reports the error
    return (kind, path[0], path[1] if len(path) > 1 else None) if cursor.done and len(path) < 3 else None


def _parameter(name: str, value: Any) -> dict[str, str | None]:
    if value is None or isinstance(value, str):
        return {"name": name, "value": value, "type": "STRING"}
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"name": name, "value": text, "type": type_of([value])}


def _local_rows(data: Any, schema: Any) -> tuple[list[str], list[str], list[Sequence[Any]]]:
    if hasattr(data, "itertuples"):
        names = [str(one) for one in data.columns]
        rows: list[Sequence[Any]] = [[_plain(cell) for cell in row] for row in data.itertuples(index=False)]
    else:
        listed = list(data)
        fields = getattr(listed[0], "__fields__", None) if listed else None
        if listed and isinstance(listed[0], dict):
            names = list(dict.fromkeys(key for row in listed for key in row))
            rows = [[row.get(name) for name in names] for row in listed]
        else:
            rows = [row if isinstance(row, tuple | list) else (row,) for row in listed]
            names = list(fields or [f"_{at + 1}" for at in range(len(rows[0]) if rows else 0)])
    types: list[str] | None = None
    if isinstance(schema, str):
        names, types = _ddl(schema)
    elif schema is not None and hasattr(schema, "fields"):
        names = [one.name for one in schema.fields]
        types = [one.dataType.simpleString() for one in schema.fields]
    elif schema is not None:
        names = [str(one) for one in schema]
    if any(len(row) != len(names) for row in rows):
        raise ValueError(f"the rows do not all have {len(names)} values")
    return names, types or [type_of([row[at] for row in rows]) for at in range(len(names))], rows


def _ddl(text: str) -> tuple[list[str], list[str]]:
    from localspace.sql.types import read_type  # brings in Arrow, which few tasks need

    names: list[str] = []
    types: list[str] = []
    try:
        cursor = Cursor(text)
        while True:
            names.append(cursor.name())
            cursor.accept(":")
            types.append(read_type(cursor).spark)
            if not cursor.accept(","):
                break
        cursor.end()
    except SqlError as error:
        raise ValueError(f"'{text}' is not a schema such as 'id INT, name STRING': {error.message}") from None
    return names, types


def _plain(cell: Any) -> Any:
    if hasattr(cell, "to_pydatetime"):
        cell = cell.to_pydatetime()
    elif hasattr(cell, "item"):
        cell = cell.item()
    return None if cell is None or cell != cell else cell
