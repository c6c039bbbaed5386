"""Finds the entries of a draft, so that the others can be checked if one cannot be read."""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"""(?P<skip>"(?:[^"\\\n]|\\[^\n])*"|\#[^\n]*|//[^\n]*|/\*.*?\*/"""
    r"""|<<-?(?P<word>[^\W\d][\w-]*)[ \t]*\r?\n.*?^[ \t]*(?P=word)[ \t]*\r?$)"""
    r"""|(?P<section>^[ \t]*[\w-]+[ \t]*=)|(?P<open>[\[{])|(?P<close>[\]}])""",
    re.DOTALL | re.MULTILINE,
)
_ENTRY_DEPTH = 2


def without_entry(text: str, line: int) -> str | None:
    """Return the text with the entry on this line blanked, or its section if the line is in no entry; None if in neither.

    Every other line keeps its number.
    """
    offset = sum(len(part) + 1 for part in text.split("\n")[: line - 1])
    end_of_line = text.find("\n", offset)
    last = len(text) if end_of_line < 0 else end_of_line
    spans = [span for span in _spans(text) if span[0] <= last and span[1] > offset and text[span[0] : span[1]].strip()]
    if not spans:
        return None
    start, end = min(spans, key=lambda span: span[1] - span[0])
    comma = re.compile(r"\s*,").match(text, end)
    end = comma.end() if comma and text[start] in "{[" else end
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _spans(text: str) -> list[tuple[int, int]]:
    """Return the sections and, inside them, the maps and lists one level down."""
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    section = -1
    for piece in _PIECE.finditer(text):
        if piece["section"] and not opened:
            if section >= 0:
                found.append((section, piece.start()))
            section = piece.start()
        elif piece["open"]:
            opened.append(piece.start())
        elif piece["close"] and opened:
            start = opened.pop()
            if len(opened) + 1 == _ENTRY_DEPTH:
                found.append((start, piece.end()))
    if section >= 0:
        found.append((section, len(text)))
    return found
