"""Edits of a text by offset: what is between them stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

BLANKS = re.compile(r"[ \t\r]*")
REST_OF_LINE = re.compile(r"[ \t\r]*(?:#[^\n]*|//[^\n]*)?(?:\n|\Z)")
"""The rest of a line without content: blanks, a comment, the line break."""


@dataclass(frozen=True, slots=True, order=True)
class TextEdit:
    """Replace what is from `start` to before `end` by `text`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Sequence[TextEdit]) -> str:
    """Return the text with the edits made; they do not overlap, except for an insertion where a removal begins or ends."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        parts += [text[at : max(at, edit.start)], edit.text]
        at = max(at, edit.end)
    return "".join([*parts, text[at:]])


def line_start(text: str, at: int) -> int:
    """Return where the line of an offset begins."""
    return text.rfind("\n", 0, at) + 1


def indent_at(text: str, at: int) -> str:
    """Return the blanks at the beginning of the line of an offset."""
    found = BLANKS.match(text, line_start(text, at))
    return found.group() if found else ""
