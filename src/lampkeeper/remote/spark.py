"""Queries through the Spark session of a job's task: its own compute, the same SQL, the privileges of the run's principal."""

from __future__ import annotations

from typing import Any

from lampkeeper.model.errors import RemoteError, UsageError


def run_spark(statement: str) -> list[dict[str, str | None]]:
    """Run one query and return its rows by lower-case column name, cells as text; raise UsageError outside of a task.

    A query that fails is a RemoteError whose code is the error class, as on a warehouse.
    """
    try:
        rows = _session().sql(statement).collect()
    except Exception as error:
        # Classic Spark, Spark Connect and the local workspace raise classes of their own; all tell their error class.
        reported = getattr(error, "getErrorClass", None)
        if reported is None:
            raise
        raise RemoteError(str(error).split("\n", 1)[0], code=str(reported() or type(error).__name__), status=200) from None
    return [{name.lower(): None if cell is None else str(cell) for name, cell in row.asDict().items()} for row in rows]


def _session() -> Any:
    try:
        from databricks.sdk.runtime import spark
    except (ImportError, ValueError) as error:
        raise UsageError(f"there is no Spark session here ({str(error).splitlines()[0]})", fix=_FIX) from None
    if spark is None:
        raise UsageError("there is no Spark session here", fix=_FIX)
    return spark


_FIX = "count with Spark in a job's task; by hand the warehouse counts"
