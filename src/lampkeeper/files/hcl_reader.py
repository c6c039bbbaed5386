"""The fast reader of HCL, for files that lampkeeper writes: the literal subset of `*.tfvars`, with all locations.

A draft has thousands of assignments: python-hcl2's tree of 4,000 takes 3 seconds, this reader a tenth of a second. Files that
people write are read through that tree (`hcl_tree`). A law compares the two.
"""

from __future__ import annotations

import re

from lampkeeper.files.hcl_text import LITERAL_FIX, HclCursor, HclDocument, Key, Value

_BLANK = re.compile(r"[ \t\r]+")


def read_hcl(text: str, path: str, *, secret: bool = False) -> HclDocument:
    """Read a tfvars text; raise UsageError with file, line and column of the first error.

    Errors about a `secret` text never quote it.
    """
    reader = _Reader(text, path, secret)
    return reader.document(reader.body())


def after_blanks(text: str, at: int) -> int:
    """Return the offset of the next character of an HCL text, from an offset on, that is neither blank nor in a comment."""
    reader = _Reader(text, "", secret=False)
    reader.at = at
    reader._skip(newlines=True)
    return reader.at


class _Reader(HclCursor):
    def body(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while True:
            self._skip(newlines=True)
            if self.at == len(self.text):
                return values
            start = self.at
            name = self.identifier()
            if name is None:
                raise self.error(f"expected a name, found {self.shown()}", fix="write name = value")
            self._skip(newlines=False)
            if self.peek() in ('"', "{"):
                raise self.error(f"{name!r} opens a block", fix=f"write {name} = {{ ... }}")
            self._need("=", f"after {name!r}")
            self.refuse_second(values, (), name, start)
            values[name] = self._value((name,))
            self._skip(newlines=False)
            if self.at < len(self.text) and self.peek() != "\n":
                raise self.error(f"expected the end of the line, found {self.shown()}", fix="write one `name = value` per line")

    def _value(self, key: Key) -> Value:
        self._skip(newlines=False)
        self.enter(key)
        value = self._literal(key)
        self.ends[key] = self.at
        return value

    def _literal(self, key: Key) -> Value:
        char = self.peek()
        if char == '"':
            return self.quoted()
        if char == "[":
            return self._list(key)
        if char == "{":
            return self._map(key)
        if char == "<":
            return self.heredoc()
        number = self.number()
        if number is not None:
            return number
        start = self.at
        word = self.identifier()
        if word in ("true", "false", "null"):
            return None if word == "null" else word == "true"
        self.at = start
        raise self.error(f"expected a value, found {self.shown()}", fix=LITERAL_FIX)

    def _list(self, key: Key) -> list[Value]:
        values: list[Value] = []
        start = self.at
        self.at += 1
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
        start = self.at
        self.at += 1
        while True:
            self._skip(newlines=True)
            if self._take("}"):
                return values
            self._require_more(start, "{")
            at = self.at
            name = self.quoted() if self.peek() == '"' else self.identifier()
            if name is None:
                raise self.error(f"expected a key, found {self.shown()}", fix='write key = value, or "any key" = value')
            self._skip(newlines=False)
            if not self._take(":"):
                self._need("=", f"after {name!r}")
            self.refuse_second(values, key, name, at)
            values[name] = self._value((*key, name))
            self._skip(newlines=False)
            if self._take(",") or self._take("\n"):
                continue
            if self.peek() != "}":
                self._require_more(start, "{")
                raise self.error(f"expected a comma, a new line or }}, found {self.shown()}")

    def _skip(self, *, newlines: bool) -> None:
        while True:
            blank = _BLANK.match(self.text, self.at)
            if blank:
                self.at = blank.end()
            char = self.peek()
            if newlines and char == "\n":
                self.at += 1
            elif char == "#" or self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                if end < 0:
                    raise self.error("comment is never closed", fix="end it with */")
                self.at = end + 2
            else:
                return

    def _take(self, char: str) -> bool:
        found = self.peek() == char
        self.at += found
        return found

    def _need(self, char: str, where: str) -> None:
        if not self._take(char):
            raise self.error(f"expected {char!r} {where}, found {self.shown()}")

    def _require_more(self, start: int, bracket: str) -> None:
        if self.at == len(self.text):
            self.at = start
            raise self.error(f"{bracket} is never closed", fix=f"add the missing {']' if bracket == '[' else '}'}")
