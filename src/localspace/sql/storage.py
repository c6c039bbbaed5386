"""Rows of tables on disk: one folder of parquet files a version, swapped in one store transaction.

A folder is complete before the store names it, so that a kill leaves either the old rows or the new ones; folders
that no table names are removed at the next start.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from localspace.core.lexer import quote_name
from localspace.core.statement_runner import SqlError
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredColumn, StoredTable
from localspace.governance import samples
from localspace.sql import sample_rows
from localspace.sql.types import parse_type

_GRACE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A relation of the engine: an unguessable name, the folder with its parquet files, the physical columns."""

    name: str
    folder: str
    ddl: str


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function of the engine: an unguessable name and the statement that makes it."""

    name: str
    declaration: str


EngineObjects = tuple[ViewSpec | FunctionSpec, ...]
"""What a statement names in the engine."""


def _length(column: StoredColumn) -> int | None:
    text = str(column["type_text"]).casefold()
    if not text.startswith(("char", "varchar")):
        return None
    kind = parse_type(text)
    return kind.numbers[0] if kind.name in ("char", "varchar") else None


class Storage:
    """The rows of all tables of an account, below one folder."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        """Use `data_dir` and clean what a killed process left in it."""
        self._store = store
        self._data_dir = data_dir
        self._tables = data_dir / "tables"
        self._scratch = data_dir / "scratch"
        self._secret = secrets.token_hex(8)
        self._retired: list[tuple[float, Path]] = []
        self._lock = threading.Lock()
        self._clean()

    def relation(self, table: Mapping[str, Any]) -> ViewSpec:
        """Return the engine's relation for the current rows of a table."""
        folder = self.folder(table)
        if folder is None:
            folder = self._data_dir / "empty"
            folder.mkdir(exist_ok=True)
        ddl = ", ".join(f"{quote_name(c['physical'])} {parse_type(c['type_text']).spark}" for c in table["columns"])
        return self._named(folder, ddl)

    def function(self, declaration: str, placeholder: str) -> FunctionSpec:
        """Return the engine's function for a declaration that holds a placeholder for its name."""
        text = declaration.replace(placeholder, "\0")
        name = self._name(text)
        return FunctionSpec(name, text.replace("\0", name))

    def scratch_relation(self, table: pa.Table, ddl: str) -> ViewSpec:
        """Write rows that belong to no table and return a relation over them."""
        folder = self._scratch / uuid.uuid4().hex
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "part-0.parquet")
        return self._named(folder, ddl)

    def forget_scratch(self, spec: ViewSpec) -> None:
        """Retire a scratch relation: it is removed after a while."""
        self.retire(Path(spec.folder))

    def folder(self, table: Mapping[str, Any]) -> Path | None:
        """Return the folder with a table's rows, or None when it never had any."""
        path = (table.get("storage") or {}).get("path")
        if not path:
            return None
        folder = self._data_dir / str(path)
        if folder.parent == self._data_dir / samples.FOLDER:
            sample_rows.ensure(folder, table["schema_name"], table["name"])
        return folder

    def new_folder(self) -> Path:
        """Return the path of a folder that does not exist yet."""
        return self._tables / uuid.uuid4().hex

    def relative(self, folder: Path) -> str:
        """Return what `storage.path` holds for a folder."""
        return folder.relative_to(self._data_dir).as_posix()

    def link_rows(self, table: StoredTable, folder: Path) -> None:
        """Put the files of a table's current rows into a new folder as hard links."""
        folder.mkdir(parents=True, exist_ok=True)
        current = self.folder(table)
        if current is None:
            return
        for file in sorted(current.glob("*.parquet")):
            os.link(file, folder / f"{uuid.uuid4().hex}.parquet")

    def write_arrow(self, rows: pa.Table, folder: Path) -> None:
        """Add a file of rows to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / f"{uuid.uuid4().hex}.parquet")

    def check_not_null(self, table: Mapping[str, Any], folder: Path) -> None:
        """Refuse rows with NULL in a NOT NULL column, by the statistics of the files."""
        strict = {c["physical"]: c["name"] for c in table["columns"] if not c.get("nullable", True)}
        if not strict:
            return
        for file in folder.glob("*.parquet"):
            metadata = pq.read_metadata(file)
            for group in range(metadata.num_row_groups):
                for index in range(metadata.num_columns):
                    column = metadata.row_group(group).column(index)
                    name = strict.get(column.path_in_schema.split(".")[0])
                    statistics = column.statistics
                    if name is not None and statistics is not None and statistics.null_count:
                        raise SqlError(
                            "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
                            f"NOT NULL constraint violated for column: {name}.",
                            "23502",
                        )

    def check_lengths(self, table: StoredTable, folder: Path) -> None:
        """Refuse texts longer than their CHAR or VARCHAR column; nothing is padded (source: Delta Lake's length check)."""
        limits = {column["physical"]: (column, _length(column)) for column in table["columns"]}
        limits = {name: found for name, found in limits.items() if found[1] is not None}
        if not limits:
            return
        for file in folder.glob("*.parquet"):
            there = [name for name in limits if name in pq.read_schema(file).names]
            rows = pq.read_table(file, columns=there)
            for name in there:
                column, limit = limits[name]
                longest = pc.max(pc.utf8_length(rows[name].cast(pa.string()))).as_py()
                if longest is not None and limit is not None and longest > limit:
                    raise SqlError(
                        "DELTA_EXCEED_CHAR_VARCHAR_LIMIT",
                        f"A value of column {column['name']} exceeds char/varchar type length limitation. Failed check:"
                        f" (isnull({quote_name(column['name'])}) OR (length({quote_name(column['name'])}) <= {limit})).",
                        "22001",
                    )

    def row_count(self, folder: Path) -> int:
        """Return the number of rows in a folder, from the files' footers."""
        return sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))

    def retire(self, folder: Path | None) -> None:
        """Remove a folder once no running query can read it any more."""
        now = time.monotonic()
        with self._lock:
            if folder is not None:
                self._retired.append((now, folder))
            due = [path for at, path in self._retired if now - at > _GRACE_SECONDS]
            self._retired = [(at, path) for at, path in self._retired if now - at <= _GRACE_SECONDS]
        for path in due:
            self.discard(path)

    @staticmethod
    def discard(folder: Path) -> None:
        """Remove a folder at once."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)

    def _named(self, folder: Path, ddl: str) -> ViewSpec:
        return ViewSpec(self._name(f"{folder}\0{ddl}"), str(folder), ddl)

    def _name(self, content: str) -> str:
        return "ls_" + hashlib.sha256(f"{self._secret}\0{content}".encode()).hexdigest()[:20]

    def _clean(self) -> None:
        self._tables.mkdir(parents=True, exist_ok=True)
        if self._scratch.exists():
            self.discard(self._scratch)
        self._scratch.mkdir(parents=True)
        # Rows of dropped external tables stay: a later table at their place finds them.
        stored = [one.get("storage") for one in self._store.everywhere(kinds.TABLE)]
        stored += [one.get("storage") for one in self._store.everywhere(kinds.TABLE_LOCATION)]
        used = {one["path"] for one in stored if one is not None}
        for folder in self._tables.iterdir():
            if self.relative(folder) not in used:
                self.discard(folder)
