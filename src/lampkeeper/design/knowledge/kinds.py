"""Kinds of values that a type can hold, for types of any system: the classifier's reading, coarser than a type family."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """The kind of a type's values. LINK: a reference or a choice from a list (form builders); ANY: type unknown."""

    TEXT = "text"
    INT = "int"
    NUM = "num"
    BOOL = "bool"
    DATE = "date"
    TIME = "time"
    BINARY = "binary"
    LINK = "link"
    ANY = "any"


_RULES: tuple[tuple[str, Kind], ...] = (
    (r"(boolean|bool|bit|check|checkbox|tinyint\(1\))\b", Kind.BOOL),
    (r"(link|dynamic link|select|table( multiselect)?|rating|autocomplete list)$", Kind.LINK),
    (r"(number:int|u?int\d*|(tiny|small|medium|big)?int(eger)?|long|short|byte)\b", Kind.INT),
    (r"((small|big)?serial|increments|autoincrement)\b", Kind.INT),
    (r"(decimal|dec|numeric|number|double|float\d*|real|money|currency|percent)\b", Kind.NUM),
    (r"(timestamp|datetime|smalldatetime|timestamptz|timestamp_ntz|timestamp_ltz|time)\b", Kind.TIME),
    (r"date\b", Kind.DATE),
    (r"(binary|varbinary|\w*blob|bytea|image|raw)\b", Kind.BINARY),
    (r"(string:uuid|uuid|uniqueidentifier|guid)\b", Kind.LINK),
)
_ARRAY = re.compile(r"array\s*[<(](.*)[>)]$", re.IGNORECASE | re.DOTALL)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _RULES)


def kind_of(type_text: str) -> Kind:
    """Return the kind of a type text; text for an unknown type."""
    stripped = type_text.strip()
    if not stripped:
        return Kind.ANY
    array = _ARRAY.match(stripped)
    if array:
        return kind_of(array.group(1)) if array.group(1).strip() else Kind.TEXT
    for pattern, kind in _COMPILED:
        if pattern.match(stripped):
            return kind
    return Kind.TEXT
