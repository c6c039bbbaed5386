"""Edits of `abac.auto.tfvars` that leave every byte as it is, except those of the objects that change.

A file that lampkeeper wrote reads after an edit like a new one: `edit_layer(render_layer(old), new) == render_layer(new)`, apart
from empty lists and from lists of words that would fit on one line again. Comments, order and spacing of a file that people
wrote stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lampkeeper.files.hcl import HclDocument, Value, read_hcl, render_value
from lampkeeper.files.hcl_reader import after_blanks
from lampkeeper.files.record import Record
from lampkeeper.files.text_edits import BLANKS, REST_OF_LINE, TextEdit, apply_edits, indent_at, line_start
from lampkeeper.files.tfvars import Section, read_layer, render_layer, sections
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError
from lampkeeper.model.layers import Layer

_ITEM = "  "
_NAME_LINE = re.compile(r"^([^\W\d][\w-]*)[ \t]*=", re.MULTILINE)

_IDENTITY: Mapping[str, Callable[[Any], Any]] = {
    "tag_policies": lambda t: t.key,
    "tag_permissions": lambda t: (t.key, t.role),
    "tag_assignments": lambda t: (t.entity_type, t.entity_name, t.key),
    "policies": lambda p: p.key,
    "grants": lambda g: g.key,
    "workspace_assignments": lambda s: s.group,
    "warehouses": lambda w: w.name,
    "schemas": lambda s: s,
    "tables": lambda t: t,
}
"""What makes two objects of a list the same one, by the field of the desired state."""

_ORDER: Mapping[str, Callable[[Any], Any]] = {**_IDENTITY, "tag_assignments": lambda t: t}
"""The order in which lampkeeper writes a list."""


def edit_layer(text: str, path: Path | str, new: Desired, layer: Layer | None = None) -> str:
    """Return the text of a layer's file, or of a draft (None), changed so that it describes `new`; functions are not in it."""
    if not text.strip():
        return render_layer(new, layer)
    document = read_hcl(text, str(path))
    record = Record.of(document)
    edits: list[TextEdit] = []
    added: list[Section] = []
    for section in sections(layer):
        wanted = getattr(new, section.field)
        if section.key not in document.values:
            if wanted or section.key == "groups":
                added.append(section)
        elif section.field in _IDENTITY:
            before = tuple(section.read(record))
            edits += _ListEditor(text, document, section).edits(before, wanted)
        elif _as_read(section, record) != wanted:
            key = (section.key,)
            edits.append(TextEdit(document.offsets[key], document.ends[key], render_value(section.values(wanted), "")))
    changed = apply_edits(text, edits)
    for section in added:
        changed = _with_section(changed, section.key, section.values(getattr(new, section.field)))
    _require_same(changed, path, new, layer)
    return changed


def _as_read(section: Section, record: Record) -> object:
    read = section.read(record)
    if isinstance(read, Mapping):
        return Desired(members=read).members
    return getattr(Desired(**{section.field: tuple(read)}), section.field)  # type: ignore[arg-type]


