"""Converts names that Unity Catalog rejects to names that it accepts (source: platform docs, object names)."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_LENGTH = 255
_REFUSED = re.compile(r"[\s\x00-\x20./\x7f]+")
_REFUSED_IN_COLUMNS = re.compile(r"\x00+")
_REFUSED_IN_CATALOGS = re.compile(r"[^a-z0-9_]+")


def legal_object_name(name: str) -> str:
    """Return a name for a catalog, schema or table: in lower case, with _ for blanks, dots, slashes and control characters."""
    return _REFUSED.sub("_", name.lower()).strip("_")[:MAX_LENGTH].rstrip("_") or "unnamed"


def legal_column_name(name: str) -> str:
    """Return a name for a column: column mapping allows every name that is not empty, not overlong and without NUL."""
    return (_REFUSED_IN_COLUMNS.sub("_", name) if name.strip() else "unnamed")[:MAX_LENGTH]


def catalog_from_stem(stem: str) -> str:
    """Return a catalog name from a file's stem: plain letters, digits and underscores."""
    plain = _REFUSED_IN_CATALOGS.sub("_", stem.lower()).strip("_")
    return plain if plain and not plain[0].isdigit() else f"c_{plain}".rstrip("_")


def free_name(wanted: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or the name with the first number that makes it free."""
    if not taken(wanted):
        return wanted
    number = 2
    while taken(f"{wanted[: MAX_LENGTH - 8]}_{number}"):
        number += 1
    return f"{wanted[: MAX_LENGTH - 8]}_{number}"
