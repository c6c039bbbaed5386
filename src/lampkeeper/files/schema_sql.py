"""CREATE TABLE statements of three dialects, read by sqlglot, as plain columns with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from lampkeeper.files.sql_scan import scan_sql
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity

DIALECTS = ("databricks", "postgres", "mysql")

_SIGNS: dict[str, tuple[str, ...]] = {
    "databricks": (
        r"\busing\s+delta\b", r"\btblproperties\b", r"\bstring\b", r"\b(?:struct|array|map)\s*<",
        r"\btimestamp_ntz\b", r"\bcluster\s+by\b",
    ),
    "postgres": (
        r"\b(?:small|big)?serial\b", "::", r"\bjsonb\b", r"\bbytea\b", r"\btimestamptz\b", r"\buuid\b",
        r"\bcharacter\s+varying\b", r"\bcomment\s+on\b", r"\bwith(?:out)?\s+time\s+zone\b",
        r"create\s+table\s+(?:if\s+not\s+exists\s+)?(?:public\.|\")",
    ),
    "mysql": (
        r"\bengine\s*=", r"\bauto_increment\b", r"\bunsigned\b", r"\benum\s*\(", r"\b(?:medium|long|tiny)(?:text|blob|int)\b",
        r"\bcharset\b", r"\bdatetime\b",
    ),
}  # fmt: skip
_NO_COLUMN = (
    exp.PrimaryKey, exp.ForeignKey, exp.Constraint, exp.ColumnConstraint, exp.ColumnConstraintKind, exp.LikeProperty,
)  # fmt: skip


def read_sql_columns(text: str, path: Path, dialect: str = "") -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the columns of every CREATE TABLE in the file's order, as the fields of a RawColumn, and what was left out.

    Other statements are passed over, save COMMENT ON. Raise UsageError with file, line and column when a CREATE TABLE does
    not parse; with no `dialect`, when none of the three reads the file (the error is that of the likeliest).
    """
    if dialect and dialect not in DIALECTS:
        raise UsageError(f"{dialect!r} is not a dialect of schema files", fix=f"use one of {', '.join(DIALECTS)}")
    order = (dialect,) if dialect else guess_dialects(text)
    first: UsageError | None = None
    for name in order:
        try:
            return _columns(text, path, name)
        except UsageError as error:
            first = first or error
    raise first or UsageError(f"{path}: no dialect to read it with")


def guess_dialects(text: str) -> tuple[str, ...]:
    """Return the dialects, the likeliest first, by words that only one of them has."""
    hits = {name: sum(len(re.findall(sign, text, re.IGNORECASE)) for sign in signs) for name, signs in _SIGNS.items()}
    return tuple(sorted(DIALECTS, key=lambda name: (-hits[name], DIALECTS.index(name))))


def _columns(text: str, path: Path, dialect: str) -> tuple[list[dict[str, Any]], list[Finding]]:
    columns: list[dict[str, Any]] = []
    findings: list[Finding] = []
    by_table: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for statement in _statements(text, path, dialect):
        if isinstance(statement, exp.Create):
            table, found = _table_columns(statement, path, dialect)
            if table in by_table:
                findings.append(
                    Finding(
                        code="SCHEMA_TABLE_TWICE", severity=Severity.WARNING, place=found[0]["place"] if found else str(path),
                        message=f"table {table[2]!r} is created again: the first one is taken", fix="keep one of them",
                    )
                )  # fmt: skip
                continue
            by_table[table] = found
            columns += found
        elif isinstance(statement, exp.Comment):
            _comment(statement, by_table)
    return columns, findings


def _statements(text: str, path: Path, dialect: str) -> Iterator[exp.Expression]:
    """Yield the CREATE TABLE and COMMENT ON statements, parsed one by one so that places stay those of the file."""
    reader = Dialect.get_or_raise(dialect)
    try:
        tokens = reader.tokenize(text)
    except TokenError as error:
        scan_sql(text, str(path))  # knows the place of the usual reason, a quote that is never closed
        raise UsageError(f"{path}: not {dialect} SQL: {error}", fix="check quotes and comments") from None
    chunk: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and token.token_type is not TokenType.SEMICOLON:
            chunk.append(token)
            continue
        if _wanted(chunk):
            try:
                parsed = reader.parser(error_level=ErrorLevel.IMMEDIATE).parse(chunk, text)
            except ParseError as error:
                raise _parse_error(error, path, dialect) from None
            yield from (p for p in parsed if isinstance(p, exp.Expression))
        chunk = []


