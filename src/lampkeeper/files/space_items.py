"""The items of a serialized Genie space, with two functions per kind: item to JSON, and JSON to item."""

from __future__ import annotations

from typing import Any

from lampkeeper.model.genie import Benchmark, ColumnConfig, ExampleQuery, Join, QueryParameter, Snippet

_Json = dict[str, Any]
FIRST_WORDS = {"get_example_values": "enable_format_assistance", "build_value_dictionary": "enable_entity_matching"}
"""Fields of column configs as version 1 called them."""

_RELATIONSHIP = ("--rt=", "--")


def text_of(value: Any) -> str:
    """Return a string: a plain one, or array elements joined by line breaks where they lack them."""
    if value is None or isinstance(value, str):
        return value or ""
    text = ""
    for part in value:
        text += ("\n" if text and not text.endswith("\n") else "") + part
    return text


def _lines(text: str) -> list[str]:
    return [text] if text else []


def question_value(text: str) -> _Json:
    """Return the JSON of a sample question."""
    return {"question": [text]}


def question(item: _Json) -> str:
    """Return a sample question."""
    return text_of(item["question"])


def benchmark_value(value: Benchmark) -> _Json:
    """Return the JSON of a benchmark."""
    return {"question": [value.question], "answer": [{"format": "SQL", "content": [value.sql]}]}


def benchmark(item: _Json) -> Benchmark:
    """Return a benchmark; without an answer its SQL is empty."""
    return Benchmark(question=text_of(item["question"]), sql=text_of(item["answer"][0]["content"]) if item.get("answer") else "")


def snippet_value(value: Snippet) -> _Json:
    """Return the JSON of a filter, expression or measure."""
    return {
        "sql": [value.sql], "display_name": value.display_name, "alias": value.alias, "comment": _lines(value.comment),
        "instruction": _lines(value.instruction), "synonyms": list(value.synonyms),
    }  # fmt: skip


def snippet(item: _Json) -> Snippet:
    """Return a filter, expression or measure."""
    return Snippet(
        sql=text_of(item["sql"]), display_name=item.get("display_name", ""), alias=item.get("alias", ""),
        comment=text_of(item.get("comment")), instruction=text_of(item.get("instruction")),
        synonyms=tuple(item.get("synonyms") or ()),
    )  # fmt: skip


def join_value(value: Join) -> _Json:
    """Return the JSON of a join; the relationship is a separate line of its SQL."""
    marker = [f"{_RELATIONSHIP[0]}{value.relationship}{_RELATIONSHIP[1]}"] if value.relationship else []
    return {
        "left": {"identifier": value.left_table, "alias": value.left_alias},
        "right": {"identifier": value.right_table, "alias": value.right_alias},
        "sql": [value.sql, *marker], "comment": _lines(value.comment), "instruction": _lines(value.instruction),
    }  # fmt: skip


def join(item: _Json) -> Join:
    """Return a join."""
    sql = list(item["sql"])
    start, end = _RELATIONSHIP
    marks = [s for s in sql if s.strip().startswith(start) and s.strip().endswith(end)]
    return Join(
        left_table=item["left"]["identifier"], left_alias=item["left"].get("alias", ""),
        right_table=item["right"]["identifier"], right_alias=item["right"].get("alias", ""),
        sql=text_of([s for s in sql if s not in marks]), comment=text_of(item.get("comment")),
        instruction=text_of(item.get("instruction")), relationship=marks[0].strip()[len(start) : -len(end)] if marks else "",
    )  # fmt: skip


def example_value(value: ExampleQuery) -> _Json:
    """Return the JSON of an example query."""
    parameters = [
        {
            "name": p.name, "type_hint": p.type, "description": _lines(p.description),
            "default_value": {"values": _lines(p.default)},
        }
        for p in value.parameters
    ]  # fmt: skip
    return {
        "question": [value.question], "sql": [value.sql], "usage_guidance": _lines(value.guidance), "parameters": parameters,
    }  # fmt: skip


def example(item: _Json) -> ExampleQuery:
    """Return an example query."""
    return ExampleQuery(
        question=text_of(item["question"]), sql=text_of(item["sql"]), guidance=text_of(item.get("usage_guidance")),
        parameters=tuple(
            QueryParameter(
                name=p["name"], type=p.get("type_hint", "STRING"), description=text_of(p.get("description")),
                default=text_of((p.get("default_value") or {}).get("values")),
            )
            for p in item.get("parameters") or ()
        ),
    )  # fmt: skip


def function_value(identifier: str) -> _Json:
    """Return the JSON of a SQL function."""
    return {"identifier": identifier}


def function(item: _Json) -> str:
    """Return a SQL function's identifier."""
    return str(item["identifier"])


def column_value(value: ColumnConfig) -> _Json:
    """Return the JSON of a column config; flags that are off are written too, as they may be on by default."""
    texts: _Json = {"description": _lines(value.description), "synonyms": list(value.synonyms)}
    return {"column_name": value.column, **{k: v for k, v in texts.items() if v}} | {
        "enable_format_assistance": value.samples or value.dictionary,
        "enable_entity_matching": value.dictionary,
        "exclude": value.hidden,
    }


def column(table: str, item: _Json) -> ColumnConfig:
    """Return a column config, with field names of version 2 or version 1."""
    dictionary = bool(item.get("enable_entity_matching", item.get("build_value_dictionary", False)))
    return ColumnConfig(
        table=table, column=item["column_name"], description=text_of(item.get("description")),
        synonyms=tuple(item.get("synonyms") or ()), dictionary=dictionary, hidden=bool(item.get("exclude")),
        samples=bool(item.get("enable_format_assistance", item.get("get_example_values", False))),
    )  # fmt: skip
