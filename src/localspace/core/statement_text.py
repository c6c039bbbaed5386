"""Facts about the text of statements before they run: where each ends, its first word, its parameters, names in it."""

from __future__ import annotations

from collections.abc import Iterator

from localspace.core.lexer import Token, tokenize
from localspace.core.statement_runner import SqlError

# `path:field` reads into a variant; after these words a colon starts a parameter even without a blank.
_BEFORE_MARKER = frozenset(
    ("LIMIT", "OFFSET", "AND", "OR", "NOT", "IN", "LIKE", "THEN", "ELSE", "WHEN", "SELECT", "WHERE", "VALUES", "BETWEEN", "ON")
) | {"BY", "AS", "IS"}


def split_statements(text: str) -> list[str]:
    """Return the statements of a script, without empty ones; semicolons in strings and comments part nothing.

    A script that cannot be read is one statement: the workspace reports the error and its place.
    """
    try:
        tokens = tokenize(text)
    except SqlError:
        return [text.strip()]
    found: list[str] = []
    start, filled = 0, False
    for token in tokens:
        if token.kind == "symbol" and token.text == ";":
            found += [text[start : token.start].strip()] * filled
            start, filled = token.end, False
        else:
            filled = True
    return found + [text[start:].strip()] * filled


def first_word(text: str) -> str:
    """Return the first word of a statement in capitals, "" for a text without one."""
    try:
        tokens = tokenize(text)
    except SqlError:
        return ""
    return next((token.text.upper() for token in tokens if token.kind == "word"), "")


def markers(tokens: list[Token]) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each parameter `:name`."""
    for at in range(len(tokens) - 1):
        if _is_marker(tokens, at):
            yield tokens[at + 1].text, tokens[at].start, tokens[at + 1].end


def used_parameters(text: str) -> frozenset[str]:
    """Return the names of the parameters in a statement; none in a text that cannot be read."""
    try:
        return frozenset(name for name, _, _ in markers(tokenize(text)))
    except SqlError:
        return frozenset()


def attribute_path(name: str) -> tuple[str, ...]:
    """Return the parts of a column's name as Spark's data frames read it: dots part it, back-ticks keep a part whole."""
    parts: list[str] = [""]
    at = 0
    while at < len(name):
        if name[at] == "`":
            end = at + 1
            while end < len(name) and (name[end] != "`" or name[end : end + 2] == "``"):
                end += 2 if name[end] == "`" else 1
            parts[-1] += name[at + 1 : end].replace("``", "`")
            at = end + 1
        elif name[at] == ".":
            parts.append("")
            at += 1
        else:
            parts[-1] += name[at]
            at += 1
    return tuple(parts)


def _is_marker(tokens: list[Token], at: int) -> bool:
    colon, name = tokens[at], tokens[at + 1]
    if colon.kind != "symbol" or colon.text != ":" or name.kind != "word" or name.start != colon.end:
        return False
    if at == 0:
        return True
    before = tokens[at - 1]
    if before.kind == "word":
        return before.end < colon.start or before.text.upper() in _BEFORE_MARKER
    if before.kind in ("name", "string", "number"):
        return before.kind != "name" and before.end < colon.start
    return before.text not in (")", "]", ":")
