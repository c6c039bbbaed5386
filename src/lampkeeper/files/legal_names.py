"""Names that Unity Catalog takes, made from names that it refuses (source: platform docs, object names)."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_LENGTH = 255
_REFUSED = re.compile(r"[\s\x00-\x20./\x7f]+")
_REFUSED_IN_COLUMNS = re.compile(r"\x00+")
_REFUSED_IN_CATALOGS = re.compile(r"[^a-z0-9_]+")


def legal_object_name(name: str) -> str:
    """Return a name for a catalog, schema or table: lower case, blanks, dots, slashes and controls become underscores."""
    return _REFUSED.sub("_", name.lower()).strip("_")[:MAX_LENGTH].rstrip("_") or "unnamed"


def legal_column_name(name: str) -> str:
    """Return a name for a column: column mapping allows all but an empty, an overlong one and NUL."""
    return (_REFUSED_IN_COLUMNS.sub("_", name) if name.strip() else "unnamed")[:MAX_LENGTH]


def catalog_from_stem(stem: str) -> str:
    """Return a catalog's name made from a file's stem: plain letters, digits and underscores."""
    plain = _REFUSED_IN_CATALOGS.sub("_", stem.lower()).strip("_")
    return plain if plain and not plain[0].isdigit() else f"c_{plain}".rstrip("_")


def free_name(wanted: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or with the first number after it that is not taken."""
    if not taken(wanted):
        return wanted
    number = 2
    while taken(f"{wanted[: MAX_LENGTH - 8]}_{number}"):
        number += 1
    return f"{wanted[: MAX_LENGTH - 8]}_{number}"
