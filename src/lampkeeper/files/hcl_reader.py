"""A reader for the literal subset of HCL that `*.tfvars` files may hold, with the place of every value.

python-hcl2 8.1 is not used for reading: it gives no places, leaves escapes undecoded, lets the last of two equal keys win
in silence, and takes about 1 ms a list entry (a tag assignment). The tests hold the two readers against each other.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.model.errors import UsageError

Value = str | int | float | bool | None | Sequence["Value"] | Mapping[str, "Value"]
"""What a tfvars file can hold; lists and dicts when read."""

Key = tuple[str | int, ...]

MAX_DEPTH = 64

_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_BLANK = re.compile(r"[ \t\r]+")
_PLAIN_TEXT = re.compile(r'[^"\\$%\n]+')
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t]*\r?\n")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LITERAL_FIX = "a tfvars file takes literal values only: text, number, true, false, null, [list], {map}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HclDocument:
    """A file's values, and where each stands: `offsets` maps the way to a value (keys and indexes) to its offset."""

    path: str
    values: dict[str, Value]
    offsets: dict[Key, int]
    line_starts: tuple[int, ...] = field(repr=False)

    def place(self, *key: str | int) -> str:
        """Return `file:line:column` of a value, or of the nearest thing around it that is in the file."""
        while key and key not in self.offsets:
            key = key[:-1]
        return _place(self.path, self.line_starts, self.offsets.get(key, 0))


def read_hcl(text: str, path: str, *, secret: bool = False) -> HclDocument:
    """Read a tfvars text; raise UsageError with file, line and column of the first thing that is wrong.

    Errors about a `secret` text quote nothing of it.
    """
    reader = _Reader(text, path, secret)
    values = reader.body()
    return HclDocument(path=path, values=values, offsets=reader.offsets, line_starts=reader.line_starts)


def _place(path: str, line_starts: tuple[int, ...], offset: int) -> str:
    line = bisect_right(line_starts, offset)
    return f"{path}:{line}:{offset - line_starts[line - 1] + 1}"


