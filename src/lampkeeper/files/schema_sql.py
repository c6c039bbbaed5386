"""SQL scripts of seven dialects as columns with their locations, and a complete count of the statements."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot

from lampkeeper.files.sql_reader import ScriptReader
from lampkeeper.files.sql_relations import Parts, Relation, Unfollowed
from lampkeeper.files.sql_statements import read_statements
from lampkeeper.files.types import databricks_type
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.schema import TableKind

DIALECTS = ("databricks", "postgres", "mysql", "tsql", "snowflake", "bigquery", "oracle")

_EVIDENCE: dict[str, tuple[str, ...]] = {
    "databricks": (
        r"\busing\s+delta\b", r"\btblproperties\b", r"\bstring\b", r"\b(?:struct|array|map)\s*<",
        r"\btimestamp_ntz\b", r"\bcluster\s+by\b", r"\bdefault\s+collation\b", r"\bstreaming\s+table\b", r"\brow\s+filter\b",
        r"\bmask\s+\w", r"\badd\s+columns\b",
    ),
    "postgres": (
        r"\b(?:small|big)?serial\b", "::", r"\bjsonb\b", r"\bbytea\b", r"\btimestamptz\b", r"\buuid\b",
        r"\bcharacter\s+varying\b", r"\bcomment\s+on\b", r"\bwith(?:out)?\s+time\s+zone\b", r"\binherits\b",
        r"\balter\s+table\s+only\b",
        r"create\s+table\s+(?:if\s+not\s+exists\s+)?(?:public\.|\")", r"\bpartition\s+of\b",
    ),
    "mysql": (
        r"\bengine\s*=", r"\bauto_increment\b", r"\bunsigned\b", r"\benum\s*\(", r"\b(?:medium|long|tiny)(?:text|blob|int)\b",
        r"\bcharset\b", r"\bdatetime\b", r"/\*!\d", r"^delimiter\b",
        r"create\s+table\s+(?:if\s+not\s+exists\s+)?`",
    ),
    "tsql": (
        r"^go\s*$", r"\[dbo\]", r"\bnvarchar\b", r"\bidentity\s*\(", r"\buniqueidentifier\b", r"\bdatetime2\b",
        r"\bnonclustered\b",
        r"\[\w+\]\s*\[\w+\]", r"\bset\s+ansi_nulls\b",
    ),
    "snowflake": (
        r"\bnumber\(38", r"\bvarchar\(16777216\)", r"\btimestamp_(?:ntz|ltz|tz)\(", r"\bmasking\s+policy\b", r"\brow\s+access\b",
        r"\btransient\s+table\b", r"\bautoincrement\s+start\b", r"\bdynamic\s+table\b",
    ),
    "bigquery": (r"\bint64\b", r"\bfloat64\b", r"\boptions\s*\(", r"\bstring\(\d", r"\bbignumeric\b", r"\bstruct<\w+\s+\w"),
    "oracle": (r"\bn?varchar2\b", r"\bnumber\s*\(", r"\btablespace\b", r"\bsegment\s+creation\b", r"^/\s*$"),
}  # fmt: skip
_ROWS = re.compile(r"^[ \t]*(?:insert\s+into\b|\().*$", re.IGNORECASE | re.MULTILINE)
"""Lines of data: their content does not indicate the dialect."""
LOST = "SCHEMA_STATEMENT_LOST"
"""The code of the finding for a relation or column that may be missing: an error, which an owner may waive."""
_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCount:
    """The number of statements in a file: `read` became tables and columns, `named` are in findings. They add up to all."""

    read: int = 0
    named: int = 0

    @property
    def statements(self) -> int:
        """Return the number of statements."""
        return self.read + self.named

    def __str__(self) -> str:
        """Return the count as text."""
        return f"{self.statements} statements = {self.read} read + {self.named} named"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSchema:
    """The content of a script: columns as fields of a RawColumn, findings, and statements that were not read.

    `owners` maps a finding to the table that may lack columns, so that tables outside the scope can be recognised.
    """

    columns: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]
    unfollowed: tuple[Unfollowed, ...]
    count: StatementCount
    owners: dict[Finding, Parts]


def read_sql(text: str, path: Path, dialect: str = "") -> SqlSchema:
    """Return the tables and views of a script, and a finding for every skipped statement.

    Raise UsageError with file, line and column if a statement about columns is malformed; without `dialect`, if no dialect
    can read the file (the error is that of the likeliest one).
    """
    if dialect and dialect not in DIALECTS:
        raise UsageError(f"{dialect!r} is not a dialect of schema files", fix=f"use one of {', '.join(DIALECTS)}")
    first: UsageError | None = None
    best: SqlSchema | None = None
    for name in (dialect,) if dialect else guess_dialects(text):
        try:
            made = _read(text, path, name)
        except UsageError as error:
            first = first or error
            continue
        if best is None or _doubts(made) < _doubts(best):
            best = made
        if not _doubts(best)[0]:
            break
    if best is None:
        raise first or InternalError(f"{path}: no dialect to read it with")
    return best


def guess_dialects(text: str) -> tuple[str, ...]:
    """Return the dialects, the likeliest first, by words that only one dialect has."""
    flags = re.IGNORECASE | re.MULTILINE
    reported = _ROWS.sub("", text)
    hits = {name: sum(len(re.findall(sign, reported, flags)) for sign in evidence) for name, evidence in _EVIDENCE.items()}
    return tuple(sorted(DIALECTS, key=lambda name: (-hits[name], DIALECTS.index(name))))


def _doubts(schema: SqlSchema) -> tuple[int, int]:
    """Return a sort key: how much a dialect could not read (errors, unknown types), then the number of columns, more first."""
    errors = sum(f.severity is Severity.ERROR for f in schema.findings)
    unknown = sum(bool(c["type"]) and "." not in c["type"] and databricks_type(c["type"]) is None for c in schema.columns)
    return (errors + unknown, -len(schema.columns))


def _read(text: str, path: Path, dialect: str) -> SqlSchema:
    reader = ScriptReader()
    statements = read_statements(text, path, dialect)
    for statement in statements:
        reader.take(statement)
    count = StatementCount(read=reader.read, named=len(reader.unfollowed))
    if count.statements != len(statements):
        raise InternalError(f"{path}: {len(statements)} statements, but {count}")
    relations = [r for r in reader.relations if not r.temporary]
    columns = [c for r in relations for c in _columns(r, path, dialect, reader)]
    owners = {_finding(u): u.table for u in reader.unfollowed if u.severity is not Severity.INFO}
    findings = [*owners, *_passed(reader.unfollowed, path), *(f for r in relations for f in _controls(r, path))]
    return SqlSchema(
        columns=tuple(columns), findings=tuple(findings), unfollowed=tuple(reader.unfollowed), count=count,
        owners={f: t for f, t in owners.items() if t is not None},
    )  # fmt: skip


def _columns(relation: Relation, path: Path, dialect: str, reader: ScriptReader) -> list[dict[str, Any]]:
    catalog, schema, table = relation.parts
    return [
        {
            "catalog": catalog, "schema": schema, "table": table, "column": c.name,
            "type": _plain_type(reader.types.expand(c.type), dialect), "comment": c.comment, "location": f"{path}:{c.line}",
            "nullable": c.nullable, "table_comment": relation.comment, "kind": relation.kind,
        }
        for c in relation.columns
    ]  # fmt: skip


def _plain_type(text: str, dialect: str) -> str:
    """Return a type without T-SQL quotes, and a nested BigQuery type in Databricks' notation."""
    if dialect == "tsql":
        return re.sub(r"\[(\w+)\]", r"\1", text)
    if dialect == "bigquery" and "<" in text:
        try:
            return sqlglot.exp.DataType.build(text, dialect=dialect).sql(dialect="databricks")
        except sqlglot.errors.SqlglotError:
            return text
    return text


