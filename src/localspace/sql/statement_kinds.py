"""Statements that only read, told apart by their first word."""

from __future__ import annotations

import re

_READS = re.compile(r"\s*(--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|show|describe|desc|explain|values|table|list)\b", re.I | re.S)


_TYPES = (
    *("SELECT", "INSERT", "MERGE", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "GRANT", "REVOKE"),
    *("SHOW", "DESCRIBE", "USE"),
)


def statement_type(statement: str) -> str:
    """Return the type under which a statement is listed in the query history."""
    start = statement.lstrip()[:10].upper()
    word = next((one for one in _TYPES if start.startswith(one)), "OTHER")
    return "SELECT" if word == "OTHER" and is_read(statement) else word


def is_read(statement: str) -> bool:
    """Return whether a statement only reads, by its first word."""
    return _READS.match(statement) is not None
