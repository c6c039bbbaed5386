"""The payload of a Genie space: version 2 checked strictly, version 1 upgraded (source: the platform's agent skills).

Every check says where: `instructions.text_instructions[0].content`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localspace.core.errors import invalid
from localspace.http.serialisation import Json

MAX_TABLES = 30
MAX_STRING = 25_000
MAX_ITEMS = 10_000
MAX_INSTRUCTIONS = 100
MAX_MATCHING_COLUMNS = 120
_ID = re.compile(r"[0-9a-f]{32}")
_TOKENS = ((dict, "START_OBJECT"), (list, "START_ARRAY"), (str, "VALUE_STRING"), (bool, "VALUE_BOOLEAN"))

Shape = dict[str, Any]
_STRINGS, _STRING, _BOOL, _NUMBER = "strings", "string", "bool", "number"

_COLUMN: Shape = {
    "column_name": _STRING,
    "description": _STRINGS,
    "synonyms": _STRINGS,
    "enable_format_assistance": _BOOL,
    "enable_entity_matching": _BOOL,
    "exclude": _BOOL,
}
_TABLE: Shape = {"identifier": _STRING, "description": _STRINGS, "column_configs": [_COLUMN, "column_name"]}
_QUESTION: Shape = {"id": _STRING, "question": _STRINGS}
_PARAMETER: Shape = {
    "name": _STRING,
    "type_hint": _STRING,
    "description": _STRINGS,
    "default_value": {"values": _STRINGS},
}
_SIDE: Shape = {"identifier": _STRING, "alias": _STRING}
_SNIPPET: Shape = {
    "id": _STRING,
    "sql": _STRINGS,
    "display_name": _STRING,
    "synonyms": _STRINGS,
    "instruction": _STRINGS,
    "comment": _STRINGS,
}
_NAMED: Shape = {**_SNIPPET, "alias": _STRING}
_SPACE: Shape = {
    "version": _NUMBER,
    "config": {"sample_questions": [_QUESTION, "id"]},
    "data_sources": {"tables": [_TABLE, "identifier"], "metric_views": [_TABLE, "identifier"]},
    "instructions": {
        "text_instructions": [{"id": _STRING, "content": _STRINGS}, "id"],
        "example_question_sqls": [
            {**_QUESTION, "sql": _STRINGS, "usage_guidance": _STRINGS, "parameters": [_PARAMETER, None]},
            "id",
        ],
        "sql_functions": [{"id": _STRING, "identifier": _STRING}, "id"],
        "join_specs": [
            {"id": _STRING, "left": _SIDE, "right": _SIDE, "comment": _STRINGS, "instruction": _STRINGS, "sql": _STRINGS},
            "id",
        ],
        "sql_snippets": {
            "filters": [_SNIPPET, "id"],
            "expressions": [_NAMED, "id"],
            "measures": [_NAMED, "id"],
        },
    },
    "benchmarks": {
        "questions": [{**_QUESTION, "answer": [{"format": _STRING, "content": _STRINGS}, None]}, "id"],
    },
}
_OLD_COLUMN = {"get_example_values": "enable_format_assistance", "build_value_dictionary": "enable_entity_matching"}


def read_space(text: Any) -> Json:
    """Return the checked payload in version 2; raises 400 with what is wrong and where."""
    if not isinstance(text, str) or not text:
        raise invalid("Missing required field: serialized_space")
    try:
        space = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"it is not JSON ({error})") from error
    if not isinstance(space, dict):
        raise _wrong(f"Expected 'START_OBJECT' not '{_token(space)}'")
    version = space.get("version")
    if version == 1:
        space = _upgraded(space)
    elif version != 2:
        raise _wrong(f"version must be 1 or 2, not {json.dumps(version)}")
    _check(space, _SPACE, "")
    _check_ids(space)
    _check_limits(space)
    checked: Json = space
    return checked


def write_space(space: Json) -> str:
    """Return the payload as the service stores it."""
    return json.dumps(space, separators=(",", ":"), ensure_ascii=False)


def tables_of(space: Json) -> list[str]:
    """Return the names of the tables and metric views that a space uses."""
    sources = space.get("data_sources") or {}
    return [one["identifier"] for kind in ("tables", "metric_views") for one in sources.get(kind) or ()]


def functions_of(space: Json) -> list[str]:
    """Return the names of the functions that a space uses."""
    return [one["identifier"] for one in (space.get("instructions") or {}).get("sql_functions") or ()]


def _upgraded(space: Json) -> Json:
    new: Json = json.loads(json.dumps(space))
    new["version"] = 2
    for kind in ("tables", "metric_views"):
        for table in (new.get("data_sources") or {}).get(kind) or []:
            for column in table.get("column_configs") or [] if isinstance(table, dict) else []:
                for old, name in _OLD_COLUMN.items():
                    if old in column:
                        column[name] = column.pop(old)
                if column.get("enable_entity_matching"):
                    column["enable_format_assistance"] = True
            if isinstance(table, dict) and isinstance(table.get("column_configs"), list):
                table["column_configs"].sort(key=lambda one: str(one.get("column_name")))
    return new


def _check(value: Any, shape: Any, location: str) -> None:
    if isinstance(shape, dict):
        _expect(value, dict, location)
        for name, one in value.items():
            if name not in shape:
                raise _wrong(f"Unknown field '{name}'" + (f" in {location}" if location else ""))
            _check(one, shape[name], f"{location}.{name}" if location else name)
    elif isinstance(shape, list):
        _expect(value, list, location)
        if len(value) > MAX_ITEMS:
            raise _wrong(f"{location} has more than {MAX_ITEMS} items")
        for at, one in enumerate(value):
            _check(one, shape[0], f"{location}[{at}]")
        if shape[1] is not None:
            _check_order(value, shape[1], location)
    elif shape == _STRINGS:
        _expect(value, list, location)
        for at, one in enumerate(value):
            _check(one, _STRING, f"{location}[{at}]")
    elif shape == _STRING:
        _expect(value, str, location)
        if len(value) > MAX_STRING:
            raise _wrong(f"{location} has more than {MAX_STRING} characters")
    elif shape == _BOOL:
        _expect(value, bool, location)


def _check_order(items: list[Json], name: str, location: str) -> None:
    keys: list[str] = []
    for at, one in enumerate(items):
        if not one.get(name):
            raise _wrong(f"{location}[{at}] needs {name}")
        keys.append(one[name])
    if keys != sorted(keys):
        raise _wrong(f"{location} must be sorted by {name}")
    if len(keys) != len(set(keys)):
        raise _wrong(f"{location} has two items with the same {name}")


def _check_ids(space: Json) -> None:
    seen: set[str] = set()
    for location, one in _ids(space, ""):
        if not _ID.fullmatch(one):
            raise _wrong(f"{location} must be 32 lowercase hexadecimal digits")
        if one in seen:
            raise _wrong(f"{location} is not unique: {one}")
        seen.add(one)


def _ids(value: Any, location: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            path = f"{location}.{name}" if location else name
            if name == "id" and isinstance(one, str):
                yield path, one
            else:
                yield from _ids(one, path)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _ids(one, f"{location}[{at}]")


def _check_limits(space: Json) -> None:
    tables = tables_of(space)
    if len(tables) > MAX_TABLES:
        raise _wrong(f"data_sources has {len(tables)} tables and metric views, at most {MAX_TABLES} are allowed")
    instructions = space.get("instructions") or {}
    if len(instructions.get("text_instructions") or ()) > 1:
        raise _wrong("instructions.text_instructions can have at most one item")
    count = sum(len(one) for one in instructions.values() if isinstance(one, list))
    if count > MAX_INSTRUCTIONS:
        raise _wrong(f"instructions has {count} items, at most {MAX_INSTRUCTIONS} are allowed")
    sources = space.get("data_sources") or {}
    columns = [
        column
        for kind in ("tables", "metric_views")
        for table in sources.get(kind) or ()
        for column in table.get("column_configs") or ()
    ]
    for column in columns:
        if column.get("enable_entity_matching") and not column.get("enable_format_assistance"):
            raise _wrong(f"column '{column['column_name']}': enable_entity_matching needs enable_format_assistance")
    if sum(bool(column.get("enable_entity_matching")) for column in columns) > MAX_MATCHING_COLUMNS:
        raise _wrong(f"more than {MAX_MATCHING_COLUMNS} columns have enable_entity_matching")


def _expect(value: Any, kind: type, location: str) -> None:
    if not isinstance(value, kind):
        wanted = next(token for one, token in _TOKENS if one is kind)
        raise _wrong(f"Expected '{wanted}' not '{_token(value)}'" + (f" at {location}" if location else ""))


def _token(value: Any) -> str:
    for kind, token in (*_TOKENS, (int, "VALUE_NUMBER"), (float, "VALUE_NUMBER")):
        if isinstance(value, kind):
            return token
    return "VALUE_NULL"


def _wrong(text: str) -> Exception:
    return invalid(f"Invalid serialized_space: {text}.")
