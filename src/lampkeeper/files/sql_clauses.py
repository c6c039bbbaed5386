"""Clauses after the list of columns: partitions, parents, clauses after a query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from lampkeeper.files.sql_columns import read_column
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_relations import Parts, Relation, SqlColumn
from lampkeeper.files.sql_statements import word_of
from lampkeeper.model.errors import UsageError


def step(cursor: Cursor) -> None:
    """Skip one token or bracket of a clause that does not affect columns; raise UsageError at the start of another statement."""
    if cursor.kind() in (TokenType.R_PAREN, TokenType.COMMA):
        if cursor.kind() is TokenType.R_PAREN:
            raise cursor.error("unexpected closing bracket")
        cursor.at += 1
    elif cursor.kind() is TokenType.L_PAREN:
        cursor.skip_brackets()
    elif cursor.word() == "CREATE" or (cursor.word() == "ALTER" and cursor.word(1) == "TABLE"):
        raise cursor.error("another statement begins here", "end the first one with a semicolon")
    else:
        cursor.at += 1


def rest_words(cursor: Cursor) -> set[str]:
    """Return the words from here to the end."""
    return {word_of(t) for t in cursor.tokens[cursor.at :]}


def names_in_brackets(cursor: Cursor) -> list[Parts]:
    """Read a list of tables."""
    if not cursor.take("("):
        raise cursor.error("expected the tables that it inherits from, in brackets")
    found = []
    while not cursor.take(")"):
        found.append(cursor.parts())
        if not cursor.take(",") and cursor.word() != ")":
            raise cursor.error("expected a comma or )")
    return found


def partition_columns(cursor: Cursor, relation: Relation) -> bool:
    """Read PARTITIONED BY: its columns that have a type are columns of the table."""
    if not (cursor.take("PARTITIONED", "BY") or cursor.take("PARTITION", "BY")):
        cursor.at += 1
        return False
    if cursor.kind() is not TokenType.L_PAREN:
        return False
    begin = cursor.at
    cursor.skip_brackets()
    end = cursor.at
    inner = Cursor(cursor.statement, begin + 1)
    found: list[SqlColumn] = []
    while inner.at < end - 1:
        if inner.kind(1) in (TokenType.L_PAREN, TokenType.DOT) or inner.kind() is TokenType.L_PAREN:
            inner.skip_to_comma()
        else:
            try:
                column = read_column(inner)
            except UsageError:
                inner.skip_to_comma()  # an expression, not a column
            else:
                found += [column] if column.type else []
        inner.take(",")
    relation.add(found)
    return bool(found)


def without_tail(tokens: Sequence[Token]) -> Sequence[Token]:
    """Remove WITH NO DATA, WITH CHECK OPTION and similar clauses after a query."""
    words = [word_of(t) for t in tokens[-5:]]
    if "WITH" in words:
        at = len(words) - 1 - words[::-1].index("WITH")
        tail = " ".join(words[at + 1 :])
        if tail in (
            "DATA",
            "NO DATA",
            "CHECK OPTION",
            "CASCADED CHECK OPTION",
            "LOCAL CHECK OPTION",
            "READ ONLY",
            "NO SCHEMA BINDING",
        ):
            return tokens[: len(tokens) - (len(words) - at)]
    return tokens
