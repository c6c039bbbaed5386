"""Types of other systems as Databricks types, by the table data/types.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import sqlglot
import yaml

from lampkeeper.model.errors import InternalError

FALLBACK = "STRING"
"""The type for a type that is not in the table."""

MAX_PRECISION = 38
_COMPLEX = re.compile(r"(array|map|struct|variant)\b", re.IGNORECASE)
_CALL = re.compile(r"([a-z_][a-z0-9_ ]*?)\s*\(\s*([^()]*)\)\s*([a-z ]*)\Z")
_QUALIFIED = re.compile(r"(?:\w+|\"[^\"]+\")\s*\.\s*([^.()]+(?:\(.*)?)\Z", re.DOTALL)
"""A qualified type, as dumps write it: `public.citext`."""
_SAYS_NOTHING = ("zerofill", "signed")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTable:
    """The table: lower-case types to Databricks types, and the DECIMAL for a decimal type without arguments."""

    types: Mapping[str, str]
    decimal_default: str


@cache
def load_type_table() -> TypeTable:
    """Return the table."""
    data = yaml.safe_load(resources.files("lampkeeper.files").joinpath("data/types.yaml").read_text("utf-8"))
    types = data["types"]
    for key, value in types.items():
        if not isinstance(key, str) or key != key.lower() or not isinstance(value, str):
            raise InternalError(f"types.yaml: {key!r}: {value!r} is not a lower-case name with a type")
    return TypeTable(types=types, decimal_default=data["decimal_default"])


def databricks_type(text: str) -> str | None:
    """Return the Databricks type for a type of any system in the table; None if it is unknown."""
    table = load_type_table()
    plain = " ".join(text.lower().split())
    if plain in table.types and "p,s" not in table.types[plain]:
        return table.types[plain]
    if _COMPLEX.match(text) and plain != "array":
        return _native_complex(text)
    if plain.endswith("[]"):
        return FALLBACK  # an array of another system becomes a string
    found = _CALL.match(plain)
    head, arguments, tail = found.groups() if found else (plain, "", "")
    if head in ("enum", "set") or plain.startswith(("enum(", "set(")):
        return FALLBACK
    full = " ".join(w for w in f"{head} {tail}".split() if w not in _SAYS_NOTHING)
    for name in (full, head):
        if name in table.types:
            return _with_arguments(table.types[name], arguments, table.decimal_default)
    if plain.startswith("interval"):
        return FALLBACK
    prefix, colon, _ = plain.partition(":")
    if colon:
        return databricks_type(prefix)
    qualified = _QUALIFIED.match(text)
    return databricks_type(qualified[1].replace('"', "")) if qualified else None


def _with_arguments(target: str, arguments: str, default: str) -> str:
    if target != "DECIMAL(p,s)":
        return target
    digits = [int(a) for a in arguments.split(",") if a.strip().isdigit()]
    if not digits or digits[0] < 1:
        return default
    precision = min(digits[0], MAX_PRECISION)
    return f"DECIMAL({precision}, {min(digits[1] if len(digits) > 1 else 0, precision)})"


def _native_complex(text: str) -> str | None:
    try:
        native = sqlglot.exp.DataType.build(text, dialect="databricks").sql(dialect="databricks")
    except sqlglot.errors.SqlglotError:
        return None
    return native if "<" in native or native == "VARIANT" else None
