"""Lines of an answer without fences: which are HCL, which SQL, which are the sentences that a model wrote around them.

A line is a sentence only outside of values and statements, and only if it looks like one; the reader handles all other
lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class LineKind(StrEnum):
    """The content of a line."""

    HCL = "hcl"
    SQL = "sql"
    PROSE = "prose"


@dataclass(slots=True)
class _Open:
    """The open constructs at the end of a line: brackets, a heredoc, a comment, a statement of SQL."""

    depth: int = 0
    heredoc: str = ""
    comment: bool = False
    sql: bool = False


_ASSIGNMENT = re.compile(r"""\s*(?:[\w.-]+|"[^"]*")\s*=""")
_SQL_START = re.compile(
    r"\s*(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?FUNCTION\b|USE\s+(?:CATALOG|SCHEMA|DATABASE)\b)", re.IGNORECASE
)
_SQL_VERB = re.compile(r"\s*(?:ALTER|CREATE|DELETE|DROP|GRANT|INSERT|MERGE|RETURNS?|REVOKE|SELECT|SET|UPDATE|USE)\b")
_WORDS = re.compile(r"[^\W\d_][\w'’-]*")
_PIECE = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*")|(?P<comment>\#.*|//.*|--.*)|(?P<block>/\*)|(?P<heredoc><<-?(?P<word>[^\W\d][\w-]*)\s*\Z)"""
    r"""|(?P<open>[\[{(])|(?P<close>[\]})])""",
    re.VERBOSE,
)


def line_kinds(text: str, sections: frozenset[str], *, sql_only: bool = False) -> tuple[LineKind, ...]:
    """Return the kind of each line of a text; `sections` are the keys that begin a section of a draft wherever they stand."""
    keys = re.compile(rf"\s*(?:{'|'.join(sorted(sections))})\s*[=:]")
    lines = text.split("\n")
    kinds: list[LineKind] = []
    state = _Open()
    notes: list[int] = []
    for number, line in enumerate(lines):
        begins = bool(keys.match(line)) and not sql_only and not state.heredoc
        if begins and not line[:1].isspace():
            state = _Open()
        kind = _kind(line, state, begins, sql_only)
        kinds.append(kind)
        if line.lstrip().startswith("--") and not state.sql and state.depth == 0:
            notes.append(number)  # `-- role:` belongs to the statement after it
        elif kind is LineKind.SQL:
            for note in notes:
                kinds[note] = LineKind.SQL
            notes = []
        elif line.strip():
            notes = []
    return tuple(kinds)


def _kind(line: str, state: _Open, begins: bool, sql_only: bool) -> LineKind:
    if state.sql or (not begins and _closed(state) and _SQL_START.match(line)):
        state.sql = not line.split("--")[0].rstrip().endswith(";")
        return LineKind.SQL
    if _closed(state) and not begins and _is_sentence(line, sql_only):
        return LineKind.PROSE
    if sql_only:
        return LineKind.SQL
    _follow(line, state)
    return LineKind.HCL


def _closed(state: _Open) -> bool:
    return not (state.depth or state.heredoc or state.comment)


def _is_sentence(line: str, sql_only: bool) -> bool:
    plain = line.strip().lstrip("*->•").strip()
    if not plain or line.lstrip().startswith(("#", "//", "/*", "--", '"', "[", "]", "{", "}", ",", "(", ")", "'", "`", "“")):
        return False
    if _ASSIGNMENT.match(line) or (sql_only and (";" in line or _SQL_VERB.match(line))):
        return False
    words = _WORDS.findall(plain)
    return len(words) > 1 or (len(words) == 1 and plain[-1] in ".:!?")


def _follow(line: str, state: _Open) -> None:
    """Follow brackets, heredocs and comments over a line of HCL."""
    if state.heredoc:
        state.heredoc = "" if line.strip() == state.heredoc else state.heredoc
        return
    if state.comment:
        _, found, line = line.partition("*/")
        state.comment = not found
    for piece in _pieces(line):
        if piece["block"]:
            state.comment = "*/" not in line[piece.end() :]
            return
        if piece["heredoc"]:
            state.heredoc = piece["word"]
        state.depth = max(0, state.depth + bool(piece["open"]) - bool(piece["close"]))


def _pieces(line: str) -> Iterator[re.Match[str]]:
    return _PIECE.finditer(line)
