"""Reads catalogs: a few information_schema queries per catalog, never one per column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.names import TableName, show_part, split_name
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.side_by_side import side_by_side
from lampkeeper.remote.warehouse import Parameter, run_sql, warehouse_id
from lampkeeper.text.sql_quoting import quote_path, quote_string

_KINDS = {
    "MANAGED": TableKind.TABLE, "EXTERNAL": TableKind.TABLE, "MANAGED_SHALLOW_CLONE": TableKind.TABLE,
    "EXTERNAL_SHALLOW_CLONE": TableKind.TABLE, "TABLE": TableKind.TABLE, "BASE TABLE": TableKind.TABLE,
    "VIEW": TableKind.VIEW, "METRIC_VIEW": TableKind.VIEW, "MATERIALIZED_VIEW": TableKind.MATERIALIZED_VIEW,
    "STREAMING_TABLE": TableKind.STREAMING_TABLE, "FOREIGN": TableKind.FOREIGN,
}  # fmt: skip
NO_CATALOG = {"TABLE_OR_VIEW_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION", "CATALOG_NOT_FOUND", "INSUFFICIENT_PERMISSIONS"}
"""Error classes of a statement on a catalog that does not exist or may not be used."""
_HIDDEN_SCHEMAS = {"information_schema"}


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Pattern:
    """A pattern for tables: one table, all of a schema if `table` is empty, all of a catalog if `schema` is empty too."""

    catalog: str
    schema: str = ""
    table: str = ""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read `catalog.schema.table`, `catalog.schema.*` or `catalog.*`; raise UsageError otherwise."""
        parts = split_name(text)
        if len(parts) == 2 and parts[1] == "*" and parts[0] != "*":
            return cls(catalog=parts[0])
        if len(parts) != 3 or "*" in parts[:2]:
            raise UsageError(f"{text!r} does not name tables", fix="write catalog.schema.table, catalog.schema.* or catalog.*")
        return cls(catalog=parts[0], schema=parts[1], table="" if parts[2] == "*" else parts[2])

    def takes(self, schema: str, table: str) -> bool:
        """Return whether the pattern matches a table of this catalog."""
        return self.schema.casefold() in ("", schema.casefold()) and self.table.casefold() in ("", table.casefold())

    def __str__(self) -> str:
        """Return the pattern as users write it."""
        if not self.schema:
            return f"{show_part(self.catalog)}.*"
        head = f"{show_part(self.catalog)}.{show_part(self.schema)}"
        return f"{head}.{show_part(self.table)}" if self.table else f"{head}.*"


_NOT_GOVERNED = {"system", "samples", "hive_metastore", "__databricks_internal"}


def list_catalogs(workspace: Workspace) -> tuple[str, ...]:
    """Return the names of the catalogs that the caller sees, sorted, without those of the platform."""
    found = workspace.pages("catalog", "/api/2.1/unity-catalog/catalogs", "catalogs")
    return tuple(sorted({str(catalog["name"]) for catalog in found} - _NOT_GOVERNED))


def read_snapshot(workspace: Workspace, patterns: Iterable[str], taken_at: str = "") -> Snapshot:
    """Read the tables that match the patterns, with columns and tags; raise RemoteError for a named table that does not exist."""
    by_catalog: dict[str, list[Pattern]] = defaultdict(list)
    for pattern in sorted({Pattern.parse(p) for p in patterns}):
        by_catalog[pattern.catalog].append(pattern)
    tables: list[Table] = []
    tags: list[TagAssignment] = []
    for catalog, wanted in sorted(by_catalog.items()):
        found = _read_named(workspace, catalog, wanted)
        require_all(found, wanted)
        tables += found
        tags += read_tags(workspace, catalog, sorted({t.name.schema for t in found}))
    scope = {t.name.plain.casefold() for t in tables}
    return Snapshot(tables=tuple(tables), tags=tuple(t for t in tags if _in_scope(t, scope)), taken_at=taken_at)


def _read_named(workspace: Workspace, catalog: str, wanted: Sequence[Pattern]) -> list[Table]:
    """Return the tables of one catalog; none if the catalog does not exist or may not be used."""
    try:
        return read_tables(workspace, catalog, wanted)
    except RemoteError as error:
        if error.code.split(".")[0] not in NO_CATALOG:
            raise
    return []


def _in_scope(tag: TagAssignment, tables: set[str]) -> bool:
    name = tag.entity_name.casefold()
    if tag.entity_type is EntityType.TABLES:
        return name in tables
    if tag.entity_type is EntityType.COLUMNS:
        return any(name.startswith(f"{t}.") for t in _prefixes(name) if t in tables)
    return any(t.startswith(f"{name}.") for t in tables)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(3, len(parts))]


def _parameters(schemas: Sequence[str]) -> tuple[str, list[Parameter]]:
    names = [f"s{n}" for n in range(len(schemas))]
    listed = ", ".join(f":{n}" for n in names)
    return listed, [Parameter(name=n, value=s.casefold()) for n, s in zip(names, schemas, strict=True)]


