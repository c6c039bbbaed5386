"""INSERT, UPDATE, DELETE, TRUNCATE: every write makes a new folder of rows and swaps it in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor, quote_name, quote_path
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredColumn, StoredTable
from localspace.sql import failures
from localspace.sql.context import NOTHING, StatementContext
from localspace.sql.identity_columns import number_rows, refuse_given, refuse_update
from localspace.sql.literals import NotLiteralError, read_rows
from localspace.sql.reader import is_view, table_key
from localspace.sql.routines import UNREPEATABLE
from localspace.sql.tables import target_path, write_rows
from localspace.sql.types import parse_type


def insert(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run INSERT INTO / OVERWRITE with VALUES or a query."""
    cursor.expect("INSERT")
    overwrite = cursor.accept("OVERWRITE")
    if not overwrite:
        cursor.expect("INTO")
    cursor.accept("TABLE")
    path = context.writing(target_path(cursor))
    if cursor.looking_at("REPLACE") or cursor.looking_at("PARTITION"):
        raise failures.not_supported("INSERT with REPLACE WHERE or PARTITION")
    by_name = cursor.accept("BY", "NAME")
    names = _insert_columns(cursor)
    table = writable(context, path, destroys=overwrite)
    columns = [context.column_named(table, name) for name in names] if names else list(table["columns"])
    if len({column["name"] for column in columns}) != len(columns):
        raise SqlError("COLUMN_ALREADY_EXISTS", "A column is named twice in the INSERT.", "42711")
    folder = context.storage.new_folder()
    if cursor.looking_at("VALUES") and not by_name and _insert_literals(context, cursor, table, columns, folder):
        pass
    else:
        _insert_query(context, cursor.rest(), table, columns, folder, by_name=by_name, named=bool(names))
    columns = number_rows(table, folder)
    added = _checked_count(context, table, folder)
    if not overwrite:
        context.storage.link_rows(table, folder)
    swap(context, table, folder, columns)
    context.flow.writes(table)
    return _counted(num_affected_rows=added, num_inserted_rows=added)


