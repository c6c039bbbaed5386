"""Typed access to an HCL object: fields are read by name, and each field that is never read becomes a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lampkeeper.files.hcl_text import HclDocument, Value
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.names import TableName

_KINDS: dict[type, str] = {
    str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a map", type(None): "null",
}  # fmt: skip


class Record:
    """One object of a document: the whole file (empty key) or a map inside it.

    Getters raise UsageError with file, line and column if a required field is missing or has the wrong type; a null counts as
    absent. `unknown()` lists the fields that were never read, `problems` the errors that readers have skipped.
    """

    def __init__(self, document: HclDocument, values: Mapping[str, Value], *key: str | int) -> None:
        """Wrap the map at `key` of the document."""
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
    def location(self) -> str:
        """Return `file:line:column` of this record."""
        return self._document.location(*self._key)

    def location_of(self, *name: str | int) -> str:
        """Return `file:line:column` of a field (or an entry of it), or of the record if the field is absent."""
        return self._document.location(*self._key, *name)

    def has(self, name: str) -> bool:
        """Return whether the field is present and not null."""
        self._asked[name] = None
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string; without a default it is required. A number becomes the string as which it is written."""
        value = self._get(name, required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.wrong(name, "text", value)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean."""
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
            raise UsageError(f"{self.location_of(name)}: {name} must be a whole number from 1")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; empty if absent."""
        value = self._get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.wrong(name, "a list of strings", value)
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise UsageError(
                    f"{self._document.location(*self._key, name, index)}: {name}[{index}] must be a string, not {_kind(item)}",
                    fix="put it in double quotes",
                )
        return tuple(v for v in value if isinstance(v, str))

    def tables(self, name: str) -> tuple[TableName, ...]:
        """Return a list of three-part table names; raise UsageError with the location of any other entry."""
        found = []
        for index, text in enumerate(self.texts(name)):
            try:
                found.append(TableName.parse(text))
            except UsageError as error:
                raise UsageError(f"{self.location_of(name, index)}: {error.message}", fix=error.fix) from None
        return tuple(found)

    def csv(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated string, without surrounding blanks and empty parts."""
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def records(self, name: str) -> Iterator[Record]:
        """Yield the maps of a list of maps; nothing if absent."""
        value = self._get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.wrong(name, "a list of maps", value)
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise UsageError(
                    f"{self._document.location(*self._key, name, index)}: {name}[{index}] must be a map, not {_kind(item)}",
                    fix="write { field = value, ... }",
                )
            yield self._child(item, name, index)

    def named(self, name: str) -> Iterator[tuple[str, Record]]:
        """Yield (key, map) of a map of maps; nothing if absent."""
        value = self._get(name)
        if value is None:
            return
        if not isinstance(value, dict):
            raise self.wrong(name, "a map", value)
        for key, item in value.items():
            if not isinstance(item, dict):
                raise UsageError(
                    f"{self._document.location(*self._key, name, key)}: {name}.{key} must be a map, not {_kind(item)}"
                )
            yield key, self._child(item, name, key)

    def inside(self, name: str) -> Record | None:
        """Return a map as a record, or None if absent."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "a map", value)
        return self._child(value, name)

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys of a map; empty if absent."""
        value = self._get(name)
        return tuple(value) if isinstance(value, dict) else ()

    def lists(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return a map of lists of strings; empty if absent."""
        value = self._get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "a map of lists", value)
        inside = self._child(value, name)
        return {key: inside.texts(key) for key in value}

    def unknown(self) -> Iterator[Finding]:
        """Yield a finding for every field of this record, and of records inside it, that was never read."""
        for name in self._values:
            if name not in self._asked:
                known = ", ".join(sorted(self._asked))
                yield Finding(
                    code="FILE_UNKNOWN_KEY", severity=Severity.ERROR, location=self.location_of(name),
                    message=f"unknown key {name!r}", fix=f"remove it, or use one of: {known}",
                )  # fmt: skip
        for child in self._children:
            yield from child.unknown()

    def wrong(self, name: str, wanted: str, value: Value) -> UsageError:
        """Return the error for a field of the wrong type."""
        return UsageError(f"{self.location_of(name)}: {name} must be {wanted}, not {_kind(value)}")

    def _get(self, name: str, *, required: bool = False) -> Value:
        self._asked[name] = None
        value = self._values.get(name)
        if value is None and required:
            raise UsageError(f"{self.location}: {name} is missing", fix=f"add {name} = ...")
        return value

    def _child(self, values: Mapping[str, Value], *key: str | int) -> Record:
        child = Record(self._document, values, *self._key, *key)
        child.problems = self.problems
        self._children.append(child)
        return child


def _kind(value: Value) -> str:
    return _KINDS.get(type(value), "something else")