class _ListEditor:
    """The edits of one list of objects in a file."""

    def __init__(self, text: str, document: HclDocument, section: Section) -> None:
        self._text, self._document, self._section = text, document, section
        self._identity = _IDENTITY[section.field]
        self._order = _ORDER[section.field]

    def edits(self, before: Sequence[Any], wanted: Sequence[Any]) -> list[TextEdit]:
        """Return what changes the list from the objects that it has, in the order of the file, to the wanted ones."""
        keep = set(wanted)
        by_identity = {self._identity(w): w for w in wanted}
        have = {self._identity(b) for b in before}
        gone = [at for at, each in enumerate(before) if each not in keep and self._identity(each) not in by_identity]
        new = [w for w in wanted if self._identity(w) not in have]
        edits: list[TextEdit] = []
        for at, each in enumerate(before):
            if each not in keep and at not in gone:
                edits += self._changed(at, each, by_identity[self._identity(each)])
        if not new and not gone:
            return edits
        start, end = self._span()
        words_on_a_line = self._section.field == "tables" and "\n" not in self._text[start:end]
        if len(gone) == len(before) or words_on_a_line:
            left = [each for at, each in enumerate(before) if at not in gone]
            text = render_value(self._section.values(tuple(sorted([*left, *new], key=self._order))), "")
            return [*edits, TextEdit(start, end, text)]
        return [*edits, *self._removed(gone, len(before)), *self._added(before, gone, new)]

    def _span(self, *inside: str | int) -> tuple[int, int]:
        key = (self._section.key, *inside)
        return self._document.offsets[key], self._document.ends[key]

    def _changed(self, at: int, old: Any, new: Any) -> list[TextEdit]:
        """Return the edits of the fields in which an object differs."""
        (before,), (after,) = self._section.values((old,)), self._section.values((new,))  # type: ignore[misc]
        written: Any = self._document.values[self._section.key]
        inside = written[at]
        if not (
            isinstance(before, Mapping) and isinstance(after, Mapping) and set(before) == set(after) and isinstance(inside, dict)
        ):
            return [TextEdit(*self._span(at), render_value(after, _ITEM))]
        fields = [name for name in after if before[name] != after[name]]
        if any(name not in inside for name in fields):
            return [TextEdit(*self._span(at), render_value(after, _ITEM))]
        return [TextEdit(*self._span(at, name), render_value(after[name], self._indent(at, name))) for name in fields]

    def _indent(self, *inside: str | int) -> str:
        return indent_at(self._text, self._span(*inside)[0])

    def _removed(self, gone: Sequence[int], count: int) -> list[TextEdit]:
        """Return the edits that take objects out, each with its comma, and with its line if nothing else is on it."""
        return [self._removal(at, last=at == count - 1) for at in gone]

    def _removal(self, at: int, *, last: bool) -> TextEdit:
        start, end = self._span(at)
        comma = self._comma(end)
        if comma is None and last and at:
            # No comma after the last object: the one before it goes, as far as that object stays.
            return TextEdit(start, end, "")
        end = end if comma is None else comma + 1
        line = line_start(self._text, start)
        rest = REST_OF_LINE.match(self._text, end)
        if not self._text[line:start].strip() and rest is not None and rest.end() > end:
            return TextEdit(line, rest.end(), "")
        blanks = BLANKS.match(self._text, end)
        return TextEdit(start, blanks.end() if blanks is not None else end, "")

    def _comma(self, end: int) -> int | None:
        """Return where the comma after an object stands; None if the next thing is not a comma."""
        at = after_blanks(self._text, end)
        return at if self._text[at : at + 1] == "," else None

    def _added(self, before: Sequence[Any], gone: Sequence[int], new: Sequence[Any]) -> list[TextEdit]:
        """Return the edits that put objects in: each before the first one that follows it in the order of lampkeeper."""
        left = [at for at in range(len(before)) if at not in set(gone)]
        places: dict[int | None, list[Any]] = {}
        for each in sorted(new, key=self._order):
            follower = next((at for at in left if self._order(before[at]) > self._order(each)), None)
            places.setdefault(follower, []).append(each)
        return [self._put(follower, left[-1], objects) for follower, objects in places.items()]

    def _put(self, follower: int | None, last: int, objects: Sequence[Any]) -> TextEdit:
        items: Any = self._section.values(tuple(objects))
        if follower is not None:
            start, _ = self._span(follower)
            line = line_start(self._text, start)
            if self._text[line:start].strip():
                return TextEdit(start, start, "".join(f"{render_value(i, _ITEM)}, " for i in items))
            indent = self._text[line:start]
            return TextEdit(line, line, "".join(f"{indent}{render_value(i, indent)},\n" for i in items))
        start, end = self._span(last)
        line = line_start(self._text, start)
        comma = self._comma(end)
        at = end if comma is None else comma + 1
        before = "," if comma is None else ""
        if self._text[line:start].strip():
            return TextEdit(at, at, before + "".join(f" {render_value(i, _ITEM)}," for i in items))
        indent = self._text[line:start]
        return TextEdit(at, at, before + "".join(f"\n{indent}{render_value(i, indent)}," for i in items))


def _with_section(text: str, key: str, value: Value) -> str:
    """Return the text with one more section, before the first one whose name follows in the alphabet."""
    section = f"{key} = {render_value(value, '')}\n"
    document = read_hcl(text, "")
    for found in _NAME_LINE.finditer(text):
        start = document.offsets.get((found.group(1),))
        if found.group(1) > key and start is not None and not text[found.end() : start].strip():
            return f"{text[: found.start()]}{section}\n{text[found.start() :]}"
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}{section}"


def _require_same(text: str, path: Path | str, new: Desired, layer: Layer | None) -> None:
    """Raise InternalError if the edited text does not describe the new state."""
    read = read_layer(text, path, layer, new.functions).desired
    if any(getattr(read, s.field) != getattr(new, s.field) for s in sections(layer)):
        raise InternalError(f"{path}: the edited file does not describe the new state; nothing was written")
