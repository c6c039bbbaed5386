"""Edits of `env.auto.tfvars` that keep what people wrote: comments, order and spacing of every setting that does not change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lampkeeper.files.hcl import HclDocument, Value, quote_hcl, read_hcl, render_value
from lampkeeper.files.hcl_reader import after_blanks
from lampkeeper.files.hcl_text import Key
from lampkeeper.files.settings import Settings, read_settings, render_settings, setting_values
from lampkeeper.files.text_edits import TextEdit, apply_edits, indent_at, line_start
from lampkeeper.model.errors import UsageError

_REST_OF_REMOVED = re.compile(r"[ \t\r]*,?[ \t\r]*(?:#[^\n]*|//[^\n]*)?(?:\n|\Z)")
_REST_WITH_COMMA = re.compile(r"[ \t\r]*,?[ \t\r]*(?:#[^\n]*|//[^\n]*)?(?=\n)")
_NAME = re.compile(r'[ \t]*(?:[^\W\d][\w-]*|"(?:[^"\\\n]|\\.)*")[ \t]*[=:][ \t]*')
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def edit_settings(text: str, path: Path | str, new: Settings) -> str:
    """Return the text changed so that it gives the settings `new`.

    Only the values of settings that differ change; a new setting follows at the end. A text that cannot be edited safely (the
    result is read again) is replaced by a new one, without its comments.
    """
    try:
        wanted = setting_values(new)
        old = setting_values(read_settings(text, path).settings)
        if old == wanted:
            return text
        edited = _Editor(text, read_hcl(text, str(path))).edited(old, wanted)
        if setting_values(read_settings(edited, path).settings) == wanted:
            return edited
    except UsageError:
        # A construct that only one of the two readers of variables files takes.
        return render_settings(new)
    return render_settings(new)


class _Editor:
    """A text, and the offsets of the values in it."""

    def __init__(self, text: str, document: HclDocument) -> None:
        self._text, self._document = text, document

    def edited(self, before: Mapping[str, Value], after: Mapping[str, Value]) -> str:
        """Return the text with the settings that differ set, removed or added."""
        edits: list[TextEdit] = []
        added: list[str] = []
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) == after.get(name):
                continue
            if (name,) not in self._document.ends:
                if name in after:
                    added.append(f"{name} = {render_value(after[name], '')}\n")
            elif name not in after:
                edits.append(self._removal((name,)))
            else:
                edits += self._changes((name,), before.get(name), after[name])
        text = apply_edits(self._text, edits)
        return "\n".join([text.rstrip("\n") + "\n" if text.strip() else "", *added]).lstrip("\n") if added else text

    def _changes(self, key: Key, before: Value, after: Value) -> Iterator[TextEdit]:
        """Yield the edits of a value: of its parts where they correspond to those in the text, else of the whole."""
        if before == after:
            return
        written = self._at(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping) and isinstance(written, Mapping) and written:
            yield from self._changed_fields(key, before, after)
        elif (one := _items(before)) and (new := _items(after)) and len(one) == len(_items(written)) <= len(new):
            for at, (item, other) in enumerate(zip(one, new, strict=False)):
                yield from self._changes((*key, at), item, other)
            if len(new) > len(one):
                yield from self._appended((*key, len(one) - 1), new[len(one) :])
        else:
            yield self._replaced(key, after)

    def _changed_fields(self, key: Key, before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[TextEdit]:
        gone = [(*key, n) for n in before if n not in after and (*key, n) in self._document.ends]
        kept = [k for k in self._document.ends if k[:-1] == key and k not in gone]
        if not kept or not all(map(self._has_its_lines, gone)):
            yield self._replaced(key, after)
            return
        yield from map(self._removal, gone)
        added = {}
        for name, value in after.items():
            if before.get(name) == value:
                continue
            if (*key, name) in kept:
                yield from self._changes((*key, name), before.get(name), value)
            else:
                added[name] = value
        if added:
            last = max(kept, key=self._document.ends.__getitem__)
            indent = indent_at(self._text, self._document.offsets[last])
            named = (f"{n if _BARE.match(n) else quote_hcl(n)} = {render_value(v, indent)}" for n, v in added.items())
            at, gap = self._after(last, indent) if self._begins_its_line(last) else (self._document.ends[last], ", ")
            yield TextEdit(at, at, "".join(gap + one for one in named))

    def _appended(self, last: Key, items: Sequence[Any]) -> Iterator[TextEdit]:
        """Yield the edits that add items after the last one of a list, with the comma between them."""
        start, end = self._document.offsets[last], self._document.ends[last]
        indent = indent_at(self._text, start)
        at, gap = self._after(last, indent) if not self._text[line_start(self._text, start) : start].strip() else (end, " ")
        follows = after_blanks(self._text, end)
        if self._text[follows : follows + 1] != ",":
            yield TextEdit(end, end, ",")
        elif at == end:
            at = follows + 1
        yield TextEdit(at, at, ",".join(gap + render_value(i, indent) for i in items))

    def _after(self, key: Key, indent: str) -> tuple[int, str]:
        """Return where a line can be put in after a value that ends its line, and what goes before; its comment stays with it."""
        end = self._document.ends[key]
        rest = _REST_WITH_COMMA.match(self._text, end)
        return (rest.end(), f"\n{indent}") if rest is not None else (end, ", ")

    def _begins_its_line(self, key: Key) -> bool:
        """Return whether nothing but the name is before a value on its line."""
        start = self._document.offsets[key]
        return _NAME.fullmatch(self._text, line_start(self._text, start), start) is not None

    def _replaced(self, key: Key, after: Value) -> TextEdit:
        start, end = self._document.offsets[key], self._document.ends[key]
        return TextEdit(start, end, render_value(after, indent_at(self._text, start)))

    def _removal(self, key: Key) -> TextEdit:
        """Return the edit that removes `name = value` with its lines."""
        start, end = self._document.offsets[key], self._document.ends[key]
        rest = _REST_OF_REMOVED.match(self._text, end)
        return TextEdit(line_start(self._text, start), end if rest is None else rest.end(), "")

    def _has_its_lines(self, key: Key) -> bool:
        """Return whether nothing else is on the lines of `name = value`."""
        return self._begins_its_line(key) and _REST_OF_REMOVED.match(self._text, self._document.ends[key]) is not None

    def _at(self, key: Key) -> Any:
        value: Any = self._document.values
        for part in key:
            value = value[part]
        return value


def _items(value: Value) -> Sequence[Any]:
    """Return the items of a list; none for another value."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
