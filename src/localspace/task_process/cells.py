"""Runs the cells of a notebook, one namespace for all, and keeps what each printed."""

from __future__ import annotations

import ast
import io
import linecache
import re
import sys
from contextlib import redirect_stdout
from importlib import metadata
from typing import Any

from localspace.core.statement_text import split_statements, used_parameters
from localspace.storage.notebook_source import Cell, CellKind, Language, parse
from localspace.task_process.dbutils import resolved
from localspace.task_process.namespace import display
from localspace.task_process.rest import Rest

_KEPT = 256 * 1024


class Tee(io.TextIOBase):
    """Writes to the log and keeps the start of it."""

    def __init__(self, log: Any) -> None:
        """Write on to `log`."""
        self._log = log
        self._kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Write text."""
        if self._size < _KEPT:
            self._kept.append(text[: _KEPT - self._size])
        self._size += len(text)
        self._log.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the log."""
        self._log.flush()

    def kept(self) -> str:
        """Return what was kept."""
        return "".join(self._kept)


class CellRunner:
    """One notebook run."""

    def __init__(self, spec: dict[str, Any], namespace: dict[str, Any], rest: Rest) -> None:
        """Run in `namespace`; `%run` reads other notebooks through `rest`."""
        self._spec = spec
        self._namespace = namespace | {"__name__": "__main__"}
        self._rest = rest
        self.shown: list[dict[str, str]] = []

    def run(self) -> None:
        """Run every cell; the first failure ends the notebook."""
        self._run_source(self._spec["source"], Language(self._spec["language"]), self._spec["notebook_path"], show=True)

    def _run_source(self, source: str, language: Language, path: str, *, show: bool) -> None:
        linecache.cache[path] = (len(source), None, [line + "\n" for line in source.splitlines()], path)
        for cell in parse(source, language):
            tee = Tee(sys.stdout)
            try:
                with redirect_stdout(tee):
                    self._run_cell(cell, path)
            finally:
                if show:
                    self.shown.append({"kind": cell.kind.value, "source": cell.source, "output": tee.kept()})

    def _run_cell(self, cell: Cell, path: str) -> None:
        match cell.kind:
            case CellKind.PYTHON:
                self._python(cell, path)
            case CellKind.SQL:
                self._sql(cell.source)
            case CellKind.RUN:
                self._include(cell.source.strip().strip('"'), path)
            case CellKind.PIP:
                _check_pip(cell.source)
            case CellKind.MARKDOWN:
                return
            case _:
                raise NotImplementedError(f"the local workspace runs no %{cell.magic} cells ({path}, line {cell.line})")

    def _python(self, cell: Cell, path: str) -> None:
        lines = [
            f"# {line}" if line.lstrip().startswith("%") and not line.lstrip().startswith("%%") else line
            for line in cell.source.split("\n")
        ]
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


def _check_pip(source: str) -> None:
    words = source.split()
    if words[:1] != ["install"]:
        raise NotImplementedError(f"%pip {' '.join(words[:1])}: only install is understood")
    for word in words[1:]:
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", word)
        try:
            if word.startswith("-") or name is None or "/" in word:
                raise metadata.PackageNotFoundError(word)
            metadata.distribution(name.group(0))
        except metadata.PackageNotFoundError as error:
            raise RuntimeError(
                f"%pip install {word}: tasks of the local workspace install nothing; put the package into the Python "
                "environment of the local workspace, or name a wheel in the job's environment"
            ) from error
        print(f"Requirement already satisfied: {word}")  # noqa: T201
