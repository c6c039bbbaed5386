"""Shared parts of both HCL readers: values and their locations, strings, heredocs, numbers, names, errors."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.model.errors import UsageError

Value = str | int | float | bool | None | Sequence["Value"] | Mapping[str, "Value"]
"""A value of a tfvars file; lists and dicts when read."""

Key = tuple[str | int, ...]

MAX_DEPTH = 64
IDENTIFIER = re.compile(r"[^\W\d][\w-]*")
LITERAL_FIX = "a tfvars file takes literal values only: string, number, true, false, null, [list], {map}"

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLAIN_TEXT = re.compile(r'[^"\\$%\n]+')
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t]*\r?\n")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HclDocument:
    """A file's values and their locations: `offsets` maps the path of a value (keys and indexes) to its offset.

    `ends` maps it to the offset after its last character, if the fast reader read the file.
    """

    path: str
    values: dict[str, Value]
    offsets: dict[Key, int]
    ends: dict[Key, int]
    line_starts: tuple[int, ...] = field(repr=False)

    def location(self, *key: str | int) -> str:
        """Return `file:line:column` of a value, or of the nearest enclosing value in the file."""
        while key and key not in self.offsets:
            key = key[:-1]
        return _location(self.path, self.line_starts, self.offsets.get(key, 0))


def _location(path: str, line_starts: tuple[int, ...], offset: int) -> str:
    line = bisect_right(line_starts, offset)
    return f"{path}:{line}:{offset - line_starts[line - 1] + 1}"


class HclCursor:
    """A text and a position in it. Reads the smallest parts and creates errors; those about a `secret` text never quote it."""

    def __init__(self, text: str, path: str, secret: bool) -> None:
        """Start at the beginning, after a byte order mark."""
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.offsets: dict[Key, int] = {}
        self.ends: dict[Key, int] = {}
        self._secret = secret
        self._path = path
        self._line_starts = (0, *(m.end() for m in re.finditer("\n", text)))

    def document(self, values: dict[str, Value]) -> HclDocument:
        """Return the values with their locations."""
        return HclDocument(
            path=self._path, values=values, offsets=self.offsets, ends=self.ends, line_starts=self._line_starts
        )  # fmt: skip

    def enter(self, key: Key) -> None:
        """Record that the value of `key` starts here; raise UsageError if it is nested too deeply."""
        if len(key) > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels")
        self.offsets[key] = self.at

    def refuse_second(self, values: Mapping[str, Value], around: Key, name: str, at: int) -> None:
        """Raise UsageError if a name is already set."""
        if name in values:
            first = _location(self._path, self._line_starts, self.offsets[(*around, name)])
            self.at = at
            raise self.error(f"{name!r} is set twice, first at {first}", fix="keep one of them")

    def identifier(self) -> str | None:
        """Read a name, if there is one at this position."""
        found = IDENTIFIER.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group()

    def number(self) -> int | float | None:
        """Read a number, if there is one at this position."""
        found = _NUMBER.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return float(found.group()) if found.group(1) or found.group(2) else int(found.group())

    def quoted(self) -> str:
        """Read the quoted string that starts here."""
        start = self.at
        self.at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN_TEXT.match(self.text, self.at)
            if plain:
                parts.append(plain.group())
                self.at = plain.end()
            char = self.peek()
            if char == '"':
                self.at += 1
                return "".join(parts)
            if char in ("", "\n"):
                self.at = start
                raise self.error("string is not closed on its line", fix='end it with ", and write a line break in it as \\n')
            parts.append(self._escape() if char == "\\" else self._dollar())

    def heredoc(self) -> str:
        """Read the heredoc that starts here, without its margin if it is written with `<<-`."""
        head = _HEREDOC.match(self.text, self.at)
        if not head:
            raise self.error(f"expected a value, found {self.shown()}", fix=LITERAL_FIX)
        end = re.compile(rf"^[ \t]*{re.escape(head.group(2))}[ \t]*\r?$", re.MULTILINE).search(self.text, head.end())
        if not end:
            word = head.group(2)
            raise self.error(f"the text of <<{word} never ends", fix=f"put {word} alone on a line after the text")
        self.at = head.end()
        lines: list[str] = []
        parts: list[str] = []
        while self.at < end.start():
            char = self.peek()
            if char in "$%":
                parts.append(self._dollar())
            else:
                self.at += 1
                parts.append("" if char == "\r" and self.peek() == "\n" else char)
            if char == "\n":
                lines.append("".join(parts))
                parts = []
        self.at = end.end() - (1 if end.group().endswith("\r") else 0)
        if head.group(1):
            margin = min((len(li) - len(li.lstrip(" \t")) for li in lines if li.strip()), default=0)
            lines = [li[margin:] if li.strip() else li.lstrip(" \t") for li in lines]
        return "".join(lines)

    def _escape(self) -> str:
        char = self.text[self.at + 1 : self.at + 2]
        if char in _ESCAPES:
            self.at += 2
            return _ESCAPES[char]
        digits = {"u": 4, "U": 8}.get(char, 0)
        code = self.text[self.at + 2 : self.at + 2 + digits]
        if digits and re.fullmatch(r"[0-9a-fA-F]+", code) and len(code) == digits:
            number = int(code, 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                self.at += 2 + digits
                return chr(number)
        raise self.error(f"unknown escape \\{char}", fix='use \\n \\r \\t \\" \\\\ \\uNNNN or \\UNNNNNNNN')

    def _dollar(self) -> str:
        mark = self.peek()
        if self.text.startswith(mark * 2 + "{", self.at):
            self.at += 3
            return mark + "{"
        if self.text.startswith(mark + "{", self.at):
            fix = f"{LITERAL_FIX}; for the characters {mark}{{ write {mark}{mark}{{"
            raise self.error(f"{mark}{{ starts an expression", fix=fix)
        self.at += 1
        return mark

    def peek(self) -> str:
        """Return the next character; empty at the end of the text."""
        return self.text[self.at : self.at + 1]

    def shown(self) -> str:
        """Return the text at this position, for an error."""
        rest = self.text[self.at : self.at + 20].split("\n")[0]
        if rest:
            return repr(rest)
        return "the end of the line" if self.at < len(self.text) else "the end of the file"

    def error(self, message: str, fix: str = "") -> UsageError:
        """Return an error about the text at this position."""
        if self._secret:
            message, fix = "is not readable (not shown because it may hold secrets)", 'write one name = "value" per line'
        return UsageError(f"{_location(self._path, self._line_starts, self.at)}: {message}", fix=fix)
