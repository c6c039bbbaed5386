"""Statements that define no columns and are skipped, and the search for hidden definitions of tables or views in them."""

from __future__ import annotations

import re

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_relations import Parts, Unfollowed
from lampkeeper.files.sql_statements import Statement, word_of
from lampkeeper.model.findings import Severity

_FIX = "write the columns out as CREATE TABLE, or read the tables from the workspace"

PASSED = frozenset(
    {
        "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "VALUES", "SELECT", "WITH", "SET", "RESET", "GRANT", "REVOKE",
        "DENY", "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "END", "LOCK", "UNLOCK", "ANALYZE", "ANALYSE", "OPTIMIZE",
        "VACUUM", "REFRESH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "CALL", "EXEC", "EXECUTE", "DO", "DECLARE", "PRINT", "IF",
        "RAISERROR", "PRAGMA", "REINDEX", "CLUSTER", "DISCARD", "NOTIFY", "LISTEN", "CHECKPOINT", "MSCK", "FSCK", "REPAIR",
        "CACHE", "UNCACHE", "CLEAR", "FLUSH", "KILL", "PUT", "GET", "LIST", "REMOVE", "PURGE", "AUDIT", "NOAUDIT", "ASSERT",
        "APPLY", "AUTO", "SECURITY", "CONNECT", "REASSIGN", "LOAD", "REPLACE", "HANDLER", "RESTORE", "SYNC", "UNSET", "EXPORT",
        "LET", "FLASHBACK",
    }
)  # fmt: skip
"""First words of statements about data, privileges or sessions."""
PASSED_OBJECTS = frozenset(
    {
        "INDEX", "SEQUENCE", "EXTENSION", "SCHEMA", "DATABASE", "CATALOG", "ROLE", "USER", "GROUP", "LOGIN", "FUNCTION",
        "PROCEDURE", "PROC", "PACKAGE", "TRIGGER", "EVENT", "RULE", "POLICY", "SERVER", "CAST", "OPERATOR", "AGGREGATE",
        "COLLATION", "CONVERSION", "LANGUAGE", "PUBLICATION", "SUBSCRIPTION", "STATISTICS", "TRANSFORM", "TABLESPACE", "SYNONYM",
        "STREAM", "STAGE", "PIPE", "TASK", "FORMAT", "CONNECTION", "LOCATION", "VOLUME", "SHARE", "RECIPIENT", "MODEL", "LINK",
        "CREDENTIAL", "FLOW", "ASSEMBLY", "SCHEME", "DIRECTORY", "CONTEXT", "PROFILE", "WAREHOUSE", "TAG", "INTEGRATION",
        "CERTIFICATE", "KEY", "METHOD", "CONFIGURATION", "PARSER", "DICTIONARY", "TEMPLATE", "CLASS", "FAMILY", "MAPPING",
        "LARGE", "PRIVILEGES", "SYSTEM", "SESSION", "CONSTRAINT", "COLUMN", "MONITOR", "BODY", "LIBRARY", "PROVIDER",
        "METASTORE", "SNAPSHOT", "RESERVATION",
    }
)  # fmt: skip
"""Kinds of objects in CREATE and ALTER that have no columns."""
_MAKES = re.compile(
    r"\b(?:CREATE(?:\s+\w+){0,5}?\s+(?:TABLE|VIEW)|ALTER\s+TABLE|RENAME\s+TABLE|SP_RENAME)\b(?!\s*(?:TO\b|ON\b|FROM\b|,|$))",
    re.IGNORECASE,
)
_RUNS_TEXT = frozenset({"DO", "EXEC", "EXECUTE", "CALL", "BEGIN", "DECLARE", "PREPARE", "IF", "LET", "RENAME"})
_TEMPORARY = re.compile(r"\bCREATE\s+(?:(?:GLOBAL|LOCAL|OR|REPLACE)\s+)*(?:TEMP|TEMPORARY)\b", re.IGNORECASE)


def hidden_relation(statement: Statement, skip: int = 0) -> str:
    """Return the words in a statement, after its first `skip` tokens, that create or change a table or view; empty if none.

    Quoted strings are searched too if the statement runs strings as SQL.
    """
    tokens = statement.tokens[skip:]
    runs = bool(tokens) and word_of(statement.tokens[0]) in _RUNS_TEXT
    quoted = (TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING, TokenType.NATIONAL_STRING)
    text = " ".join(str(t.text) for t in tokens if runs or t.token_type not in quoted)
    found = next((m for m in _MAKES.finditer(text) if not _TEMPORARY.match(m.group())), None)
    return " ".join(found.group().upper().split()) if found else ""


def lost(statement: Statement, reason: str, table: Parts | None = None, fix: str = _FIX) -> Unfollowed:
    """Return the error for a statement that may define columns and was not read."""
    return Unfollowed(location=statement.location, reason=reason, severity=Severity.ERROR, fix=fix, table=table)


def passed(statement: Statement, what: str, verb: str = "") -> Unfollowed:
    """Return the note about a statement without columns."""
    return Unfollowed(location=statement.location, reason=f"{verb}{what}", severity=Severity.INFO)
