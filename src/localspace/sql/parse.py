"""Finding tables and queries in a parsed statement, and their places in the text.

sqlglot reads Databricks SQL here; what it takes for anything but one plain query is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from localspace.core.lexer import Cursor, Token, tokenize
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents.catalog import StoredColumn
from localspace.sql import failures
from localspace.sql.reader import broken

WIDE = 64
"""A table with more columns than this is read by the columns that the text can mean."""

# These take columns that nobody names.
_TAKES_ALL = frozenset({"NATURAL", "PIVOT", "UNPIVOT", "TABLE", "BY_NAME"})

_REFUSED_NODES: tuple[type, ...] = (
    exp.Command,
    exp.QueryTransform,
    exp.Into,
    exp.Parameter,
    exp.SessionParameter,
    exp.Stream,
    exp.DDL,
    exp.DML,
    exp.Set,
    exp.Use,
    exp.Lock,
)


def parse_query(text: str) -> exp.Expr:
    """Parse one query and refuse everything that is not purely one; raises PARSE_SYNTAX_ERROR."""
    try:
        trees = sqlglot.parse(text, read="databricks")
    except SqlglotError as error:
        first = str(error).splitlines()[0] if str(error) else "the statement"
        raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error: {first}", "42601") from error
    if len(trees) != 1 or trees[0] is None:
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: one statement is needed.", "42601")
    tree = trees[0]
    if not isinstance(tree, exp.Query | exp.Values):
        raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: a query is needed here.", "42601")
    for node in tree.walk():
        if isinstance(node, _REFUSED_NODES):
            raise failures.not_enforceable(f"this part of the statement ({type(node).__name__})")
        if isinstance(node, exp.Placeholder):
            raise SqlError("UNBOUND_SQL_PARAMETER", f"Found the unbound parameter: {node.name}.", "42P02")
        if isinstance(node, exp.Identifier) and node.name.casefold() == "_metadata":
            raise failures.not_enforceable("the hidden column _metadata")
    return tree


def is_common_table(table: exp.Table) -> bool:
    """Return whether a one-part table name means a common table expression that is visible there."""
    if table.args.get("db") is not None:
        return False
    name = table.name.casefold()
    child: exp.Expr = table
    node = table.parent
    while node is not None:
        if isinstance(node, exp.With):
            for one in node.expressions:
                if one is child:
                    if node.args.get("recursive") and one.alias.casefold() == name:
                        return True
                    break
                if one.alias.casefold() == name:
                    return True
        else:
            with_ = node.args.get("with_")
            if with_ is not None and with_ is not child and any(c.alias.casefold() == name for c in with_.expressions):
                return True
        child, node = node, node.parent
    return False


def identifier_path(text: str) -> tuple[str, ...]:
    """Return the name that IDENTIFIER('…') means."""
    cursor = Cursor(text)
    path = cursor.path()
    cursor.end()
    return path


def written_path(table: exp.Table) -> tuple[tuple[str, ...], int, int]:
    """Return a table reference's name, and where it starts and ends in the text."""
    parts = table.parts
    if not all(isinstance(part, exp.Identifier) and "start" in part.meta for part in parts):
        raise broken("a table reference without a place in the text")
    return tuple(part.name for part in parts), parts[0].meta["start"], parts[-1].meta["end"] + 1


def sources(select: exp.Select) -> list[exp.Expr]:
    """Return what a SELECT reads from: tables, subqueries, laterals."""
    found: list[exp.Expr] = []
    from_ = select.args.get("from_")
    if from_ is not None:
        found.append(from_.this)
    found.extend(join.this for join in select.args.get("joins") or ())
    found.extend(select.args.get("laterals") or ())
    return found


def sample_end(tokens: list[Token], by_start: Mapping[int, int], end: int) -> int:
    """Return where a TABLESAMPLE clause after a table name ends: the alias belongs behind it."""
    at = next((index for start, index in sorted(by_start.items()) if start >= end), len(tokens))
    if at >= len(tokens) or not tokens[at].is_word("TABLESAMPLE"):
        return end
    at = group_end(tokens, at + 1)
    if at + 1 < len(tokens) and tokens[at + 1].is_word("REPEATABLE"):
        at = group_end(tokens, at + 2)
    return tokens[at].end


def group_end(tokens: list[Token], at: int) -> int:
    """Return the token index of the parenthesis that closes the group at `at`."""
    depth = 0
    for index in range(at, len(tokens)):
        if tokens[index].kind == "symbol":
            depth += (tokens[index].text == "(") - (tokens[index].text == ")")
            if depth == 0:
                return index
    raise broken("an unclosed parenthesis")


def constant_of(text: str) -> str | None:
    """Return the value of a text that is one string literal, or None."""
    tokens = tokenize(text)
    if len(tokens) == 1 and tokens[0].kind == "string":
        return tokens[0].text
    return None


def is_path_format(word: str) -> bool:
    """Return whether a word names a file format, as in parquet.`/path`."""
    return word.casefold() in {"parquet", "delta", "json", "csv", "orc", "avro", "text", "binaryfile", "xml", "iceberg"}


def projected_calls(tree: exp.Expr) -> set[int]:
    """Return where the names of calls start that are whole, unnamed columns of a SELECT."""
    found: set[int] = set()
    for select in tree.find_all(exp.Select):
        for item in select.expressions:
            node = item
            while isinstance(node, exp.Dot):
                node = node.expression
            if isinstance(node, exp.Func) and "start" in node.meta:
                found.add(node.meta["start"])
    return found


def mentioned_words(tokens: list[Token]) -> frozenset[str] | None:
    """Return every name in a text, folded; None when it may mean columns that it does not name (*, NATURAL, PIVOT, …)."""
    words: set[str] = set()
    for at, token in enumerate(tokens):
        if token.kind in ("word", "name"):
            words.add(token.text.casefold())
        if token.is_word(*_TAKES_ALL) or token.text in ("|>", "|") or (token.is_word("FROM") and at == 0):
            return None
        if token.kind == "symbol" and token.text == "*" and not _counts_all(tokens, at) and not _multiplies(tokens, at):
            return None
        if token.is_word("IDENTIFIER"):
            return None
    return frozenset(words)


def chosen_columns(columns: list[StoredColumn], words: frozenset[str] | None) -> list[StoredColumn]:
    """Return the columns of a table that a text with these words can mean; at least one."""
    if words is None or len(columns) <= WIDE:
        return columns
    return [column for column in columns if column["name"].casefold() in words] or columns[:1]


def _counts_all(tokens: list[Token], at: int) -> bool:
    around = [tokens[place].text.upper() if 0 <= place < len(tokens) else "" for place in (at - 2, at - 1, at + 1)]
    return around == ["COUNT", "(", ")"]


def _multiplies(tokens: list[Token], at: int) -> bool:
    before = tokens[at - 1] if at else None
    if before is None or before.kind == "symbol":
        return before is not None and before.text in (")", "]")
    return before.kind in ("number", "name")
