"""HCL as text: a reader and an escaping renderer, which are inverse to each other."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping

from lampkeeper.files.hcl_reader import read_hcl
from lampkeeper.files.hcl_text import HclDocument, Value
from lampkeeper.model.errors import UsageError

__all__ = ["HclDocument", "Value", "parse_hcl", "quote_hcl", "read_hcl", "render_hcl", "render_value"]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_KEYWORDS = frozenset({"true", "false", "null", "for", "in", "if", "else", "endif", "endfor"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_SPECIAL = re.compile(r"\$+\{|%+\{|[^ !#-\[\]-~]")
_LINE = 110

# Fields that are easier to read first; other keys follow by name, so the bytes never depend on the order of the input.
_FIRST = (
    "name", "key", "group", "catalog", "schema", "title", "description", "clearance", "policy_type", "securable_type",
    "securable", "principal", "privileges", "entity_type", "entity_name", "tag_key", "tag_value", "to_principals",
    "except_principals", "alias", "condition", "question",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_FIRST)}


def parse_hcl(text: str, path: str) -> dict[str, Value]:
    """Return the values of a tfvars text; raise UsageError with file, line and column of an error."""
    return read_hcl(text, path).values


def quote_hcl(text: str) -> str:
    """Return a quoted HCL string: quotes, controls, invisible characters and template marks escaped.

    Raise UsageError for a lone surrogate, which no UTF-8 file can hold.
    """
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    text = found.group()
    if text.endswith("{"):
        # `$${` is the escape for `${`; HCL readers disagree about `$$${`, so marks before the last one become escape codes.
        mark = text[0]
        return f"\\u{ord(mark):04x}" * (len(text) - 2) + f"{mark}{mark}{{"
    if text in _SHORT:
        return _SHORT[text]
    category = unicodedata.category(text)
    if category == "Cs":
        raise UsageError(f"text holds a lone surrogate (U+{ord(text):04X}), which is not valid Unicode")
    if category in ("Cc", "Cf", "Cn", "Co", "Zl", "Zp"):
        return f"\\u{ord(text):04x}" if ord(text) <= 0xFFFF else f"\\U{ord(text):08x}"
    return text


def render_hcl(values: Mapping[str, Value], header: str = "") -> str:
    """Return a tfvars text: keys in one fixed order, `header` as comment lines on top; `parse_hcl` of it gives `values`.

    Raise UsageError for a top-level name that is not an identifier, and for a number that is not finite.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for name in sorted(values):
        if not _BARE.match(name):
            raise UsageError(f"{name!r} cannot be a variable's name")
        lines += ["", f"{name} = {_render(values[name], '')}"]
    return "\n".join(lines).lstrip("\n") + "\n" if lines else ""


def render_value(value: Value, indent: str) -> str:
    """Return a value as text; `indent` are the blanks before the line that it begins on."""
    return _render(value, indent)


def _render(value: Value, indent: str) -> str:
    if isinstance(value, str):
        return quote_hcl(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{value} is not a number that HCL can hold")
        return repr(value)
    if isinstance(value, Mapping):
        return _render_map(value, indent)
    inner = indent + "  "
    items = [_render(v, inner) for v in value]
    if all(isinstance(v, str | int | float | None) for v in value):
        line = f"[{', '.join(items)}]"
        if len(indent) + len(line) <= _LINE:
            return line
    return "[\n" + "".join(f"{inner}{item},\n" for item in items) + f"{indent}]"


def _render_map(value: Mapping[str, Value], indent: str) -> str:
    if not value:
        return "{}"
    inner = indent + "  "
    rows = []
    for key in sorted(value, key=lambda k: (_RANK.get(k, len(_RANK)), k)):
        shown = key if _BARE.match(key) and key not in _KEYWORDS else quote_hcl(key)
        rows.append((shown, _render(value[key], inner)))
    width = max(len(key) for key, _ in rows) if all("\n" not in text for _, text in rows) else 0
    return "{\n" + "".join(f"{inner}{key:<{width}} = {text}\n" for key, text in rows) + f"{indent}}}"
