"""`serialized_space`, version 2, of a Genie space: written sorted and with ids that depend on the content alone.

Arrays are sorted by id on the platform's demand, so an id starts with the item's place: the order that people gave
survives. Texts are written as one array element each; reading joins elements by the line breaks that they lack.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lampkeeper.files.snapshots import read_json
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import Benchmark, GenieSpace, Join, Snippet
from lampkeeper.model.names import TableName

VERSION = 2
_RELATIONSHIP = ("--rt=", "--")


def render_space(space: GenieSpace, base: str = "") -> str:
    """Return the serialized space.

    `base` is the payload as the platform holds it: what our model does not know (column configs, example queries, metric
    views, SQL functions, descriptions of tables) is kept from it for the tables that stay.
    """
    kept: dict[str, Any] = read_json(base, f"serialized_space of {space.name!r}") if base.strip() else {}
    sources, instructions = dict(kept.get("data_sources", {})), dict(kept.get("instructions", {}))
    old_tables = {t.get("identifier"): t for t in sources.get("tables", [])}
    names = sorted({t.plain for t in space.tables})
    sources["tables"] = [{**old_tables.get(name, {}), "identifier": name} for name in names]
    instructions["text_instructions"] = _with_ids("text", [{"content": [space.instructions]}] if space.instructions else [])
    instructions["join_specs"] = _with_ids("join", [_join_value(j) for j in space.joins])
    instructions["sql_snippets"] = {
        "filters": _with_ids("filter", [_snippet_value(s) for s in space.filters]),
        "expressions": _with_ids("expression", [_snippet_value(s) for s in space.expressions]),
        "measures": _with_ids("measure", [_snippet_value(s) for s in space.measures]),
    }
    config = {
        **kept.get("config", {}),
        "sample_questions": _with_ids("question", [{"question": [q]} for q in space.sample_questions]),
    }
    benchmarks = _with_ids(
        "benchmark",
        [{"question": [b.question], "answer": [{"format": "SQL", "content": [b.sql]}]} for b in space.benchmarks],
    )
    content = {
        "version": VERSION, "config": config, "data_sources": sources, "instructions": instructions,
        "benchmarks": {**kept.get("benchmarks", {}), "questions": benchmarks},
    }  # fmt: skip
    return json.dumps(_pruned(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_space(
    text: str, *, name: str, title: str = "", description: str = "", space_id: str = "", warehouse_id: str = "",
    acl_groups: Iterable[str] = (),
) -> GenieSpace:  # fmt: skip
    """Return the space that a payload of version 1 or 2 describes; raise UsageError when it is malformed."""
    where = f"serialized_space of {name!r}"
    data = read_json(text, where) if text.strip() else {}
    try:
        instructions = data.get("instructions", {})
        snippets = instructions.get("sql_snippets", {})
        return GenieSpace(
            name=name, title=title, description=description, space_id=space_id, warehouse_id=warehouse_id,
            acl_groups=tuple(acl_groups),
            tables=tuple(sorted(table_of(t["identifier"]) for t in data.get("data_sources", {}).get("tables", []))),
            instructions="\n".join(_text(t.get("content")) for t in instructions.get("text_instructions", [])),
            sample_questions=tuple(_text(q["question"]) for q in data.get("config", {}).get("sample_questions", [])),
            benchmarks=tuple(
                Benchmark(question=_text(b["question"]), sql=_text(b["answer"][0]["content"]) if b.get("answer") else "")
                for b in data.get("benchmarks", {}).get("questions", [])
            ),
            filters=tuple(_snippet(s) for s in snippets.get("filters", [])),
            expressions=tuple(_snippet(s) for s in snippets.get("expressions", [])),
            measures=tuple(_snippet(s) for s in snippets.get("measures", [])),
            joins=tuple(_join(j) for j in instructions.get("join_specs", [])),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise UsageError(f"{where}: unexpected shape: {error!r}", fix="read the space again") from None


def table_of(identifier: str) -> TableName:
    """Return the table that an identifier names: three parts by plain dots, or quoted ones."""
    parts = identifier.split(".")
    return TableName(*parts) if len(parts) == 3 and "`" not in identifier else TableName.parse(identifier)


def _with_ids(kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for index, item in enumerate(items):
        digest = hashlib.sha256(f"{kind}/{json.dumps(item, sort_keys=True)}".encode()).hexdigest()
        found.append({"id": f"{index:08x}{digest[:24]}", **item})
    return found


def _pruned(value: Any) -> Any:
    """Leave out empty lists, maps and texts: the platform writes none."""
    if isinstance(value, Mapping):
        return {k: p for k, v in value.items() if (p := _pruned(v)) not in ([], {}, "")}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def _snippet_value(snippet: Snippet) -> dict[str, Any]:
    return {
        "sql": [snippet.sql], "display_name": snippet.display_name, "alias": snippet.alias,
        "comment": _lines(snippet.comment), "instruction": _lines(snippet.instruction),
    }  # fmt: skip


def _snippet(item: dict[str, Any]) -> Snippet:
    return Snippet(
        sql=_text(item["sql"]), display_name=item.get("display_name", ""), alias=item.get("alias", ""),
        comment=_text(item.get("comment")), instruction=_text(item.get("instruction")),
    )  # fmt: skip


def _join_value(join: Join) -> dict[str, Any]:
    marker = [f"{_RELATIONSHIP[0]}{join.relationship}{_RELATIONSHIP[1]}"] if join.relationship else []
    return {
        "left": {"identifier": join.left_table, "alias": join.left_alias},
        "right": {"identifier": join.right_table, "alias": join.right_alias},
        "sql": [join.sql, *marker], "comment": _lines(join.comment), "instruction": _lines(join.instruction),
    }  # fmt: skip


def _join(item: dict[str, Any]) -> Join:
    sql = list(item["sql"])
    start, end = _RELATIONSHIP
    marks = [s for s in sql if s.startswith(start) and s.endswith(end)]
    return Join(
        left_table=item["left"]["identifier"], left_alias=item["left"].get("alias", ""),
        right_table=item["right"]["identifier"], right_alias=item["right"].get("alias", ""),
        sql=_text([s for s in sql if s not in marks]), comment=_text(item.get("comment")),
        instruction=_text(item.get("instruction")), relationship=marks[0][len(start) : -len(end)] if marks else "",
    )  # fmt: skip


def _lines(text: str) -> list[str]:
    return [text] if text else []


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text = ""
    for part in value:
        text += ("\n" if text and not text.endswith("\n") else "") + part
    return text
