"""Creates the tables of a schema file in a catalog, with synthetic rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lampkeeper.model.labels import Label
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Table
from lampkeeper.remote.clients import Workspace
from lampkeeper.testdata.rows import ROWS, synthesise
from lampkeeper.testdata.seeding import Progress, SeedReport, SeedTable, seed


def seed_tables(tables: Iterable[Table], labels: Iterable[Label] = (), count: int = ROWS) -> tuple[SeedTable, ...]:
    """Return the tables with `count` synthetic rows each, by type and label."""
    by_column: Mapping[ColumnName, Label] = {label.column: label for label in labels}
    return tuple(SeedTable(table=t, rows=synthesise(t, by_column, count)) for t in tables if t.columns)


def seed_schema(
    workspace: Workspace,
    tables: Iterable[Table],
    labels: Iterable[Label] = (),
    *,
    count: int = ROWS,
    storage_base: str = "",
    progress: Progress | None = None,
) -> SeedReport:
    """Create the tables of a schema file with rows; a second run sends no writes. Tables without columns are left out."""
    return seed(workspace, seed_tables(tables, labels, count), storage_base=storage_base, progress=progress)
