"""Files in a table of Unity Catalog, for state that several machines share: one row each, or one row per part of a log.

A file is created by MERGE, which Delta commits only if no other writer has changed the rows that it read: of two writers that
create one name at a time, one is refused with a conflict (source: platform docs, isolation levels and write conflicts). A
reader sees whole rows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import Parameter, Rows, run_sql
from lampkeeper.text.sql_quoting import quote_string

COMMENT = "managed by lampkeeper: state files of environments, and their lease; no secrets"
_CONFLICTS = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "CONCURRENT")


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one table; names given to its methods are paths with slashes."""

    workspace: Workspace
    table: TableName

    @property
    def path(self) -> str:
        """Return the table's name."""
        return self.table.plain

    def make(self) -> None:
        """Create the table if it does not exist; raise UsageError if the schema is missing."""
        try:
            self._run(
                f"CREATE TABLE IF NOT EXISTS {self.table.sql} (name STRING NOT NULL, content STRING NOT NULL)"
                f" COMMENT {quote_string(COMMENT)}"
                f" TBLPROPERTIES ({quote_string('delta.isolationLevel')} = {quote_string('Serializable')})",
                writes=True,
            )
        except RemoteError as error:
            if error.code in {"SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION", "CATALOG_NOT_FOUND"}:
                raise UsageError(
                    f"state_table {self.path}: {error.message}", fix="create the schema, or name another state_table"
                ) from None
            raise

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None without a row of this name; raise UsageError for a row that lampkeeper did not write."""
        rows = self._run(f"SELECT content FROM {self.table.sql} WHERE name = :name", name=name).rows  # noqa: S608 - quoted
        if not rows:
            return None
        try:
            if len(rows) > 1:
                raise ValueError(f"{len(rows)} rows")
            return base64.b64decode(str(rows[0][0]), validate=True)
        except (ValueError, binascii.Error) as error:
            raise UsageError(
                f"{self.path}: the row {name!r} is damaged: {error}", fix="restore the table to a version before"
            ) from None

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file."""
        self._merge(name, content, "WHEN MATCHED THEN UPDATE SET content = s.content")

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; return False if it exists already, also if another writer has created it meanwhile."""
        try:
            self._merge(name, content, "")
        except RemoteError as error:
            if not error.code.startswith(_CONFLICTS):
                raise
        # A MERGE that inserted nothing succeeds too.
        return self.read(name) == content

    def delete(self, name: str) -> None:
        """Delete a file; a missing row is not an error."""
        self._run(f"DELETE FROM {self.table.sql} WHERE name = :name", name=name, writes=True)  # noqa: S608 - quoted

    def append(self, name: str, number: int, part: bytes) -> None:
        """Append a part to a log: an INSERT, which neither reads nor rewrites the other rows. Only one writer may append."""
        self._run(
            f"INSERT INTO {self.table.sql} (name, content) VALUES (:name, :content)",  # noqa: S608 - quoted
            name=f"{name}/{number:09d}", content=base64.b64encode(part).decode(), writes=True,
        )  # fmt: skip

    def read_log(self, name: str) -> tuple[bytes, int]:
        """Return the bytes of a log, and how many parts it has."""
        statement = f"SELECT content FROM {self.table.sql} WHERE startswith(name, :name) ORDER BY name"  # noqa: S608 - quoted
        parts = [base64.b64decode(str(row[0])) for row in self._run(statement, name=f"{name}/").rows]
        return b"".join(parts), len(parts)

    def delete_log(self, name: str) -> None:
        """Delete all parts of a log."""
        statement = f"DELETE FROM {self.table.sql} WHERE startswith(name, :name)"  # noqa: S608 - quoted
        self._run(statement, name=f"{name}/", writes=True)

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield the names below a folder, sorted."""
        start = f"{folder}/" if folder else ""
        statement = f"SELECT name FROM {self.table.sql} WHERE startswith(name, :name) ORDER BY name"  # noqa: S608 - quoted
        rows = self._run(statement, name=start).rows
        yield from (str(row[0]) for row in rows)

    def _merge(self, name: str, content: bytes, matched: str) -> None:
        statement = (
            f"MERGE INTO {self.table.sql} AS t"  # noqa: S608 - quoted
            f" USING (SELECT :name AS name, :content AS content) AS s ON t.name = s.name {matched}"
            " WHEN NOT MATCHED THEN INSERT (name, content) VALUES (s.name, s.content)"
        )
        self._run(statement, name=name, content=base64.b64encode(content).decode(), writes=True)

    def _run(self, statement: str, *, writes: bool = False, **values: str) -> Rows:
        parameters = [Parameter(name=name, value=value) for name, value in values.items()]
        return run_sql(self.workspace, statement, parameters, kind="state", writes=writes)
