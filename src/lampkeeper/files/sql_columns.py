"""The list of columns and constraints in CREATE TABLE, CREATE VIEW and ALTER TABLE ... ADD, in seven dialects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot.parser import Parser
from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_cursor import STRINGS, Cursor
from lampkeeper.files.sql_relations import Parts, SqlColumn

_ALONE = frozenset(
    {
        "NULL", "ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "RELY", "NORELY", "ENFORCED", "VISIBLE", "INVISIBLE", "VIRTUAL",
        "STORED", "PERSISTED", "PERSISTENT", "SPARSE", "ROWGUIDCOL", "HIDDEN", "ASC", "DESC", "DEFERRABLE", "KEY", "CLUSTERED",
        "NONCLUSTERED", "FILESTREAM", "NOORDER", "ORDER", "BINARY", "ASCII", "UNICODE", "FIRST", "UNIQUE", "VALID", "SORTKEY",
        "DISTKEY", "DEFERRED", "IMMEDIATE", "CASCADE", "RESTRICT", "NO INHERIT", "ROW",
    }
)  # fmt: skip
_WITH_ONE = frozenset(
    {
        "CONSTRAINT", "STORAGE", "COMPRESSION", "ENCODING", "ENCODE", "SRID", "FORMAT", "COLUMN_FORMAT", "INITIALLY", "MATCH",
        "AFTER", "CHARSET", "CHARACTER", "CODEC", "BEFORE",
    }
)  # fmt: skip
_SEQUENCE = (
    "START", "INCREMENT", "WITH", "BY", "MINVALUE", "MAXVALUE", "NOMINVALUE", "NOMAXVALUE", "CACHE",
    "NOCACHE", "ORDER", "NOORDER",
    "CYCLE", "NOCYCLE", "KEEP", "NOKEEP", "SCALE", "NOSCALE", "EXTEND", "NOEXTEND", "START WITH", "INCREMENT BY", "ORDER BY",
)  # fmt: skip
_AFTER = frozenset({"ON", "USING", "WITH", "COMMENT", "TABLESPACE", "EXPECT", "MATCH", "INCLUDE", "STORAGE"})
_TYPES = frozenset(Parser.TYPE_TOKENS) - {TokenType.NULL, TokenType.SET, TokenType.NAME, TokenType.OBJECT, TokenType.IDENTIFIER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of the list in their order: columns, and relations whose columns are copied."""

    found: tuple[SqlColumn | Parts, ...]

    def columns(self, like: Callable[[Parts], tuple[SqlColumn, ...]]) -> tuple[SqlColumn, ...]:
        """Return the columns; `like` returns those of a relation named by LIKE."""
        return tuple(c for f in self.found for c in ((f,) if isinstance(f, SqlColumn) else like(f)))


def read_items(cursor: Cursor) -> Items:
    """Read a list in brackets; raise UsageError with the location of an item that is neither a column nor a constraint."""
    if not cursor.take("("):
        raise cursor.error("expected a list of columns in brackets")
    found: list[SqlColumn | Parts] = []
    while not cursor.take(")"):
        if cursor.done:
            raise cursor.error("the list of columns is not closed")
        if cursor.take("LIKE"):
            found.append(cursor.parts())
            cursor.skip_to_comma()
        elif is_constraint(cursor):
            skip_constraint(cursor)
        else:
            found.append(read_column(cursor))
        if not cursor.take(",") and cursor.word() != ")":
            raise cursor.error("expected a comma or )")
    return Items(found=tuple(found))


