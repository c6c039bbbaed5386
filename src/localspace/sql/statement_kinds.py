"""Statements that only read, told apart by their first word."""

from __future__ import annotations

import re

_READS = re.compile(r"\s*(--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|show|describe|desc|explain|values|table|list)\b", re.I | re.S)


def is_read(statement: str) -> bool:
    """Return whether a statement only reads, by its first word."""
    return _READS.match(statement) is not None
