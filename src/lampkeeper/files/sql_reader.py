"""Reads a SQL script statement by statement: each becomes part of the relations, or is listed with the reason why not.

Statements that define or change a table, a view or a column are read. Known statements without columns (data, privileges,
indexes) are skipped. Any other statement, or an unsupported one, may hide a relation and is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.query_columns import query_columns
from lampkeeper.files.sql_alter import AlterTable
from lampkeeper.files.sql_clauses import names_in_brackets, partition_columns, rest_words, step, without_tail
from lampkeeper.files.sql_columns import description_of, read_items
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_passed import PASSED, PASSED_OBJECTS, hidden_relation
from lampkeeper.files.sql_relations import Parts, Relation, Relations, SqlColumn, Unfollowed
from lampkeeper.files.sql_statements import Statement
from lampkeeper.files.types import FALLBACK, databricks_type
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import TableKind
from lampkeeper.text.sql_quoting import quote_identifier

_RELATIONS = frozenset({"TABLE", "VIEW"})
_FIX = "write the columns out as CREATE TABLE, or read the tables from the workspace"


class ScriptReader:
    """Reads statements in order; `relations` is the result, `unfollowed` has one entry per statement that was not read."""

    def __init__(self) -> None:
        self.relations = Relations()
        self.unfollowed: list[Unfollowed] = []
        self.read = 0
        self._types: dict[str, str] = {}
        self._composite: dict[str, tuple[SqlColumn, ...]] = {}

    def take(self, statement: Statement) -> None:
        """Read one statement, or record why it was not read."""
        found = self._outcome(statement)
        if found is None:
            self.read += 1
        else:
            self.unfollowed.append(found)

    def type_of(self, text: str) -> str:
        """Return a type with the script's user-defined types replaced by their definitions."""
        for _ in range(5):
            name = text.split("(")[0].rsplit(".", 1)[-1].strip(' "`[]').casefold()
            known = self._types.get(name)
            if known is None or (text.rstrip().endswith("]") and not text.lstrip().startswith("[")):
                return text
            text = known
        return FALLBACK

    def _outcome(self, statement: Statement) -> Unfollowed | None:
        words = statement.words(16)
        first = words[0] if words else ""
        if not statement.ended:
            return _lost(
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
                return _lost(statement, "SELECT INTO makes a table whose columns are not followed", None, _FIX)
        hidden = hidden_relation(statement)
        if hidden:
            return _lost(statement, f"{first or 'the statement'} contains {hidden}, which is not read", None, _FIX)
        if first in PASSED:
            return _passed(statement, first)
        return _lost(statement, f"unknown statement: it begins with {statement.source.split()[0][:30]!r}", None, _FIX)

    def _create(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        before: list[str] = []
        while not cursor.done:
            word = cursor.word()
            if word in ("TABLE", "VIEW"):
                break
            if word in ("TYPE", "DOMAIN") and cursor.word(1) != "BODY":
                return self._create_type(cursor, word)
            if (word.split() or [""])[-1] in PASSED_OBJECTS and cursor.word(1) not in _RELATIONS:
                name = word.split()[-1]
                hidden = hidden_relation(statement, skip=1) if name in ("SCHEMA", "INDEX", "SEQUENCE") else ""
                if hidden:
                    return _lost(statement, f"CREATE {name} contains {hidden}, which is not read", None, _FIX)
                return _passed(statement, f"CREATE {name}")
            before.append(word)
            if cursor.kind() is TokenType.L_PAREN:
                cursor.skip_brackets()
            else:
                cursor.at += 1
        if cursor.done:
            return _lost(statement, "CREATE of something that is not known", None, _FIX)
        if cursor.take("VIEW", "LOG"):
            return _passed(statement, "CREATE MATERIALIZED VIEW LOG")
        table = cursor.word() == "TABLE"
        cursor.at += 1
        cursor.take("IF", "NOT", "EXISTS")
        line = cursor.line
        relation = Relation(parts=self.relations.full(cursor.parts()), line=line)
        if statement.script.dialect == "snowflake":
            cursor.take("COPY", "GRANTS")
        relation.temporary = bool({"TEMP", "TEMPORARY"} & set(before)) or relation.parts[2].startswith("#")
        relation.kind = _kind(before, table, statement.script.dialect)
        return self._create_table(cursor, relation, before) if table else self._create_view(cursor, relation, before)

    def _create_table(self, cursor: Cursor, relation: Relation, before: Sequence[str]) -> Unfollowed | None:
        statement = cursor.statement
        lost: list[str] = []
        listed = False
        if cursor.take("PARTITION", "OF"):
            parent = self.relations.find(cursor.parts())
            if parent is None:
                return _lost(
                    statement, f"{relation.parts[2]!r} is a partition of a table that is not created here", relation.parts, _FIX
                )
            return _passed(statement, "PARTITION OF a table that is read", "CREATE TABLE ... ")
        if cursor.take("OF"):
            name = cursor.names()[-1].casefold()
            relation.columns = list(self._composite.get(name, ()))
            if name not in self._composite:
                lost.append("its type is not created here")
            listed = True
        elif cursor.kind() is TokenType.L_PAREN and cursor.word(1) not in ("SELECT", "WITH", "("):
            relation.columns = list(read_items(cursor).columns(lambda parts: self._like(parts, lost)))
            listed = True
        parents: list[Relation] = []
        listed = self._tail(cursor, relation, lost, parents) or listed
        if not listed and not lost:
            lost.append("it lists no columns: they are only known when it is created")
        for parent in parents:
            parent.children.append(relation)
        return self._settle(statement, relation, lost, before)

    def _tail(self, cursor: Cursor, relation: Relation, lost: list[str], parents: list[Relation]) -> bool:
        """Read the clauses after the list of columns; return whether they define columns."""
        gives = False
        while not cursor.done:
            word = cursor.word()
            if cursor.take("INHERITS"):
                found = [self._parent(p, lost) for p in names_in_brackets(cursor)]
                parents += [p for p in found if p is not None]
                own = relation.columns
                relation.columns = []
                for parent in parents:
                    relation.add(parent.columns)
                relation.add(own)
                gives = True
            elif cursor.take("LIKE") or (word in ("CLONE", "COPY") and cursor.take(word)):
                relation.add(self._like(cursor.parts(), lost))
                gives = True
            elif word in ("PARTITIONED BY", "PARTITIONED") or word == "PARTITION BY":
                gives = partition_columns(cursor, relation) or gives
            elif word in ("AS", "SELECT") or (word == "WITH" and "SELECT" in rest_words(cursor) and cursor.word(2) == "AS"):
                cursor.take("AS")
                self._query(cursor, relation, lost)
                return True
            elif cursor.kind() is TokenType.L_PAREN and cursor.word(1) in ("SELECT", "WITH", "("):
                self._query(cursor, relation, lost)
                return True
            elif not self._clause(cursor, relation):
                step(cursor)
        return gives

    def _clause(self, cursor: Cursor, relation: Relation) -> bool:
        """Read a clause with the comment or a row filter of a table or view."""
        begin = cursor.at
        if cursor.word() == "COMMENT":
            cursor.at += 1
            if cursor.kind() in (TokenType.EQ, TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING):
                relation.comment = cursor.string()
            return True
        if cursor.word() == "OPTIONS" and cursor.kind(1) is TokenType.L_PAREN:
            cursor.at += 1
            relation.comment = description_of(cursor.skip_brackets()) or relation.comment
            return True
        cursor.take("WITH")
        if cursor.take("ROW", "FILTER") or cursor.take("ROW", "ACCESS", "POLICY"):
            cursor.names()
            if cursor.take("ON") or cursor.take("USING", "COLUMNS"):
                cursor.skip_brackets()
            relation.controls.append(cursor.text(begin))
            return True
        cursor.at = begin
        return False

    def _create_view(self, cursor: Cursor, relation: Relation, before: Sequence[str]) -> Unfollowed | None:
        lost: list[str] = []
        listed = cursor.kind() is TokenType.L_PAREN
        if listed:
            relation.columns = list(read_items(cursor).columns(lambda parts: self._like(parts, lost)))
        while not cursor.done and cursor.word() != "AS":
            if not self._clause(cursor, relation):
                step(cursor)
        if cursor.take("AS"):
            self._query(cursor, relation, lost)
        elif not listed:
            lost.append("it has no query")
        return self._settle(cursor.statement, relation, lost, before)

    def _query(self, cursor: Cursor, relation: Relation, lost: list[str]) -> None:
        """Read the rest of the statement as a query; a list of columns before it renames its columns."""
        if cursor.take("TABLE"):
            found = list(self._like(cursor.parts(), lost))
            problems: list[str] = []
        else:
            made = query_columns(without_tail(cursor.tokens[cursor.at :]), cursor.statement.script, self._columns_of)
            found, problems = made.columns, made.lost
        cursor.at = len(cursor.tokens)
        named = relation.columns
        if named and any(c.type for c in named):
            if cursor.statement.script.dialect == "mysql":
                relation.add(found)  # it appends the columns of the query to those of the list
                lost += problems
        elif named:
            fits = len(found) == len(named)
            relation.columns = [
                replace(c, type=found[i].type, comment=c.comment or found[i].comment) if fits else c for i, c in enumerate(named)
            ]
        else:
            relation.columns = found
            lost += problems

    def _settle(self, statement: Statement, relation: Relation, lost: list[str], before: Sequence[str]) -> Unfollowed | None:
        there = self.relations.find(relation.parts)
        twice: Unfollowed | None = None
        if (
            there is not None
            and there.parts == relation.parts
            and not {"REPLACE", "REFRESH"} & set(before)
            and "ALTER" not in before
        ):
            there.add(relation.columns)
            if "IF NOT EXISTS" not in " ".join(statement.words(12)):
                message = f"table {relation.parts[2]!r} is created twice: the first one counts, with new columns of this one"
                # Columns taken from another table stand where that one was made.
                line = max([statement.script.line(statement.start), *(c.line for c in relation.columns[:1])])
                twice = Unfollowed(
                    place=f"{statement.script.path}:{line}",
                    reason=message, severity=Severity.WARNING, fix="keep one of them", table=relation.parts,
                    code="SCHEMA_TABLE_TWICE",
                )  # fmt: skip
        else:
            if there is not None and there.parts == relation.parts:
                relation.children = there.children
            self.relations.put(relation)
        if lost:
            return _lost(
                statement, f"{relation.parts[2]!r} may lack columns: {'; '.join(dict.fromkeys(lost))}", relation.parts, _FIX
            )
        if relation.temporary:
            return _passed(statement, "temporary tables and views", "CREATE of ")
        return twice

    def _create_type(self, cursor: Cursor, word: str) -> Unfollowed | None:
        cursor.at += 1
        cursor.take("IF", "NOT", "EXISTS")
        name = cursor.names()[-1].casefold()
        cursor.take("AS") or cursor.take("IS")
        target = FALLBACK
        if word == "DOMAIN" or cursor.take("FROM"):
            target = cursor.type_text() if not cursor.done else FALLBACK
        else:
            cursor.take("OBJECT")
            if cursor.kind() is TokenType.L_PAREN and cursor.word(1) not in ("INPUT", "INTERNALLENGTH", "LIKE"):
                self._composite[name] = read_items(cursor).columns(lambda parts: ())
                target = self._struct(self._composite[name])
        self._types[name] = target
        return None

    def _struct(self, columns: Sequence[SqlColumn]) -> str:
        fields = [f"{quote_identifier(c.name)}: {databricks_type(self.type_of(c.type)) or FALLBACK}" for c in columns]
        return f"STRUCT<{', '.join(fields)}>" if fields else FALLBACK

    def _alter(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        words = statement.words(8)
        what = next((w for w in words[1:4] if w in _RELATIONS), "")
        if not what:
            name = next((w for w in words[1:5] if w in (*PASSED_OBJECTS, "TYPE", "DOMAIN", "DEFAULT")), "")
            return _passed(statement, f"ALTER {name}") if name else _lost(statement, "ALTER of an unknown object", None, _FIX)
        while cursor.take_any(what) == "":
            cursor.at += 1
        if what == "VIEW" and "AS" in statement.words():
            cursor.take("IF", "EXISTS")
            relation = Relation(parts=self.relations.full(cursor.parts()), line=cursor.line, kind=_kind(words, False, ""))
            return self._create_view(cursor, relation, ("REPLACE",))
        alter = AlterTable(cursor, self.relations)
        alter.run()
        if alter.lost and (alter.changed or what == "TABLE"):
            return _lost(statement, f"ALTER {what} {alter.parts[2]!r}: {'; '.join(alter.lost)}", alter.parts, _FIX)
        return None if alter.changed else _passed(statement, f"ALTER {what} that changes no column")

    def _drop(self, statement: Statement) -> Unfollowed | None:
        words = statement.words(6)
        what = next((w for w in words[1:4] if w in _RELATIONS), "")
        if not what or words[1] not in (*_RELATIONS, "MATERIALIZED", "FOREIGN", "EXTERNAL", "TEMPORARY", "STREAMING"):
            return _passed(statement, f"DROP {words[1]}") if len(words) > 1 else _lost(statement, "DROP of no object", None, _FIX)
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
            return _passed(statement, "COMMENT ON an object other than a table or a column")
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
            return Unfollowed(place=statement.place, reason=reason, severity=Severity.WARNING, fix="create it first", table=None)
        if at is None:
            relation.comment = text
        else:
            relation.columns[at] = replace(relation.columns[at], comment=text)
        return None

    def _use(self, statement: Statement) -> Unfollowed | None:
        cursor = Cursor(statement, 1)
        what = cursor.take_any("CATALOG", "SCHEMA", "DATABASE", "ROLE", "WAREHOUSE", "SECONDARY")
        if what in ("ROLE", "WAREHOUSE", "SECONDARY"):
            return _passed(statement, f"USE {what}")
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

    def _columns_of(self, parts: Parts) -> Sequence[SqlColumn] | None:
        relation = self.relations.find(parts)
        return None if relation is None else relation.columns

    def _like(self, parts: Parts, lost: list[str]) -> tuple[SqlColumn, ...]:
        relation = self.relations.find(parts)
        if relation is None:
            lost.append(f"{parts[2]!r}, whose columns it copies, is not created before it in this file")
            return ()
        return tuple(replace(c, controls=()) for c in relation.columns)

    def _parent(self, parts: Parts, lost: list[str]) -> Relation | None:
        self._like(parts, lost)
        return self.relations.find(parts)


def _kind(before: Sequence[str], table: bool, dialect: str) -> TableKind:
    if "STREAMING" in before:
        return TableKind.STREAMING_TABLE
    if "MATERIALIZED" in before:
        return TableKind.MATERIALIZED_VIEW
    if not table:
        return TableKind.VIEW
    return TableKind.FOREIGN if "FOREIGN" in before and dialect == "databricks" else TableKind.TABLE


def _lost(statement: Statement, reason: str, table: Parts | None, fix: str) -> Unfollowed:
    return Unfollowed(place=statement.place, reason=reason, severity=Severity.ERROR, fix=fix, table=table)


def _passed(statement: Statement, what: str, verb: str = "") -> Unfollowed:
    return Unfollowed(place=statement.place, reason=f"{verb}{what}", severity=Severity.INFO)


def _three(names: Sequence[str]) -> Parts:
    padded = ["", "", *names][-3:]
    return (padded[0], padded[1], padded[2])
