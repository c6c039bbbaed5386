"""The context of one statement: principal, repositories, engine, and the errors that the principal may see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.statement_runner import CancelToken, SqlError, StatementResult
from localspace.core.stored_documents.catalog import StoredColumn, StoredTable
from localspace.governance.repositories import Repositories
from localspace.sql import failures
from localspace.sql.engine import Engine, EngineError, EngineRows
from localspace.sql.information_schema import InformationSchema
from localspace.sql.lineage import Flow
from localspace.sql.reader import Path3, Reader, SqlSession
from localspace.sql.rewrite import Rewriter
from localspace.sql.storage import EngineObjects, Storage
from localspace.sql.table_locks import HeldTables
from localspace.sql.types import parse_type

# Analysis errors that contain only the user's own text and names that the user may see.
_SAFE_CLASSES: tuple[str, ...] = (
    "UNRESOLVED_COLUMN",
    "TABLE_OR_VIEW_NOT_FOUND",
    "PARSE_SYNTAX_ERROR",
    "UNRESOLVED_ROUTINE",
    "MISSING_AGGREGATION",
)
_SAFE_CLASSES += ("MISSING_GROUP_BY", "UNRESOLVED_ROUTINE", "AMBIGUOUS_REFERENCE", "NUM_COLUMNS_MISMATCH", "GROUP_BY")
_WITHHELD_CLASSES: tuple[str, ...] = ("INTERNAL_ERROR", "FAILED_READ_FILE", "PATH_NOT_FOUND", "CANNOT_", "_LEGACY_ERROR_TEMP")
_RELATION = re.compile(r"`?ls_[0-9a-f]{20}`?\.?")
_CALLED = re.compile(r"\bls_[0-9a-f]{20}(?=\()")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementContext:
    """Everything a handler needs for one statement."""

    repositories: Repositories
    reader: Reader
    storage: Storage
    engine: Engine
    session: SqlSession
    rewriter: Rewriter
    information: InformationSchema
    cancel: CancelToken
    held: HeldTables
    row_limit: int | None = None
    flow: Flow = field(default_factory=Flow)

    @property
    def actor(self) -> Principal:
        """Return the principal that runs the statement."""
        return self.session.principal

    def query(self, sql: str) -> StatementResult:
        """Run a rewritten query and return its rows."""
        try:
            found = self.engine.query(sql, self._objects(), self.actor.name, self.cancel, self.row_limit)
        except EngineError as error:
            raise self.error_for_caller(error) from error
        return result_of(found)

    def columns_of(self, sql: str) -> tuple[tuple[str, str, bool], ...]:
        """Return the columns (name, type, nullable) of a rewritten query."""
        try:
            return self.engine.analyze(sql, self._objects(), self.actor.name, self.cancel).columns
        except EngineError as error:
            raise self.error_for_caller(error) from error

    def rows_of(self, sql: str) -> list[list[str | None]]:
        """Return the rows of a rewritten query without the limit of the request."""
        try:
            return self.engine.query(sql, self._objects(), self.actor.name, self.cancel).rows
        except EngineError as error:
            raise self.error_for_caller(error) from error

    @rule("LS-043")
    def error_for_caller(self, error: EngineError) -> SqlError:
        """Return the error for the principal; it reveals no hidden value if masks or filters were applied."""
        error_class = error.error_class or "INTERNAL_ERROR"
        state = error.sql_state or "XX000"
        message = _RELATION.sub("", error.message)
        if error.error_class is None or error_class.startswith(_WITHHELD_CLASSES):
            # Not an error class of the engine: a library wrote the message and may quote the content of a file.
            message = "The engine failed while it ran the statement. Details are withheld."
        if self.rewriter.reads.protected and not (error.analysis and error_class.startswith(_SAFE_CLASSES)):
            message = (
                "The statement failed while it worked on data under row filters or column masks. Details are withheld,"
                " because they could show hidden values."
            )
        return SqlError(error_class, message, state)

    def _objects(self) -> EngineObjects:
        return self.rewriter.reads.objects

    # Objects

    def writing(self, parts: tuple[str, ...]) -> Path3:
        """Return the path of the table that the statement writes, and keep other writers of it out to the statement's end."""
        path = self.session.table_path(parts)
        self.held.hold(path)
        return path

    def table_named(self, parts: tuple[str, ...]) -> StoredTable:
        """Return the table or view of a name in the statement; raises TABLE_OR_VIEW_NOT_FOUND."""
        return self.reader.require_table(self.session.table_path(parts))

    def column_named(self, table: StoredTable, name: str) -> StoredColumn:
        """Return a column's document; raises UNRESOLVED_COLUMN."""
        for column in table["columns"]:
            if column["name"].casefold() == name.casefold():
                return column.copy()
        raise failures.column_missing(name, tuple(table["full_name"].split(".")))


def result_of(found: EngineRows) -> StatementResult:
    """Return engine rows as the statement API returns them."""
    return StatementResult(
        columns=tuple(described(_CALLED.sub("", name), kind) for name, kind, _ in found.columns),
        rows=found.rows,
        truncated=found.truncated,
    )


def described(name: str, kind: str) -> tuple[str, str, str]:
    """Return (name, type_text, type_name) of a result column."""
    if kind.startswith("interval"):
        return (name, kind.upper(), "INTERVAL")
    parsed = parse_type(kind)
    return (name, parsed.shown, parsed.type_name)


def text_rows(names: tuple[str, ...], rows: list[list[str | None]]) -> StatementResult:
    """Return a result whose columns are all strings."""
    return StatementResult(columns=tuple((name, "STRING", "STRING") for name in names), rows=rows)


NOTHING = StatementResult()
