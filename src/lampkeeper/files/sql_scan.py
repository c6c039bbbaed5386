"""Databricks SQL text cut into tokens with their places: enough to find statements and clauses, no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.files.text import place_of
from lampkeeper.model.errors import UsageError


class TokenKind(StrEnum):
    """What a token is; blanks are no tokens."""

    COMMENT = "comment"
    STRING = "string"
    NAME = "name"
    WORD = "word"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token: its text as it stands in the file, from `start` to `end`."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return the offset after the token."""
        return self.start + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Return whether the token is one of these words, in any case."""
        return self.kind is TokenKind.WORD and self.text.upper() in words

    def is_mark(self, mark: str) -> bool:
        """Return whether the token is this mark."""
        return self.kind is TokenKind.MARK and self.text == mark


_PATTERN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<string>[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<name>`(?:[^`]|``)+`)
    |(?P<open>/\*|[rR]?['"]|`)
    |(?P<word>\w+)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_WHAT = {"/*": ("comment", "*/"), "`": ("name", "`"), "'": ("string", "'"), '"': ("string", '"')}
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def scan_sql(text: str, path: str) -> tuple[Token, ...]:
    """Return the tokens; raise UsageError with the place of a string, name or comment that never ends."""
    tokens = []
    for found in _PATTERN.finditer(text):
        kind = found.lastgroup or ""
        if kind == "open":
            what, close = _WHAT[found.group().lstrip("rR")]
            raise UsageError(f"{place_of(path, text, found.start())}: {what} is never closed", fix=f"end it with {close}")
        if kind != "blank":
            tokens.append(Token(kind=TokenKind(kind), text=found.group(), start=found.start()))
    return tuple(tokens)


def string_value(literal: str) -> str:
    """Return what a string literal stands for, by the platform's default parser (backslash escapes unless raw)."""
    if literal[0] in "rR":
        return literal[2:-1]
    return re.sub(
        r"\\(?:u([0-9a-fA-F]{4})|([0-3][0-7]{2})|(.))",
        lambda m: chr(int(m[1], 16)) if m[1] else chr(int(m[2], 8)) if m[2] else _ESCAPES.get(m[3], m[3]),
        literal[1:-1],
        flags=re.DOTALL,
    )


def name_value(token: Token) -> str:
    """Return the name that a word or a quoted name stands for."""
    return token.text[1:-1].replace("``", "`") if token.kind is TokenKind.NAME else token.text
