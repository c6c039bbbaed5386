"""A data frame over a query of the workspace: lazy, composed as SQL, read through the enforced path."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from html import escape
from typing import Any, Protocol

from localspace.core.lexer import quote_path
from localspace.core.statement_text import attribute_path
from localspace.sql.result_rows import Field, Row, shown, value_of

# ruff: noqa: N802, S608  (the method names are Spark's; the SQL is the user's own and runs as the user)


Result = tuple[list[Field], list[list[str | None]]]
"""Columns and rows of a statement; cells are text or None."""


class TableLookup(Protocol):
    """What a data frame asks the catalog."""

    def tableExists(self, tableName: str) -> bool:  # noqa: N803
        """Return whether a table or view is there and may be seen."""
        ...


class StatementRunningSession(Protocol):
    """The session that runs a data frame's statements."""

    @property
    def catalog(self) -> TableLookup:
        """Return the catalog of the session."""
        ...

    def run(self, statement: str, args: dict[str, Any]) -> Result:
        """Run one statement as the run-as principal and return columns and rows."""
        ...

    def keep_view(self, name: str, query: str) -> None:
        """Give a query a name for later statements."""
        ...


class DataFrame:
    """What `spark.sql`, `spark.table` and `spark.createDataFrame` return: a part of Spark's class of this name."""

    def __init__(
        self, session: StatementRunningSession, query: str, args: dict[str, Any] | None = None, answer: Any = None
    ) -> None:
        """Stand for a query; `answer` is the result of a statement that has run already."""
        self._session = session
        self._query = query
        self._args = args or {}
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not built, by name."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"DataFrame.{name} is not served by the local workspace's tasks; say it in spark.sql(…).")

    # Reading

    def collect(self) -> list[Row]:
        """Return all rows."""
        fields, rows = self._result()
        names = [one.name for one in fields]
        return [Row(names, [value_of(cell, one) for cell, one in zip(row, fields, strict=True)]) for row in rows]

    def toLocalIterator(self) -> Iterator[Row]:
        """Return all rows, one after the other."""
        return iter(self.collect())

    def first(self) -> Row | None:
        """Return the first row, or None."""
        found = self.take(1)
        return found[0] if found else None

    def head(self, n: int | None = None) -> Any:
        """Return the first row, or the first `n`."""
        return self.first() if n is None else self.take(n)

    def take(self, n: int) -> list[Row]:
        """Return the first `n` rows."""
        return self.limit(n).collect()

    def count(self) -> int:
        """Return the number of rows."""
        if self._answer is not None:
            return len(self._answer[1])
        return int(self._derived("SELECT count(*) AS n FROM {}").collect()[0][0])

    def isEmpty(self) -> bool:
        """Return whether the result is empty."""
        return not self.take(1)

    def toPandas(self) -> Any:
        """Return a pandas DataFrame; needs pandas beside the local workspace."""
        return importlib.import_module("pandas").DataFrame([tuple(row) for row in self.collect()], columns=self.columns)

    def show(self, n: int = 20, truncate: bool | int = True, vertical: bool = False) -> None:
        """Print the first `n` rows."""
        del vertical
        fields, rows = self.limit(n + 1)._result()
        print(shown(fields, rows[:n], 20 if truncate is True else int(truncate)))  # noqa: T201
        if len(rows) > n:
            print(f"only showing top {n} rows")  # noqa: T201

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return [one.name for one in self._fields()]

    @property
    def dtypes(self) -> list[tuple[str, str]]:
        """Return (name, type) of the columns."""
        return [(one.name, one.type_text.lower()) for one in self._fields()]

    def printSchema(self) -> None:
        """Print names and types of the columns."""
        print("root\n" + "\n".join(f" |-- {name}: {kind}" for name, kind in self.dtypes))  # noqa: T201

    # Composing

    def select(self, *columns: str | list[str]) -> DataFrame:
        """Keep columns, by name."""
        names = [one for given in columns for one in (given if isinstance(given, list) else [given])]
        return self.selectExpr(*("*" if one == "*" else quote_path(attribute_path(_text(one))) for one in names))

    def selectExpr(self, *expressions: str) -> DataFrame:
        """Keep SQL expressions."""
        return self._derived(f"SELECT {_escaped(', '.join(expressions))} FROM {{}}")

    def filter(self, condition: str) -> DataFrame:
        """Keep the rows for which a SQL condition holds."""
        return self._derived(f"SELECT * FROM {{}} WHERE {_escaped(_text(condition))}")

    where = filter

    def limit(self, n: int) -> DataFrame:
        """Keep at most `n` rows."""
        if self._answer is not None:
            return DataFrame(self._session, self._query, self._args, (self._answer[0], self._answer[1][:n]))
        return self._derived(f"SELECT * FROM {{}} LIMIT {int(n)}")

    def orderBy(self, *columns: str) -> DataFrame:
        """Order by columns, by name or as SQL such as `name DESC`."""
        return self._derived(f"SELECT * FROM {{}} ORDER BY {_escaped(', '.join(_text(one) for one in columns))}")

    sort = orderBy

    def distinct(self) -> DataFrame:
        """Keep each row once."""
        return self._derived("SELECT DISTINCT * FROM {}")

    def drop(self, *columns: str) -> DataFrame:
        """Leave columns out."""
        gone = {one.casefold() for one in columns}
        return self.select(*(one for one in self.columns if one.casefold() not in gone))

    def createOrReplaceTempView(self, name: str) -> None:
        """Give the query a name for later statements of this task."""
        if self._args:
            raise ValueError("a query with parameters cannot become a temporary view here")
        self._session.keep_view(name, self._query)

    @property
    def write(self) -> DataFrameWriter:
        """Return the writer of this data frame."""
        return DataFrameWriter(self)

    # Inside

    def _derived(self, form: str) -> DataFrame:
        if self._answer is not None:
            raise ValueError("the result of a command cannot be queried further; use SELECT")
        return DataFrame(self._session, form.format(f"({self._query}) AS _frame"), self._args)

    def _result(self) -> Result:
        if self._answer is None:
            self._answer = self._session.run(self._query, self._args)
        found: Result = self._answer
        return found

    def _fields(self) -> list[Field]:
        return self._result()[0] if self._answer is not None else self.limit(0)._result()[0]


