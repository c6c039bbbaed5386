"""CREATE TABLE and CREATE VIEW: the relation that a statement defines, read clause by clause."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.query_columns import query_columns
from lampkeeper.files.sql_clauses import names_in_brackets, partition_columns, rest_words, step, without_tail
from lampkeeper.files.sql_columns import description_of, read_items
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_passed import lost, passed
from lampkeeper.files.sql_relations import Parts, Relation, Relations, SqlColumn, Unfollowed
from lampkeeper.files.sql_types import ScriptTypes
from lampkeeper.model.findings import Severity


class CreateRelation:
    """One CREATE TABLE or CREATE VIEW statement, whose cursor is after the name. `before` are its words before TABLE or VIEW."""

    def __init__(
        self, cursor: Cursor, relation: Relation, before: Collection[str], relations: Relations, types: ScriptTypes
    ) -> None:
        self._cursor, self._relation, self._before = cursor, relation, frozenset(before)
        self._relations, self._types = relations, types
        self._lost: list[str] = []

    def table(self) -> Unfollowed | None:
        """Read a table from after its name; return why the statement was not read, if it was not."""
        cursor, relation = self._cursor, self._relation
        listed = False
        if cursor.take("PARTITION", "OF"):
            parent = self._relations.find(cursor.parts())
            if parent is None:
                reason = f"{relation.parts[2]!r} is a partition of a table that is not created here"
                return lost(cursor.statement, reason, relation.parts)
            return passed(cursor.statement, "PARTITION OF a table that is read", "CREATE TABLE ... ")
        if cursor.take("OF"):
            name = cursor.names()[-1].casefold()
            relation.columns = list(self._types.composite.get(name, ()))
            if name not in self._types.composite:
                self._lost.append("its type is not created here")
            listed = True
        elif cursor.kind() is TokenType.L_PAREN and cursor.word(1) not in ("SELECT", "WITH", "("):
            relation.columns = list(read_items(cursor).columns(self._like))
            listed = True
        parents: list[Relation] = []
        listed = self._tail(parents) or listed
        if not listed and not self._lost:
            self._lost.append("it lists no columns: they are only known when it is created")
        for parent in parents:
            parent.children.append(relation)
        return self._settle()

    def _tail(self, parents: list[Relation]) -> bool:
        """Read the clauses after the list of columns; return whether they define columns. INHERITS adds to `parents`."""
        cursor, relation = self._cursor, self._relation
        gives = False
        while not cursor.done:
            word = cursor.word()
            if cursor.take("INHERITS"):
                found = [self._parent(p) for p in names_in_brackets(cursor)]
                parents += [p for p in found if p is not None]
                own = relation.columns
                relation.columns = []
                for parent in parents:
                    relation.add(parent.columns)
                relation.add(own)
                gives = True
            elif cursor.take("LIKE") or (word in ("CLONE", "COPY") and cursor.take(word)):
                relation.add(self._like(cursor.parts()))
                gives = True
            elif word in ("PARTITIONED BY", "PARTITIONED") or word == "PARTITION BY":
                gives = partition_columns(cursor, relation) or gives
            elif word in ("AS", "SELECT") or (word == "WITH" and "SELECT" in rest_words(cursor) and cursor.word(2) == "AS"):
                cursor.take("AS")
                self._query()
                return True
            elif cursor.kind() is TokenType.L_PAREN and cursor.word(1) in ("SELECT", "WITH", "("):
                self._query()
                return True
            elif not self._clause():
                step(cursor)
        return gives

    def _clause(self) -> bool:
        """Read a clause with the comment or a row filter of a table or view."""
        cursor, relation = self._cursor, self._relation
        begin = cursor.at
        if cursor.word() == "COMMENT":
            cursor.at += 1
            if cursor.kind() in (TokenType.EQ, TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING):
                relation.comment = cursor.string()
            return True
        if cursor.word() == "OPTIONS" and cursor.kind(1) is TokenType.L_PAREN:
            cursor.at += 1
            relation.comment = description_of(cursor) or relation.comment
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

    def view(self) -> Unfollowed | None:
        """Read a view from after its name; return why the statement was not read, if it was not."""
        cursor, relation = self._cursor, self._relation
        listed = cursor.kind() is TokenType.L_PAREN
        if listed:
            relation.columns = list(read_items(cursor).columns(self._like))
        while not cursor.done and cursor.word() != "AS":
            if not self._clause():
                step(cursor)
        if cursor.take("AS"):
            self._query()
        elif not listed:
            self._lost.append("it has no query")
        return self._settle()

    def _query(self) -> None:
        """Read the rest of the statement as a query; a list of columns before it renames its columns."""
        cursor, relation = self._cursor, self._relation
        if cursor.take("TABLE"):
            found = list(self._like(cursor.parts()))
            problems: list[str] = []
        else:
            made = query_columns(without_tail(cursor.tokens[cursor.at :]), cursor.statement.script, self._columns_of)
            found, problems = made.columns, made.lost
        cursor.at = len(cursor.tokens)
        named = relation.columns
        if named and any(c.type for c in named):
            if cursor.statement.script.dialect == "mysql":
                relation.add(found)  # it appends the columns of the query to those of the list
                self._lost += problems
        elif named:
            fits = len(found) == len(named)
            relation.columns = [
                replace(c, type=found[i].type, comment=c.comment or found[i].comment) if fits else c for i, c in enumerate(named)
            ]
        else:
            relation.columns = found
            self._lost += problems

    def _settle(self) -> Unfollowed | None:
        """Add the relation to those of the script."""
        statement, relation = self._cursor.statement, self._relation
        there = self._relations.find(relation.parts)
        twice: Unfollowed | None = None
        if (
            there is not None
            and there.parts == relation.parts
            and not {"REPLACE", "REFRESH"} & self._before
            and "ALTER" not in self._before
        ):
            there.add(relation.columns)
            if "IF NOT EXISTS" not in " ".join(statement.words(12)):
                message = f"table {relation.parts[2]!r} is created twice: the first one counts, with new columns of this one"
                # Columns taken from another table stand where that one was made.
                line = max([statement.script.line(statement.start), *(c.line for c in relation.columns[:1])])
                twice = Unfollowed(
                    location=f"{statement.script.path}:{line}",
                    reason=message, severity=Severity.WARNING, fix="keep one of them", table=relation.parts,
                    code="SCHEMA_TABLE_TWICE",
                )  # fmt: skip
        else:
            if there is not None and there.parts == relation.parts:
                relation.children = there.children
            self._relations.put(relation)
        if self._lost:
            reason = f"{relation.parts[2]!r} may lack columns: {'; '.join(dict.fromkeys(self._lost))}"
            return lost(statement, reason, relation.parts)
        if relation.temporary:
            return passed(statement, "temporary tables and views", "CREATE of ")
        return twice

    def _columns_of(self, parts: Parts) -> Sequence[SqlColumn] | None:
        relation = self._relations.find(parts)
        return None if relation is None else relation.columns

    def _like(self, parts: Parts) -> tuple[SqlColumn, ...]:
        relation = self._relations.find(parts)
        if relation is None:
            self._lost.append(f"{parts[2]!r}, whose columns it copies, is not created before it in this file")
            return ()
        return tuple(replace(c, controls=()) for c in relation.columns)

    def _parent(self, parts: Parts) -> Relation | None:
        self._like(parts)
        return self._relations.find(parts)
