"""Tables of the catalog `system`: results of data classification, found by scans or seeded by the control API.

Columns follow the platform's page on the table; only account admins may read it, as on the platform by default.
"""

from __future__ import annotations

from typing import Any

from localspace.core.errors import invalid
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredClassification
from localspace.governance.repositories import Repositories
from localspace.sql import failures
from localspace.sql.history_tables import history_table

INFORMATION_SCHEMA = "information_schema"
RESULTS = ("system", "data_classification", "results")
COLUMNS = (
    "catalog_name", "schema_name", "table_name", "column_name", "data_type", "class_tag", "samples*", "confidence",
    "frequency~",
)  # fmt: skip
"""Names with a mark of their type: * for an ARRAY<STRING>, ~ for a DOUBLE."""

_TABLE = "results"
_TEXTS = tuple(c for c in COLUMNS if c[-1] not in "*~")


def is_made_view(path: tuple[str, str, str]) -> bool:
    """Return whether a path names a relation made of the repositories: one of information_schema, or a system table."""
    return path[1].casefold() == INFORMATION_SCHEMA or is_results(path) or history_table(path) is not None


def is_results(path: tuple[str, ...]) -> bool:
    """Return whether a path names the results of data classification."""
    return tuple(part.casefold() for part in path) == RESULTS


def seed_results(repositories: Repositories, rows: Any) -> dict[str, Any]:
    """Put rows in place of those there; None takes the table away."""
    if rows is not None and (not isinstance(rows, list) or not all(_is_row(one) for one in rows)):
        raise invalid(f"results is a list of objects with {', '.join(_TEXTS)}, samples and frequency, or null.")
    if rows is None:
        repositories.store.delete(kinds.CLASSIFICATION, _TABLE)
    else:
        repositories.store.put(kinds.CLASSIFICATION, (_TABLE,), StoredClassification(rows=rows))
    return {}


def results_columns(repositories: Repositories) -> tuple[str, ...]:
    """Return the columns; raises TABLE_OR_VIEW_NOT_FOUND where nothing was seeded and nothing scanned."""
    seeded = repositories.store.get(kinds.CLASSIFICATION, _TABLE) is not None
    if not seeded and not repositories.store.count(kinds.CLASSIFICATION_SCAN):
        raise failures.table_missing(RESULTS)
    return COLUMNS


@rule("LS-085")
def results_rows(repositories: Repositories, principal: Principal) -> list[tuple[Any, ...]]:
    """Return the rows for an account admin; raises for anybody else."""
    results_columns(repositories)
    if not repositories.identity.is_account_admin(principal.id):
        raise failures.insufficient("SELECT", "TABLE", RESULTS)
    found = repositories.store.get(kinds.CLASSIFICATION, _TABLE)
    rows = list(found["rows"]) if found is not None else []
    rows += [row for scan in repositories.store.list(kinds.CLASSIFICATION_SCAN) for row in scan["rows"]]
    return [tuple(_cell(row, column) for column in COLUMNS) for row in rows]


def _cell(row: dict[str, Any], column: str) -> Any:
    value = row.get(column.rstrip("*~"))
    if column.endswith("~"):
        return None if value is None else float(value)
    return list(value or ()) if column.endswith("*") else value


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or set(row) - {c.rstrip("*~") for c in COLUMNS}:
        return False
    frequency, samples = row.get("frequency"), row.get("samples", [])
    texts = all(row.get(name) is None or isinstance(row[name], str) for name in _TEXTS)
    numbers = frequency is None or (isinstance(frequency, int | float) and not isinstance(frequency, bool))
    return texts and numbers and isinstance(samples, list) and all(isinstance(s, str) for s in samples)
