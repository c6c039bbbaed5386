"""CREATE FUNCTION and DROP FUNCTION: SQL functions that the workspace keeps and the rewriter inlines."""

from __future__ import annotations

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import StatementResult
from localspace.core.stored_documents.kind import Document
from localspace.sql import failures
from localspace.sql.context import NOTHING, StatementContext
from localspace.sql.routines import Routine
from localspace.sql.tables import target_path
from localspace.sql.types import parse_type, read_type


def create_function(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE [OR REPLACE] FUNCTION … RETURN expression; the engine checks the body."""
    cursor.expect("CREATE")
    replacing = cursor.accept("OR", "REPLACE")
    if cursor.one_of("TEMPORARY", "TEMP"):
        raise failures.not_supported("temporary functions")
    cursor.expect("FUNCTION")
    careful = cursor.accept("IF", "NOT", "EXISTS")
    path = context.session.table_path(target_path(cursor))
    parameters = _parameters(cursor)
    body: Document = {"input_params": parameters, "comment": None, "is_deterministic": True, "language": "SQL"}
    returns = _characteristics(cursor, body)
    text = cursor.rest()
    if text.split(None, 1)[:1] and text.split(None, 1)[0].upper() in ("SELECT", "WITH", "VALUES"):
        text = f"({text})"
    old = context.reader.function(path)
    if old is not None and careful:
        return NOTHING
    if old is not None and not replacing:
        raise failures.already_there("routine", path)
    for parameter in parameters:
        context.rewriter.constant(parameter.get("parameter_default") or "NULL")
    kind = _checked_type(context, path, parameters, text, returns)
    body |= {
        "name": path[2],
        "data_type": parse_type(kind).type_name,
        "full_data_type": kind,
        "routine_definition": text,
        "routine_body": "SQL",
        "sql_data_access": "READS_SQL_DATA" if "SELECT" in text.upper() else "CONTAINS_SQL",
        "security_type": "DEFINER",
        "specific_name": path[2],
        "parameter_style": "S",
        "is_null_call": False,
    }
    context.repositories.objects.create(context.actor, "function", path[0], path[1], body, replace=old is not None)
    return NOTHING


def drop_function(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DROP FUNCTION [IF EXISTS]; policies that use it fail from then on."""
    cursor.expect("DROP", "FUNCTION")
    lenient = cursor.accept("IF", "EXISTS")
    path = context.session.table_path(target_path(cursor))
    cursor.end()
    function = context.reader.function(path)
    if function is None:
        if lenient:
            return NOTHING
        raise failures.routine_missing(path)
    context.repositories.objects.drop(context.actor, "function", function["full_name"])
    return NOTHING


def _parameters(cursor: Cursor) -> list[Document]:
    cursor.expect("(")
    found: list[Document] = []
    if cursor.accept(")"):
        return found
    while True:
        name = cursor.name()
        kind = read_type(cursor)
        parameter: Document = {
            "name": name,
            "type_text": kind.text,
            "type_name": kind.type_name,
            "type_json": kind.column_json(name, True, None),
            "position": len(found),
            "parameter_mode": "IN",
            "parameter_type": "PARAM",
        }
        while not (cursor.looking_at(",") or cursor.looking_at(")")):
            if cursor.accept("COMMENT"):
                parameter["comment"] = cursor.string()
            elif cursor.accept("DEFAULT"):
                parameter["parameter_default"] = cursor.skip_until(",", ")", "COMMENT")
            elif not cursor.accept("NOT", "NULL"):
                raise cursor.error(f"'{cursor.take().text}'", "in a parameter")
        found.append(parameter)
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return found


def _characteristics(cursor: Cursor, body: Document) -> str | None:
    returns: str | None = None
    while not cursor.accept("RETURN"):
        if cursor.accept("RETURNS"):
            if cursor.looking_at("TABLE"):
                raise failures.not_supported("table functions (RETURNS TABLE)")
            returns = read_type(cursor).text
        elif cursor.accept("LANGUAGE"):
            if cursor.name().upper() != "SQL":
                raise failures.not_supported("functions in another language than SQL")
        elif cursor.accept("NOT", "DETERMINISTIC"):
            body["is_deterministic"] = False
        elif cursor.accept("DETERMINISTIC"):
            body["is_deterministic"] = True
        elif cursor.accept("COMMENT"):
            body["comment"] = cursor.string()
        elif cursor.accept("DEFAULT", "COLLATION"):
            cursor.name()
        elif not (
            cursor.accept("CONTAINS", "SQL")
            or cursor.accept("READS", "SQL", "DATA")
            or cursor.accept("SQL", "SECURITY", "DEFINER")
        ):
            raise cursor.error("this place", "expected RETURN")
    return returns


def _checked_type(
    context: StatementContext, path: tuple[str, str, str], parameters: list[Document], text: str, returns: str | None
) -> str:
    kinds = tuple((one["name"], parse_type(one["type_text"]).spark) for one in parameters)
    routine = Routine(path=path, parameters=kinds, text=text, returns=None if returns is None else parse_type(returns).spark)
    call = context.rewriter.called(routine, ["NULL"] * len(kinds), context.rewriter.scope, context.actor)
    found = context.columns_of(f"SELECT {call} AS c")
    return returns or parse_type(found[0][1]).text