def delete(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DELETE FROM … [WHERE …]."""
    cursor.expect("DELETE", "FROM")
    first = cursor.at
    path = context.writing(target_path(cursor))
    alias = read_alias(cursor, "WHERE")
    target = cursor.text_from(first)
    condition = cursor.rest() if cursor.accept("WHERE") else "TRUE"
    cursor.end()
    table = writable(context, path, rewrites=True)
    del alias
    kept = context.storage.new_folder()
    items = ", ".join(quote_name(column["name"]) for column in table["columns"])
    write_columns(context, table, f"SELECT {items} FROM {target} WHERE NOT coalesce(({condition}), FALSE)", kept)
    gone = _rows_in(context, table) - context.storage.row_count(kept)
    swap(context, table, kept)
    context.flow.writes(table, keeps=True)
    return _counted(num_affected_rows=gone)


def update(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run UPDATE … SET … [WHERE …]."""
    cursor.expect("UPDATE")
    first = cursor.at
    path = context.writing(target_path(cursor))
    alias = read_alias(cursor, "SET")
    target = cursor.text_from(first)
    cursor.expect("SET")
    table = writable(context, path, rewrites=True)
    assignments = read_assignments(context, cursor, table, {alias or path[2], *path}, ("WHERE",))
    condition = cursor.rest() if cursor.accept("WHERE") else "TRUE"
    cursor.end()
    refuse_unrepeatable(condition)
    changed, kept = context.storage.new_folder(), context.storage.new_folder()
    items = ", ".join(assignments.get(c["name"], quote_name(c["name"])) for c in table["columns"])
    plain = ", ".join(quote_name(c["name"]) for c in table["columns"])
    write_columns(context, table, f"SELECT {items} FROM {target} WHERE ({condition})", changed)
    write_columns(context, table, f"SELECT {plain} FROM {target} WHERE NOT coalesce(({condition}), FALSE)", kept)
    count = _checked_count(context, table, changed)
    merge_folders(changed, kept)
    swap(context, table, kept)
    context.flow.writes(table, keeps=True)
    return _counted(num_affected_rows=count)


def truncate(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run TRUNCATE TABLE."""
    cursor.expect("TRUNCATE", "TABLE")
    path = context.writing(target_path(cursor))
    cursor.end()
    table = writable(context, path, destroys=True)
    folder = context.storage.new_folder()
    folder.mkdir(parents=True)
    swap(context, table, folder)
    return NOTHING


# Shared with MERGE and ALTER


@rule("LS-002", "LS-035", "LS-036", "LS-087")
def writable(
    context: StatementContext, path: tuple[str, str, str], *, rewrites: bool = False, destroys: bool = False
) -> StoredTable:
    """Return a table that the actor may write.

    `rewrites` marks a change that depends on what is read (UPDATE, DELETE, MERGE): refused while a mask or filter
    binds the actor. `destroys` marks one that removes rows unread (OVERWRITE, TRUNCATE): refused under a row filter.
    """
    table = context.reader.require_table(path)
    if is_view(table):
        raise SqlError("UNSUPPORTED_VIEW_OPERATION", f"{quote_path(path)} is a view: it cannot be written.", "0A000")
    context.reader.require_privilege(context.actor, "MODIFY", "TABLE", table_key(table))
    context.repositories.locations.require_writable(table)
    if rewrites or destroys:
        if str((table.get("properties") or {}).get("delta.appendOnly", "")).lower() == "true":
            raise SqlError("DELTA_CANNOT_MODIFY_APPEND_ONLY", f"{quote_path(path)} takes new rows and gives none up.", "42809")
        protection = context.reader.protection(table, context.actor)
        if (rewrites and protection.any) or (destroys and protection.row_filter is not None):
            raise failures.not_enforceable(f"changing rows of {quote_path(path)} under a row filter or column mask")
    return table


def write_columns(context: StatementContext, table: StoredTable, query: str, folder: Path, *, rewritten: bool = False) -> None:
    """Write a query over the user's names, one column for each of the table, under the physical names."""
    text = query if rewritten else context.rewriter.query(query)
    columns = table["columns"]
    if not rewritten:
        context.flow.fills(query, [column["name"] for column in columns])
    aliases = ", ".join(f"p{at}" for at in range(len(columns)))
    items = ", ".join(
        f"CAST(p{at} AS {parse_type(column['type_text']).spark}) AS {column['physical']}" for at, column in enumerate(columns)
    )
    write_rows(context, f"SELECT {items} FROM ({text}) AS q({aliases})", folder)


def swap(context: StatementContext, table: StoredTable, folder: Path, numbered: list[StoredColumn] | None = None) -> None:
    """Make a folder the rows of a table; the former one goes once no query reads it. `numbered` has the next numbers."""
    with context.repositories.store.transaction():
        key = table_key(table)
        current = context.reader.table(key)
        if current is None or current.get("storage") != table.get("storage"):
            context.storage.discard(folder)
            raise SqlError("DELTA_CONCURRENT_WRITE", f"Table {quote_path(key)} was changed by another statement. Retry.", "2D521")
        body = current | {"storage": {"path": context.storage.relative(folder)}}
        nexts = {column["physical"]: column.get("identity") for column in numbered or ()}
        for column in body["columns"]:
            if identity := nexts.get(column["physical"]):
                column["identity"] = identity
        context.repositories.store.put(kinds.TABLE, key, body, key[:2])
    context.storage.retire(context.storage.folder(table))


def merge_folders(source: Path, target: Path) -> None:
    """Move the files of one folder into another and remove the first."""
    import shutil

    for file in source.glob("*.parquet"):
        file.rename(target / file.name)
    shutil.rmtree(source)


def read_alias(cursor: Cursor, *stops: str) -> str | None:
    """Read `[AS] alias` unless a stop word comes."""
    if cursor.accept("AS"):
        return cursor.name()
    token = cursor.peek()
    if token is not None and token.kind in ("word", "name") and not token.is_word(*stops):
        return cursor.name()
    return None


def read_assignments(
    context: StatementContext, cursor: Cursor, table: StoredTable, qualifiers: set[str], stops: tuple[str, ...]
) -> dict[str, str]:
    """Read `[alias.]column = expression, …`; return column (the table's spelling) to text."""
    found: dict[str, str] = {}
    folded = {one.casefold() for one in qualifiers}
    while True:
        path = cursor.path()
        if any(part.casefold() not in folded for part in path[:-1]):
            raise failures.not_supported("assignments to fields of a struct")
        column = context.column_named(table, path[-1])
        refuse_update(column)
        cursor.expect("=")
        text = cursor.skip_until(",", *stops)
        if column["name"] in found:
            raise SqlError("COLUMN_ALREADY_EXISTS", f"Column {column['name']} is assigned twice.", "42711")
        if text.upper() == "DEFAULT":
            text = context.rewriter.constant(column.get("default") or "NULL")
        found[column["name"]] = f"({text})"
        if not cursor.accept(","):
            return found


def refuse_unrepeatable(text: str) -> None:
    """Refuse a condition whose answer may differ between two readings: rows would be lost or doubled."""
    from localspace.core.lexer import tokenize

    for token in tokenize(text):
        if token.kind == "word" and token.text.lower() in UNREPEATABLE:
            raise failures.not_supported(f"{token.text.lower()}() in the condition of a change of rows")


def _insert_columns(cursor: Cursor) -> list[str]:
    following = cursor.peek(1)
    if not cursor.looking_at("(") or following is None or following.is_word("SELECT", "WITH", "VALUES", "FROM"):
        return []
    if following.kind == "symbol":
        return []
    cursor.expect("(")
    names = [cursor.name()]
    while cursor.accept(","):
        names.append(cursor.name())
    cursor.expect(")")
    return names


def _insert_literals(
    context: StatementContext, cursor: Cursor, table: StoredTable, columns: list[StoredColumn], folder: Path
) -> bool:
    kinds = [parse_type(column["type_text"]) for column in columns]
    if any(column.get("default") for column in table["columns"]):
        return False
    try:
        values = read_rows(cursor.tokens[cursor.at + 1 :], kinds, [column.get("default") for column in columns])
    except NotLiteralError:
        return False
    refuse_given(column for at, column in enumerate(columns) if any(value is not None for value in values[at]))
    given = {column["physical"]: values[at] for at, column in enumerate(columns)}
    count = len(values[0])
    arrays: list[pa.Array] = []
    for column in table["columns"]:
        kind = parse_type(column["type_text"]).arrow
        if kind is None:
            return False
        data: list[Any] = given.get(column["physical"]) or [None] * count
        arrays.append(pa.array(data, kind))
    rows = pa.Table.from_arrays(arrays, names=[column["physical"] for column in table["columns"]])
    context.storage.write_arrow(rows, folder)
    return True


def _insert_query(
    context: StatementContext,
    text: str,
    table: StoredTable,
    columns: list[StoredColumn],
    folder: Path,
    *,
    by_name: bool,
    named: bool,
) -> None:
    rewritten = context.rewriter.query(text)
    found = context.columns_of(rewritten)
    if by_name:
        columns = [context.column_named(table, name) for name, _, _ in found]
    if len(found) != len(columns):
        many = len(found) > len(columns)
        raise SqlError(
            "INSERT_COLUMN_ARITY_MISMATCH." + ("TOO_MANY_DATA_COLUMNS" if many else "NOT_ENOUGH_DATA_COLUMNS"),
            f"Cannot write to {quote_path(table_key(table))}, the reason is {'too many' if many else 'not enough'} data"
            f" columns: Table columns: {', '.join(quote_name(c['name']) for c in columns)}. Data columns:"
            f" {', '.join(quote_name(name) for name, _, _ in found)}.",
            "21S01",
        )
    refuse_given(columns)
    context.flow.fills(text, [column["name"] for column in columns])
    locations = {column["name"]: f"p{at}" for at, column in enumerate(columns)}
    aliases = ", ".join(f"p{at}" for at in range(len(found)))
    items = ", ".join(
        locations.get(column["name"]) or context.rewriter.constant(column.get("default") or "NULL") for column in table["columns"]
    )
    write_columns(context, table, f"SELECT {items} FROM ({rewritten}) AS s({aliases})", folder, rewritten=True)


def _checked_count(context: StatementContext, table: StoredTable, folder: Path) -> int:
    try:
        context.storage.check_not_null(table, folder)
        context.storage.check_lengths(table, folder)
    except SqlError:
        context.storage.discard(folder)
        raise
    return context.storage.row_count(folder)


def _rows_in(context: StatementContext, table: StoredTable) -> int:
    folder = context.storage.folder(table)
    return 0 if folder is None else context.storage.row_count(folder)


def _counted(**counts: int) -> StatementResult:
    return StatementResult(
        columns=tuple((name, "BIGINT", "LONG") for name in counts), rows=[[str(count) for count in counts.values()]]
    )