def _finding(unfollowed: Unfollowed) -> Finding:
    lost = LOST if unfollowed.severity is Severity.ERROR else "SCHEMA_STATEMENT_PASSED"
    return Finding(
        code=unfollowed.code or lost, severity=unfollowed.severity, location=unfollowed.location, message=unfollowed.reason,
        fix=unfollowed.fix,
    )  # fmt: skip


def _passed(unfollowed: Iterable[Unfollowed], path: Path) -> list[Finding]:
    """Return one finding per reason for skipped statements, with their lines."""
    lines: dict[str, list[str]] = defaultdict(list)
    for each in unfollowed:
        if each.severity is Severity.INFO:
            lines[each.reason].append(each.location.rpartition(":")[2])
    found = []
    for reason, where in lines.items():
        more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
        message = f"{reason}: skipped, defines no column: line {', '.join(where[:_SHOWN])}{more}"
        found.append(
            Finding(code="SCHEMA_STATEMENT_PASSED", severity=Severity.INFO, location=f"{path}:{where[0]}", message=message)
        )
    return found


def _controls(relation: Relation, path: Path) -> list[Finding]:
    """Return a warning for each mask and row filter that a table already has: the platform refuses a second one."""
    table = ".".join(p for p in relation.parts if p)
    found = [(f"{path}:{c.line}", f"column {c.name!r} of {table}", t) for c in relation.columns for t in c.controls]
    found += [(f"{path}:{relation.line}", table, t) for t in relation.controls]
    return [
        Finding(
            code="SCHEMA_CONTROL", severity=Severity.WARNING, location=location,
            message=f"{what} is protected already: {text[:120]}", fix="decide which protection stays before you apply",
        )
        for location, what, text in found if relation.kind is not TableKind.VIEW
    ]  # fmt: skip