class DataFrameWriter:
    """Writes a data frame into a table; a part of Spark's DataFrameWriter."""

    def __init__(self, frame: DataFrame) -> None:
        """Write `frame`; an existing table is an error unless `mode` says otherwise."""
        self._frame = frame
        self._mode = "error"

    def mode(self, mode: str) -> DataFrameWriter:
        """Say what happens to an existing table: error, append, overwrite or ignore."""
        known = {"error": "error", "errorifexists": "error", "append": "append", "overwrite": "overwrite", "ignore": "ignore"}
        if mode.lower() not in known:
            raise ValueError(f"mode '{mode}' is not one of append, overwrite, error, ignore")
        self._mode = known[mode.lower()]
        return self

    def format(self, source: str) -> DataFrameWriter:
        """Accept the table format; tables of the local workspace have one."""
        if source.lower() not in ("delta", "parquet"):
            raise ValueError(f"format '{source}' is not served by the local workspace's tasks")
        return self

    def option(self, key: str, value: Any) -> DataFrameWriter:
        """Accept `overwriteSchema` and `mergeSchema=false`; refuse any other option."""
        if key.lower() == "overwriteschema" or (key.lower() == "mergeschema" and str(value).lower() == "false"):
            return self
        raise ValueError(f"option '{key}' is not served by the local workspace's tasks")

    def saveAsTable(self, name: str) -> None:
        """Write into a table."""
        session, query, args = self._frame._session, self._frame._query, self._frame._args
        exists = session.catalog.tableExists(name)
        target = quote_path(attribute_path(name))
        if exists and self._mode == "ignore":
            return
        if exists and self._mode == "error":
            raise ValueError(f"[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table {target}: it exists already.")
        if exists and self._mode == "append":
            session.run(f"INSERT INTO {target} {query}", args)
        elif exists:
            session.run(f"CREATE OR REPLACE TABLE {target} AS {query}", args)
        else:
            session.run(f"CREATE TABLE {target} AS {query}", args)

    def insertInto(self, name: str, overwrite: bool = False) -> None:
        """Insert into an existing table by position."""
        verb = "INSERT OVERWRITE" if overwrite or self._mode == "overwrite" else "INSERT INTO"
        self._frame._session.run(f"{verb} {quote_path(attribute_path(name))} {self._frame._query}", self._frame._args)


def html_table(frame: DataFrame, most: int) -> str:
    """Return the first rows of a data frame as an HTML table; every name and value is escaped, none is cut."""
    fields, rows = frame.limit(most + 1)._result()
    head = "".join(f"<th>{escape(one.name)}</th>" for one in fields)
    body = "".join(
        "<tr>" + "".join("<td><i>null</i></td>" if cell is None else f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[:most]
    )
    more = f"<p>only the first {most} rows are shown</p>" if len(rows) > most else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f"the local workspace's tasks take SQL text here, not {type(value).__name__}; use selectExpr or spark.sql"
        )
    return value


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