def _wanted(chunk: Sequence[Token]) -> bool:
    words = [t.text.upper() for t in chunk[:6]]
    return bool(words) and ((words[0] == "CREATE" and "TABLE" in words) or words[:2] == ["COMMENT", "ON"])


def _parse_error(error: ParseError, path: Path, dialect: str) -> UsageError:
    detail = error.errors[0] if error.errors else {}
    line, column = detail.get("line"), detail.get("col")
    place = f"{path}:{line}:{max(1, int(column) - len(str(detail.get('highlight') or '')) + 1)}" if line and column else str(path)
    near = f" near {detail['highlight']!r}" if detail.get("highlight") else ""
    return UsageError(
        f"{place}: not a CREATE TABLE of {dialect}: {detail.get('description', error)}{near}",
        fix=f"correct it, or name the dialect: {', '.join(DIALECTS)}",
    )


def _table_columns(create: exp.Create, path: Path, dialect: str) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    schema = create.this
    table = schema.this if isinstance(schema, exp.Schema) else schema
    parts = _parts(table)
    if not isinstance(schema, exp.Schema):
        raise UsageError(
            f"{path}:{_line(table.this)}: table {parts[2]!r} has no column list",
            fix="write its columns; CREATE TABLE ... AS is not read",
        )
    properties = create.args.get("properties")
    comments = [p.this.name for p in properties.expressions if isinstance(p, exp.SchemaCommentProperty)] if properties else []
    found = []
    for item in schema.expressions:
        if isinstance(item, _NO_COLUMN):
            continue
        if not isinstance(item, exp.ColumnDef | exp.Identifier):
            shown = item.sql(dialect=dialect)[:60]
            raise UsageError(
                f"{path}:{_line(table.this)}: cannot read {shown!r} in table {parts[2]!r}", fix="correct or remove it"
            )
        name = item.this if isinstance(item, exp.ColumnDef) else item
        kind = item.args.get("kind") if isinstance(item, exp.ColumnDef) else None
        found.append(
            {
                "catalog": parts[0], "schema": parts[1], "table": parts[2], "column": name.name,
                "type": kind.sql(dialect=dialect) if kind else "", "comment": _column_comment(item),
                "place": f"{path}:{_line(name)}", "nullable": not _is_required(item),
                "table_comment": comments[0] if comments else "",
            }
        )  # fmt: skip
    return parts, found


def _comment(statement: exp.Comment, by_table: dict[tuple[str, ...], list[dict[str, Any]]]) -> None:
    text = statement.expression.name if isinstance(statement.expression, exp.Literal) else ""
    target = statement.this
    if statement.args.get("kind") == "TABLE" and isinstance(target, exp.Table):
        for column in by_table.get(_parts(target), ()):
            column["table_comment"] = text
    elif statement.args.get("kind") == "COLUMN" and isinstance(target, exp.Column):
        parts = (target.catalog, target.db, target.table)
        for column in by_table.get(parts, ()):
            if column["column"] == target.name:
                column["comment"] = text


def _parts(table: exp.Table) -> tuple[str, str, str]:
    return (table.catalog, table.db, table.name)


def _line(name: exp.Expression) -> int:
    return int(name.meta.get("line", 1))


def _constraints(item: exp.Expression) -> list[Any]:
    return [c.args.get("kind") for c in item.args.get("constraints") or ()]


def _column_comment(item: exp.Expression) -> str:
    return next((str(k.this.name) for k in _constraints(item) if isinstance(k, exp.CommentColumnConstraint)), "")


def _is_required(item: exp.Expression) -> bool:
    kinds = _constraints(item)
    not_null = any(isinstance(k, exp.NotNullColumnConstraint) and not k.args.get("allow_null") for k in kinds)
    return not_null or any(isinstance(k, exp.PrimaryKeyColumnConstraint) for k in kinds)
