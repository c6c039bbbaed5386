"""Tables of a catalog without the review tag, and who can read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lampkeeper.model.names import TableName
from lampkeeper.model.unreviewed import REVIEW_KEY, REVIEWED
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.warehouse import Parameter, run_sql
from lampkeeper.text.sql_quoting import quote_path

_BOUND = frozenset({"MANAGED", "EXTERNAL", "TABLE", "BASE TABLE", "MATERIALIZED_VIEW", "STREAMING_TABLE"})
_BOUND |= {"MANAGED_SHALLOW_CLONE", "EXTERNAL_SHALLOW_CLONE"}
"""Kinds of tables that row filters apply to (source: platform docs, ABAC); views inherit the filters of their base tables."""


_TABLE = "schema_name, table_name"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class UnreviewedTable:
    """A table without the review tag: its creation time (UTC, ISO 8601), and who may read it, including its owner."""

    name: TableName
    created: str = ""
    readers: tuple[str, ...] = ()


def read_unreviewed(workspace: Workspace, catalogs: Iterable[str], losing: Collection[str] = ()) -> tuple[UnreviewedTable, ...]:
    """Return the unreviewed tables of these catalogs that the runner may see, by five queries per catalog.

    `losing` are tables (plain names, lower case) that count as unreviewed because their tag is about to be removed.
    """
    return tuple(sorted(t for c in sorted(set(catalogs)) for t in _of_catalog(workspace, c, losing)))


def read_reviewed(workspace: Workspace, catalogs: Iterable[str]) -> tuple[TableName, ...]:
    """Return the tables of these catalogs that have the review tag directly, by one query per catalog."""
    return tuple(
        sorted(TableName(c, *table_key) for c in set(catalogs) for table_key in _reviewed(workspace, c, "table_tags", _TABLE))
    )


def _of_catalog(workspace: Workspace, catalog: str, losing: Collection[str]) -> Iterable[UnreviewedTable]:
    if _reviewed(workspace, catalog, "catalog_tags", "catalog_name"):
        return
    schemas = _reviewed(workspace, catalog, "schema_tags", "schema_name")
    tables = _reviewed(workspace, catalog, "table_tags", _TABLE)
    readers: dict[tuple[str, str], set[str]] = defaultdict(set)
    views = quote_path(catalog, "information_schema")
    granted = (
        f"SELECT table_schema, table_name, grantee FROM {views}.table_privileges "  # noqa: S608 - quoted
        "WHERE privilege_type IN ('SELECT', 'ALL PRIVILEGES', 'ALL_PRIVILEGES')"
    )
    for schema, name, grantee in run_sql(workspace, granted, kind="grant").rows:
        readers[(str(schema), str(name))].add(str(grantee))
    heads = f"SELECT table_schema, table_name, table_type, table_owner, created FROM {views}.tables"  # noqa: S608 - quoted
    for schema, name, kind, owner, created in run_sql(workspace, heads, kind="tables").rows:
        table_key = (str(schema), str(name))
        if str(kind).upper() not in _BOUND or table_key[0].casefold() == "information_schema":
            continue
        tagged = table_key in tables or table_key[:1] in schemas
        if tagged and TableName(catalog, *table_key).plain.casefold() not in losing:
            continue
        who = readers[table_key] | ({str(owner)} if owner else set())
        yield UnreviewedTable(name=TableName(catalog, *table_key), created=str(created or ""), readers=tuple(sorted(who)))


def _reviewed(workspace: Workspace, catalog: str, view: str, columns: str) -> set[tuple[str, ...]]:
    """Return the objects with a direct review tag, each as a row of the view's name columns."""
    statement = (
        f"SELECT {columns} FROM {quote_path(catalog, 'information_schema', view)} "  # noqa: S608 - quoted, values bound
        "WHERE tag_name = :key AND tag_value = :value"
    )
    parameters = [Parameter(name="key", value=REVIEW_KEY), Parameter(name="value", value=REVIEWED)]
    return {tuple(str(part) for part in row) for row in run_sql(workspace, statement, parameters, kind="tag").rows}
