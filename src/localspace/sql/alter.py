"""ALTER of tables, views, schemas, catalogs and volumes; COMMENT ON."""

from __future__ import annotations

from collections.abc import Iterable

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents.catalog import StoredColumn, StoredColumnMask, StoredTable
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import refuse_legacy
from localspace.sql import failures
from localspace.sql.columns import ColumnList, ColumnSpec, documents_of, name_list, next_physical, read_column, read_mask
from localspace.sql.context import NOTHING, StatementContext
from localspace.sql.control_arguments import argument_list, spelled, stored_filter, stored_mask
from localspace.sql.policies import read_principal
from localspace.sql.reader import is_view, table_key
from localspace.sql.rows import swap, write_columns
from localspace.sql.securables import Securable, read_securable
from localspace.sql.tables import function_reference, read_properties, target_path
from localspace.sql.tagging import alter_tags
from localspace.sql.types import parse_type, read_type


def alter_table(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run ALTER TABLE."""
    cursor.expect("ALTER", "TABLE")
    path = context.writing(target_path(cursor))
    table = context.reader.require_table(path)
    target = Securable("TABLE", table["full_name"])
    if alter_tags(context, cursor, target) or _alter_owner(context, cursor, "table", target):
        return NOTHING
    if is_view(table):
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", f"{target.full_name} is a view; use ALTER VIEW.", "42809")
    if cursor.accept("RENAME", "TO"):
        return _rename_table(context, cursor, table)
    if cursor.accept("RENAME", "COLUMN"):
        return _rename_column(context, cursor, table)
    if cursor.accept("ADD", "CONSTRAINT") or cursor.looking_at("ADD", "PRIMARY") or cursor.looking_at("ADD", "FOREIGN"):
        raise failures.not_supported("adding constraints to an existing table")
    if cursor.accept("ADD"):
        return _add_columns(context, cursor, table)
    if cursor.looking_at("DROP", "COLUMN") or cursor.looking_at("DROP", "COLUMNS"):
        return _drop_columns(context, cursor, table)
    if cursor.accept("SET", "TBLPROPERTIES"):
        properties = table.get("properties", {}) | read_properties(cursor)
        return _change(context, table, {"properties": properties})
    if cursor.accept("UNSET", "TBLPROPERTIES"):
        cursor.accept("IF", "EXISTS")
        gone = read_properties(cursor)
        kept = {key: value for key, value in (table.get("properties") or {}).items() if key not in gone}
        return _change(context, table, {"properties": kept})
    if cursor.accept("SET", "ROW", "FILTER"):
        return _set_row_filter(context, cursor, table)
    if cursor.accept("DROP", "ROW", "FILTER"):
        cursor.end()
        return _change(context, table, {"row_filter": None})
    if cursor.accept("CLUSTER", "BY"):
        keys = [] if cursor.one_of("NONE", "AUTO") else name_list(cursor)
        return _change(context, table, {"clustering_columns": keys})
    if cursor.one_of("ALTER", "CHANGE"):
        cursor.accept("COLUMN")
        return _alter_column(context, cursor, table)
    raise cursor.error(f"'{cursor.take().text}'", "in ALTER TABLE")


def alter_view(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run ALTER VIEW: tags, owner, name, properties, a column's tags."""
    cursor.expect("ALTER", "VIEW")
    table = context.reader.require_table(context.writing(target_path(cursor)))
    target = Securable("TABLE", table["full_name"])
    if alter_tags(context, cursor, target) or _alter_owner(context, cursor, "table", target):
        return NOTHING
    if cursor.accept("RENAME", "TO"):
        return _rename_table(context, cursor, table)
    if cursor.accept("SET", "TBLPROPERTIES"):
        return _change(context, table, {"properties": table.get("properties", {}) | read_properties(cursor)})
    if cursor.accept("ALTER"):
        cursor.accept("COLUMN")
        column = context.column_named(table, cursor.name())
        if alter_tags(context, cursor, Securable("COLUMN", f"{table['full_name']}.{column['name']}")):
            return NOTHING
    raise failures.not_supported("this ALTER VIEW; use CREATE OR REPLACE VIEW")


def alter_container(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run ALTER CATALOG, SCHEMA or VOLUME: tags, owner, properties."""
    cursor.expect("ALTER")
    target = read_securable(context, cursor)
    context.repositories.privileges.require_exists(target.type, target.full_name)
    if alter_tags(context, cursor, target) or _alter_owner(context, cursor, target.type.lower(), target):
        return NOTHING
    if cursor.accept("SET", "DBPROPERTIES") and target.type == "SCHEMA":
        properties = read_properties(cursor)
        context.repositories.catalog.update_schema(context.actor, target.full_name, {"properties": properties})
        return NOTHING
    raise failures.not_supported(f"this ALTER {target.type}")


def comment_on(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run COMMENT ON type name IS text."""
    cursor.expect("COMMENT", "ON")
    target = read_securable(context, cursor)
    cursor.expect("IS")
    text = None if cursor.accept("NULL") else cursor.string()
    cursor.end()
    repositories = context.repositories
    if target.type == "CATALOG":
        repositories.catalog.update_catalog(context.actor, target.full_name, {"comment": text})
    elif target.type == "SCHEMA":
        repositories.catalog.update_schema(context.actor, target.full_name, {"comment": text})
    elif target.type == "COLUMN":
        path, name = target.full_name.split(".", 3)[:3], target.full_name.split(".", 3)[3]
        table = context.reader.require_table(context.writing((path[0], path[1], path[2])))
        return _replace_column(context, table, context.column_named(table, name) | {"comment": text})
    elif target.type == "TABLE":
        parts = target.full_name.split(".")
        context.reader.require_table((parts[0], parts[1], parts[2]))
        repositories.objects.change(context.actor, "table", target.full_name, {"comment": text})
    else:
        repositories.objects.change(context.actor, target.type.lower(), target.full_name, {"comment": text})
    return NOTHING


def _change(context: StatementContext, table: StoredTable, fields: Document) -> StatementResult:
    context.repositories.objects.change(context.actor, "table", table["full_name"], fields)
    return NOTHING


def _alter_owner(context: StatementContext, cursor: Cursor, kind: str, target: Securable) -> bool:
    if not (cursor.accept("SET", "OWNER", "TO") or cursor.accept("OWNER", "TO")):
        return False
    owner = read_principal(cursor)
    cursor.end()
    if kind == "catalog":
        context.repositories.catalog.update_catalog(context.actor, target.full_name, {"owner": owner})
    elif kind == "schema":
        context.repositories.catalog.update_schema(context.actor, target.full_name, {"owner": owner})
    else:
        context.repositories.objects.change(context.actor, kind, target.full_name, {"owner": owner})
    return True


def _rename_table(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    path = context.session.table_path(target_path(cursor))
    cursor.end()
    if tuple(part.casefold() for part in path[:2]) != tuple(part.casefold() for part in table_key(table)[:2]):
        raise failures.not_supported("renaming a table into another schema")
    context.repositories.objects.rename(context.actor, "table", table["full_name"], path[2])
    return NOTHING


@rule("LS-038")
def _rename_column(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    """Rename a column; refused while it has a governed tag or a manual mask or filter uses it."""
    column = context.column_named(table, cursor.name())
    cursor.expect("TO")
    new_name = cursor.name()
    cursor.end()
    _refuse_governed(context, table, column, "rename")
    _refuse_used(table, column, "rename")
    if any(one["name"].casefold() == new_name.casefold() and one["physical"] != column["physical"] for one in table["columns"]):
        raise SqlError("FIELD_ALREADY_EXISTS", f"Cannot rename column, because `{new_name}` already exists.", "42710")
    kind = parse_type(column["type_text"])
    renamed = column | {
        "name": new_name,
        "type_json": kind.column_json(new_name, column.get("nullable", True), column.get("comment")),
    }
    return _replace_column(context, table, renamed)


def _add_columns(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    many = cursor.one_of("COLUMNS", "COLUMN")
    listed = ColumnList()
    wrapped = cursor.accept("(")
    while True:
        careful = many is not None and not wrapped and cursor.accept("IF", "NOT", "EXISTS")
        spec = read_column(cursor, listed.constraints)
        exists = any(one["name"].casefold() == spec.name.casefold() for one in table["columns"])
        if exists and not careful:
            raise SqlError("FIELD_ALREADY_EXISTS", f"Cannot add column, because `{spec.name}` already exists.", "42710")
        if not exists:
            listed.columns.append(spec)
        if not cursor.accept(","):
            break
    if wrapped:
        cursor.expect(")")
    cursor.end()
    if any(spec.identity is not None for spec in listed.columns):
        raise failures.not_supported("adding an identity column to an existing table")
    if any(not spec.nullable for spec in listed.columns) and _has_rows(context, table):
        raise failures.not_supported("adding a NOT NULL column to a table with rows")
    for spec in listed.columns:
        context.rewriter.constant(spec.default or "NULL")
    first = next_physical(table)
    added = documents_of(listed.columns, first, len(table["columns"]))
    columns = list(table["columns"])
    for spec, document in zip(listed.columns, added, strict=True):
        columns.insert(_position(spec, columns, table), document)
    last = first + len(added) - 1
    return _change(context, table, {"columns": _numbered(columns), "last_physical": last})


@rule("LS-039")
def _drop_columns(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    """Drop columns; refused while one has a governed tag or a manual mask or filter uses it."""
    cursor.expect("DROP")
    cursor.one_of("COLUMNS", "COLUMN")
    lenient = cursor.accept("IF", "EXISTS")
    names = name_list(cursor) if cursor.looking_at("(") else [cursor.name()]
    while cursor.accept(","):
        names.append(cursor.name())
    cursor.end()
    last = next_physical(table) - 1
    columns = list(table["columns"])
    for name in names:
        found = [one for one in columns if one["name"].casefold() == name.casefold()]
        if not found:
            if lenient:
                continue
            raise failures.column_missing(name, table_key(table))
        _refuse_governed(context, table, found[0], "drop")
        _refuse_used(table, found[0], "drop")
        columns.remove(found[0])
    if not columns:
        raise SqlError("DELTA_DROP_COLUMN_ON_SINGLE_FIELD_SCHEMA", "Cannot drop the last column of a table.", "0AKDC")
    return _change(context, table, {"columns": _numbered(columns), "last_physical": last})


def _alter_column(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    column = context.column_named(table, cursor.name())
    if alter_tags(context, cursor, Securable("COLUMN", f"{table['full_name']}.{column['name']}")):
        return NOTHING
    if cursor.accept("COMMENT"):
        changed = column | {"comment": cursor.string()}
    elif cursor.accept("SET", "MASK"):
        changed = column | {"mask": _mask(context, cursor, table)}
    elif cursor.accept("DROP", "MASK"):
        changed = column | {"mask": None}
    elif cursor.accept("SET", "NOT", "NULL"):
        _refuse_nulls(context, table, column)
        changed = column | {"nullable": False}
    elif cursor.accept("DROP", "NOT", "NULL"):
        changed = column | {"nullable": True}
    elif cursor.accept("SET", "DEFAULT"):
        default = cursor.rest()
        context.rewriter.constant(default)
        changed = column | {"default": default}
    elif cursor.accept("DROP", "DEFAULT"):
        changed = column.copy()
        changed.pop("default", None)
    elif cursor.accept("TYPE"):
        return _widen(context, cursor, table, column)
    elif cursor.looking_at("FIRST") or cursor.looking_at("AFTER"):
        return _move(context, cursor, table, column)
    else:
        raise failures.not_supported("this ALTER COLUMN")
    cursor.end()
    return _replace_column(context, table, changed)


def _mask(context: StatementContext, cursor: Cursor, table: StoredTable) -> StoredColumnMask:
    refuse_legacy(table["full_name"], "column masks")
    spec = read_mask(cursor)
    function = function_reference(context, spec.function)
    return stored_mask(function, spelled(spec.using, table["columns"], table_key(table)))


def _set_row_filter(context: StatementContext, cursor: Cursor, table: StoredTable) -> StatementResult:
    refuse_legacy(table["full_name"], "row filters")
    function = function_reference(context, cursor.path())
    cursor.expect("ON")
    arguments = spelled(argument_list(cursor), table["columns"], table_key(table))
    cursor.end()
    return _change(context, table, {"row_filter": stored_filter(function, arguments)})


def _replace_column(context: StatementContext, table: StoredTable, changed: StoredColumn) -> StatementResult:
    kind = parse_type(changed["type_text"])
    changed = changed | {"type_json": kind.column_json(changed["name"], changed.get("nullable", True), changed.get("comment"))}
    columns = [changed if one["physical"] == changed["physical"] else one for one in table["columns"]]
    return _change(context, table, {"columns": columns})


def _widen(context: StatementContext, cursor: Cursor, table: StoredTable, column: StoredColumn) -> StatementResult:
    kind = read_type(cursor)
    cursor.end()
    if not parse_type(column["type_text"]).widens_to(kind):
        raise SqlError(
            "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP",
            f"ALTER TABLE ALTER COLUMN TYPE from {column['type_text'].upper()} to {kind.text.upper()} is not supported.",
            "0AKDC",
        )
    changed = column | {"type_text": kind.text, "type_name": kind.type_name}
    columns = [changed if one["physical"] == column["physical"] else one for one in table["columns"]]
    new_shape = table | {"columns": columns}
    context.repositories.privileges.require_manage(context.actor, "TABLE", table["full_name"])
    folder = context.storage.new_folder()
    # The rows go from files to files: nobody sees them, so no mask applies.
    rows = context.rewriter.physical(table, context.rewriter.scope, with_masks=False)
    write_columns(context, new_shape, f"SELECT * FROM {rows}", folder, rewritten=True)
    with context.repositories.store.transaction():
        swap(context, table, folder)
        return _replace_column(context, table, changed)


def _move(context: StatementContext, cursor: Cursor, table: StoredTable, column: StoredColumn) -> StatementResult:
    position = ("FIRST", "") if cursor.accept("FIRST") else ("AFTER", "")
    if position[0] == "AFTER":
        cursor.expect("AFTER")
        position = ("AFTER", cursor.name())
    cursor.end()
    columns = [one for one in table["columns"] if one["physical"] != column["physical"]]
    spec = ColumnSpec(name=column["name"], type=parse_type(column["type_text"]), position=position)
    columns.insert(_position(spec, columns, table), column)
    return _change(context, table, {"columns": _numbered(columns)})


def _position(spec: ColumnSpec, columns: list[StoredColumn], table: StoredTable) -> int:
    if spec.position is None:
        return len(columns)
    if spec.position[0] == "FIRST":
        return 0
    for at, one in enumerate(columns):
        if one["name"].casefold() == spec.position[1].casefold():
            return at + 1
    raise failures.column_missing(spec.position[1], table_key(table))


def _numbered(columns: Iterable[StoredColumn]) -> list[StoredColumn]:
    return [column | {"position": at} for at, column in enumerate(columns)]


def _refuse_governed(context: StatementContext, table: StoredTable, column: StoredColumn, doing: str) -> None:
    keys = context.repositories.tags.governed_on_column(table["full_name"], column["name"])
    if keys:
        raise SqlError(
            "INVALID_STATE",
            f"Cannot {doing} column '{column['name']}' of table '{table['full_name']}': it has governed tags"
            f" ({', '.join(keys)}). Remove the tags first.",
            "55000",
            "INVALID_STATE",
        )


def _refuse_used(table: StoredTable, column: StoredColumn, doing: str) -> None:
    name = column["name"].casefold()
    row_filter = table.get("row_filter")
    used = {one.casefold() for one in (row_filter["input_column_names"] if row_filter else ())}
    for other in table["columns"]:
        if mask := other.get("mask"):
            used |= {one.casefold() for one in mask["using_column_names"]}
    if name in used or (column.get("mask") and doing == "drop"):
        raise SqlError(
            "INVALID_STATE",
            f"Cannot {doing} column '{column['name']}': a row filter or column mask of the table uses it.",
            "55000",
            "INVALID_STATE",
        )


def _refuse_nulls(context: StatementContext, table: StoredTable, column: StoredColumn) -> None:
    folder = context.storage.folder(table)
    if folder is not None:
        strict = {"columns": [column | {"nullable": False}]}
        context.storage.check_not_null(strict, folder)


def _has_rows(context: StatementContext, table: StoredTable) -> bool:
    folder = context.storage.folder(table)
    return folder is not None and context.storage.row_count(folder) > 0
