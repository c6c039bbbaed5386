"""`serialized_space`, version 2, of a Genie space: written sorted, with IDs that depend only on the content.

The platform requires arrays sorted by ID, so an ID starts with the item's position: this keeps the order that people chose.
Strings are written as one array element each; reading joins elements by line breaks where they lack them.

Written over an existing payload (`base`), unmanaged fields are kept, and an unchanged item keeps its bytes and its ID: reading a
payload and writing it over itself returns the payload, up to the platform's sorting.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lampkeeper.files import space_items as items
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.space_items import text_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import ColumnConfig, GenieSpace
from lampkeeper.model.names import TableName
from lampkeeper.text.digest import digest_of

VERSION = 2
_T = TypeVar("_T")
_Json = dict[str, Any]


def render_space(space: GenieSpace, base: str = "") -> str:
    """Return the serialized space, written over `base`, the live payload.

    Kept from it are fields that are not in the model, and example queries, SQL functions and column configs if the space does
    not define them; tables that no longer belong to the space are removed.
    """
    content: _Json = copy.deepcopy(read_json(base, f"serialized_space of {space.name!r}")) if base.strip() else {}
    if content.get("version", VERSION) < VERSION:
        _modernise(content)
    content["version"] = VERSION
    _put_tables(content, space)
    text = [{"content": [space.instructions]}] if space.instructions else []
    old = _list(content, "instructions", "text_instructions")
    if text_of_instructions(old) != space.instructions:
        _put(content, ("instructions", "text_instructions"), _with_ids("text", text))
    lists: tuple[tuple[str, tuple[str, ...], Sequence[Any], Callable[[Any], _Json], Callable[[_Json], Any], bool], ...] = (
        ("question", ("config", "sample_questions"), space.sample_questions, items.question_value, items.question, True),
        ("benchmark", ("benchmarks", "questions"), space.benchmarks, items.benchmark_value, items.benchmark, True),
        ("join", ("instructions", "join_specs"), space.joins, items.join_value, items.join, True),
        ("filter", ("instructions", "sql_snippets", "filters"), space.filters, items.snippet_value, items.snippet, True),
        (
            "expression", ("instructions", "sql_snippets", "expressions"), space.expressions, items.snippet_value, items.snippet,
            True,
        ),
        ("measure", ("instructions", "sql_snippets", "measures"), space.measures, items.snippet_value, items.snippet, True),
        ("example", ("instructions", "example_question_sqls"), space.examples, items.example_value, items.example, False),
        ("function", ("instructions", "sql_functions"), space.functions, items.function_value, items.function, False),
    )  # fmt: skip
    for kind, path, values, write, read, said in lists:
        if values or said:
            _put(content, path, _over(kind, values, write, read, _list(content, *path)))
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_space(
    text: str, *, name: str, title: str = "", description: str = "", space_id: str = "", warehouse_id: str = "",
    acl_groups: Iterable[str] = (),
) -> GenieSpace:  # fmt: skip
    """Return the space that a payload of version 1 or 2 describes; raise UsageError if it is malformed."""
    where = f"serialized_space of {name!r}"
    data = read_json(text, where) if text.strip() else {}
    try:
        instructions = data.get("instructions", {})
        snippets = instructions.get("sql_snippets", {})
        tables = data.get("data_sources", {}).get("tables", [])
        return GenieSpace(
            name=name, title=title, description=description, space_id=space_id, warehouse_id=warehouse_id,
            acl_groups=tuple(acl_groups),
            tables=tuple(sorted(table_of(t["identifier"]) for t in tables)),
            instructions=text_of_instructions(instructions.get("text_instructions", [])),
            sample_questions=_each(items.question, data.get("config", {}).get("sample_questions")),
            benchmarks=_each(items.benchmark, data.get("benchmarks", {}).get("questions")),
            filters=_each(items.snippet, snippets.get("filters")),
            expressions=_each(items.snippet, snippets.get("expressions")),
            measures=_each(items.snippet, snippets.get("measures")),
            joins=_each(items.join, instructions.get("join_specs")),
            examples=_each(items.example, instructions.get("example_question_sqls")),
            functions=_each(items.function, instructions.get("sql_functions")),
            columns=tuple(c for t in tables for c in _columns_of(t)),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise UsageError(f"{where}: unexpected shape: {error!r}", fix="read the space again") from None


def shown_tables(text: str, name: str) -> tuple[TableName, ...]:
    """Return the tables and metric views that a payload shows, sorted; raise UsageError if it is malformed."""
    sources = (read_json(text, f"serialized_space of {name!r}") if text.strip() else {}).get("data_sources", {})
    views = (table_of(v["identifier"]) for v in sources.get("metric_views", []))
    return tuple(sorted({*read_space(text, name=name).tables, *views}))


def same_content(wanted: str, found: str) -> bool:
    """Return whether `found` has the content of `wanted`, ignoring the order of items and fields that `wanted` lacks."""
    first, second = read_space(wanted, name=""), read_space(found, name="")
    named = {(c.table, c.column) for c in first.columns}
    second = replace(
        second,
        examples=second.examples if first.examples else (),
        functions=second.functions if first.functions else (),
        columns=tuple(c for c in second.columns if (c.table, c.column) in named),
    )
    return _unordered(first) == _unordered(second)


def _unordered(space: GenieSpace) -> tuple[object, ...]:
    lists: tuple[Sequence[Any], ...] = (
        space.tables, space.sample_questions, space.benchmarks, space.filters, space.expressions, space.measures, space.joins,
        space.examples, space.functions, space.columns,
    )  # fmt: skip
    return (space.instructions, *(sorted(found) for found in lists))


def text_of_instructions(found: list[_Json]) -> str:
    """Return the text of all text instructions, each starting on a new line."""
    return "\n".join(text_of(t.get("content")) for t in found)


def table_of(identifier: str) -> TableName:
    """Return the table of an identifier: three parts separated by dots, plain or quoted."""
    parts = identifier.split(".")
    return TableName(*parts) if len(parts) == 3 and "`" not in identifier else TableName.parse(identifier)


def _each(read: Callable[[_Json], _T], found: list[_Json] | None) -> tuple[_T, ...]:
    return tuple(read(item) for item in found or ())


def _columns_of(table: _Json) -> Iterable[ColumnConfig]:
    return (items.column(table["identifier"], c) for c in table.get("column_configs", []))


def _modernise(content: _Json) -> None:
    """Rename the fields of version 1 to those of version 2: the platform rejects a mixture."""
    for table in _list(content, "data_sources", "tables"):
        for config in table.get("column_configs", []):
            for old, new in items.FIRST_WORDS.items():
                if old in config:
                    config.setdefault(new, config.pop(old))


def _put_tables(content: _Json, space: GenieSpace) -> None:
    old = {t.get("identifier"): t for t in _list(content, "data_sources", "tables")}
    tables = []
    for name in sorted({t.plain for t in space.tables}):
        table = {**old.get(name, {}), "identifier": name}
        configs = {c.get("column_name"): c for c in table.get("column_configs", [])}
        for config in (c for c in space.columns if c.table == name):
            there = configs.get(config.column)
            if there is None or items.column(name, there) != config:
                configs[config.column] = {**(there or {}), **items.column_value(config)}
        if configs:
            table["column_configs"] = [configs[k] for k in sorted(configs)]
        tables.append(table)
    _put(content, ("data_sources", "tables"), tables)


def _over(
    kind: str, values: Sequence[Any], write: Callable[[Any], _Json], read: Callable[[_Json], Any], old: list[_Json]
) -> list[_Json]:
    """Return the items sorted by ID: existing ones unchanged, others with new IDs."""
    left = [(read(item), item) for item in old]
    kept: list[_Json] = []
    new: list[tuple[int, _Json]] = []
    for index, value in enumerate(values):
        match = next((pair for pair in left if pair[0] == value), None)
        if match is None:
            new.append((index, _pruned(write(value))))
        else:
            left.remove(match)
            kept.append(match[1])
    made = [{"id": _id(kind, index, item), **item} for index, item in new]
    return sorted([*kept, *made], key=lambda item: str(item.get("id", "")))


def _with_ids(kind: str, found: list[_Json]) -> list[_Json]:
    return [{"id": _id(kind, index, item), **item} for index, item in enumerate(found)]


def _id(kind: str, index: int, item: _Json) -> str:
    digest = digest_of(f"{kind}/{json.dumps(item, sort_keys=True)}")
    return f"{index:08x}{digest[:24]}"


def _list(content: _Json, *path: str) -> list[_Json]:
    found: Any = content
    for name in path:
        found = found.get(name, {})
    return list(found or ())


def _put(content: _Json, path: tuple[str, ...], value: list[_Json]) -> None:
    """Set a list; an empty list is only written over an existing one, as the platform writes no empty lists."""
    home = content
    for name in path[:-1]:
        if name not in home and not value:
            return
        home = home.setdefault(name, {})
    if value:
        home[path[-1]] = value
    elif home.get(path[-1]):
        del home[path[-1]]


def _pruned(value: Any) -> Any:
    """Remove empty lists, maps and strings, as the platform does not write them."""
    if isinstance(value, Mapping):
        return {k: p for k, v in value.items() if (p := _pruned(v)) not in ([], {}, "")}
    return [_pruned(v) for v in value] if isinstance(value, list) else value
