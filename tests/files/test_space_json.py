"""Genie spaces as the platform's JSON: nothing is lost on the way in and out, and only what we say is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.space_json import read_space, render_space, same_content
from lampkeeper.files.tfvars import read_layer, render_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import Benchmark, ColumnConfig, ExampleQuery, QueryParameter, Snippet

pytestmark = pytest.mark.unit


def ident(number: int) -> str:
    return f"{number:032x}"


def payload() -> dict[str, Any]:
    """Return a payload as the platform holds it: every part, texts in several lines, and fields that we do not know."""
    return {
        "version": 2,
        "config": {"sample_questions": [{"id": ident(1), "question": ["How many?"]}], "theme": "dark"},
        "data_sources": {
            "tables": [
                {
                    "identifier": "c.s.people",
                    "description": ["People, ", "all of them"],
                    "column_configs": [
                        {"column_name": "email", "exclude": True, "shiny": 1},
                        {"column_name": "name", "synonyms": ["person"], "enable_format_assistance": True},
                    ],
                }
            ],
            "metric_views": [{"identifier": "c.s.mv"}],
        },
        "instructions": {
            "text_instructions": [{"id": ident(2), "content": ["First line\n", "second line\n", "  third"]}],
            "example_question_sqls": [
                {
                    "id": ident(3), "question": ["Whose?"], "sql": ["SELECT *\n", "FROM c.s.people\n", "WHERE name = :n"],
                    "usage_guidance": ["When asked"], "secret_sauce": {"a": [1]},
                    "parameters": [{"name": "n", "type_hint": "STRING", "default_value": {"values": ["Ana"]}}],
                }
            ],
            "sql_functions": [{"id": ident(4), "identifier": "c.s.f"}],
            "join_specs": [
                {
                    "id": ident(5), "left": {"identifier": "c.s.people", "alias": "p"},
                    "right": {"identifier": "c.s.people", "alias": "q"},
                    "sql": ["`p`.`id` = `q`.`boss`", "--rt=FROM_RELATIONSHIP_TYPE_MANY_TO_ONE--"], "comment": ["bosses"],
                }
            ],
            "sql_snippets": {
                "filters": [{"id": ident(6), "sql": ["name\n", "IS NOT NULL"], "display_name": "named", "synonyms": ["known"]}],
                "expressions": [{"id": ident(7), "alias": "e", "sql": ["upper(name)"], "display_name": "loud"}],
                "measures": [{"id": ident(8), "alias": "m", "sql": ["COUNT(*)"], "display_name": "count"}],
            },
        },
        "benchmarks": {
            "questions": [
                {"id": ident(9), "question": ["Q"], "answer": [{"format": "SQL", "content": ["SELECT\n", "1"]}], "note": "n"}
            ]
        },
    }  # fmt: skip


def test_what_is_imported_goes_out_as_it_came_byte_for_byte() -> None:
    text = json.dumps(payload(), sort_keys=True, separators=(",", ":"))
    space = read_space(text, name="n")
    assert render_space(space, text) == text
    assert space.instructions == "First line\nsecond line\n  third"
    assert space.filters[0].sql == "name\nIS NOT NULL"
    assert space.examples[0].parameters == (QueryParameter(name="n", default="Ana"),)
    assert space.functions == ("c.s.f",)


def test_the_way_through_the_draft_loses_nothing() -> None:
    text = json.dumps(payload(), sort_keys=True, separators=(",", ":"))
    space = read_space(text, name="n", title="t", space_id="x")
    again = read_layer(render_layer(Desired(spaces=(space,))), "draft").desired.spaces[0]
    assert again == space
    assert render_space(again, text) == text


def test_one_change_changes_one_item_and_unknown_fields_stay() -> None:
    text = json.dumps(payload())
    space = read_space(text, name="n")
    changed = replace(
        space,
        measures=(*space.measures, Snippet(sql="MAX(id)", display_name="last", alias="l")),
        columns=(replace(space.columns[0], synonyms=("mail",)), *space.columns[1:]),
    )
    out = json.loads(render_space(changed, text))
    measures = out["instructions"]["sql_snippets"]["measures"]
    assert len(measures) == 2
    assert payload()["instructions"]["sql_snippets"]["measures"][0] in measures
    assert [m["id"] for m in measures] == sorted(m["id"] for m in measures)
    email = out["data_sources"]["tables"][0]["column_configs"][0]
    assert email["synonyms"] == ["mail"]
    assert email["shiny"] == 1
    assert email["exclude"] is True
    assert out["config"] == payload()["config"]
    assert out["benchmarks"] == payload()["benchmarks"]
    assert out["data_sources"]["metric_views"] == payload()["data_sources"]["metric_views"]


def test_what_the_space_says_nothing_of_is_no_difference_and_the_rest_is() -> None:
    there = json.dumps(payload())
    space = read_space(there, name="n")
    silent = replace(space, examples=(), functions=(), columns=())
    assert same_content(render_space(silent), there)
    assert not same_content(render_space(replace(space, instructions="other")), there)
    assert not same_content(render_space(replace(space, examples=(ExampleQuery(question="a", sql="SELECT 1"),))), there)
    taken = replace(space, measures=())
    assert "measures" not in json.loads(render_space(taken, there))["instructions"]["sql_snippets"]


texts = st.text(min_size=1, max_size=12).filter(lambda t: t.strip() == t)


@given(
    order=st.permutations(range(4)),
    questions=st.lists(texts, min_size=1, max_size=4),
    lines=st.lists(st.text(alphabet="ab \n", max_size=5), max_size=4),
)
def test_export_of_an_import_is_the_payload_whatever_its_texts(order: list[int], questions: list[str], lines: list[str]) -> None:
    data = payload()
    data["config"]["sample_questions"] = [{"id": ident(n), "question": [q]} for n, q in enumerate(questions)]
    data["instructions"]["text_instructions"] = [{"id": ident(1), "content": lines}]
    data["benchmarks"]["questions"] = [{"id": ident(n), "question": [f"q{o}"]} for n, o in enumerate(order)]
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert render_space(read_space(text, name="n"), text) == text


def test_words_of_version_one_are_understood() -> None:
    old = {"version": 1, "data_sources": {"tables": [{"identifier": "c.s.t", "column_configs": [{"column_name": "x",
           "get_example_values": True, "build_value_dictionary": True}]}]}}  # fmt: skip
    space = read_space(json.dumps(old), name="n")
    assert space.columns == (ColumnConfig(table="c.s.t", column="x", samples=True, dictionary=True),)
    new = json.loads(render_space(space, json.dumps(old)))["data_sources"]["tables"][0]["column_configs"][0]
    assert new == {"column_name": "x", "enable_format_assistance": True, "enable_entity_matching": True}


def test_a_benchmark_that_was_taken_out_goes_and_its_neighbours_keep_their_ids() -> None:
    data = payload()
    data["benchmarks"]["questions"] = [
        {"id": ident(n), "question": [f"q{n}"], "answer": [{"format": "SQL", "content": ["SELECT 1"]}]} for n in range(3)
    ]
    text = json.dumps(data)
    space = read_space(text, name="n")
    fewer = replace(space, benchmarks=tuple(b for b in space.benchmarks if b != Benchmark(question="q1", sql="SELECT 1")))
    assert [q["id"] for q in json.loads(render_space(fewer, text))["benchmarks"]["questions"]] == [ident(0), ident(2)]
