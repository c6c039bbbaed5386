"""Typed reading of an HCL object: every field asked for by name, every field nobody asked for a finding with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lampkeeper.files.hcl_text import HclDocument, Value
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.names import TableName

_KINDS: dict[type, str] = {
    str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a map", type(None): "null",
}  # fmt: skip


class Record:
    """One object of a document: the whole file (empty key) or a map inside it.

    Getters raise UsageError naming file, line and column when a required field is missing or has the wrong type; a null
    counts as absent. `unknown()` tells which fields were never asked for, `problems` what readers have found wrong and read
    past.
    """

    def __init__(self, document: HclDocument, values: Mapping[str, Value], *key: str | int) -> None:
        """Look at the map that stands at `key` of the document."""
        self._document = document
        self._values = values
        self._key = key
        self._asked: dict[str, None] = {}
        self._children: list[Record] = []
        self.problems: list[Finding] = []

    @classmethod
    def of(cls, document: HclDocument) -> Record:
        """Return the record of a whole file."""
        return cls(document, document.values)

    @property
    def place(self) -> str:
        """Return `file:line:column` of this record."""
        return self._document.place(*self._key)

    def place_of(self, *name: str | int) -> str:
        """Return `file:line:column` of a field (or an entry of it), or of the record when the field is absent."""
        return self._document.place(*self._key, *name)

    def has(self, name: str) -> bool:
        """Return whether the field is there and not null."""
        self._asked[name] = None
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it is required. Numbers are taken as the text they are written as."""
        value = self._get(name, required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.wrong(name, "text", value)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false", value)
        return value

    def number(self, name: str, default: int) -> int:
        """Return a whole number from 1."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{self.place_of(name)}: {name} must be a whole number from 1")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; empty when absent."""
        value = self._get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.wrong(name, "a list of texts", value)
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise UsageError(
                    f"{self._document.place(*self._key, name, index)}: {name}[{index}] must be text, not {_kind(item)}",
                    fix="put it in double quotes",
                )
        return tuple(v for v in value if isinstance(v, str))

    def tables(self, name: str) -> tuple[TableName, ...]:
        """Return a list of three-part table names; raise UsageError with the place of one that is not."""
        found = []
        for index, text in enumerate(self.texts(name)):
            try:
                found.append(TableName.parse(text))
            except UsageError as error:
                raise UsageError(f"{self.place_of(name, index)}: {error.message}", fix=error.fix) from None
        return tuple(found)

    def csv(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated text, blanks stripped, empty parts left out."""
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def records(self, name: str) -> Iterator[Record]:
        """Yield the maps of a list of maps; nothing when absent."""
        value = self._get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.wrong(name, "a list of maps", value)
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise UsageError(
                    f"{self._document.place(*self._key, name, index)}: {name}[{index}] must be a map, not {_kind(item)}",
                    fix="write { field = value, ... }",
                )
            yield self._child(item, name, index)

    def named(self, name: str) -> Iterator[tuple[str, Record]]:
        """Yield (key, map) of a map of maps; nothing when absent."""
        value = self._get(name)
        if value is None:
            return
        if not isinstance(value, dict):
            raise self.wrong(name, "a map", value)
        for key, item in value.items():
            if not isinstance(item, dict):
                raise UsageError(f"{self._document.place(*self._key, name, key)}: {name}.{key} must be a map, not {_kind(item)}")
            yield key, self._child(item, name, key)

    def inside(self, name: str) -> Record | None:
        """Return a map as a record, or None when absent."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "a map", value)
        return self._child(value, name)

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys of a map; empty when absent."""
        value = self._get(name)
        return tuple(value) if isinstance(value, dict) else ()

    def lists(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return a map of lists of texts; empty when absent."""
        value = self._get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "a map of lists", value)
        inside = self._child(value, name)
        return {key: inside.texts(key) for key in value}

    def unknown(self) -> Iterator[Finding]:
        """Yield a finding for every field of this record, and of those read from it, that was never asked for."""
        for name in self._values:
            if name not in self._asked:
                known = ", ".join(sorted(self._asked))
                yield Finding(
                    code="FILE_UNKNOWN_KEY", severity=Severity.ERROR, place=self.place_of(name),
                    message=f"unknown key {name!r}", fix=f"remove it, or use one of: {known}",
                )  # fmt: skip
        for child in self._children:
            yield from child.unknown()

    def wrong(self, name: str, wanted: str, value: Value) -> UsageError:
        """Return the error for a field of the wrong type."""
        return UsageError(f"{self.place_of(name)}: {name} must be {wanted}, not {_kind(value)}")

    def _get(self, name: str, *, required: bool = False) -> Value:
        self._asked[name] = None
        value = self._values.get(name)
        if value is None and required:
            raise UsageError(f"{self.place}: {name} is missing", fix=f"add {name} = ...")
        return value

    def _child(self, values: Mapping[str, Value], *key: str | int) -> Record:
        child = Record(self._document, values, *self._key, *key)
        child.problems = self.problems
        self._children.append(child)
        return child


def _kind(value: Value) -> str:
    return _KINDS.get(type(value), "something else")
