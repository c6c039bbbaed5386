"""Files of the read schema and the labels: snapshot.json, ddl/_fetched.sql, labels.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lampkeeper.files.text import location_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import ColumnName, FunctionName, TableName, write_name
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

FORMAT = 1


def render_snapshot(snapshot: Snapshot) -> str:
    """Return snapshot.json: ASCII, with one line per column, so that a diff shows the changed columns."""
    tables = ",\n".join(_render_table(t) for t in snapshot.tables)
    tags = ",\n".join(f"  {_json([str(t.entity_type), t.entity_name, t.key, t.value])}" for t in snapshot.tags)
    functions = ",\n".join(f"  {_json(_function_document(f))}" for f in snapshot.functions)
    last = f',\n"functions": [\n{functions}\n]' if functions else ""
    head = f'{{\n"format": {FORMAT},\n"taken_at": {_json(snapshot.taken_at)},\n'
    return f'{head}"tables": [\n{tables}\n],\n"tags": [\n{tags}\n]{last}\n}}\n'


def read_snapshot_file(text: str, path: Path | str) -> Snapshot:
    """Read snapshot.json; raise UsageError with line and column, or with the missing field."""
    data = read_json(text, path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f"{path}: not a snapshot of format {FORMAT}", fix="take a new snapshot")
    try:
        return Snapshot(
            tables=tuple(_table(t) for t in data["tables"]),
            tags=tuple(
                TagAssignment(entity_type=EntityType(kind), entity_name=name, key=key, value=value)
                for kind, name, key, value in data["tags"]
            ),
            taken_at=data["taken_at"],
            functions=tuple(_function(f) for f in data.get("functions", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: damaged snapshot: {error!r}", fix="take a new snapshot") from None


def _function_document(function: Function) -> dict[str, Any]:
    return {
        "name": list(function.name.parts), "parameters": [[p.name, p.type] for p in function.parameters],
        "returns": function.returns, "body": function.body, "comment": function.comment,
    }  # fmt: skip


def _function(data: Any) -> Function:
    return Function(
        name=FunctionName(*data["name"]), role=FunctionRole.MASK, returns=data["returns"], body=data["body"],
        parameters=tuple(Parameter(name=n, type=t) for n, t in data["parameters"]), comment=data["comment"],
    )  # fmt: skip


def render_ddl(tables: Iterable[Table]) -> str:
    """Return CREATE TABLE statements of the tables as read, with every name and comment quoted."""
    parts = []
    for table in sorted(tables, key=lambda t: t.name):
        rows = [
            f"  {quote_identifier(c.name)} {c.type}{'' if c.nullable else ' NOT NULL'}"
            + (f" COMMENT {quote_string(c.comment)}" if c.comment else "")
            for c in table.columns
        ]
        comment = f"\nCOMMENT {quote_string(table.comment)}" if table.comment else ""
        parts.append(f"CREATE TABLE {table.name.sql} (\n" + ",\n".join(rows) + f"\n){comment};\n")
    return "\n".join(parts)


def render_labels(labels: Iterable[Label]) -> str:
    """Return labels.jsonl: one label per line, in the given order."""
    return "".join(_json(label_document(label)) + "\n" for label in labels)


def label_document(label: Label) -> dict[str, Any]:
    """Return a label as a JSON object."""
    return {
        "column": write_name(*label.column.table.parts, label.column.column), "label": str(label.label), "subtype": label.subtype,
        "protect": str(label.protect), "confidence": label.confidence, "evidence": list(label.evidence),
        "source": str(label.source),
    }  # fmt: skip


def read_label(data: Any) -> Label:
    """Read a label from its JSON object; raise KeyError, TypeError, ValueError or UsageError if it is malformed."""
    return Label(
        column=ColumnName.parse(data["column"]), label=LabelClass(data["label"]), protect=Protect(data["protect"]),
        confidence=float(data["confidence"]), evidence=tuple(data["evidence"]), source=LabelSource(data["source"]),
        subtype=data.get("subtype", ""),
    )  # fmt: skip


def read_labels(text: str, path: Path | str) -> tuple[Label, ...]:
    """Read labels.jsonl; raise UsageError with file and line (and column for broken JSON)."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        data = read_json(line, path, line=number)
        try:
            found.append(read_label(data))
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise UsageError(f"{path}:{number}: not a label: {error!r}", fix="correct or remove the line") from None
    return tuple(found)


def read_json(text: str, path: Path | str, line: int = 0) -> Any:
    """Read JSON; raise UsageError with file, line and column. `line` is its number if the text is a line of a file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        location = f"{path}:{line}:{error.colno}" if line else location_of(path, text, error.pos)
        raise UsageError(f"{location}: not JSON: {error.msg}", fix="correct the file, or recreate it") from None
    except RecursionError:
        raise UsageError(f"{path}:{line or 1}: nested too deep") from None


def _render_table(table: Table) -> str:
    head = _json({"name": list(table.name.parts), "kind": str(table.kind), "comment": table.comment, "owner": table.owner})
    rows = ",\n".join(f"  {_json([c.name, c.type, c.nullable, c.comment])}" for c in table.columns)
    return f'{head[:-1]}, "columns": [\n{rows}\n]}}'


def _table(data: dict[str, Any]) -> Table:
    return Table(
        name=TableName(*data["name"]), kind=TableKind(data["kind"]), comment=data["comment"], owner=data["owner"],
        columns=tuple(Column(name=n, type=t, nullable=nullable, comment=comment) for n, t, nullable, comment in data["columns"]),
    )  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=False)
