"""Rows that a notebook reads through Spark: the history of the jobs, and queries of the notebook's principal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lampkeeper.model.errors import RemoteError
from lampkeeper.notebooks.shown import Row, Shown
from lampkeeper.text.counting import counted

_NEWEST = "SELECT * FROM IDENTIFIER(:t) WHERE env = :env ORDER BY recorded_at DESC LIMIT 50"
_ERROR_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_NOT_THERE = frozenset({"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION"})
_MOST_ROWS = 1_000
_MOST_REPORTED = 300


def read_history(spark: Any, schema: str, table: str, env: str) -> tuple[Mapping[str, Any], ...]:
    """Return the rows of a history table for an environment, newest first; none if the table does not exist yet."""
    name = f"{schema}.{table}"
    try:
        return tuple(row.asDict() for row in spark.sql(_NEWEST, {"t": name, "env": env}).collect())
    except Exception as error:
        code = _code_of(error)
        if code in _NOT_THERE:
            return ()
        raise RemoteError(
            f"{name} cannot be read: {_first_line(error)}", code=code,
            fix=f"ask for SELECT on {name}, with USE SCHEMA and USE CATALOG above it",
        ) from None  # fmt: skip


def query_rows(spark: Any, statement: str) -> Shown:
    """Return the rows of a query; a refusal of the platform is the summary of an empty table."""
    if statement.startswith("--"):
        return Shown(title="Query", columns=(), rows=(), summary=statement.removeprefix("-- "))
    try:
        frame = spark.sql(statement)
        found = frame.limit(_MOST_ROWS).collect()
        columns = tuple(frame.columns)
    except Exception as error:
        return Shown(title="Query", columns=(), rows=(), summary=f"refused: {_code_of(error)}: {_first_line(error)}")
    rows = tuple({c: "NULL" if v is None else str(v) for c, v in zip(columns, tuple(row), strict=True)} for row in found)
    return Shown(
        title="Query", columns=columns, rows=rows, summary=f"{counted(len(rows), 'row')}, as the principal of this notebook"
    )


def verifications(rows: Iterable[Mapping[str, Any]], env: str) -> Shown:
    """Return one row per verification."""
    shown: tuple[dict[str, Any], ...] = tuple(
        {
            "recorded_at": str(r["recorded_at"]), "verdict": "holds" if str(r["ok"]).lower() == "true" else "FAILED",
            "cells": int(r["cells"]), "mismatches": int(r["mismatches"]), "actor": str(r.get("actor") or ""),
            "run_id": str(r.get("run_id") or ""),
        }
        for r in rows
    )  # fmt: skip
    last = (
        f"; the last found {counted(shown[0]['mismatches'], 'mismatch')} in {counted(shown[0]['cells'], 'cell')}" if shown else ""
    )
    return Shown(
        title=f"Verifications of {env}", columns=("recorded_at", "verdict", "cells", "mismatches", "actor", "run_id"), rows=shown,
        summary=f"{counted(len(shown), 'verification')} of {env}{last}" if shown else f"nothing recorded yet for {env}",
    )  # fmt: skip


def mismatches(rows: Iterable[Mapping[str, Any]], env: str) -> Shown:
    """Return one row per wrong cell of the latest verification: who, column, what the files define, what was seen."""
    newest = next(iter(rows), None)
    found: list[Row] = []
    for line in _lines(newest, "wrong"):
        who, _, rest = line.partition(": ")
        column, _, states = rest.partition(": ")
        expected, _, seen = states.partition(", seen ")
        found.append({"principal": who, "column": column, "expected": expected, "seen": seen})
    summary = (
        f"{counted(len(found), 'wrong cell')} in the latest verification of {env}"
        if newest
        else f"nothing recorded yet for {env}"
    )
    return Shown(title="Mismatches", columns=("principal", "column", "expected", "seen"), rows=tuple(found), summary=summary)


def audits(rows: Iterable[Mapping[str, Any]], env: str) -> Shown:
    """Return one row per audit: sensitive columns without protection, tags on missing columns."""
    shown: tuple[dict[str, Any], ...] = tuple(
        {
            "recorded_at": str(r["recorded_at"]), "unprotected": int(r["forward"]), "tags_without_column": int(r["reverse"]),
            "run_id": str(r.get("run_id") or ""),
        }
        for r in rows
    )  # fmt: skip
    counts = (shown[0]["unprotected"], shown[0]["tags_without_column"]) if shown else (0, 0)
    last = f"; the last found {counted(counts[0], 'unprotected column')} and {counted(counts[1], 'tag')} without column"
    return Shown(
        title=f"Audits of {env}", columns=("recorded_at", "unprotected", "tags_without_column", "run_id"), rows=shown,
        summary=f"{counted(len(shown), 'audit')} of {env}{last}" if shown else f"nothing recorded yet for {env}",
    )  # fmt: skip


def drifted(rows: Iterable[Mapping[str, Any]], env: str) -> Shown:
    """Return one row per drifted column or table of the latest audit."""
    newest = next(iter(rows), None)
    found = tuple({"drifted": line} for line in _lines(newest, "entities"))
    summary = f"drifted in {env}: {counted(len(found), 'object')}" if newest else f"nothing recorded yet for {env}"
    return Shown(title="Drift now", columns=("drifted",), rows=found, summary=summary)


def applied_hashes(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the hashes of the plans that were applied to their end, the first apply first."""
    done = [str(r["plan_hash"]) for r in rows if str(r["outcome"]) == "done"]
    return tuple(dict.fromkeys(reversed(done)))


def _lines(row: Mapping[str, Any] | None, column: str) -> tuple[str, ...]:
    try:
        found = json.loads(str(row[column])) if row and row.get(column) else []
    except ValueError:
        return (str(row[column]),) if row else ()
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),)


def _code_of(error: BaseException) -> str:
    """Return the error class, with which every message of Spark starts; the exceptions of its kinds differ."""
    problem = _ERROR_CLASS.search(str(error))
    return problem.group(1) if problem else type(error).__name__


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:_MOST_REPORTED]
