"""The description of a change in words: the object, its container, and every written field before and after.

Text from a catalog is hostile: each value is one word, or is quoted and escaped where it is not plain text.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]
ARROW = " → "
NOTHING = "(none)"
_BARE = frozenset("._@/*-")
_CONTEXT = 2
_WIDTH = 88
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))
"""Invisible characters whose category is letter or mark."""


def shown(value: object) -> str:
    """Return a value for printing: different texts never look the same, and none can end its line or its quotes."""
    if value is None or value in ("", [], (), {}):
        return NOTHING
    if isinstance(value, str):
        bare = value[0].isalnum() or value[0] == "_"
        return value if bare and all(_plain(c) and (c.isalnum() or c in _BARE) for c in value) else quoted(value)
    if isinstance(value, list | tuple):
        return ", ".join(shown(v) for v in value)
    return escaped(json.dumps(value, ensure_ascii=False, sort_keys=True))


def escaped(text: str) -> str:
    """Return text without control characters, line ends, invisible characters and changes of the text's direction."""
    return "".join(c if _plain(c) else f"\\u{{{ord(c):x}}}" for c in text)


def _plain(character: str) -> bool:
    return character.isprintable() and character not in _BLANK


def quoted(text: str, mark: str = '"') -> str:
    """Return text in quotes, on one line."""
    return mark + escaped(text.replace("\\", "\\\\").replace(mark, f"\\{mark}")) + mark


def _dotted(parts: Sequence[Any]) -> str:
    """Return names joined by dots; a single part is a full name already."""
    names = [name for part in parts for name in (part if isinstance(part, list | tuple) else [part])]
    if len(names) == 1:
        return shown(names[0])
    return ".".join(quoted(str(n)) if "." in str(n) else shown(n) for n in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object of a change: `on column main.shop.people.email`. Similar changes of several objects become one line."""

    noun: str
    name: str
    preposition: str = ""

    @property
    def nouns(self) -> str:
        """Return the plural of the noun."""
        return f"{self.noun[:-1]}ies" if self.noun.endswith("y") else f"{self.noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A change in words.

    Similar changes have equal `what` and `attributes` and different `subject`s. `text` is the difference of a body: lines that
    start with `+ `, `- ` or two blanks.
    """

    what: str
    subject: Subject
    attributes: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


class Fields:
    """The fields of an object before and after a change. `rest` returns those that no other call has returned."""

    def __init__(self, before: Body | None, after: Body | None) -> None:
        """Take the object before and after; one of them is None if it is created or removed."""
        self._before, self._after = before, after
        self._reported: set[str] = set()

    def value(self, name: str) -> Any:
        """Return the field after the change (before it, if the object is removed)."""
        self._reported.add(name)
        return self._standing.get(name)

    def name(self, *parts: str) -> str:
        """Return these fields as one dotted name of the object."""
        before = self._standing if self._before is None else self._before
        self._reported |= set(parts)
        return ARROW.join(dict.fromkeys(_dotted([body.get(p, "") for p in parts]) for body in (before, self._standing)))

    def __call__(self, name: str) -> str:
        """Return a field for printing: `old → new` if an update changes it, members of a list with + or -."""
        new = self.value(name)
        if not self._changed(name):
            return shown(new)
        old = (self._before or {}).get(name)
        texts = isinstance(new, list) and all(isinstance(v, str) for v in [*new, *(old or ())])
        if texts and isinstance(old, list) and set(old) != set(new):
            kept = [shown(v) for v in new if v in old]
            return ", ".join(
                [*kept, *(f"+{shown(v)}" for v in new if v not in old), *(f"-{shown(v)}" for v in old if v not in new)]
            )
        return f"{shown(old)}{ARROW}{shown(new)}"

    def changed(self, name: str) -> bool:
        """Return whether an update changes the field, or the created or removed object has it."""
        return bool(self._standing.get(name)) if None in (self._before, self._after) else self._changed(name)

    def skip(self, *names: str) -> None:
        """Exclude fields from `rest`: parts of other fields, or fields that are never written."""
        self._reported |= set(names)

    def rest(self) -> tuple[str, ...]:
        """Return the remaining fields as `field: value`: of an update those that change, else all."""
        names = [n for n in sorted(self._standing) if n not in self._reported and self.changed(n)]
        return tuple(f"{shown(n)}: {self(n)}" for n in names)

    @property
    def both(self) -> tuple[Body | None, Body | None]:
        """Return the field's lines before and after."""
        return self._before, self._after

    @property
    def _standing(self) -> Body:
        return self._after if self._after is not None else self._before or {}

    def _changed(self, name: str) -> bool:
        if self._before is None or self._after is None:
            return False
        return bool(self._before.get(name) != self._after.get(name))


def diff_of(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return a unified diff without its header; lines with hidden characters are escaped and marked."""
    if list(old) == list(new):
        return ()
    if not old or not new:
        return tuple(f"{'+' if new else '-'} {line_of(text)}" for text in (new or old))
    lines = list(difflib.unified_diff(list(old), list(new), lineterm="", n=_CONTEXT))[2:]
    return tuple(line if line.startswith("@@") else f"{line[0]} {line_of(line[1:])}" for line in lines)


def json_lines(value: Any, indent: str = "") -> list[str]:
    """Return JSON as lines; a value that fits is on one line."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(indent) + len(text) <= _WIDTH or not value or not isinstance(value, dict | list):
        return [indent + text]
    inner = indent + "  "
    entries = sorted(value.items()) if isinstance(value, dict) else [("", each) for each in value]
    lines = [indent + ("{" if isinstance(value, dict) else "[")]
    for key, each in entries:
        first, *rest = json_lines(each, inner)
        name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(value, dict) else ""
        lines += [f"{inner}{name}{first[len(inner) :]}", *rest]
        lines[-1] += ","
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, indent + ("}" if isinstance(value, dict) else "]")]


def line_of(text: str) -> str:
    """Return a line of SQL or JSON; one with hidden characters is escaped and marked."""
    return text if all(map(_plain, text)) else f"{quoted(text)} (escaped)"
