"""Escapes text for people who read it in a terminal, a log or a mail: names and comments of a catalog may be hostile."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Return text with control characters escaped; line breaks and tabs stay."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", str(text))


def one_line(text: object) -> str:
    """Return text on one line: control characters are escaped, and its lines are joined by `; `, after a colon by a blank."""
    lines = [" ".join(clean(line).split()) for line in str(text).splitlines()]
    joined = ""
    for line in filter(None, lines):
        joined += f"{'' if not joined else ' ' if joined.endswith((':', ';')) else '; '}{line}"
    return joined
