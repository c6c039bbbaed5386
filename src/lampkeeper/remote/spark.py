"""Queries through the Spark session of a job's task: on the task's compute, with the privileges of the run's principal."""

from __future__ import annotations

from typing import Any

from lampkeeper.model.errors import RemoteError, UsageError


def run_spark(statement: str) -> list[dict[str, str | None]]:
    """Run one query and return its rows by lower-case column name, cells as strings; raise UsageError outside of a task.

    Raise RemoteError, whose code is the error class, for a query that fails, as on a warehouse.
    """
    try:
        rows = _session().sql(statement).collect()
    except Exception as error:
        # Classic Spark, Spark Connect and the local workspace raise different exceptions; all carry the error class.
        reported = getattr(error, "getErrorClass", None)
        if reported is None:
            raise
        raise RemoteError(str(error).split("\n", 1)[0], code=str(reported() or type(error).__name__), status=200) from None
    return [{name.lower(): None if cell is None else str(cell) for name, cell in row.asDict().items()} for row in rows]


def _session() -> Any:
    try:
        from databricks.sdk.runtime import spark
    except (ImportError, ValueError) as error:
        raise UsageError(f"no Spark session is available ({str(error).splitlines()[0]})", fix=_FIX) from None
    if spark is None:
        raise UsageError("no Spark session is available", fix=_FIX)
    return spark


_FIX = "use Spark in a job's task; elsewhere use the warehouse"
