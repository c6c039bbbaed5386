"""Columns as JSON lines, in and out of the classifier."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.files.snapshots import read_json
from lampkeeper.model.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLine:
    """One line of input: the object as given, and the column as the classifier takes it."""

    given: Mapping[str, Any]
    schema: str
    table: str
    field: Field


def read_columns(text: str, name: str) -> tuple[ColumnLine, ...]:
    """Read one column per line; raise UsageError with the line for one that does not describe a column."""
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        data = read_json(line, name, line=number)
        lines.append(_column(data, f"{name}:{number}"))
    return tuple(lines)


def _column(data: Any, location: str) -> ColumnLine:
    if not isinstance(data, dict):
        raise UsageError(f"{location}:1: expected an object", fix='write {"schema": …, "table": …, "column": …, "type": …}')
    for key in ("table", "column"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise UsageError(f"{location}:1: {key!r} must be a string", fix=f"add {key!r} to the line")
    values = data.get("values")
    if values is None:
        values = []
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise UsageError(f"{location}:1: 'values' must be a list of strings")
    schema = data.get("schema") or data.get("db") or ""
    return ColumnLine(
        given=data,
        schema=str(schema),
        table=data["table"],
        field=Field(
            name=data["column"], type=str(data.get("type") or ""), comment=str(data.get("comment") or ""), values=tuple(values)
        ),
    )


def classify_lines(lines: Iterable[ColumnLine]) -> Iterator[tuple[ColumnLine, Verdict]]:
    """Yield each line with its verdict in input order; the columns of a table are classified together."""
    listed = list(lines)
    tables: dict[tuple[str, str, str], list[int]] = {}
    for index, line in enumerate(listed):
        tables.setdefault((str(line.given.get("catalog") or ""), line.schema, line.table), []).append(index)
    verdicts: dict[int, Verdict] = {}
    for (_, schema, table), indexes in tables.items():
        found = classify_table(table, [listed[i].field for i in indexes], schema=schema)
        verdicts |= dict(zip(indexes, found, strict=True))
    for index, line in enumerate(listed):
        yield line, verdicts[index]


def render_verdict(line: ColumnLine, verdict: Verdict) -> str:
    """Return one line of output."""
    named = {key: line.given[key] for key in ("catalog", "schema", "db", "table", "column") if key in line.given}
    result = {
        "label": str(verdict.label),
        "subtype": verdict.subtype,
        "protect": str(verdict.protect),
        "confidence": round(verdict.confidence, 4),
        "evidence": list(verdict.evidence),
    }
    return json.dumps(named | result, ensure_ascii=False)
