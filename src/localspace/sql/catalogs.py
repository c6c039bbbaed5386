"""CREATE, DROP and ALTER of catalogs, schemas and volumes; USE."""

from __future__ import annotations

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.sql import failures
from localspace.sql.context import NOTHING, StatementContext
from localspace.sql.tables import read_properties, target_path

SCHEMA_WORDS = ("SCHEMA", "DATABASE")


def create_catalog(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE CATALOG [IF NOT EXISTS]."""
    cursor.expect("CREATE", "CATALOG")
    careful = cursor.accept("IF", "NOT", "EXISTS")
    name = target_path(cursor)[0]
    body = _options(cursor) | {"name": name}
    if context.repositories.store.get(kinds.CATALOG, name) is not None:
        if careful:
            return NOTHING
        raise failures.already_there("catalog", (name,))
    context.repositories.catalog.create_catalog(context.actor, body)
    return NOTHING


def create_schema(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE SCHEMA [IF NOT EXISTS]."""
    cursor.expect("CREATE")
    cursor.one_of(*SCHEMA_WORDS)
    careful = cursor.accept("IF", "NOT", "EXISTS")
    path = context.session.schema_path(target_path(cursor))
    body = _options(cursor) | {"name": path[1], "catalog_name": path[0]}
    if context.repositories.store.get(kinds.CATALOG, path[0]) is None:
        raise failures.catalog_missing(path[0])
    if context.repositories.store.get(kinds.SCHEMA, *path) is not None:
        if careful:
            return NOTHING
        raise failures.already_there("schema", path)
    context.repositories.catalog.create_schema(context.actor, body)
    return NOTHING


def create_volume(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE VOLUME [IF NOT EXISTS] (managed)."""
    cursor.expect("CREATE")
    if cursor.accept("EXTERNAL"):
        raise failures.not_supported("external volumes by SQL")
    cursor.expect("VOLUME")
    careful = cursor.accept("IF", "NOT", "EXISTS")
    path = context.session.table_path(target_path(cursor))
    options = _options(cursor)
    if options.keys() - {"comment"}:
        raise failures.not_supported("a volume with properties or a managed location")
    location = f"local://volumes/{'/'.join(path)}"
    body = options | {"name": path[2], "volume_type": "MANAGED", "storage_location": location}
    if context.repositories.store.get(kinds.VOLUME, *path) is not None:
        if careful:
            return NOTHING
        raise failures.already_there("volume", path)
    context.repositories.objects.create(context.actor, "volume", path[0], path[1], body)
    return NOTHING


def drop_container(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DROP CATALOG, DROP SCHEMA or DROP VOLUME [IF EXISTS] [RESTRICT or CASCADE]."""
    cursor.expect("DROP")
    kind = cursor.one_of("CATALOG", "VOLUME", *SCHEMA_WORDS)
    lenient = cursor.accept("IF", "EXISTS")
    parts = target_path(cursor)
    cascade = cursor.one_of("RESTRICT", "CASCADE") == "CASCADE"
    cursor.end()
    if kind == "CATALOG":
        if context.repositories.store.get(kinds.CATALOG, parts[0]) is None:
            return _absent(lenient, failures.catalog_missing(parts[0]))
        context.repositories.catalog.delete_catalog(context.actor, parts[0], cascade)
    elif kind == "VOLUME":
        path = context.session.table_path(parts)
        if context.repositories.store.get(kinds.VOLUME, *path) is None:
            return _absent(lenient, SqlError("VOLUME_NOT_FOUND", f"Volume '{'.'.join(path)}' does not exist.", "42704"))
        context.repositories.objects.drop(context.actor, "volume", ".".join(path))
    else:
        path2 = context.session.schema_path(parts)
        if context.repositories.store.get(kinds.SCHEMA, *path2) is None:
            return _absent(lenient, failures.schema_missing(path2))
        context.repositories.catalog.delete_schema(context.actor, ".".join(path2), cascade)
    return NOTHING


def use(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run USE: it is checked and has no effect on later statements, for each statement has a session of its own."""
    cursor.expect("USE")
    kind = cursor.one_of("CATALOG", *SCHEMA_WORDS)
    parts = target_path(cursor)
    cursor.end()
    if kind == "CATALOG":
        if context.repositories.store.get(kinds.CATALOG, parts[0]) is None:
            raise failures.catalog_missing(parts[0])
        return NOTHING
    path = context.session.schema_path(parts)
    if context.repositories.store.get(kinds.SCHEMA, *path) is None:
        raise failures.schema_missing(path)
    return NOTHING


def _options(cursor: Cursor) -> Document:
    body: Document = {}
    while not cursor.done:
        if cursor.accept("COMMENT"):
            body["comment"] = cursor.string()
        elif cursor.accept("WITH", "DBPROPERTIES"):
            body["properties"] = read_properties(cursor)
        elif cursor.accept("DEFAULT", "COLLATION"):
            cursor.name()
        elif cursor.accept("MANAGED", "LOCATION"):
            body["storage_root"] = cursor.string()
        elif cursor.looking_at("LOCATION"):
            raise failures.not_supported("a schema, catalog or volume at a LOCATION; give the table a LOCATION")
        else:
            raise cursor.error(f"'{cursor.take().text}'", "extra input")
    return body


def _absent(lenient: bool, error: SqlError) -> StatementResult:
    if lenient:
        return NOTHING
    raise error
