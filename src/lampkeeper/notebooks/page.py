"""A notebook as a page: widgets, output, and errors; the same code in a workspace, in a local task and on a laptop.

In a workspace and in a task of the local workspace the namespace of the notebook holds `dbutils`, `spark` and
`displayHTML`. On a laptop it holds none of them: widgets are arguments such as `env=prod`, Spark is databricks-connect, and
the output goes into one HTML file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from lampkeeper.html import join_fragments
from lampkeeper.model.errors import LampkeeperError, UsageError
from lampkeeper.notebooks.pages import Shown, bars, history, plain
from lampkeeper.remote.notebooks import kernel_display, laptop_dbutils, laptop_spark


class PageError(Exception):
    """An error with its fix that ends the notebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """An input of a page; with `choices` it is a selection list."""

    label: str
    default: str = ""
    choices: tuple[str, ...] = ()


ENVIRONMENT = {
    "envs": Widget(label="Where the environments are", default="/Volumes/main/lampkeeper_ops/lampkeeper/envs"),
    "env": Widget(label="Environment", default="dev"),
}
HISTORY = Widget(label="Schema of the history", default="main.lampkeeper_ops")


class PageHost(Protocol):
    """Where a page runs: the source of its inputs and the target of its output."""

    def values(self, widgets: Mapping[str, Widget]) -> dict[str, str]:
        """Return the value of each widget."""
        ...

    def show(self, html: str) -> None:
        """Show HTML."""
        ...

    def reported(self, shown: Shown) -> None:
        """Print the text form, for readers without HTML."""
        ...

    def fail(self, error: LampkeeperError) -> NoReturn:
        """End the page with the error's message and fix."""
        ...


class Notebook:
    """A notebook with widgets: the platform's, a task of the local workspace, or Jupyter with databricks-connect."""

    def __init__(self, dbutils: Any, display_html: Callable[[str], Any]) -> None:
        """Take `dbutils` for the inputs and `display_html` for the output."""
        self._dbutils, self._display = dbutils, display_html

    def values(self, widgets: Mapping[str, Widget]) -> dict[str, str]:
        """Declare the widgets, which appear above the notebook, and return their values."""
        for name, one in widgets.items():
            if one.choices:
                self._dbutils.widgets.dropdown(name, one.default, list(one.choices), one.label)
            else:
                self._dbutils.widgets.text(name, one.default, one.label)
        return {name: str(self._dbutils.widgets.get(name)) for name in widgets}

    def show(self, html: str) -> None:
        """Show HTML below the cell."""
        self._display(html)

    def reported(self, shown: Shown) -> None:
        """Print the summary; the rows are in the HTML."""
        print(shown.summary)  # noqa: T201  (a cell's output)

    def fail(self, error: LampkeeperError) -> NoReturn:
        """Fail the cell, without a traceback."""
        raise PageError(_sentence(error)) from None


class Laptop:
    """A plain Python program: `python notebooks/labels.py env=dev envs=envs protect=no html=labels.html`."""

    def __init__(self, words: Sequence[str]) -> None:
        """Take the arguments of the command line."""
        self._words = words
        self._parts: list[str] = []
        self._file: Path | None = None

    def values(self, widgets: Mapping[str, Widget]) -> dict[str, str]:
        """Return the defaults, overridden by the arguments; raise UsageError for an argument that matches no widget."""
        given = {}
        for word in self._words:
            name, found, value = word.partition("=")
            if not found or (name not in widgets and name != "html"):
                raise UsageError(f"{word}: not an input of this page", fix=f"write name=value: {_inputs(widgets)}")
            if name in widgets and widgets[name].choices and value not in widgets[name].choices:
                raise UsageError(f"{word}: not one of {', '.join(widgets[name].choices)}")
            given[name] = value
        if "html" in given:
            self._file = Path(given.pop("html"))
        return {name: one.default for name, one in widgets.items()} | given

    def show(self, html: str) -> None:
        """Append HTML to the file, which is a complete page after each call."""
        first = not self._parts
        self._parts.append(html)
        if self._file is None:
            descriptor, name = tempfile.mkstemp(prefix="lampkeeper-", suffix=".html")
            os.close(descriptor)
            self._file = Path(name)
        try:
            self._file.write_text(join_fragments("notebook.html", self._parts, title="Lampkeeper"), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{self._file}: cannot be written: {error.strerror}", fix="give html=FILE") from None
        if first:
            print(f"page: {self._file}")  # noqa: T201

    def reported(self, shown: Shown) -> None:
        """Print the rows."""
        print(shown.text())  # noqa: T201

    def fail(self, error: LampkeeperError) -> NoReturn:
        """Print the error and end the program with its exit code."""
        print("error: " + "\n".join(map(plain, _sentence(error).splitlines())), file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code)


class Page:
    """A running notebook."""

    def __init__(self, host: PageHost, values: Mapping[str, str], around: Mapping[str, Any]) -> None:
        """Show output at `host`; Spark comes from the namespace `around`, else from databricks-connect."""
        self._host = host
        self._values = values
        self._around = around

    def __getitem__(self, widget: str) -> str:
        """Return the value of a widget."""
        return self._values[widget]

    @property
    def envs(self) -> str:
        """Return the folder of the environments."""
        return self._values["envs"]

    @property
    def env(self) -> str:
        """Return the environment's name."""
        return self._values["env"]

    def show(self, make: Callable[..., Shown], *words: Any) -> Shown:
        """Show the result of `make(*words)`: its summary, then its table."""
        with self._reported():
            shown = make(*words)
            self._host.reported(shown)
            self._host.show(shown.html())
        return shown

    def history(self, table: str) -> Shown:
        """Show a history table, read through Spark, newest rows first."""
        with self._reported():
            spark = self._around.get("spark") or laptop_spark()
        return self.show(history, spark, self["history"], table, self.env)

    def html(self, make: Callable[..., str], *words: Any) -> None:
        """Show the HTML that `make(*words)` returns."""
        with self._reported():
            self._host.show(make(*words))

    def chart(self, title: str, counts: Mapping[str, int]) -> None:
        """Show a bar chart."""
        self.html(bars, title, counts)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except LampkeeperError as error:
            self._host.fail(error)


def open_page(around: Mapping[str, Any], **widgets: Widget) -> Page:
    """Open the page of a notebook with these inputs; `around` is its `globals()`."""
    host = _host(around)
    try:
        values = host.values(widgets)
    except LampkeeperError as error:
        host.fail(error)
    return Page(host, values, around)


def _host(around: Mapping[str, Any]) -> PageHost:
    if "dbutils" in around and "displayHTML" in around:
        return Notebook(around["dbutils"], around["displayHTML"])
    show = kernel_display()
    return Laptop(sys.argv[1:]) if show is None else Notebook(laptop_dbutils(), show)


def _inputs(widgets: Mapping[str, Widget]) -> str:
    shown = [f"{name}={'|'.join(one.choices) or one.default or '…'} ({one.label})" for name, one in widgets.items()]
    return ", ".join([*shown, "html=… (File for the page)"])


def _sentence(error: LampkeeperError) -> str:
    return error.message + (f"\n  fix: {error.fix}" if error.fix else "")
