"""Creates and drops the chosen test data; the statements of both."""

from __future__ import annotations

from dataclasses import dataclass

from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.choice import DataChoice
from lampkeeper.testdata.overlay_columns import add_overlay_columns, adding_statements
from lampkeeper.testdata.row_counts import count_statement
from lampkeeper.testdata.seeded_catalogs import create_statement, drop_catalogs, drop_statement, require_own
from lampkeeper.testdata.seeding import Progress, SeedReport, create_table, insert_rows, seed
from lampkeeper.text.sql_quoting import quote_path, quote_string

__all__ = ["Created", "creating_statements", "dropping_statements", "seed_testdata", "teardown_testdata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The result of seeding: the report on the tables, and the number of statements for additional columns."""

    report: SeedReport
    column_writes: int = 0

    @property
    def writes(self) -> int:
        """Return the number of all writes."""
        return self.report.writes + self.column_writes


def seed_testdata(
    workspace: Workspace, choice: DataChoice, *, storage_base: str = "", progress: Progress | None = None
) -> Created:
    """Create the missing test data; a second run sends no writes.

    Raise UsageError, before the first write, if a catalog of the same name exists that seeding did not create.
    """
    require_columns_table(choice)
    require_own(workspace, choice.catalogs)
    report = seed(workspace, choice.tables, comments=choice.schema_comments, storage_base=storage_base, progress=progress)
    added = add_overlay_columns(workspace, choice.columns) if choice.columns else 0
    return Created(report=report, column_writes=added)


def teardown_testdata(workspace: Workspace, choice: DataChoice) -> int:
    """Drop the catalogs; return how many there were. Raise UsageError if one is, or holds, an object of others."""
    return drop_catalogs(workspace, choice.catalogs)


def require_columns_table(choice: DataChoice) -> None:
    """Raise UsageError for additional columns without the customers of development, which get them."""
    if choice.columns and choice.suffix:
        raise UsageError("the overlay columns are added to dev_fin, not to a catalog of a run", fix="leave out --suffix")
    if choice.columns and (choice.banks or Variant.DEV not in choice.variants):
        raise UsageError("the overlay columns are added to dev_fin.finance.customers", fix="leave out the banks")


def creating_statements(choice: DataChoice, storage_base: str = "") -> tuple[str, ...]:
    """Return the statements that create the test data, in order."""
    require_columns_table(choice)
    found = [create_statement(c, storage_base) for c in choice.catalogs]
    comments = choice.schema_comments
    for catalog, schema in sorted({t.table.name.parts[:2] for t in choice.tables}):
        comment = quote_string(comments[(catalog, schema)])
        found.append(f"CREATE SCHEMA IF NOT EXISTS {quote_path(catalog, schema)} COMMENT {comment}")
    for each in choice.tables:
        found += [create_table(each.table, each.digest), *insert_rows(each.table, each.rows)]
    return (*found, *(adding_statements(choice.columns) if choice.columns else ()))


def counting_statements(choice: DataChoice) -> tuple[str, ...]:
    """Return the statements that count the rows of each table."""
    return tuple(count_statement(t.table.name) for t in choice.tables)


def dropping_statements(choice: DataChoice) -> tuple[str, ...]:
    """Return the statements that drop the test data."""
    return tuple(drop_statement(c) for c in choice.catalogs)