class _Reader:
    def __init__(self, text: str, path: str, secret: bool) -> None:
        self._text = text
        self._secret = secret
        self._path = path
        self._at = 1 if text.startswith("\ufeff") else 0
        self.offsets: dict[Key, int] = {}
        self.line_starts = (0, *(m.end() for m in re.finditer("\n", text)))

    def body(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while True:
            self._skip(newlines=True)
            if self._at == len(self._text):
                return values
            start = self._at
            name = self._identifier()
            if name is None:
                raise self._error(f"expected a name, found {self._shown()}", fix="write name = value")
            self._skip(newlines=False)
            if self._peek() in ('"', "{"):
                raise self._error(f"{name!r} opens a block", fix=f"write {name} = {{ ... }}")
            self._need("=", f"after {name!r}")
            self._keep(values, (), name, start)
            values[name] = self._value((name,))
            self._skip(newlines=False)
            if self._at < len(self._text) and self._peek() != "\n":
                raise self._error(f"expected the end of the line, found {self._shown()}", fix="one `name = value` a line")

    def _value(self, key: Key) -> Value:
        if len(key) > MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} deep")
        self._skip(newlines=False)
        self.offsets[key] = self._at
        char = self._peek()
        if char == '"':
            return self._string()
        if char == "[":
            return self._list(key)
        if char == "{":
            return self._map(key)
        if char == "<":
            return self._heredoc()
        number = _NUMBER.match(self._text, self._at)
        if number:
            self._at = number.end()
            return float(number.group()) if number.group(1) or number.group(2) else int(number.group())
        start = self._at
        word = self._identifier()
        if word in ("true", "false", "null"):
            return None if word == "null" else word == "true"
        self._at = start
        raise self._error(f"expected a value, found {self._shown()}", fix=_LITERAL_FIX)

    def _list(self, key: Key) -> list[Value]:
        values: list[Value] = []
        start = self._at
        self._at += 1
        while True:
            self._skip(newlines=True)
            if self._take("]"):
                return values
            self._require_more(start, "[")
            values.append(self._value((*key, len(values))))
            self._skip(newlines=True)
            if self._take("]"):
                return values
            self._require_more(start, "[")
            self._need(",", "between list entries")

    def _map(self, key: Key) -> dict[str, Value]:
        values: dict[str, Value] = {}
        start = self._at
        self._at += 1
        while True:
            self._skip(newlines=True)
            if self._take("}"):
                return values
            self._require_more(start, "{")
            at = self._at
            name = self._string() if self._peek() == '"' else self._identifier()
            if name is None:
                raise self._error(f"expected a key, found {self._shown()}", fix='write key = value, or "any key" = value')
            self._skip(newlines=False)
            if not self._take(":"):
                self._need("=", f"after {name!r}")
            self._keep(values, key, name, at)
            values[name] = self._value((*key, name))
            self._skip(newlines=False)
            if self._take(",") or self._take("\n"):
                continue
            if self._peek() != "}":
                self._require_more(start, "{")
                raise self._error(f"expected a comma, a new line or }}, found {self._shown()}")

    def _keep(self, values: Mapping[str, Value], around: Key, name: str, at: int) -> None:
        if name in values:
            first = _place(self._path, self.line_starts, self.offsets[(*around, name)])
            self._at = at
            raise self._error(f"{name!r} is set twice, first at {first}", fix="keep one of them")

    def _string(self) -> str:
        start = self._at
        self._at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN_TEXT.match(self._text, self._at)
            if plain:
                parts.append(plain.group())
                self._at = plain.end()
            char = self._peek()
            if char == '"':
                self._at += 1
                return "".join(parts)
            if char in ("", "\n"):
                self._at = start
                raise self._error("text is not closed on its line", fix='end it with ", and write a new line inside text as \\n')
            parts.append(self._escape() if char == "\\" else self._dollar())

    def _escape(self) -> str:
        char = self._text[self._at + 1 : self._at + 2]
        if char in _ESCAPES:
            self._at += 2
            return _ESCAPES[char]
        digits = {"u": 4, "U": 8}.get(char, 0)
        code = self._text[self._at + 2 : self._at + 2 + digits]
        if digits and re.fullmatch(r"[0-9a-fA-F]+", code) and len(code) == digits:
            number = int(code, 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                self._at += 2 + digits
                return chr(number)
        raise self._error(f"unknown escape \\{char}", fix='use \\n \\r \\t \\" \\\\ \\uNNNN or \\UNNNNNNNN')

    def _dollar(self) -> str:
        mark = self._peek()
        if self._text.startswith(mark * 2 + "{", self._at):
            self._at += 3
            return mark + "{"
        if self._text.startswith(mark + "{", self._at):
            fix = f"{_LITERAL_FIX}; for the characters {mark}{{ write {mark}{mark}{{"
            raise self._error(f"{mark}{{ starts an expression", fix=fix)
        self._at += 1
        return mark

    def _heredoc(self) -> str:
        head = _HEREDOC.match(self._text, self._at)
        if not head:
            raise self._error(f"expected a value, found {self._shown()}", fix=_LITERAL_FIX)
        end = re.compile(rf"^[ \t]*{re.escape(head.group(2))}[ \t]*\r?$", re.MULTILINE).search(self._text, head.end())
        if not end:
            word = head.group(2)
            raise self._error(f"the text of <<{word} never ends", fix=f"put {word} alone on a line after the text")
        self._at = head.end()
        lines: list[str] = []
        parts: list[str] = []
        while self._at < end.start():
            char = self._peek()
            if char in "$%":
                parts.append(self._dollar())
            else:
                self._at += 1
                parts.append("" if char == "\r" and self._peek() == "\n" else char)
            if char == "\n":
                lines.append("".join(parts))
                parts = []
        self._at = end.end() - (1 if end.group().endswith("\r") else 0)
        if head.group(1):
            margin = min((len(li) - len(li.lstrip(" \t")) for li in lines if li.strip()), default=0)
            lines = [li[margin:] if li.strip() else li.lstrip(" \t") for li in lines]
        return "".join(lines)

    def _identifier(self) -> str | None:
        found = _IDENTIFIER.match(self._text, self._at)
        if not found:
            return None
        self._at = found.end()
        return found.group()

    def _skip(self, *, newlines: bool) -> None:
        while True:
            blank = _BLANK.match(self._text, self._at)
            if blank:
                self._at = blank.end()
            char = self._peek()
            if newlines and char == "\n":
                self._at += 1
            elif char == "#" or self._text.startswith("//", self._at):
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text.startswith("/*", self._at):
                end = self._text.find("*/", self._at)
                if end < 0:
                    raise self._error("comment is never closed", fix="end it with */")
                self._at = end + 2
            else:
                return

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, char: str) -> bool:
        found = self._peek() == char
        self._at += found
        return found

    def _need(self, char: str, where: str) -> None:
        if not self._take(char):
            raise self._error(f"expected {char!r} {where}, found {self._shown()}")

    def _require_more(self, start: int, bracket: str) -> None:
        if self._at == len(self._text):
            self._at = start
            raise self._error(f"{bracket} is never closed", fix=f"add the missing {']' if bracket == '[' else '}'}")

    def _shown(self) -> str:
        rest = self._text[self._at : self._at + 20].split("\n")[0]
        if rest:
            return repr(rest)
        return "the end of the line" if self._at < len(self._text) else "the end of the file"

    def _error(self, message: str, fix: str = "") -> UsageError:
        if self._secret:
            message, fix = "is not readable (its text is not shown, for it holds secrets)", 'write one name = "value" a line'
        return UsageError(f"{_place(self._path, self.line_starts, self._at)}: {message}", fix=fix)
