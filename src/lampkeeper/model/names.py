"""Unity Catalog names: parts, dotted form, quoting.

In a dotted name, parts that are not plain identifiers are in back-ticks, with inner back-ticks doubled, so that any name
survives `parse(str(name))`. REST fields use the parts joined by dots without quotes: `plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lampkeeper.model.errors import UsageError
from lampkeeper.text.sql_quoting import quote_identifier, quote_path

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def split_name(text: str) -> tuple[str, ...]:
    """Split a dotted name, honouring back-ticks; raise UsageError for an empty part or an unclosed back-tick."""
    parts: list[str] = []
    index = 0
    while True:
        if index < len(text) and text[index] == "`":
            part, index = quoted_part(text, index)
        else:
            end = text.find(".", index)
            end = len(text) if end < 0 else end
            part, index = text[index:end], end
        if not part.strip():
            raise UsageError(f"empty part in name {text!r}", fix="write catalog.schema.table")
        parts.append(part)
        if index == len(text):
            return tuple(parts)
        if text[index] != ".":
            raise UsageError(f"unexpected text after a closing back-tick in {text!r}")
        index += 1


def quoted_part(text: str, index: int) -> tuple[str, int]:
    """Return the name in back-ticks that starts at an index, and the index after it; raise UsageError if it is never closed."""
    part = ""
    index += 1
    while index < len(text):
        if text[index] == "`":
            if text[index + 1 : index + 2] == "`":
                part += "`"
                index += 2
                continue
            return part, index + 1
        part += text[index]
        index += 1
    raise UsageError(f"back-tick never closed in {text!r}")


def write_name(*parts: str) -> str:
    """Return a dotted name that `split_name` reads back exactly, with back-ticks only where needed."""
    return ".".join(part if _PLAIN.match(part) else quote_identifier(part) for part in parts)


def show_part(part: str) -> str:
    """Return a part as users write it, with back-ticks only where needed and control characters made visible."""
    if _PLAIN.match(part):
        return part
    return quote_identifier(_CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", part))


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's name in three parts."""

    catalog: str
    schema: str
    table: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `catalog.schema.table`; raise UsageError otherwise."""
        parts = split_name(text)
        if len(parts) != 3:
            raise UsageError(f"{text!r} is not a table name", fix="write catalog.schema.table")
        return cls(*parts)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the three parts."""
        return (self.catalog, self.schema, self.table)

    @property
    def plain(self) -> str:
        """Return the REST form: parts joined by dots, unquoted."""
        return ".".join(self.parts)

    @property
    def sql(self) -> str:
        """Return the SQL form: every part in back-ticks."""
        return quote_path(*self.parts)

    def __str__(self) -> str:
        """Return the form for people, quoted only where needed."""
        return ".".join(show_part(p) for p in self.parts)


def pattern_takes(pattern: str, table: TableName) -> bool:
    """Return whether a table belongs to `catalog.schema.table`, `catalog.schema.*` or `catalog.*`; case does not matter."""
    parts = split_name(pattern.removesuffix(".*"))
    return [p.casefold() for p in parts] == [p.casefold() for p in table.parts[: len(parts)]]


@dataclass(frozen=True, slots=True, order=True)
class ColumnName:
    """A column's name: its table and the column."""

    table: TableName
    column: str

    @classmethod
    def parse(cls, text: str) -> ColumnName:
        """Read `catalog.schema.table.column`; raise UsageError otherwise."""
        parts = split_name(text)
        if len(parts) != 4:
            raise UsageError(f"{text!r} is not a column name", fix="write catalog.schema.table.column")
        return cls(TableName(*parts[:3]), parts[3])

    @property
    def plain(self) -> str:
        """Return the REST form (entity_name of a tag assignment)."""
        return f"{self.table.plain}.{self.column}"

    def __str__(self) -> str:
        """Return the form for people."""
        return f"{self.table}.{show_part(self.column)}"


@dataclass(frozen=True, slots=True, order=True)
class FunctionName:
    """A function's name in three parts."""

    catalog: str
    schema: str
    function: str

    @classmethod
    def parse(cls, text: str) -> FunctionName:
        """Read `catalog.schema.function`; raise UsageError otherwise."""
        parts = split_name(text)
        if len(parts) != 3:
            raise UsageError(f"{text!r} is not a function name", fix="write catalog.schema.function")
        return cls(*parts)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the three parts."""
        return (self.catalog, self.schema, self.function)

    @property
    def plain(self) -> str:
        """Return the REST form."""
        return ".".join(self.parts)

    @property
    def sql(self) -> str:
        """Return the SQL form, quoted."""
        return quote_path(self.catalog, self.schema, self.function)

    def __str__(self) -> str:
        """Return the form for people."""
        return ".".join(show_part(p) for p in (self.catalog, self.schema, self.function))
