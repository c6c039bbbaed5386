"""Runs the cells of a notebook, one namespace for all, and keeps what each printed."""

from __future__ import annotations

import ast
import io
import linecache
import re
import sys
from contextlib import redirect_stdout
from typing import Any

from localspace.core.statement_text import split_statements, used_parameters
from localspace.storage.notebook_source import Cell, CellKind, Language, parse
from localspace.task_process.dbutils import resolved
from localspace.task_process.namespace import display
from localspace.task_process.own_packages import SiblingFinder
from localspace.task_process.pip import Pip
from localspace.task_process.rest import Rest

_KEPT = 256 * 1024
_PIP_LINE = re.compile(r"^(\s*)%pip\s+(.*)$")
_PIP = "_install_by_pip"


class Tee(io.TextIOBase):
    """Writes to the log and keeps the start of what a cell showed: text, and HTML in its place between the text."""

    def __init__(self, log: Any) -> None:
        """Write on to `log`."""
        self.log = log
        self._kept: list[dict[str, str]] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Write text."""
        self._keep("text", text)
        self.log.write(text)
        return len(text)

    def show_html(self, html: str) -> None:
        """Keep HTML for the page of the run; one that is too large is replaced by its size."""
        if self._size + len(html) > _KEPT:
            self._keep("text", f"(HTML of {len(html):,} characters is not kept)\n")
        else:
            self._keep("html", html)

    def flush(self) -> None:
        """Flush the log."""
        self.log.flush()

    def kept(self) -> list[dict[str, str]]:
        """Return what was kept: `kind` (text or html) and `data`."""
        return self._kept

    def _keep(self, kind: str, data: str) -> None:
        part = data[: max(0, _KEPT - self._size)]
        self._size += len(data)
        if part and kind == "text" and self._kept and self._kept[-1]["kind"] == "text":
            self._kept[-1]["data"] += part
        elif part:
            self._kept.append({"kind": kind, "data": part})


class CellRunner:
    """One notebook run."""

    def __init__(
        self, spec: dict[str, Any], namespace: dict[str, Any], rest: Rest, siblings: SiblingFinder | None = None
    ) -> None:
        """Run in `namespace`; `%run` reads other notebooks through `rest`, `%pip install` adds to `siblings`."""
        self._spec = spec
        self._pip = Pip(_read_file, str(spec["notebook_path"]), siblings)
        self._namespace = namespace | {"__name__": "__main__", _PIP: self._pip.run}
        self._rest = rest
        self.shown: list[dict[str, Any]] = []

    def run(self) -> None:
        """Run every cell; the first failure ends the notebook."""
        self._run_source(self._spec["source"], Language(self._spec["language"]), self._spec["notebook_path"], show=True)

    def _run_source(self, source: str, language: Language, path: str, *, show: bool) -> None:
        # The lines of a traceback count within the cell of an ipynb, whose text is JSON.
        if not source.lstrip().startswith("{"):
            linecache.cache[path] = (len(source), None, [line + "\n" for line in source.splitlines()], path)
        for cell in parse(source, language):
            tee = Tee(sys.stdout)
            try:
                with redirect_stdout(tee):
                    self._run_cell(cell, path)
            finally:
                if show:
                    self.shown.append({"kind": cell.kind.value, "source": cell.source, "outputs": tee.kept()})

    def _run_cell(self, cell: Cell, path: str) -> None:
        match cell.kind:
            case CellKind.PYTHON:
                self._python(cell, path)
            case CellKind.SQL:
                self._sql(cell.source)
            case CellKind.RUN:
                self._include(cell.source.strip().strip('"'), path)
            case CellKind.PIP:
                self._pip.run(cell.source)
            case CellKind.MARKDOWN:
                return
            case _:
                raise NotImplementedError(f"the local workspace runs no %{cell.magic} cells ({path}, line {cell.line})")

    def _python(self, cell: Cell, path: str) -> None:
        lines = [_PIP_LINE.sub(_pip_call, line) for line in cell.source.split("\n")]
        lines = [f"# {line}" if line.lstrip().startswith("%") and not line.lstrip().startswith("%%") else line for line in lines]
        # Empty lines before the cell keep the line numbers of the whole notebook, in syntax errors too.
        tree = ast.parse("\n" * (cell.line - 1) + "\n".join(lines), path)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path, "exec"), self._namespace)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), path, "eval"), self._namespace)  # noqa: S307
            if value is not None:
                print(repr(value))  # noqa: T201

    def _sql(self, source: str) -> None:
        spark, widgets = self._namespace["spark"], self._namespace["dbutils"].widgets.getAll()
        for statement in split_statements(source):
            used = {name: value for name, value in widgets.items() if name in used_parameters(statement)}
            frame = spark.sql(statement, used or None)
            self._namespace["_sqldf"] = frame
            display(frame)

    def _include(self, target: str, path: str) -> None:
        where = resolved(target, path)
        found = self._rest.json("GET", "/api/2.0/workspace/get-status", query={"path": where})
        if found["object_type"] != "NOTEBOOK":
            raise ValueError(f"%run {target}: {where} is not a notebook")
        query = {"path": where, "direct_download": "true"}
        source = self._rest.bytes("GET", "/api/2.0/workspace/export", query=query).decode("utf-8", "replace")
        self._run_source(source, Language(found["language"]), where, show=False)


def _read_file(path: str) -> bytes:
    """Read a file below /Workspace or /Volumes through the mounts."""
    where = path if path.startswith(("/Workspace/", "/Volumes/")) else f"/Workspace{path}"
    with open(where, "rb") as file:
        return file.read()


def _pip_call(line: re.Match[str]) -> str:
    """Return the Python form of a `%pip` line, at its place in the cell."""
    return f"{line.group(1)}{_PIP}({line.group(2)!r})"
