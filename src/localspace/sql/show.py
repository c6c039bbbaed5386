"""SHOW and DESCRIBE: from the repositories, without the engine; only what the caller may see."""

from __future__ import annotations

import fnmatch

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor, quote_name, quote_path, quote_text
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredTable
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import HIVE, is_legacy
from localspace.sql import failures
from localspace.sql.context import StatementContext, text_rows
from localspace.sql.identity_columns import clause_of
from localspace.sql.made_columns import kind_of, plain_name
from localspace.sql.reader import is_view, table_key
from localspace.sql.system_tables import INFORMATION_SCHEMA, is_made_view
from localspace.sql.tables import target_path

Rows = list[list[str | None]]


def show_catalogs(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW CATALOGS [LIKE pattern]."""
    cursor.expect("SHOW", "CATALOGS")
    keep = _pattern(cursor)
    names = [HIVE, *(one["name"] for one in context.repositories.catalog.catalogs(context.actor))]
    return text_rows(("catalog",), [[name] for name in sorted(names) if keep(name)])


def show_schemas(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW SCHEMAS or DATABASES [IN catalog] [LIKE pattern]."""
    cursor.expect("SHOW")
    cursor.one_of("SCHEMAS", "DATABASES")
    catalog = target_path(cursor)[0] if cursor.one_of("IN", "FROM") else context.session.catalog
    keep = _pattern(cursor)
    if context.repositories.store.get(kinds.CATALOG, catalog) is None:
        raise failures.catalog_missing(catalog)
    names = {one["name"] for one in context.repositories.catalog.schemas(context.actor, catalog)}
    if not is_legacy(catalog):
        names.add(INFORMATION_SCHEMA)
    return text_rows(("databaseName",), [[name] for name in sorted(names) if keep(name)])


def show_tables(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW TABLES [IN schema] [LIKE pattern]."""
    cursor.expect("SHOW", "TABLES")
    found = _objects(context, cursor, "table")
    return text_rows(("database", "tableName", "isTemporary"), [[one["schema_name"], one["name"], "false"] for one in found])


def show_views(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW VIEWS [IN schema] [LIKE pattern]."""
    cursor.expect("SHOW", "VIEWS")
    found = [one for one in _objects(context, cursor, "table") if is_view(one)]
    rows: Rows = [[one["schema_name"], one["name"], "false", "false"] for one in found]
    return text_rows(("namespace", "viewName", "isTemporary", "isMaterialized"), rows)


def show_volumes(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW VOLUMES [IN schema] [LIKE pattern]."""
    cursor.expect("SHOW", "VOLUMES")
    found = _objects(context, cursor, "volume")
    return text_rows(("database", "volume_name"), [[one["schema_name"], one["name"]] for one in found])


def show_functions(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW [USER] FUNCTIONS [IN schema] [LIKE pattern]: the workspace's own functions."""
    cursor.expect("SHOW")
    cursor.one_of("USER", "ALL")
    cursor.expect("FUNCTIONS")
    found = _objects(context, cursor, "function")
    return text_rows(("function",), [[one["full_name"]] for one in found])


def show_columns(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW COLUMNS IN table."""
    cursor.expect("SHOW", "COLUMNS")
    if not cursor.one_of("IN", "FROM"):
        raise cursor.error("this place", "expected IN")
    table = visible_table(context, target_path(cursor))
    cursor.end()
    return text_rows(("col_name",), [[column["name"]] for column in table["columns"]])


def show_properties(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW TBLPROPERTIES table."""
    cursor.expect("SHOW", "TBLPROPERTIES")
    table = visible_table(context, target_path(cursor))
    cursor.end()
    return text_rows(("key", "value"), [[key, value] for key, value in sorted((table.get("properties") or {}).items())])


def show_create(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW CREATE TABLE."""
    cursor.expect("SHOW", "CREATE", "TABLE")
    table = visible_table(context, target_path(cursor))
    cursor.end()
    name = quote_path(table_key(table))
    if is_view(table):
        context.repositories.privileges.require_manage(context.actor, "TABLE", table["full_name"])
        columns = ",\n  ".join(quote_name(column["name"]) for column in table["columns"])
        return text_rows(("createtab_stmt",), [[f"CREATE VIEW {name} (\n  {columns})\nAS {table['view_definition']}\n"]])
    lines = []
    for column in table["columns"]:
        nullable = "" if column.get("nullable", True) else " NOT NULL"
        comment = f" COMMENT {quote_text(note)}" if (note := column.get("comment")) else ""
        identity = clause_of(column)
        lines.append(f"{quote_name(column['name'])} {column['type_text'].upper()}{nullable}{identity}{comment}")
    comment = f"COMMENT {quote_text(note)}\n" if (note := table.get("comment")) else ""
    if location := table.get("storage_location"):
        comment += f"LOCATION {quote_text(location)}\n"
    joined = ",\n  ".join(lines)
    return text_rows(("createtab_stmt",), [[f"CREATE TABLE {name} (\n  {joined})\nUSING delta\n{comment}"]])


def show_principals(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW GROUPS or SHOW USERS."""
    cursor.expect("SHOW")
    word = cursor.one_of("GROUPS", "USERS")
    keep = _pattern(cursor)
    store = context.repositories.store
    if word == "GROUPS":
        names = sorted(one["displayName"] for one in store.list(kinds.GROUP))
    else:
        names = sorted(one["userName"] for one in store.list(kinds.USER))
    return text_rows(("name",), [[name] for name in names if keep(name)])


@rule("LS-005")
def visible_table(context: StatementContext, parts: tuple[str, ...]) -> StoredTable:
    """Return a table whose description the caller may read; raises TABLE_OR_VIEW_NOT_FOUND or a refusal."""
    table = context.table_named(parts)
    if not context.repositories.privileges.can_see(context.actor, "TABLE", table["full_name"]):
        raise failures.insufficient("BROWSE", "TABLE", table_key(table))
    return table


def describe_table(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DESCRIBE [TABLE] [EXTENDED] table [column]."""
    cursor.one_of("DESCRIBE", "DESC")
    cursor.accept("TABLE")
    extended = bool(cursor.one_of("EXTENDED", "FORMATTED"))
    parts = target_path(cursor)
    extended = bool(cursor.one_of("EXTENDED", "FORMATTED")) or extended
    column = None if cursor.done or cursor.looking_at("AS") else cursor.name()
    if cursor.accept("AS"):
        raise failures.not_supported("DESCRIBE … AS JSON")
    cursor.end()
    if len(parts) > 3:
        parts, column = parts[:3], parts[-1]
    full = context.session.table_path(parts)
    if is_made_view(full):
        return _describe_information(context, full, column)
    table = visible_table(context, parts)
    if column is not None:
        found = context.column_named(table, column)
        rows: Rows = [["col_name", found["name"]], ["data_type", found["type_text"]], ["comment", found.get("comment")]]
        return text_rows(("info_name", "info_value"), rows)
    rows = [[one["name"], one["type_text"], one.get("comment")] for one in table["columns"]]
    if extended:
        rows += [["", "", ""], ["# Detailed Table Information", "", ""]]
        rows += [["Catalog", table["catalog_name"], ""], ["Database", table["schema_name"], ""], ["Table", table["name"], ""]]
        rows += [["Owner", table.get("owner"), ""], ["Type", table.get("table_type"), ""]]
        location = _location_of(table)
        if location:
            rows.append(["Location", location, ""])
        rows += [["Provider", str(table.get("data_source_format") or "").lower(), ""]]
        if table.get("comment"):
            rows.append(["Comment", table["comment"], ""])
        masks = [(one["name"], mask["function_name"]) for one in table["columns"] if (mask := one.get("mask"))]
        if masks:
            rows += [["", "", ""], ["# Column Masks", "", ""]]
            rows += [[name, function, ""] for name, function in masks]
        if row_filter := table.get("row_filter"):
            rows += [["", "", ""], ["# Row Filter", "", ""], ["Function", row_filter["function_name"], ""]]
    return text_rows(("col_name", "data_type", "comment"), rows)


def _describe_information(context: StatementContext, path: tuple[str, str, str], column: str | None) -> StatementResult:
    columns = [(plain_name(one), kind_of(one).lower()) for one in context.information.columns(path)]
    if column is None:
        return text_rows(("col_name", "data_type", "comment"), [[name, kind, None] for name, kind in columns])
    for name, kind in columns:
        if name == column.casefold():
            rows: Rows = [["col_name", name], ["data_type", kind], ["comment", None]]
            return text_rows(("info_name", "info_value"), rows)
    raise failures.column_missing(column, path)


def _location_of(table: StoredTable) -> str | None:
    if table.get("storage_location"):
        return str(table["storage_location"])
    if is_legacy(table["full_name"]) and not is_view(table):
        schema = "" if table["schema_name"] == "default" else f"/{table['schema_name']}.db"
        return f"dbfs:/user/hive/warehouse{schema}/{table['name']}"
    return None


def show_external_locations(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW EXTERNAL LOCATIONS [LIKE pattern]."""
    cursor.expect("SHOW", "EXTERNAL", "LOCATIONS")
    keep = _pattern(cursor)
    privileges = context.repositories.privileges
    rows: Rows = [
        [one["name"], one["url"], one.get("comment") or ""]
        for one in context.repositories.store.list(kinds.EXTERNAL_LOCATION)
        if keep(one["name"]) and privileges.can_see(context.actor, "EXTERNAL_LOCATION", one["name"])
    ]
    return text_rows(("name", "url", "comment"), rows)


def describe_container(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DESCRIBE SCHEMA or CATALOG [EXTENDED]."""
    cursor.one_of("DESCRIBE", "DESC")
    kind = cursor.one_of("CATALOG", "SCHEMA", "DATABASE")
    cursor.accept("EXTENDED")
    parts = target_path(cursor)
    cursor.end()
    if kind == "CATALOG":
        if context.repositories.store.get(kinds.CATALOG, parts[0]) is None:
            raise failures.catalog_missing(parts[0])
        found = context.repositories.catalog.catalog(context.actor, parts[0])
        rows: Rows = [["Catalog Name", found["name"]], ["Comment", found.get("comment") or ""], ["Owner", found["owner"]]]
        return text_rows(("info_name", "info_value"), rows)
    path = context.session.schema_path(parts)
    if context.repositories.store.get(kinds.SCHEMA, *path) is None:
        raise failures.schema_missing(path)
    found = context.repositories.catalog.schema(context.actor, ".".join(path))
    rows = [["Catalog Name", path[0]], ["Namespace Name", found["name"]], ["Comment", found.get("comment") or ""]]
    rows += [["Location", ""], ["Owner", found["owner"]]]
    return text_rows(("database_description_item", "database_description_value"), rows)


def describe_function(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DESCRIBE FUNCTION [EXTENDED]; the body shows only to who manages or may execute the function."""
    cursor.one_of("DESCRIBE", "DESC")
    cursor.expect("FUNCTION")
    extended = cursor.accept("EXTENDED")
    path = context.session.table_path(target_path(cursor))
    cursor.end()
    if context.reader.function(path) is None:
        raise failures.routine_missing(path)
    found = context.repositories.objects.read(context.actor, "function", ".".join(path))
    inputs = ", ".join(f"{one['name']} {one['type_text'].upper()}" for one in found.get("input_params") or ())
    lines = [f"Function:      {found['full_name']}", "Type:          SCALAR", f"Input:         {inputs or '()'}"]
    lines.append(f"Returns:       {found['full_data_type'].upper()}")
    if extended:
        lines += [f"Comment:       {found.get('comment') or ''}", f"Deterministic: {str(found['is_deterministic']).lower()}"]
        lines.append(f"Owner:         {found['owner']}")
        if context.repositories.privileges.may_read_body(context.actor, found["full_name"]):
            lines.append(f"Body:          {found['routine_definition']}")
    return text_rows(("function_desc",), [[line] for line in lines])


def _objects(context: StatementContext, cursor: Cursor, kind: str) -> list[Document]:
    path = (context.session.catalog, context.session.schema)
    if cursor.one_of("IN", "FROM"):
        path = context.session.schema_path(target_path(cursor))
    keep = _pattern(cursor)
    if context.repositories.store.get(kinds.SCHEMA, *path) is None:
        raise failures.schema_missing(path)
    return [one for one in context.repositories.objects.listed(context.actor, kind, *path) if keep(one["name"])]


class _Keep:
    """A SHOW pattern: `*` matches anything, `|` separates alternatives, case does not count."""

    def __init__(self, pattern: str | None) -> None:
        self._patterns = None if pattern is None else [one.strip().lower() for one in pattern.split("|")]

    def __call__(self, name: str) -> bool:
        return self._patterns is None or any(fnmatch.fnmatchcase(name.lower(), one) for one in self._patterns)


def _pattern(cursor: Cursor) -> _Keep:
    given = cursor.accept("LIKE") or not cursor.done
    if not given:
        return _Keep(None)
    pattern = cursor.string()
    cursor.end()
    return _Keep(pattern)


def refuse_history(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Refuse DESCRIBE HISTORY and DETAIL: the local workspace keeps no table history."""
    raise SqlError("UNSUPPORTED_FEATURE.LOCALSPACE", "The local workspace keeps no table history or detail.", "0A000")
