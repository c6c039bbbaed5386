"""Reads a SQL script statement by statement: each becomes part of the relations, or is listed with the reason why not.

Statements that define or change a table, a view or a column are read. Known statements without columns (data, privileges,
indexes) are skipped. Any other statement, or an unsupported one, may hide a relation and is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_alter import AlterTable
from lampkeeper.files.sql_create import CreateRelation
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_passed import PASSED, PASSED_OBJECTS, hidden_relation, lost, passed
from lampkeeper.files.sql_relations import Parts, Relation, Relations, Unfollowed
from lampkeeper.files.sql_statements import Statement
from lampkeeper.files.sql_types import ScriptTypes
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import TableKind

_RELATIONS = frozenset({"TABLE", "VIEW"})


class ScriptReader:
    """Reads statements in order; `relations` is the result, `unfollowed` has one entry per statement that was not read."""

    def __init__(self) -> None:
        self.relations = Relations()
        self.unfollowed: list[Unfollowed] = []
        self.read = 0
        self.types = ScriptTypes()

    def take(self, statement: Statement) -> None:
        """Read one statement, or record why it was not read."""
        found = self._outcome(statement)
        if found is None:
            self.read += 1
        else:
            self.unfollowed.append(found)

    def _outcome(self, statement: Statement) -> Unfollowed | None:
        words = statement.words(16)
        first = words[0] if words else ""
        if not statement.ended:
            return lost(
                statement, f"{first} has no end: the statements after it may not have been read", None, "end it with a semicolon"
            )
        match first:
            case "CREATE":
                return self._create(statement)
            case "ALTER":
                return self._alter(statement)
            case "DROP":
                return self._drop(statement)
            case "COMMENT" if words[1:2] == ("ON",):
                return self._comment(statement)
            case "USE":
                return self._use(statement)
            case "SET" if words[1:2] == ("SEARCH_PATH",):
                return self._search_path(statement)
            case "SELECT" | "WITH" if "INTO" in statement.words() and statement.script.dialect in ("tsql", "postgres"):
                return lost(statement, "SELECT INTO makes a table whose columns are not followed")
        hidden = hidden_relation(statement)
        if hidden:
            return lost(statement, f"{first or 'the statement'} contains {hidden}, which is not read")
        if first in PASSED:
            return passed(statement, first)
        return lost(statement, f"unknown statement: it begins with {statement.source.split()[0][:30]!r}")

    def _create(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        before: list[str] = []
        while not cursor.done:
            word = cursor.word()
            if word in ("TABLE", "VIEW"):
                break
            if word in ("TYPE", "DOMAIN") and cursor.word(1) != "BODY":
                cursor.at += 1
                self.types.create(cursor, domain=word == "DOMAIN")
                return None
            if (word.split() or [""])[-1] in PASSED_OBJECTS and cursor.word(1) not in _RELATIONS:
                name = word.split()[-1]
                hidden = hidden_relation(statement, skip=1) if name in ("SCHEMA", "INDEX", "SEQUENCE") else ""
                if hidden:
                    return lost(statement, f"CREATE {name} contains {hidden}, which is not read")
                return passed(statement, f"CREATE {name}")
            before.append(word)
            if cursor.kind() is TokenType.L_PAREN:
                cursor.skip_brackets()
            else:
                cursor.at += 1
        if cursor.done:
            return lost(statement, "CREATE of something that is not known")
        if cursor.take("VIEW", "LOG"):
            return passed(statement, "CREATE MATERIALIZED VIEW LOG")
        table = cursor.word() == "TABLE"
        cursor.at += 1
        cursor.take("IF", "NOT", "EXISTS")
        line = cursor.line
        relation = Relation(parts=self.relations.full(cursor.parts()), line=line)
        if statement.script.dialect == "snowflake":
            cursor.take("COPY", "GRANTS")
        relation.temporary = bool({"TEMP", "TEMPORARY"} & set(before)) or relation.parts[2].startswith("#")
        relation.kind = _kind(before, table, statement.script.dialect)
        creation = CreateRelation(cursor, relation, before, self.relations, self.types)
        return creation.table() if table else creation.view()

    def _alter(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        words = statement.words(8)
        what = next((w for w in words[1:4] if w in _RELATIONS), "")
        if not what:
            name = next((w for w in words[1:5] if w in (*PASSED_OBJECTS, "TYPE", "DOMAIN", "DEFAULT")), "")
            return passed(statement, f"ALTER {name}") if name else lost(statement, "ALTER of an unknown object")
        while cursor.take_any(what) == "":
            cursor.at += 1
        if what == "VIEW" and "AS" in statement.words():
            cursor.take("IF", "EXISTS")
            relation = Relation(parts=self.relations.full(cursor.parts()), line=cursor.line, kind=_kind(words, False, ""))
            return CreateRelation(cursor, relation, ("REPLACE",), self.relations, self.types).view()
        alter = AlterTable(cursor, self.relations)
        alter.run()
        if alter.lost and (alter.changed or what == "TABLE"):
            return lost(statement, f"ALTER {what} {alter.parts[2]!r}: {'; '.join(alter.lost)}", alter.parts)
        return None if alter.changed else passed(statement, f"ALTER {what} that changes no column")

    def _drop(self, statement: Statement) -> Unfollowed | None:
        words = statement.words(6)
        what = next((w for w in words[1:4] if w in _RELATIONS), "")
        if not what or words[1] not in (*_RELATIONS, "MATERIALIZED", "FOREIGN", "EXTERNAL", "TEMPORARY", "STREAMING"):
            return passed(statement, f"DROP {words[1]}") if len(words) > 1 else lost(statement, "DROP of no object")
        cursor = Cursor(statement, 1)
        while cursor.take_any(what) == "":
            cursor.at += 1
        cursor.take("IF", "EXISTS")
        while not cursor.done:
            relation = self.relations.find(cursor.parts())
            if relation is not None:
                self.relations.drop(relation)
            if not cursor.take(","):
                break
        return None

    def _comment(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 2)
        kind = cursor.take_any("TABLE", "COLUMN", "VIEW", "MATERIALIZED", "FOREIGN")
        if kind in ("MATERIALIZED", "FOREIGN"):
            cursor.at += 1
        if not kind:
            return passed(statement, "COMMENT ON an object other than a table or a column")
        cursor.take("IF", "EXISTS")
        names = cursor.names()
        if not cursor.take("IS"):
            raise cursor.error("expected IS")
        text = cursor.string() if cursor.word() != "NULL" else ""
        owner = names[:-1] if kind == "COLUMN" else names
        relation = self.relations.find(_three(owner)) if 0 < len(owner) <= 3 else None
        at = relation.index(names[-1]) if relation is not None and kind == "COLUMN" else None
        if relation is None or (kind == "COLUMN" and at is None):
            reason = f"COMMENT ON {kind}: {'.'.join(names)!r} is not created before it in this file"
            return Unfollowed(
                location=statement.location, reason=reason, severity=Severity.WARNING, fix="create it first", table=None
            )
        if at is None:
            relation.comment = text
        else:
            relation.columns[at] = replace(relation.columns[at], comment=text)
        return None

    def _use(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        what = cursor.take_any("CATALOG", "SCHEMA", "DATABASE", "ROLE", "WAREHOUSE", "SECONDARY")
        if what in ("ROLE", "WAREHOUSE", "SECONDARY"):
            return passed(statement, f"USE {what}")
        names = cursor.names()
        dialect = statement.script.dialect
        if what == "CATALOG" or dialect == "tsql" or (what == "DATABASE" and dialect == "snowflake"):
            self.relations.catalog, self.relations.schema = names[-1], ""
        else:
            self.relations.schema = names[-1]
            self.relations.catalog = names[-2] if len(names) > 1 else self.relations.catalog
        return None

    def _search_path(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 2)
        cursor.take("TO") or cursor.take("=")
        if cursor.kind() is TokenType.STRING:
            self.relations.schema = cursor.string()
        else:
            self.relations.schema = cursor.name()
        if self.relations.schema in ("pg_catalog", "$user"):
            self.relations.schema = ""
        return None


def _kind(before: Sequence[str], table: bool, dialect: str) -> TableKind:
    if "STREAMING" in before:
        return TableKind.STREAMING_TABLE
    if "MATERIALIZED" in before:
        return TableKind.MATERIALIZED_VIEW
    if not table:
        return TableKind.VIEW
    return TableKind.FOREIGN if "FOREIGN" in before and dialect == "databricks" else TableKind.TABLE


def _three(names: Sequence[str]) -> Parts:
    padded = ["", "", *names][-3:]
    return (padded[0], padded[1], padded[2])
