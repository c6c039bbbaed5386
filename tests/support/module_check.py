"""Checks the blocks of a Terraform module against the reduced schema of the provider, without Terraform."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "terraform"
TABLE = MODULES / "tools" / "provider_schema.json"
_META = frozenset({"for_each", "count", "provider", "depends_on", "lifecycle", "provisioner", "connection"})
_BUILT_IN = "terraform_data"
_OF_TEXT = ("trimspace", "lower", "upper", "replace", "join", "format", "sha256", "jsonencode", "base64encode")
_OF_BOOL = ("contains", "can", "startswith", "endswith", "strcontains")


@cache
def table() -> dict[str, Any]:
    """Return the reduced schema."""
    found: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def blocks_of(text: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield (`resource` or `data`, type, name, body) for each block of a file."""
    document = hcl2.loads(text)
    for kind in ("resource", "data"):
        for block in document.get(kind, []):
            for resource_type, named in block.items():
                for name, body in named.items():
                    yield kind, _bare(resource_type), _bare(name), body


def mistakes(text: str) -> list[str]:
    """Return what the provider would not accept in the blocks of a file."""
    found = []
    for kind, resource_type, name, body in blocks_of(text):
        if resource_type == _BUILT_IN:
            continue
        at = f"{resource_type}.{name}"
        known = table()[kind].get(resource_type)
        found += [f"{at}: unknown type"] if known is None else _in_block(at, body, known, _META)
    return found


def _in_block(at: str, body: Mapping[str, Any], known: Mapping[str, Any], meta: frozenset[str]) -> Iterator[str]:
    arguments, blocks = known["arguments"], known.get("blocks", {})
    given = {n: v for n, v in body.items() if n not in meta and n != "dynamic" and not n.startswith("__")}
    dynamic = {_bare(n): each["content"] for one in body.get("dynamic", []) for n, each in one.items() if n != "__is_block__"}
    for name, value in given.items():
        if name in blocks:
            for inner in value:
                yield from _in_block(f"{at}.{name}", inner, blocks[name], frozenset())
        elif name not in arguments:
            yield f"{at}: unknown argument {name}"
        else:
            yield from _argument(f"{at}.{name}", value, arguments[name])
    for name, contents in dynamic.items():
        if name not in blocks:
            yield f"{at}: unknown block {name}"
            continue
        for inner in contents:
            yield from _in_block(f"{at}.{name}", inner, blocks[name], frozenset())
    yield from _missing(at, given, arguments)
    yield from (f"{at}: block {n} is missing" for n, b in blocks.items() if b["min"] and n not in given and n not in dynamic)


def _missing(at: str, given: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{at}: {n} is required" for n, a in arguments.items() if "required" in a["flags"] and n not in given)


def _argument(at: str, value: Any, known: Mapping[str, Any]) -> Iterator[str]:
    if set(known["flags"]) == {"computed"}:
        yield f"{at}: is only computed"
        return
    shape = shape_of(value)
    wanted = _wanted(known)
    if shape and shape not in wanted:
        yield f"{at}: is {shape}, not {wanted[0]}"
    if "nested" not in known:
        return
    for names in _objects_in(value):
        yield from (f"{at}: unknown argument {n}" for n in names if n not in known["arguments"])
        yield from _missing(at, names, known["arguments"])


def _wanted(known: Mapping[str, Any]) -> tuple[str, ...]:
    if "nested" in known:
        return ("object",) if known["nested"] == "single" else ("list",)
    if isinstance(known["type"], list):
        return ("object",) if known["type"][0] in ("map", "object") else ("list",)
    # Terraform turns a number into a text and a text of digits into a number; no module relies on it.
    return (str(known["type"]),)


def shape_of(value: Any) -> str:
    """Return `string`, `number`, `bool`, `list` or `object` if the text of an expression tells, else nothing."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "object"
    text = str(value).strip()
    if text.startswith("${") and text.endswith("}"):
        return _shape_of_expression(text[2:-1].strip())
    return _shape_of_expression(text)


def _shape_of_expression(text: str) -> str:
    branches = _branches(text)
    if branches:
        return next((s for s in map(_shape_of_expression, branches) if s), "")
    if text == "null":
        return ""
    if text.startswith('"') and text.endswith('"'):
        return "string"
    if text in ("true", "false"):
        return "bool"
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return "number"
    call = re.match(r"(\w+)\(", text)
    if call:
        return "string" if call.group(1) in _OF_TEXT else "bool" if call.group(1) in _OF_BOOL else ""
    return {"[": "list", "{": "object"}.get(text[:1], "")


def _branches(text: str) -> tuple[str, ...]:
    """Return both results of `condition ? one : other` at the outermost level."""
    depth, mark, quoted = 0, -1, False
    for place, character in enumerate(text):
        quoted ^= character == '"' and text[place - 1 : place] != "\\"
        if quoted:
            continue
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character == "?" and mark < 0:
            mark = place
        elif depth == 0 and character == ":" and mark >= 0:
            return text[mark + 1 : place].strip(), text[place + 1 :].strip()
    return ()


def _objects_in(value: Any) -> Iterator[dict[str, None]]:
    """Yield the names of each object that an expression writes out, of the outermost ones only."""
    text = str(value)
    if not text.startswith("${"):
        return
    depth = start = 0
    body = text[2:-1]
    for place, character in enumerate(body):
        if character == "{" and body[place - 1 : place] != "$":
            start = place if depth == 0 else start
            depth += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0 and body[start] == "{" and not body[start + 1 :].lstrip().startswith("for "):
                yield dict.fromkeys(_names(body[start + 1 : place]))


def _names(inside: str) -> Iterator[str]:
    depth, quoted, part = 0, False, ""
    for place, character in enumerate(f"{inside},"):
        quoted ^= character == '"' and inside[place - 1 : place] != "\\"
        depth += 0 if quoted else (character in "([{") - (character in ")]}")
        if character == "," and depth == 0 and not quoted:
            if name := part.partition("=")[0].strip():
                yield name
            part = ""
        else:
            part += character


def _bare(text: str) -> str:
    return text.strip('"')
