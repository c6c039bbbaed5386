"""Classification alone: rows of columns in, rows of labels out, in the same order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.model.findings import Finding, Severity, sort_findings

_ECHOED = ("catalog", "schema", "db", "table", "column")
_TEXTS = ("catalog", "schema", "db", "table", "type", "comment")
_MAX_VALUES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedLines:
    """Answers in the order of the good rows, and a finding for each row that could not be read."""

    rows: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]


def classify_lines(lines: Iterable[str], *, location: str = "input") -> ClassifiedLines:
    """Read JSON lines (`schema` or `db`, `table`, `column`, `type`, `comment`, optional `values`) and label each column.

    A malformed row becomes an error finding at `location:line` that names the field; the other rows are labelled.
    """
    rows: list[Mapping[str, Any]] = []
    findings: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().lstrip("\ufeff")
        if not text:
            continue
        row, problem = _read(text)
        if row is None:
            findings.append(_bad(f"{location}:{number}", problem))
        else:
            rows.append(row)
    return ClassifiedLines(rows=classify_rows(rows), findings=sort_findings(findings))


def classify_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return an answer for each row, in order; all rows of a table are its context, also if they are not adjacent."""
    by_table: dict[tuple[str, str, str], list[int]] = {}
    for index, row in enumerate(rows):
        by_table.setdefault((_text(row, "catalog"), _schema(row), _text(row, "table")), []).append(index)
    answers: dict[int, Verdict] = {}
    for (_, schema, table), indexes in by_table.items():
        fields = [_field(rows[i]) for i in indexes]
        answers.update(zip(indexes, classify_table(table, fields, schema=schema), strict=True))
    return tuple(_answer(row, answers[i]) for i, row in enumerate(rows))


def _read(text: str) -> tuple[Mapping[str, Any] | None, str]:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"column {error.colno}: not JSON: {error.msg}"
    except RecursionError:
        return None, "nested too deeply"
    if not isinstance(row, dict):
        return None, f"expected an object, found {type(row).__name__}"
    column = row.get("column")
    if not isinstance(column, str) or not column.strip():
        return None, "field 'column': expected the name of a column"
    for field in _TEXTS:
        if row.get(field) is not None and not isinstance(row[field], str):
            return None, f"field {field!r}: expected text, found {type(row[field]).__name__}"
    values = row.get("values")
    if values is not None and not isinstance(values, list):
        return None, f"field 'values': expected a list of texts, found {type(values).__name__}"
    if any(isinstance(v, dict | list) for v in values or ()):
        return None, "field 'values': expected a list of texts, found nested values"
    return row, ""


def _bad(location: str, problem: str) -> Finding:
    fix = 'write {"schema": …, "table": …, "column": …, "type": …, "comment": …} on one line'
    return Finding(code="LK001", severity=Severity.ERROR, location=location, message=problem, fix=fix)


def _text(row: Mapping[str, Any], field: str) -> str:
    return str(row.get(field) or "")


def _schema(row: Mapping[str, Any]) -> str:
    return _text(row, "schema") or _text(row, "db")


def _field(row: Mapping[str, Any]) -> Field:
    values = tuple(str(v) for v in (row.get("values") or ())[:_MAX_VALUES] if v is not None)
    return Field(name=_text(row, "column"), type=_text(row, "type"), comment=_text(row, "comment"), values=values)


def _answer(row: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    answer: dict[str, Any] = {k: row[k] for k in _ECHOED if k in row}
    answer["label"] = str(verdict.label)
    answer["subtype"] = verdict.subtype
    answer["protect"] = str(verdict.protect)
    answer["confidence"] = round(verdict.confidence, 2)
    answer["evidence"] = list(verdict.evidence)
    return answer