def read_tables(workspace: Workspace, catalog: str, wanted: Sequence[Pattern]) -> list[Table]:
    """Return the tables of one catalog that match the patterns, by two queries; missing tables are left out."""
    whole = any(not p.schema for p in wanted)
    listed, parameters = _parameters([] if whole else sorted({p.schema for p in wanted}))
    where = f"lower(table_schema) IN ({listed})" if not whole else "lower(table_schema) <> 'information_schema'"
    views = quote_path(catalog, "information_schema")
    wanted_columns = {
        "tables": "table_schema, table_name, table_type, table_owner, comment",
        "columns": "table_schema, table_name, column_name, full_data_type, is_nullable, comment, ordinal_position",
    }
    warehouse_id(workspace)  # chosen once, before several threads ask for it
    heads, lines = side_by_side(
        lambda view: run_sql(
            workspace,
            f"SELECT {wanted_columns[view]} FROM {views}.{view} WHERE {where}",  # noqa: S608 - names quoted, values bound
            parameters,
            kind=view,
        ).dicts(),
        wanted_columns,
    )
    columns: dict[tuple[str, str], list[tuple[int, Column]]] = defaultdict(list)
    for line in lines:
        column = Column(
            name=str(line["column_name"]),
            type=str(line["full_data_type"]),
            comment=line["comment"] or "",
            nullable=line["is_nullable"] != "NO",
        )
        table_key = (str(line["table_schema"]), str(line["table_name"]))
        columns[table_key].append((int(line["ordinal_position"] or 0), column))
    tables = []
    for head in heads:
        table_key = (str(head["table_schema"]), str(head["table_name"]))
        if table_key[0] in _HIDDEN_SCHEMAS or not any(p.takes(*table_key) for p in wanted):
            continue
        tables.append(
            Table(
                name=TableName(catalog, *table_key),
                columns=tuple(c for _, c in sorted(columns.get(table_key, ()), key=lambda pair: pair[0])),
                comment=head["comment"] or "",
                kind=_KINDS.get(str(head["table_type"]).upper(), TableKind.TABLE),
                owner=head["table_owner"] or "",
            )
        )
    return tables


def require_all(found: Sequence[Table], wanted: Sequence[Pattern]) -> None:
    """Raise RemoteError if a pattern matched nothing or a table shows no columns: emptiness may mean a missing privilege."""
    missing = [str(p) for p in wanted if not any(p.takes(t.name.schema, t.name.table) for t in found)]
    if missing:
        raise RemoteError(
            f"the table does not exist, or the runner has no privilege to see it: {', '.join(missing)}",
            code="TABLE_OR_VIEW_NOT_FOUND",
            status=404,
            fix="check uc_tables in env.auto.tfvars; the runner needs USE CATALOG, USE SCHEMA and SELECT (or BROWSE) there",
        )
    empty = [str(t.name) for t in found if not t.columns]
    if empty:
        raise RemoteError(
            f"information_schema shows tables without columns: {', '.join(sorted(empty))}",
            code="INFORMATION_SCHEMA_INCOMPLETE",
            fix="the runner needs SELECT or BROWSE on these tables",
        )


_TAG_VIEWS = (
    (EntityType.CATALOGS, "catalog_tags", ("catalog_name",)),
    (EntityType.SCHEMAS, "schema_tags", ("catalog_name", "schema_name")),
    (EntityType.TABLES, "table_tags", ("catalog_name", "schema_name", "table_name")),
    (EntityType.COLUMNS, "column_tags", ("catalog_name", "schema_name", "table_name", "column_name")),
)
_NAME_PARTS = ("catalog_name", "schema_name", "table_name", "column_name")


def read_tags(workspace: Workspace, catalog: str, schemas: Sequence[str] = ()) -> tuple[TagAssignment, ...]:
    """Return every tag in a catalog (in these schemas, and on the catalog itself) by one query over the four views."""
    listed, parameters = _parameters(list(schemas))
    selects = []
    for kind, view, names in _TAG_VIEWS:
        spelled = ", ".join(n if n in names else f"CAST(NULL AS STRING) AS {n}" for n in _NAME_PARTS)
        where = f" WHERE lower(schema_name) IN ({listed})" if schemas and "schema_name" in names else ""
        selects.append(
            f"SELECT {quote_string(kind)} AS entity_type, {spelled}, tag_name, tag_value "  # noqa: S608 - names quoted, values bound
            f"FROM {quote_path(catalog, 'information_schema', view)}{where}"
        )
    found = []
    for row in run_sql(workspace, " UNION ALL ".join(selects), parameters, kind="tag").dicts():
        parts = [str(row[n]) for n in _NAME_PARTS if row[n] is not None]
        found.append(
            TagAssignment(
                entity_type=EntityType(str(row["entity_type"])),
                entity_name=".".join(parts),
                key=str(row["tag_name"]),
                value=row["tag_value"] or "",
            )
        )
    return tuple(sorted(found))
