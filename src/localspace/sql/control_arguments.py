"""Arguments of masks and filters that DDL sets: columns of the table and constants.

Source: platform docs, `MASK function [USING COLUMNS (column | constant, …)]`, `ROW FILTER function ON (column | constant, …)`;
constants are STRING, numeric, BOOLEAN and NULL literals, intervals are not built.
"""

from __future__ import annotations

from collections.abc import Iterable

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.stored_documents.catalog import (
    StoredArgument,
    StoredColumn,
    StoredColumnMask,
    StoredFunction,
    StoredRowFilter,
)
from localspace.sql import failures
from localspace.sql.resolve import ColumnInput, ConstantInput, Input


def argument_list(cursor: Cursor) -> list[StoredArgument]:
    """Read `(column or literal, …)`, which may be empty."""
    cursor.expect("(")
    found: list[StoredArgument] = []
    if cursor.accept(")"):
        return found
    while True:
        found.append(_argument(cursor))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found


def _argument(cursor: Cursor) -> StoredArgument:
    token = cursor.peek()
    if token is not None and token.kind == "string":
        return {"constant": cursor.string()}
    if token is not None and token.is_word("TRUE", "FALSE", "NULL"):
        cursor.take()
        return {"constant": None if token.is_word("NULL") else token.text.lower()}
    sign = "-" if cursor.accept("-") else ""
    token = cursor.peek()
    if token is not None and token.kind == "number":
        cursor.take()
        return {"constant": sign + token.text.rstrip("LlSsYy")}
    following = cursor.peek(1)
    if token is not None and token.is_word("INTERVAL") and following is not None and following.kind in ("string", "number"):
        raise failures.not_supported("interval literals as arguments of masks and filters")
    return {"column": cursor.name()}


def spelled(arguments: Iterable[StoredArgument], columns: Iterable[StoredColumn], table: tuple[str, ...]) -> list[StoredArgument]:
    """Return arguments with the table's spelling of its columns; raises UNRESOLVED_COLUMN."""
    names = {column["name"].casefold(): column["name"] for column in columns}
    found: list[StoredArgument] = []
    for one in arguments:
        if "column" in one and one["column"].casefold() not in names:
            raise failures.column_missing(one["column"], table)
        found.append({"column": names[one["column"].casefold()]} if "column" in one else one)
    return found


def column_names(arguments: Iterable[StoredArgument]) -> list[str]:
    """Return the columns among arguments."""
    return [one["column"] for one in arguments if "column" in one]


def stored_mask(function: StoredFunction, arguments: list[StoredArgument]) -> StoredColumnMask:
    """Return a mask's document; raises WRONG_NUM_ARGS. The masked column is the function's first argument."""
    _require_arity(function, 1 + len(arguments))
    found: StoredColumnMask = {"function_name": function["full_name"], "using_column_names": column_names(arguments)}
    if any("constant" in one for one in arguments):
        found["using_arguments"] = arguments
    return found


def stored_filter(function: StoredFunction, arguments: list[StoredArgument]) -> StoredRowFilter:
    """Return a row filter's document; raises WRONG_NUM_ARGS."""
    _require_arity(function, len(arguments))
    found: StoredRowFilter = {"function_name": function["full_name"], "input_column_names": column_names(arguments)}
    if any("constant" in one for one in arguments):
        found["input_arguments"] = arguments
    return found


def inputs(columns: Iterable[str], arguments: Iterable[StoredArgument] | None) -> tuple[Input, ...]:
    """Return a document's arguments as the resolution knows them."""
    if arguments is None:
        return tuple(ColumnInput(name) for name in columns)
    return tuple(ColumnInput(one["column"]) if "column" in one else ConstantInput(one.get("constant")) for one in arguments)


@rule("LS-192")
def _require_arity(function: StoredFunction, given: int) -> None:
    parameters = function["input_params"]
    needed = sum(one.get("parameter_default") is None for one in parameters)
    if not needed <= given <= len(parameters):
        path = (function["catalog_name"], function["schema_name"], function["name"])
        raise failures.wrong_arity(path, len(parameters), given)
