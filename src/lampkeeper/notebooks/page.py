"""A notebook at work: widgets that are read at use, tables for `display()`, links, and errors of one sentence.

The same cells run in three places. In a workspace and in a task of the local workspace the namespace of the notebook holds
`dbutils`, `spark` and `display`. In Jupyter and IPython the widgets are those of ipywidgets, or values that `page.set` changes,
and Spark is databricks-connect. `python -m lampkeeper.notebooks` runs a notebook as a program with its widgets as arguments.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import LampkeeperError, UsageError
from lampkeeper.notebooks.history import query_rows, read_history
from lampkeeper.notebooks.links import NOTEBOOKS, links_page
from lampkeeper.notebooks.opened import DEFAULT_ENVS, deployed, environment_names, history_schema, opened
from lampkeeper.notebooks.shown import Shown, bars
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.notebooks import LaptopWidgets, laptop_display, laptop_spark, register_sql
from lampkeeper.text.sql_quoting import quote_identifier

Found = TypeVar("Found")
_MARKER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


class PageError(Exception):
    """An error with its fix that ends a cell."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython and Jupyter show in place of a traceback."""
        return [str(self)]


class Page:
    """A running notebook."""

    def __init__(self, around: Mapping[str, Any], name: str) -> None:
        """Take the namespace of the notebook and its name."""
        self.name = name
        self._around = around
        self._dbutils = around.get("dbutils")
        self._widgets: Any = self._dbutils.widgets if self._dbutils is not None else LaptopWidgets(around.get("GIVEN") or {})
        self._shown = 0
        self._with_environment = False

    # Inputs

    def __getitem__(self, widget: str) -> str:
        """Return the value that a widget has now."""
        with self._reported():
            return str(self._widgets.get(widget))

    def set(self, widget: str, value: str) -> None:
        """Change a widget on a laptop; in a workspace, change it above the notebook."""
        with self._reported():
            if self._dbutils is not None:
                raise UsageError("this notebook has widgets", fix=f"change {widget} above the notebook, and run the cell again")
            self._widgets.set(widget, value)

    def text(self, widget: str, label: str, default: str = "") -> None:
        """Declare a text input."""
        self._widgets.text(widget, default, label)

    def choose(self, widget: str, label: str, choices: Sequence[str], default: str = "") -> None:
        """Declare a selection list. A value of before that is still among the choices stays."""
        with self._reported():
            if not choices:
                raise UsageError(f"there is nothing to choose for {label.lower()} yet", fix="run the job governance first")
            first = default if default in choices else choices[0]
            self._widgets.dropdown(widget, first, list(choices), label)
            given = str(self._widgets.get(widget))
            if given not in choices:
                shown = ", ".join(choices[:20]) + (f" and {len(choices) - 20} more" if len(choices) > 20 else "")
                raise UsageError(f"{widget}={given}: not one of {shown}", fix=f"choose one of them for {label.lower()}")

    @property
    def on_laptop(self) -> bool:
        """Return whether the notebook runs outside a workspace."""
        return self._dbutils is None

    @property
    def env(self) -> str:
        """Return the environment's name."""
        return self["env"]

    @property
    def envs(self) -> str:
        """Return the folder of the environments."""
        return self["envs"]

    # Outputs

    def ask(self, make: Callable[..., Found], *words: Any, writes: bool = False) -> Found:
        """Return what `make(opened, *words)` finds in the files of the environment that is chosen now."""
        with self._reported(), opened(self.envs, self.env, writes=writes) as found:
            return make(found, *words)

    def table(self, make: Callable[..., Shown], *words: Any, writes: bool = False) -> Any:
        """Print the summary of the table that `make(opened, *words)` returns, and return its rows for `display()`."""
        return self.frame(self.ask(make, *words, writes=writes))

    def frame(self, shown: Shown) -> Any:
        """Print the summary of a table and return its rows for `display()`."""
        self._shown += len(shown.rows)
        print(shown.summary)  # noqa: T201  (a cell's output)
        return shown.frame()

    def history(self, table: str) -> tuple[Mapping[str, Any], ...]:
        """Return the rows of a history table for this environment, newest first; none if it does not exist."""
        with self._reported():
            return read_history(self.spark, self["history"], table, self.env)

    def query(self, statement: str) -> Any:
        """Run SQL as the principal of this notebook and return its rows for `display()`; a refusal becomes the summary."""
        with self._reported():
            return self.frame(query_rows(self.spark, statement))

    def sql(self, statement: str) -> Any:
        """Run the SQL of a `%sql` cell on a laptop; `:name` is the value of a widget."""
        with self._reported():
            used = {name: self[name] for name in dict.fromkeys(_MARKER.findall(statement))}
            frame = self.spark.sql(statement, used) if used else self.spark.sql(statement)
            return frame.toPandas() if hasattr(frame, "toPandas") else frame

    def view(self, name: str, shown: Shown) -> None:
        """Make the rows of a table a temporary view for `%sql` cells."""
        with self._reported():
            columns = ", ".join(f"{quote_identifier(c)} STRING" for c in shown.columns)
            rows = [tuple(str(row.get(c, "")) for c in shown.columns) for row in shown.rows]
            self.spark.createDataFrame(rows, columns).createOrReplaceTempView(name)

    def chart(self, title: str, counts: Mapping[str, int]) -> None:
        """Show a bar chart."""
        self.html(bars(title, counts))

    def html(self, page: str) -> None:
        """Show HTML."""
        show = self._around.get("displayHTML")
        (show or laptop_display(self._around.get("display")))(page)

    def links(self, *jobs: str) -> None:
        """Show links to these jobs of the bundle and to the other notebooks."""
        with self._reported():
            workspace = self._workspace()
            bundle = deployed(workspace, self._path()) if workspace is not None else None
            known = bundle.jobs if bundle is not None else {}
            self.html(links_page(self.name, self._path(), workspace.host if workspace else "", known, jobs))

    def exit(self, **result: Any) -> None:
        """End the notebook with JSON: its name, the environment, the number of rows shown, and `result`."""
        where = {"env": self.env} if self._with_environment else {}
        text = json.dumps({"notebook": self.name, **where, "rows": self._shown, **result}, default=str)
        if self._dbutils is not None:
            self._dbutils.notebook.exit(text)
        print(text)  # noqa: T201  (a cell's output)

    # Inside

    @property
    def spark(self) -> Any:
        """Return the notebook's Spark session; on a laptop, one of databricks-connect."""
        return self._around.get("spark") or laptop_spark()

    def _open(self, *, history: bool) -> None:
        """Declare the inputs that every notebook has."""
        self._with_environment = True
        envs = self._default_envs()
        self.text("envs", "Where the environments are", envs)
        given = str(self._widgets.get("envs"))
        # A name that a task or a program gives stays, so that the error of the first use names the environments that exist.
        asked = str(self._widgets.getAll().get("env") or "")
        names = environment_names(given)
        default = asked or ("dev" if "dev" in names else next(iter(names), "dev"))
        self._widgets.dropdown("env", default, sorted({*names, default}), "Environment")
        if history:
            self.text("history", "Schema of the history", history_schema(given) or history_schema(DEFAULT_ENVS))

    def _default_envs(self) -> str:
        """Return the folder that the deployed jobs use; on a laptop, that of the clone if there is one."""
        if self._dbutils is None:
            beside = next((p for p in (Path("envs"), Path("../envs")) if any(p.glob("*/env.auto.tfvars"))), None)
            if beside is not None:
                return str(beside)
        workspace = self._workspace()
        if workspace is None:
            return DEFAULT_ENVS
        bundle = deployed(workspace, self._path())
        return bundle.envs if bundle is not None else DEFAULT_ENVS

    def _workspace(self) -> Workspace | None:
        """Return the workspace; None on a laptop that is signed in nowhere."""
        signed = self._dbutils is not None or any(k.startswith("DATABRICKS_") for k in os.environ)
        return connect(Auth()) if signed else None

    def _path(self) -> str:
        """Return the notebook's path in the workspace, empty on a laptop."""
        if self._dbutils is None:
            return ""
        here = os.getcwd()
        if here.startswith("/Workspace/"):
            return f"{here}/{self.name}"
        return str(self._dbutils.notebook.entry_point.getDbutils().notebook().getContext().notebookPath().get())

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except LampkeeperError as error:
            raise PageError(error.message + (f"\n  fix: {error.fix}" if error.fix else "")) from None


def open_page(around: Mapping[str, Any], name: str, *, environment: bool = True, history: bool = False) -> Page:
    """Open a notebook by its name and declare its first inputs; `around` is its `globals()`."""
    if name not in NOTEBOOKS:
        raise UsageError(f"{name}: not a notebook", fix=f"one of {', '.join(NOTEBOOKS)}")
    page = Page(around, name)
    if page.on_laptop:
        register_sql(page.sql)
    with page._reported():
        if environment:
            page._open(history=history)
    return page