def is_constraint(cursor: Cursor) -> bool:
    """Return whether the next item is a constraint, a key or an index instead of a column."""
    word, after, kind = cursor.word(), cursor.word(1), cursor.kind(1)
    first = word.split()[0] if word else ""
    mysql = cursor.statement.script.dialect == "mysql"
    opens = kind is TokenType.L_PAREN
    if first in ("CONSTRAINT", "PRIMARY", "FOREIGN"):
        return word != first or after.split()[:1] == ["KEY"] or first == "CONSTRAINT"
    if first in ("KEY", "INDEX", "FULLTEXT", "SPATIAL"):
        indexes = kind in (TokenType.VAR, TokenType.IDENTIFIER) and cursor.kind(2) is TokenType.L_PAREN
        return mysql or indexes or (first == "INDEX" and cursor.statement.script.dialect == "tsql")
    if first == "UNIQUE":
        return opens or mysql or after in ("KEY", "INDEX", "NULLS", "CLUSTERED", "NONCLUSTERED")
    if first in ("CHECK", "EXCLUDE"):
        return opens or after == "USING"
    return (first, after.split()[0] if after else "") in (("PERIOD", "FOR"), ("SUPPLEMENTAL", "LOG"))


def skip_constraint(cursor: Cursor) -> None:
    """Skip a constraint; raise UsageError if a column follows it without a comma."""
    while not cursor.done and cursor.kind() not in (TokenType.COMMA, TokenType.R_PAREN):
        if cursor.kind() in (TokenType.L_PAREN, TokenType.L_BRACKET):
            cursor.skip_brackets()
            if (
                cursor.kind(1) in _TYPES
                and cursor.kind() in (TokenType.VAR, TokenType.IDENTIFIER)
                and cursor.word() not in _AFTER
            ):
                raise cursor.error("a column follows a constraint without a comma")
        else:
            cursor.at += 1


def read_column(cursor: Cursor) -> SqlColumn:
    """Read one column: its name, its type if it has one, its options."""
    line = cursor.line
    column = SqlColumn(name=cursor.name(), line=line)
    if cursor.done or cursor.kind() in (TokenType.COMMA, TokenType.R_PAREN):
        return column
    if not is_option(cursor):
        column = replace(column, type=cursor.type_text())
    return read_options(cursor, column)


def read_options(cursor: Cursor, column: SqlColumn) -> SqlColumn:
    """Read the options after the type of a column: comment, NOT NULL, masks; skip the rest."""
    while not cursor.done and cursor.kind() not in (TokenType.COMMA, TokenType.R_PAREN):
        begin = cursor.at
        if cursor.take("NOT"):
            column = replace(column, nullable=column.nullable and not cursor.take("NULL"))
            if cursor.at == begin + 1:
                cursor.take_any("ENFORCED", "VALID", "DEFERRABLE") or cursor.take("FOR", "REPLICATION")
        elif cursor.take("PRIMARY", "KEY"):
            column = replace(column, nullable=False)
        elif cursor.take("COMMENT"):
            column = replace(column, comment=cursor.string())
        elif cursor.word() in ("MASK", "MASKED", "MASKING") or cursor.take("WITH"):
            control = _control(cursor)
            column = replace(column, controls=(*column.controls, control) if control else column.controls)
        elif cursor.word() == "OPTIONS":
            cursor.at += 1
            column = replace(column, comment=description_of(cursor) or column.comment)
        elif not _skip_option(cursor):
            raise cursor.error("expected a comma or )")
    return column


def description_of(cursor: Cursor) -> str:
    """Skip the brackets of OPTIONS (...) of BigQuery and return its `description`; empty if it has none."""
    begin = cursor.at
    cursor.skip_brackets()
    inner = Cursor(cursor.statement, begin)
    while inner.at < cursor.at:
        if inner.word() == "DESCRIPTION" and inner.kind(1) is TokenType.EQ and inner.kind(2) in STRINGS:
            inner.at += 1
            return inner.string()
        inner.at += 1
    return ""


def is_option(cursor: Cursor) -> bool:
    """Return whether an option of a column is next instead of a type."""
    word = cursor.word()
    first = word.split()[0] if word else ""
    return first in ("NOT", "NULL", "COMMENT", "DEFAULT", "CONSTRAINT", "GENERATED", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES",
                     "MASK", "MASKED", "OPTIONS", "WITH", "COLLATE", "AS", "TAG")  # fmt: skip


