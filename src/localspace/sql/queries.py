"""SELECT and EXPLAIN."""

from __future__ import annotations

import re

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.statement_runner import StatementResult
from localspace.sql import failures
from localspace.sql.context import StatementContext, text_rows
from localspace.sql.engine import EngineError
from localspace.sql.engine_free_reads import engine_free_answer

_OPERATOR = re.compile(r"^([\s:+\-|*()\d]*)([A-Za-z]+)")


def select(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run a query; some reads of information_schema are engine-free."""
    text = cursor.rest()
    # A temporary view may have the name of a view of information_schema.
    plain = not context.session.views
    found = engine_free_answer(text, context.session, context.information, context.row_limit) if plain else None
    if found is not None:
        return found
    context.flow.asks(text)
    return context.query(context.rewriter.query(text))


@rule("LS-037")
def explain(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run EXPLAIN of a query: the operators only, for expressions of masks and filters are not the caller's business."""
    cursor.expect("EXPLAIN")
    cursor.one_of("EXTENDED", "CODEGEN", "COST", "FORMATTED")
    token = cursor.peek()
    if token is None or not (token.is_word("SELECT", "WITH", "VALUES", "FROM") or token.text == "("):
        raise failures.not_supported("EXPLAIN of anything but a query")
    rewritten = context.rewriter.query(cursor.rest())
    try:
        plan = context.engine.explain(rewritten, context.rewriter.reads.objects, context.actor.name, context.cancel)
    except EngineError as error:
        raise context.error_for_caller(error) from error
    lines = ["== Physical Plan =="]
    for line in plan.splitlines():
        found = _OPERATOR.match(line)
        if found:
            lines.append(found.group(1) + found.group(2))
    return text_rows(("plan",), [["\n".join(lines)]])
