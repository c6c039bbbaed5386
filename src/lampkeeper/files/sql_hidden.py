"""Statements that are passed over, searched for a table or a view that they make all the same."""

from __future__ import annotations

import re

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_statements import Statement, word_of

_MAKES = re.compile(
    r"\b(?:CREATE(?:\s+\w+){0,5}?\s+(?:TABLE|VIEW)|ALTER\s+TABLE|RENAME\s+TABLE|SP_RENAME)\b(?!\s*(?:TO\b|ON\b|FROM\b|,|$))",
    re.IGNORECASE,
)
_RUNS_TEXT = frozenset({"DO", "EXEC", "EXECUTE", "CALL", "BEGIN", "DECLARE", "PREPARE", "IF", "LET", "RENAME"})
_TEMPORARY = re.compile(r"\bCREATE\s+(?:(?:GLOBAL|LOCAL|OR|REPLACE)\s+)*(?:TEMP|TEMPORARY)\b", re.IGNORECASE)


def hidden_relation(statement: Statement, skip: int = 0) -> str:
    """Return the words in a statement, after its first `skip` tokens, that make or change a table or a view; else nothing.

    Texts in quotes are looked into where the statement runs text as SQL.
    """
    tokens = statement.tokens[skip:]
    runs = bool(tokens) and word_of(statement.tokens[0]) in _RUNS_TEXT
    quoted = (TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING, TokenType.NATIONAL_STRING)
    text = " ".join(str(t.text) for t in tokens if runs or t.token_type not in quoted)
    found = next((m for m in _MAKES.finditer(text) if not _TEMPORARY.match(m.group())), None)
    return " ".join(found.group().upper().split()) if found else ""