def _control(cursor: Cursor) -> str:
    """Read MASK, MASKED or MASKING POLICY after an optional WITH, or skip another option after WITH."""
    begin = cursor.at
    if cursor.take("MASKING", "POLICY") or cursor.take("MASK"):
        cursor.names()
        if cursor.take("USING"):
            cursor.take("COLUMNS")
            if cursor.kind() is TokenType.L_PAREN:
                cursor.skip_brackets()
        return cursor.text(begin)
    if cursor.take("MASKED", "WITH") or cursor.take("MASKED"):
        if cursor.kind() is TokenType.L_PAREN:
            cursor.skip_brackets()
        return cursor.text(begin)
    if cursor.take("PROJECTION", "POLICY"):
        cursor.names()
    elif cursor.take("TAG") or cursor.kind() is TokenType.L_PAREN:
        cursor.skip_brackets()
    elif not cursor.take("VALUES") and not cursor.take("DEFAULT"):
        raise cursor.error("expected a masking policy or a tag after WITH")
    return ""


def _skip_option(cursor: Cursor) -> bool:
    """Skip one option that does not affect the column's name, type or meaning; return whether there was one."""
    word = cursor.word()
    first = word.split()[0] if word else ""
    if first in ("DEFAULT", "EXPRESSION"):
        cursor.at += 1
        cursor.skip_expression()
    elif first == "REFERENCES":
        cursor.at += 1
        cursor.names()
        _skip_bracket(cursor)
    elif first == "ON":
        _skip_action(cursor)
    elif first in ("IDENTITY", "AUTO_INCREMENT", "AUTOINCREMENT"):
        cursor.at += 1
        _skip_bracket(cursor)
        _skip_sequence(cursor)
    elif first == "GENERATED":
        _skip_generated(cursor)
    elif first in ("CHECK", "AS", "TAG"):
        cursor.at += 1
        _skip_bracket(cursor)
    elif first == "COLLATE":
        cursor.at += 1
        cursor.names()
    elif first == "USING":
        cursor.skip_to_comma()
    elif cursor.take("NO", "INHERIT") or cursor.take("NOT", "ENFORCED"):
        return True
    elif first == "INITIALLY" or first in _WITH_ONE:
        cursor.at += 1
        if word in ("CHARACTER", "CHAR"):
            cursor.take("SET")
        cursor.name()
        _skip_bracket(cursor)
    elif word in _ALONE or first in _ALONE:
        cursor.at += 1
    else:
        return False
    return True


def _skip_bracket(cursor: Cursor) -> None:
    if cursor.kind() is TokenType.L_PAREN:
        cursor.skip_brackets()


def _skip_action(cursor: Cursor) -> None:
    """Skip ON UPDATE CURRENT_TIMESTAMP, ON DELETE SET NULL and similar options."""
    cursor.at += 1
    if cursor.take("CONFLICT") or cursor.take("NULL"):
        cursor.take_any("IGNORE", "REPLACE", "ABORT", "FAIL", "ROLLBACK")
        return
    cursor.take_any("UPDATE", "DELETE")
    if cursor.take("SET") or cursor.take("NO"):
        cursor.at += 1
    else:
        cursor.skip_expression()


def _skip_generated(cursor: Cursor) -> None:
    """Skip GENERATED ALWAYS AS (...), AS IDENTITY (...), AS ROW START."""
    cursor.at += 1
    cursor.take_any("ALWAYS", "BY")
    cursor.take("DEFAULT")
    cursor.take("ON", "NULL")
    cursor.take("AS")
    if cursor.take("ROW"):
        cursor.take_any("START", "END")
    elif cursor.take("IDENTITY"):
        _skip_sequence(cursor)
    _skip_bracket(cursor)


def _skip_sequence(cursor: Cursor) -> None:
    """Skip START WITH 1 INCREMENT BY 1 and other options of a column's sequence."""
    while cursor.take_any(*_SEQUENCE) or cursor.take_number():
        continue
