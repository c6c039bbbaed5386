"""What user code finds: `spark`, `dbutils`, `display`, and the same through the modules that libraries look in."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from localspace.task_process.data_frame import DataFrame, html_table
from localspace.task_process.dbutils import DbUtils
from localspace.task_process.session import SparkSession

_MOST_ROWS = 1_000


def make_namespace(session: SparkSession, dbutils: DbUtils) -> dict[str, Any]:
    """Return the globals that a notebook starts with."""
    return {
        "spark": session,
        "dbutils": dbutils,
        "sql": session.sql,
        "table": session.table,
        "display": display,
        "displayHTML": display_html,
        "getArgument": dbutils.widgets.getArgument,
    }


def display(value: Any = None, *_: Any, **__: Any) -> None:
    """Show a data frame as a table, anything else as itself: as text, and as HTML on the page of the run."""
    if isinstance(value, DataFrame):
        if value.columns:
            with _html_instead_of_text(html_table(value, _MOST_ROWS)):
                value.show(_MOST_ROWS, truncate=False)
    elif hasattr(value, "to_html") and hasattr(value, "columns"):
        with _html_instead_of_text(value.to_html(escape=True, index=False)):
            print(value.to_string())  # noqa: T201
    else:
        print(value)  # noqa: T201


def display_html(html: str = "") -> None:
    """Show HTML on the page of the run; the log has it as text."""
    with _html_instead_of_text(str(html)):
        print(html)  # noqa: T201


@contextmanager
def _html_instead_of_text(page: str) -> Iterator[None]:
    """Send what is printed to the log alone, and show HTML in its place, if the output belongs to a cell."""
    cell: Any = sys.stdout
    if not hasattr(cell, "show_html"):
        yield
        return
    cell.show_html(page)
    with redirect_stdout(cell.log):
        yield


def install(session: SparkSession, namespace: dict[str, Any]) -> None:
    """Make `databricks.sdk.runtime`, `SparkSession.builder` and `DatabricksSession` lead to this task's objects."""
    runtime = types.ModuleType("dbruntime")

    class UserNamespaceInitializer:
        @classmethod
        def getOrCreate(cls) -> UserNamespaceInitializer:  # noqa: N802
            return cls()

        def get_namespace_globals(self) -> dict[str, Any]:
            return namespace

    runtime.UserNamespaceInitializer = UserNamespaceInitializer  # type: ignore[attr-defined]
    sys.modules["dbruntime"] = runtime
    connect = types.ModuleType("databricks.connect")
    connect.DatabricksSession = type("DatabricksSession", (), {"builder": _Builder(session)})  # type: ignore[attr-defined]
    sys.modules["databricks.connect"] = connect
    sys.meta_path.insert(0, _SessionFinder(session))


class _Builder:
    """Any chain of settings, ended by getOrCreate."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        if name in ("getOrCreate", "create"):
            return lambda: self._session
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: self


class _SessionFinder(importlib.abc.MetaPathFinder):
    """Gives pyspark's SparkSession our session, so that no task ever starts an engine of its own."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "pyspark.sql.session":
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.loader is None:
            return found
        load, session = found.loader.exec_module, self._session

        def exec_module(module: types.ModuleType) -> None:
            load(module)
            spark = module.SparkSession
            spark.builder = _Builder(session)
            spark.getActiveSession = staticmethod(lambda: session)
            spark.active = staticmethod(lambda: session)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found
