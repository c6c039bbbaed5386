"""Temporary views of a Spark Connect session: the text of a query under a name that only this session knows."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.connect.expressions import written
from localspace.connect.plans import with_names
from localspace.connect.unsupported import UnsupportedError
from localspace.core.lexer import Cursor, quote_name
from localspace.core.statement_runner import SqlError


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatement:
    """CREATE [OR REPLACE] TEMPORARY VIEW, or DROP VIEW, which has `query` None."""

    name: str
    query: str | None
    replace: bool = False


def view_statement(text: str) -> ViewStatement | None:
    """Return what a statement does to temporary views; None for any other statement, DROP VIEW of a stored view included."""
    cursor = Cursor(text)
    if cursor.accept("DROP", "VIEW"):
        cursor.accept("IF", "EXISTS")
        path = cursor.path()
        return ViewStatement(name=path[0], query=None) if len(path) == 1 and cursor.done else None
    if not cursor.accept("CREATE"):
        return None
    replace = cursor.accept("OR", "REPLACE")
    everywhere = cursor.accept("GLOBAL")
    if not (cursor.one_of("TEMPORARY", "TEMP") and cursor.accept("VIEW")):
        return None
    if everywhere:
        raise UnsupportedError("global temporary views", "make a view of the session")
    name = one_name(cursor)
    columns = _columns(cursor) if cursor.looking_at("(") else []
    if cursor.accept("COMMENT"):
        cursor.string()
    cursor.expect("AS")
    query = written(cursor.rest())
    return ViewStatement(name=name, query=with_names(query, columns) if columns else query, replace=replace)


def view_name(text: str) -> str:
    """Return the name of a temporary view; raises for a name of several parts."""
    cursor = Cursor(text)
    name = one_name(cursor)
    cursor.end()
    return name


def one_name(cursor: Cursor) -> str:
    """Read a name of one part."""
    path = cursor.path()
    if len(path) > 1:
        raise SqlError("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS", "A temporary view's name has one part.", "428EK")
    return path[0]


def already_there(name: str) -> SqlError:
    """Return the error of a temporary view that exists."""
    return SqlError(
        "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
        f"Cannot create the temporary view {quote_name(name)} because it already exists. Choose a different name, drop or"
        " replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views.",
        "42P07",
    )


def _columns(cursor: Cursor) -> list[str]:
    cursor.expect("(")
    found: list[str] = []
    while True:
        found.append(cursor.name())
        if cursor.accept("COMMENT"):
            cursor.string()
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found
