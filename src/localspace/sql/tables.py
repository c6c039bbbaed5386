"""CREATE TABLE, CREATE VIEW, DROP of both."""

from __future__ import annotations

from localspace.core.errors import ApiError
from localspace.core.ledger import rule
from localspace.core.lexer import Cursor, quote_name, quote_path
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredColumn, StoredFunction, StoredTable
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import refuse_legacy
from localspace.sql import failures
from localspace.sql.columns import ColumnList, ColumnSpec, documents_of, name_list, read_columns
from localspace.sql.context import NOTHING, StatementContext, text_rows
from localspace.sql.control_arguments import argument_list, spelled, stored_filter, stored_mask
from localspace.sql.reader import is_view, table_key
from localspace.sql.types import parse_type

_FORMATS = {"DELTA", "PARQUET", "ICEBERG"}


@rule("LS-048")
def create_table(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE [OR REPLACE] TABLE, with columns or AS a query."""
    cursor.expect("CREATE")
    replace = cursor.accept("OR", "REPLACE")
    if cursor.one_of("TEMPORARY", "TEMP"):
        raise failures.not_supported("temporary tables")
    external = cursor.accept("EXTERNAL")
    cursor.expect("TABLE")
    careful = _if_not_exists(cursor)
    path = context.writing(_target(cursor))
    if cursor.one_of("SHALLOW", "DEEP", "CLONE", "LIKE"):
        raise failures.not_enforceable("cloning a table")
    listed = read_columns(cursor) if cursor.looking_at("(") else ColumnList()
    body: Document = {"table_type": "MANAGED", "data_source_format": "DELTA", "properties": {}, "comment": None}
    _clauses(context, cursor, body)
    if external and not body.get("storage_location"):
        raise SqlError("CREATE_TABLE_WITHOUT_LOCATION", "CREATE EXTERNAL TABLE must be accompanied by a LOCATION.", "42601")
    query = cursor.rest() if cursor.accept("AS") else ""
    if cursor.looking_at("SELECT") or cursor.looking_at("WITH") or cursor.looking_at("VALUES"):
        query = cursor.rest()
    cursor.end()
    if careful and context.reader.table(path) is not None:
        return NOTHING
    if context.reader.table(path) is not None and not replace:
        raise failures.already_there("table", path)
    if not listed.columns and not query and not body.get("storage_location"):
        raise SqlError("DELTA_SCHEMA_NOT_PROVIDED", "Table schema is not provided. Please provide the schema.", "42908")
    if listed.columns and query:
        raise failures.not_supported("CREATE TABLE … AS with a column list")
    _refuse_legacy_controls(path, body, listed)
    if query:
        return _create_as(context, path, body, query)
    for spec in listed.columns:
        context.rewriter.constant(spec.default or "NULL")
    columns = documents_of(listed.columns)
    _fill_row_filter(context, body, columns)
    _fill_masks(context, listed.columns, columns)
    body |= {"columns": columns, "table_constraints": listed.constraints, "storage": None}
    save_table(context, path, body)
    return NOTHING


@rule("LS-033", "LS-034", "LS-065")
def save_table(context: StatementContext, path: tuple[str, str, str], body: Document) -> Document:
    """Create or replace a table; a replaced one keeps its manual masks and filter where the columns remain."""
    old = context.reader.table(path)
    if old is not None:
        if is_view(old):
            raise failures.already_there("table", path)
        _keep_manual(old, body)
    new = context.repositories.objects.create(
        context.actor, "table", path[0], path[1], body | {"name": path[2]}, replace=old is not None
    )
    if old is not None:
        context.storage.retire(context.storage.folder(old))
    return new


def _refuse_legacy_controls(path: tuple[str, str, str], body: Document, listed: ColumnList) -> None:
    if body.get("row_filter") or any(spec.mask is not None for spec in listed.columns):
        refuse_legacy(path[0], "row filters and column masks")


def _keep_manual(old: StoredTable, body: Document) -> None:
    by_name = {column["name"].casefold(): column for column in body["columns"]}
    for column in old["columns"]:
        kept = by_name.get(column["name"].casefold())
        if column.get("mask") and kept is not None and not kept.get("mask"):
            kept["mask"] = column["mask"]
    manual = old.get("row_filter")
    if manual and not body.get("row_filter"):
        missing = [one for one in manual["input_column_names"] if one.casefold() not in by_name]
        if missing:
            raise failures.not_enforceable(f"replacing a table so that its row filter loses column {missing[0]}")
        body["row_filter"] = manual


@rule("LS-047")
def _create_as(context: StatementContext, path: tuple[str, str, str], body: Document, query: str) -> StatementResult:
    context.repositories.privileges.require_exists("SCHEMA", f"{path[0]}.{path[1]}")
    if context.reader.table(path) is not None:
        # Before the query, which may take long and keeps other writers of the table out.
        context.repositories.privileges.require_manage(context.actor, "TABLE", ".".join(path))
    rewritten = context.rewriter.query(query)
    found = context.columns_of(rewritten)
    specs = [ColumnSpec(name=name, type=parse_type(_stored(kind))) for name, kind, _ in found]
    columns = documents_of(specs)
    _fill_row_filter(context, body, columns)
    folder = context.storage.new_folder()
    aliases = ", ".join(f"p{at}" for at in range(len(columns)))
    items = ", ".join(
        f"CAST(p{at} AS {spec.type.spark}) AS {column['physical']}"
        for at, (spec, column) in enumerate(zip(specs, columns, strict=True))
    )
    write_rows(context, f"SELECT {items} FROM ({rewritten}) AS q({aliases})", folder)
    body |= {"columns": columns, "table_constraints": [], "storage": {"path": context.storage.relative(folder)}}
    try:
        saved = save_table(context, path, body)
    except (ApiError, SqlError):
        context.storage.discard(folder)
        raise
    context.flow.fills(query, [spec.name for spec in specs])
    context.flow.writes(kinds.TABLE.document(saved))
    count = str(context.storage.row_count(folder))
    return StatementResult(
        columns=(("num_affected_rows", "BIGINT", "LONG"), ("num_inserted_rows", "BIGINT", "LONG")), rows=[[count, count]]
    )


def write_rows(context: StatementContext, sql: str, folder: object) -> None:
    """Let the engine write a query's rows into a new folder; nothing stays behind on a failure."""
    from pathlib import Path

    from localspace.sql.engine import EngineError

    target = Path(str(folder))
    try:
        context.engine.write(sql, target, context.rewriter.reads.objects, context.actor.name, context.cancel)
    except EngineError as error:
        context.storage.discard(target)
        raise context.error_for_caller(error) from error
    except SqlError:
        context.storage.discard(target)
        raise


def create_view(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE [OR REPLACE] VIEW; the creator becomes the owner, whose privileges the view will use."""
    cursor.expect("CREATE")
    replace = cursor.accept("OR", "REPLACE")
    if cursor.one_of("TEMPORARY", "TEMP", "GLOBAL", "MATERIALIZED", "METRIC"):
        raise failures.not_supported("temporary, materialized and metric views")
    cursor.expect("VIEW")
    careful = _if_not_exists(cursor)
    path = context.writing(_target(cursor))
    names = _view_columns(cursor) if cursor.looking_at("(") else []
    body: Document = {"table_type": "VIEW", "properties": {}, "comment": None}
    while not cursor.accept("AS"):
        if cursor.accept("COMMENT"):
            body["comment"] = cursor.string()
        elif cursor.accept("TBLPROPERTIES"):
            body["properties"] = read_properties(cursor)
        elif cursor.accept("DEFAULT", "COLLATION"):
            cursor.name()
        elif cursor.accept("WITH", "SCHEMA"):
            cursor.one_of("BINDING", "COMPENSATION", "EVOLUTION")
            cursor.accept("TYPE", "EVOLUTION")
        else:
            raise cursor.error("this place", "expected AS")
    query = cursor.rest()
    old = context.reader.table(path)
    if old is not None:
        if careful:
            return NOTHING
        if not replace or not is_view(old):
            raise failures.already_there("view", path)
    rewritten = context.rewriter.query(query)
    refuse_temporary(context, "VIEW", path)
    found = context.columns_of(rewritten)
    if names and len(names) != len(found):
        raise SqlError(
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
            f"Cannot create view: the query has {len(found)} columns, the column list {len(names)}.",
            "21S01",
        )
    specs = [
        ColumnSpec(
            name=names[at][0] if names else name,
            type=parse_type(_stored(kind)),
            nullable=nullable,
            comment=names[at][1] if names else None,
        )
        for at, (name, kind, nullable) in enumerate(found)
    ]
    body |= {
        "columns": documents_of(specs),
        "view_definition": query,
        "view_namespace": [context.session.catalog, context.session.schema],
    }
    made = context.repositories.objects.create(
        context.actor, "table", path[0], path[1], body | {"name": path[2]}, replace=old is not None
    )
    context.flow.fills(query, [spec.name for spec in specs])
    context.flow.writes(kinds.TABLE.document(made))
    return NOTHING


def refuse_temporary(context: StatementContext, kind: str, path: tuple[str, str, str]) -> None:
    """Refuse what is kept and names a temporary view of the session; raises INVALID_TEMP_OBJ_REFERENCE."""
    for name in sorted(context.rewriter.reads.temporary):
        raise SqlError(
            "INVALID_TEMP_OBJ_REFERENCE",
            f"Cannot create the persistent object {quote_path(path)} of the type {kind} because it references to the"
            f" temporary object {quote_name(name)} of the type VIEW. Please make the temporary object persistent.",
            "42K0F",
        )


def drop_table(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DROP TABLE or DROP VIEW [IF EXISTS]; governed tags on columns go with the table."""
    cursor.expect("DROP")
    kind = cursor.one_of("TABLE", "VIEW") or "TABLE"
    lenient = cursor.accept("IF", "EXISTS")
    path = context.writing(_target(cursor))
    cursor.accept("PURGE")
    cursor.end()
    table = context.reader.table(path)
    if table is None:
        if lenient:
            return NOTHING
        raise failures.table_missing(path)
    if is_view(table) != (kind == "VIEW"):
        raise SqlError(
            "WRONG_COMMAND_FOR_OBJECT_TYPE",
            f"The operation DROP {kind} requires a {kind}. But {table['full_name']} is a"
            f" {'VIEW' if is_view(table) else 'TABLE'}.",
            "42809",
        )
    gone = context.repositories.objects.drop(context.actor, "table", table["full_name"])
    if gone.get("table_type") != "EXTERNAL":
        context.storage.retire(context.storage.folder(gone))
    return NOTHING


def read_properties(cursor: Cursor) -> dict[str, str]:
    """Read `('key' = 'value', key.with.dots = 1, …)`."""
    cursor.expect("(")
    found: dict[str, str] = {}
    while not cursor.accept(")"):
        token = cursor.peek()
        key = cursor.string() if token is not None and token.kind == "string" else ".".join(cursor.path())
        if cursor.accept("="):
            value = cursor.take()
            found[key] = value.text
        else:
            found[key] = ""
        if not cursor.accept(","):
            cursor.expect(")")
            break
    return found


@rule("LS-091")
def function_reference(context: StatementContext, path: tuple[str, ...]) -> StoredFunction:
    """Return the function that a mask or filter names; raises when it is missing or may not be used."""
    full = context.session.table_path(path)
    function = context.reader.function(full)
    if function is None:
        raise failures.routine_missing(full)
    context.reader.require_privilege(context.actor, "EXECUTE", "FUNCTION", table_key(function))
    return function


def _clauses(context: StatementContext, cursor: Cursor, body: Document) -> None:
    while not cursor.done and not cursor.looking_at("AS"):
        if cursor.looking_at("SELECT") or cursor.looking_at("VALUES"):
            return
        if cursor.accept("USING"):
            name = cursor.name().upper()
            if name not in _FORMATS:
                raise failures.not_supported(f"tables USING {name}")
        elif cursor.accept("COMMENT"):
            body["comment"] = cursor.string()
        elif cursor.accept("TBLPROPERTIES"):
            body["properties"] = read_properties(cursor)
        elif cursor.accept("PARTITIONED", "BY"):
            body["partition_columns"] = name_list(cursor)
        elif cursor.accept("CLUSTER", "BY"):
            body["clustering_columns"] = [] if cursor.one_of("AUTO", "NONE") else name_list(cursor)
        elif cursor.accept("DEFAULT", "COLLATION"):
            cursor.name()
        elif cursor.accept("WITH", "ROW", "FILTER") or cursor.accept("ROW", "FILTER"):
            function = cursor.path()
            cursor.expect("ON")
            body["row_filter"] = {"function": function, "arguments": argument_list(cursor)}
        elif cursor.looking_at("WITH"):
            return
        elif cursor.accept("LOCATION"):
            body |= {"storage_location": cursor.string(), "table_type": "EXTERNAL"}
        elif cursor.looking_at("OPTIONS"):
            raise failures.not_supported("tables with OPTIONS")
        elif cursor.one_of("SHALLOW", "DEEP", "CLONE", "LIKE"):
            raise failures.not_enforceable("cloning a table")
        else:
            raise cursor.error(f"'{cursor.take().text}'", "in CREATE TABLE")


def _fill_row_filter(context: StatementContext, body: Document, columns: list[StoredColumn]) -> None:
    manual = body.get("row_filter")
    if manual:
        function = function_reference(context, manual["function"])
        # The columns of an external table may be known only when its location is read.
        arguments = spelled(manual["arguments"], columns, ()) if columns else manual["arguments"]
        body["row_filter"] = stored_filter(function, arguments)


def _fill_masks(context: StatementContext, specs: list[ColumnSpec], columns: list[StoredColumn]) -> None:
    for spec, column in zip(specs, columns, strict=True):
        if spec.mask is not None:
            function = function_reference(context, spec.mask.function)
            column["mask"] = stored_mask(function, spelled(spec.mask.using, columns, ()))


def _view_columns(cursor: Cursor) -> list[tuple[str, str | None]]:
    cursor.expect("(")
    found: list[tuple[str, str | None]] = []
    while True:
        found.append((cursor.name(), cursor.string() if cursor.accept("COMMENT") else None))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found


def _if_not_exists(cursor: Cursor) -> bool:
    return cursor.accept("IF", "NOT", "EXISTS")


def _target(cursor: Cursor) -> tuple[str, ...]:
    return target_path(cursor)


def target_path(cursor: Cursor) -> tuple[str, ...]:
    """Read the name of an object; IDENTIFIER(…) has become a name by then."""
    return cursor.path()


def _stored(kind: str) -> str:
    return "string" if kind == "void" else kind


__all__ = ["create_table", "create_view", "drop_table", "quote_name", "text_rows"]
