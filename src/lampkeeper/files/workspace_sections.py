"""Sections of the workspace layer: workspace assignments, warehouses and Genie spaces."""

from __future__ import annotations

from collections.abc import Iterator

from lampkeeper.files.hcl import Value
from lampkeeper.files.record import Record
from lampkeeper.model.genie import (
    Benchmark,
    ColumnConfig,
    ExampleQuery,
    GenieSpace,
    Join,
    QueryParameter,
    Snippet,
    Warehouse,
    WorkspaceAssignment,
)
from lampkeeper.model.names import write_name


def read_workspace_assignments(record: Record) -> Iterator[WorkspaceAssignment]:
    """Yield the workspace assignments of the groups."""
    for item in record.records("workspace_assignments"):
        yield WorkspaceAssignment(group=item.text("group"), entitlements=item.texts("entitlements"))


def workspace_assignment_values(workspace_assignments: tuple[WorkspaceAssignment, ...]) -> Value:
    """Return `workspace_assignments`."""
    return [{"group": s.group, "entitlements": s.entitlements} for s in workspace_assignments]


def read_warehouses(record: Record) -> Iterator[Warehouse]:
    """Yield the warehouses."""
    for item in record.records("warehouses"):
        yield Warehouse(
            name=item.text("name"), id=item.text("id", ""), size=item.text("size", "Small"), users=item.texts("users")
        )


def warehouse_values(warehouses: tuple[Warehouse, ...]) -> Value:
    """Return `warehouses`."""
    return [{"name": w.name, "id": w.id, "size": w.size, "users": w.users} for w in warehouses]


def read_spaces(record: Record) -> Iterator[GenieSpace]:
    """Yield the Genie spaces; without `acl_groups`, every group of the file may use a space; with `[]`, no group may."""
    every_group = record.keys("groups")
    for name, item in record.named("genie_space_configs"):
        groups = item.texts("acl_groups")
        yield GenieSpace(
            name=name, tables=item.tables("uc_tables"), title=item.text("title", ""), description=item.text("description", ""),
            instructions=item.text("instructions", ""), sample_questions=item.texts("sample_questions"),
            benchmarks=tuple(Benchmark(question=b.text("question"), sql=b.text("sql")) for b in item.records("benchmarks")),
            filters=tuple(_snippet(s, aliased=False) for s in item.records("sql_filters")),
            expressions=tuple(_snippet(s, aliased=True) for s in item.records("sql_expressions")),
            measures=tuple(_snippet(s, aliased=True) for s in item.records("sql_measures")),
            joins=tuple(_join(j) for j in item.records("join_specs")),
            examples=tuple(_example(e) for e in item.records("example_queries")), functions=item.texts("sql_functions"),
            columns=tuple(_column(c) for c in item.records("column_configs")),
            acl_groups=groups if item.has("acl_groups") else every_group,
            space_id=item.text("genie_space_id", ""), warehouse_id=item.text("sql_warehouse_id", ""),
        )  # fmt: skip


def space_values(spaces: tuple[GenieSpace, ...]) -> Value:
    """Return `genie_space_configs`: a map of space name to its content, with every field."""
    return {space.name: _space_value(space) for space in spaces}


def _space_value(space: GenieSpace) -> dict[str, Value]:
    more: dict[str, Value] = {
        "example_queries": [_example_value(e) for e in space.examples],
        "sql_functions": space.functions,
        "column_configs": [_column_value(c) for c in space.columns],
    }
    said: dict[str, Value] = {k: v for k, v in more.items() if v}
    return said | {
        "title": space.title, "description": space.description, "instructions": space.instructions,
        "genie_space_id": space.space_id, "sql_warehouse_id": space.warehouse_id,
        "uc_tables": [write_name(*t.parts) for t in space.tables],
        "sample_questions": space.sample_questions,
        "benchmarks": [{"question": b.question, "sql": b.sql} for b in space.benchmarks],
        "sql_filters": [_snippet_value(s, aliased=False) for s in space.filters],
        "sql_expressions": [_snippet_value(s, aliased=True) for s in space.expressions],
        "sql_measures": [_snippet_value(s, aliased=True) for s in space.measures],
        "join_specs": [_join_value(j) for j in space.joins],
        "acl_groups": space.acl_groups,
    }  # fmt: skip


def _snippet(item: Record, *, aliased: bool) -> Snippet:
    return Snippet(
        sql=item.text("sql"), display_name=item.text("display_name", ""), alias=item.text("alias") if aliased else "",
        comment=item.text("comment", ""), instruction=item.text("instruction", ""), synonyms=item.texts("synonyms"),
    )  # fmt: skip


def _snippet_value(snippet: Snippet, *, aliased: bool) -> dict[str, Value]:
    value: dict[str, Value] = {
        "sql": snippet.sql, "display_name": snippet.display_name, "comment": snippet.comment, "instruction": snippet.instruction,
    }  # fmt: skip
    value |= {"alias": snippet.alias} if aliased else {}
    return value | ({"synonyms": snippet.synonyms} if snippet.synonyms else {})


def _example(item: Record) -> ExampleQuery:
    return ExampleQuery(
        question=item.text("question"), sql=item.text("sql"), guidance=item.text("guidance", ""),
        parameters=tuple(
            QueryParameter(
                name=p.text("name"), type=p.text("type", "STRING"), description=p.text("description", ""),
                default=p.text("default", ""),
            )
            for p in item.records("parameters")
        ),
    )  # fmt: skip


def _example_value(example: ExampleQuery) -> dict[str, Value]:
    parameters: list[Value] = [
        {"name": p.name, "type": p.type, "description": p.description, "default": p.default} for p in example.parameters
    ]
    return {"question": example.question, "sql": example.sql, "guidance": example.guidance, "parameters": parameters}


_FLAGS = ("samples", "dictionary", "hidden")


def _column(item: Record) -> ColumnConfig:
    return ColumnConfig(
        table=item.text("table"), column=item.text("column"), description=item.text("description", ""),
        synonyms=item.texts("synonyms"), **{flag: item.flag(flag) for flag in _FLAGS},
    )  # fmt: skip


def _column_value(config: ColumnConfig) -> dict[str, Value]:
    value: dict[str, Value] = {"table": config.table, "column": config.column}
    value |= {"description": config.description} if config.description else {}
    value |= {"synonyms": config.synonyms} if config.synonyms else {}
    return value | {flag: True for flag in _FLAGS if getattr(config, flag)}


def _join(item: Record) -> Join:
    return Join(
        left_table=item.text("left_table"), left_alias=item.text("left_alias", ""),
        right_table=item.text("right_table"), right_alias=item.text("right_alias", ""), sql=item.text("sql"),
        comment=item.text("comment", ""), instruction=item.text("instruction", ""), relationship=item.text("relationship", ""),
    )  # fmt: skip


def _join_value(join: Join) -> dict[str, Value]:
    value: dict[str, Value] = {
        "left_table": join.left_table, "left_alias": join.left_alias,
        "right_table": join.right_table, "right_alias": join.right_alias, "sql": join.sql,
        "comment": join.comment, "instruction": join.instruction,
    }  # fmt: skip
    return value | ({"relationship": join.relationship} if join.relationship else {})
