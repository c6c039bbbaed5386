"""Results of Databricks Data Classification, if the workspace has them. Its samples, which are values, are never read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.model.errors import RemoteError
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import Parameter, run_sql

RESULTS = "system.data_classification.results"
_ABSENT = frozenset(
    {"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION", "CATALOG_NOT_FOUND", "INSUFFICIENT_PERMISSIONS"}
    | {"UC_NOT_ENABLED", "PERMISSION_DENIED"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """One result: a column, its class, the confidence HIGH or LOW, and the share of values with this class."""

    column: ColumnName
    class_tag: str
    confidence: str
    frequency: float | None


def read_classification(workspace: Workspace, catalogs: Iterable[str]) -> tuple[Classified, ...] | None:
    """Return the results for some catalogs by one query; None if the table does not exist or may not be read."""
    names = sorted({c.casefold() for c in catalogs})
    listed = ", ".join(f":c{n}" for n in range(len(names)))
    try:
        rows = run_sql(
            workspace,
            "SELECT catalog_name, schema_name, table_name, column_name, class_tag, confidence, frequency "  # noqa: S608
            f"FROM {RESULTS} WHERE lower(catalog_name) IN ({listed})",
            [Parameter(name=f"c{n}", value=name) for n, name in enumerate(names)],
            kind="classification",
        ).dicts()
    except RemoteError as error:
        if error.code.split(".")[0] in _ABSENT:
            return None
        raise
    return tuple(
        Classified(
            column=ColumnName(
                TableName(str(r["catalog_name"]), str(r["schema_name"]), str(r["table_name"])), str(r["column_name"])
            ),
            class_tag=str(r["class_tag"] or ""),
            confidence=str(r["confidence"] or "").upper(),
            frequency=float(r["frequency"]) if r["frequency"] is not None else None,
        )
        for r in rows
    )
