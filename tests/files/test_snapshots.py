"""Snapshots, labels and Genie payloads: what is written reads back; damage is named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.snapshots import read_labels, read_snapshot_file, render_ddl, render_labels, render_snapshot
from lampkeeper.files.space_json import read_space, render_space
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from support.nightly import law
from support.states import names, spaces, sql_types, table_names, tag_assignments, texts, tuples

pytestmark = pytest.mark.unit

columns = st.builds(Column, name=names, type=sql_types, comment=texts, nullable=st.booleans())
tables = st.builds(
    Table,
    name=table_names,
    columns=tuples(columns, lambda c: c.name),
    comment=texts,
    kind=st.sampled_from(TableKind),
    owner=texts,
)
snapshots = st.builds(Snapshot, tables=tuples(tables, lambda t: t.name), tags=tuples(tag_assignments), taken_at=texts)
labels = st.builds(
    Label, column=st.builds(ColumnName, table_names, names), label=st.sampled_from(LabelClass), protect=st.sampled_from(Protect),
    confidence=st.floats(0, 1), evidence=tuples(texts), source=st.sampled_from(LabelSource), subtype=texts,
)  # fmt: skip


@law(40)
@given(snapshots)
def test_a_snapshot_reads_back_as_it_was(snapshot):
    text = render_snapshot(snapshot)
    assert read_snapshot_file(text, "f") == snapshot
    assert render_snapshot(Snapshot(tables=snapshot.tables[::-1], tags=snapshot.tags[::-1], taken_at=snapshot.taken_at)) == text


@law(40)
@given(tuples(labels))
def test_labels_read_back_as_they_were(some):
    assert read_labels(render_labels(some), "f") == some


def test_damage_is_named_with_line_and_column():
    good = render_snapshot(Snapshot(tables=()))
    with pytest.raises(UsageError, match=r"^f:4:4: not JSON"):
        read_snapshot_file(good.replace('"tables": [', '"ta'), "f")
    with pytest.raises(UsageError, match="not a snapshot"):
        read_snapshot_file("[]", "f")
    with pytest.raises(UsageError, match="damaged"):
        read_snapshot_file('{"format": 1, "tables": [{}], "tags": []}', "f")
    with pytest.raises(UsageError, match=r"^f:2:2: not JSON"):
        read_labels("\n{]", "f")
    with pytest.raises(UsageError, match=r"^f:1: not a label"):
        read_labels('{"column": "a.b.c.d"}', "f")


def test_ddl_quotes_every_name_and_comment():
    table = Table(
        name=TableName("c", "s", "t`; DROP TABLE x"),
        columns=(
            Column(name="a b", type="STRING", comment="it's\n'); DROP TABLE y; --"),
            Column(name="n", type="INT", nullable=False),
        ),
    )
    (statement,) = sqlglot.parse(render_ddl([table]), dialect="databricks")
    assert statement is not None
    assert statement.key == "create"
    assert [c.name for c in statement.find_all(sqlglot.exp.ColumnDef)] == ["a b", "n"]


plain_spaces = spaces.map(
    lambda s: replace(
        s, tables=tuple(sorted({TableName(*(p.replace("`", "").replace(".", "") or "x" for p in t.parts)) for t in s.tables}))
    )
)


@law(40)
@given(plain_spaces)
def test_a_space_reads_back_as_it_was(space):
    text = render_space(space)
    again = read_space(
        text, name=space.name, title=space.title, description=space.description, space_id=space.space_id,
        warehouse_id=space.warehouse_id, acl_groups=space.acl_groups,
    )  # fmt: skip
    assert again == space
    assert render_space(again) == text


@law(40)
@given(plain_spaces)
def test_arrays_of_a_space_are_sorted_by_unique_ids_of_32_hex_digits(space):
    def walk(value):
        if isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        if isinstance(value, list) and value and isinstance(value[0], dict) and "id" in value[0]:
            ids = [item["id"] for item in value]
            assert ids == sorted(set(ids))
            assert all(len(i) == 32 and set(i) <= set("0123456789abcdef") for i in ids)

    walk(json.loads(render_space(space)))


def test_what_our_model_does_not_know_is_kept():
    base = {
        "version": 2,
        "data_sources": {
            "tables": [{"identifier": "c.s.a", "column_configs": [{"column_name": "x"}]}, {"identifier": "c.s.gone"}]
        },
        "instructions": {"example_question_sqls": [{"id": "0" * 32, "question": ["q"], "sql": ["s"]}]},
    }
    space = read_space(json.dumps(base), name="n")
    fewer = replace(space, tables=(TableName("c", "s", "a"), TableName("c", "s", "b")))
    kept = json.loads(render_space(fewer, json.dumps(base)))
    assert kept["data_sources"]["tables"] == [
        {"identifier": "c.s.a", "column_configs": [{"column_name": "x"}]},
        {"identifier": "c.s.b"},
    ]
    assert kept["instructions"] == base["instructions"]


def test_multi_line_texts_of_others_are_joined_by_the_breaks_they_lack():
    payload = {"instructions": {"text_instructions": [{"id": "0" * 32, "content": ["a\n", "b", "c"]}]}}
    assert read_space(json.dumps(payload), name="n").instructions == "a\nb\nc"
    with pytest.raises(UsageError, match="unexpected shape"):
        read_space('{"instructions": []}', name="n")
