"""ALTER TABLE in seven dialects, applied to the relations of a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_columns import is_constraint, is_option, read_column, read_items, read_options
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_relations import Parts, Relation, Relations, SqlColumn

_HARMLESS = frozenset(
    {
        "OWNER", "ENABLE", "DISABLE", "VALIDATE", "CLUSTER", "CLUSTER BY", "ATTACH", "DETACH", "NO",
        "REPLICA", "CONVERT", "ENGINE",
        "AUTO_INCREMENT", "ORDER", "ORDER BY", "CHECK", "NOCHECK", "FORCE", "UNSET", "ALGORITHM", "LOCK", "DEFAULT", "CHARACTER",
        "CHARACTER SET", "CHARSET", "COLLATE", "RECOVER", "REORG", "LOGGING", "NOLOGGING", "PARALLEL", "NOPARALLEL", "PCTFREE",
        "SPLIT", "MERGE", "TRUNCATE", "EXCHANGE", "SUSPEND", "RESUME", "REFRESH", "READ", "MOVE", "REBUILD",
        "ROW_FORMAT", "CACHE",
        "TABLESPACE", "SWITCH", "REMOVE", "ANALYZE", "OPTIMIZE", "CHECKSUM", "COMPRESS", "MONITORING", "INITRANS", "STORAGE",
        "PARTITION", "PARTITION BY",
    }
)  # fmt: skip
_VERBS = _HARMLESS | frozenset(
    {"ADD", "DROP", "ALTER", "MODIFY", "CHANGE", "RENAME", "SET", "INHERIT", "COMMENT", "WITH", "SWAP", "REPLACE"}
)  # fmt: skip
_NO_COLUMN_ADDED = frozenset(
    {
        "PARTITION", "PERIOD", "INDEX", "FULLTEXT", "SPATIAL", "UNIQUE", "CONSTRAINT", "SEARCH", "TAG", "FILES", "SUPPLEMENTAL",
        "KEY",
    }
)  # fmt: skip
_NO_COLUMN_DROPPED = frozenset(
    {
        "CONSTRAINT", "PRIMARY", "FOREIGN", "INDEX", "KEY", "CHECK", "PARTITION", "DEFAULT", "FEATURE", "ALL", "EXPECTATION",
        "UNUSED", "SUPPLEMENTAL", "SEARCH", "CLUSTERING", "PERIOD", "SYSTEM", "UNIQUE",
    }
)  # fmt: skip


class AlterTable:
    """One ALTER TABLE statement; `lost` lists its unsupported parts, `changed` is true if it changed a column or name."""

    def __init__(self, cursor: Cursor, relations: Relations) -> None:
        self._cursor, self._relations = cursor, relations
        self.lost: list[str] = []
        self.changed = False
        cursor.take("IF", "EXISTS")
        self._only = cursor.take("ONLY")
        self.parts: Parts = cursor.parts()
        cursor.take("*")
        self._relation = relations.find(self.parts)

    def run(self) -> None:
        """Apply the actions, one after the other."""
        cursor = self._cursor
        last = ""
        while not cursor.done:
            begin = cursor.at
            word = cursor.word().split()[0] if cursor.word() else ""
            if word not in _VERBS and cursor.word() not in _VERBS and last in ("ADD", "DROP"):
                self._add_one() if last == "ADD" else self._drop_one()
            else:
                last = self._action(word)
            if not cursor.done and not cursor.take(",") and (cursor.at == begin or last != "WITH"):
                self._lose(f"{cursor.word() or 'the rest'} is not supported")
                return

    def _action(self, word: str) -> str:
        cursor = self._cursor
        if word == "WITH" and (cursor.take("WITH", "CHECK") or cursor.take("WITH", "NOCHECK")):
            return word
        if word in ("ADD", "DROP", "RENAME", "SET", "CHANGE", "COMMENT", "INHERIT"):
            cursor.at += 1
        match word:
            case "ADD":
                return self._add()
            case "DROP":
                return self._drop()
            case "RENAME":
                self._rename()
            case "ALTER" | "MODIFY":
                cursor.at += 1
                self._alter()
            case "CHANGE":
                cursor.take("COLUMN")
                old = cursor.name()
                self._change(old)
            case "SET":
                self._set()
            case "COMMENT":
                comment = cursor.string()
                if (relation := self._known()) is not None:
                    relation.comment = comment
            case "INHERIT":
                parent = self._relations.find(cursor.parts())
                if parent is not None and self._relation is not None:
                    parent.children.append(self._relation)
            case _ if word in _HARMLESS or cursor.word() in _HARMLESS:
                cursor.skip_to_comma()
            case _:
                self._lose(f"{cursor.word() or 'this action'} is not supported")
                cursor.skip_to_comma()
        return word

    def _add(self) -> str:
        cursor = self._cursor
        if cursor.take("ROW", "ACCESS", "POLICY"):
            self._filter("ROW ACCESS POLICY")
            return ""
        first = cursor.word().split()[0] if cursor.word() else ""
        if is_constraint(cursor) or (first in _NO_COLUMN_ADDED and cursor.kind(1) is not None and not self._is_column_named()):
            cursor.skip_to_comma()
            return ""
        cursor.take_any("COLUMN", "COLUMNS")
        cursor.take("IF", "NOT", "EXISTS")
        if cursor.kind() is TokenType.L_PAREN:
            items = read_items(cursor)
            self._put(items.columns(lambda parts: ()))
            return ""
        self._add_one()
        return "ADD"

    def _is_column_named(self) -> bool:
        """Return whether a word such as KEY or TAG is the name of a column: a type follows it."""
        return self._cursor.word() in ("KEY", "TAG", "PERIOD", "FILES", "SEARCH") and self._cursor.kind(1) in (
            TokenType.TEXT, TokenType.VARCHAR, TokenType.INT, TokenType.BIGINT, TokenType.BOOLEAN, TokenType.CHAR, TokenType.DATE,
        )  # fmt: skip

    def _add_one(self) -> None:
        cursor = self._cursor
        if is_constraint(cursor):
            cursor.skip_to_comma()
        elif cursor.kind(1) is TokenType.DOT:
            cursor.skip_to_comma()
            self._lose("adding a field inside a column is not supported")
        else:
            self._put((read_column(cursor),))

    def _put(self, columns: Iterable[SqlColumn]) -> None:
        self.changed = True
        for relation in self._reached():
            relation.add(columns)

    def _drop(self) -> str:
        cursor = self._cursor
        if cursor.take("ROW", "FILTER") or cursor.take("ROW", "ACCESS", "POLICY"):
            if self._relation is not None:
                self._relation.controls.clear()
            cursor.skip_to_comma()
            return ""
        first = cursor.word().split()[0] if cursor.word() else ""
        if first in _NO_COLUMN_DROPPED:
            cursor.skip_to_comma()
            return ""
        cursor.take_any("COLUMN", "COLUMNS")
        cursor.take("IF", "EXISTS")
        if cursor.take("("):
            while not cursor.take(")"):
                self._drop_one()
                if not cursor.take(",") and cursor.word() != ")":
                    raise cursor.error("expected a comma or )")
            return ""
        self._drop_one()
        return "DROP"

    def _drop_one(self) -> None:
        cursor = self._cursor
        names = cursor.names()
        cursor.take_any("CASCADE", "RESTRICT")
        cursor.take("CONSTRAINTS")
        if len(names) > 1 or self._relation is None:
            return  # a field inside a column, or a table that is not created here: no column is lost
        self.changed = True
        for relation in self._reached():
            at = relation.index(names[0])
            if at is not None:
                del relation.columns[at]

    def _rename(self) -> None:
        cursor = self._cursor
        if cursor.take_any("CONSTRAINT", "INDEX", "KEY", "PARTITION"):
            cursor.skip_to_comma()
            return
        if cursor.take("TO") or cursor.take("AS"):
            self._rename_table(cursor.parts())
            return
        cursor.take("COLUMN")
        names = cursor.names()
        if not cursor.take("TO"):
            self._rename_table(("", "", names[-1]))
            return
        new = cursor.name()
        if len(names) == 1:
            self._replace(names[0], name=new)

    def _rename_table(self, parts: Parts) -> None:
        relation = self._known()
        if relation is not None:
            catalog, schema, name = parts
            self._relations.rename(relation, (catalog or relation.parts[0], schema or relation.parts[1], name))

    def _alter(self) -> None:
        cursor = self._cursor
        if cursor.take_any("CONSTRAINT", "INDEX", "PARTITION", "KEY") or cursor.take("LOB"):
            cursor.skip_to_comma()
            return
        cursor.take("COLUMN")
        if cursor.take("("):
            while not cursor.take(")"):
                self._alter_one()
                if not cursor.take(",") and cursor.word() != ")":
                    raise cursor.error("expected a comma or )")
            return
        self._alter_one()

    def _alter_one(self) -> None:
        cursor = self._cursor
        names = cursor.names()
        name = names[0]
        if len(names) > 1:
            cursor.skip_to_comma()
        elif cursor.take("SET", "DATA", "TYPE") or cursor.take("TYPE"):
            self._replace(name, type=cursor.type_text())
            cursor.skip_to_comma()
        elif cursor.take("COMMENT"):
            self._replace(name, comment=cursor.string())
        elif cursor.take("SET", "MASK") or cursor.take("SET", "MASKING", "POLICY"):
            begin = cursor.at
            cursor.names()
            cursor.skip_to_comma()
            self._replace(name, controls=(f"MASK {cursor.text(begin)}",))
        elif cursor.take("DROP", "MASK") or cursor.take("UNSET", "MASKING", "POLICY"):
            self._replace(name, controls=())
        elif cursor.take("SET", "NOT", "NULL") or cursor.take("DROP", "NOT", "NULL"):
            self._replace(name, nullable=cursor.word(-3) == "DROP")
        elif cursor.word().split()[:1] and cursor.word().split()[0] in (
            "SET",
            "DROP",
            "ADD",
            "RESTART",
            "FIRST",
            "AFTER",
            "UNSET",
            "RESET",
        ):
            cursor.skip_to_comma()
        else:
            line = cursor.line
            self._redefine(name, SqlColumn(name=name, line=line, type="" if is_option(cursor) else cursor.type_text()))

    def _change(self, old: str) -> None:
        """Read CHANGE old new type ...; Databricks also has CHANGE column COMMENT '...'."""
        cursor = self._cursor
        if cursor.word() == "COMMENT" and cursor.kind(1) is TokenType.STRING:
            cursor.at += 1
            self._replace(old, comment=cursor.string())
            return
        new = cursor.name()
        column = SqlColumn(name=new, type=cursor.type_text(), line=cursor.line)
        self._redefine(old, column)

    def _redefine(self, old: str, column: SqlColumn) -> None:
        read = read_options(self._cursor, column)
        reported = {what: value for what in ("type", "comment") if (value := getattr(read, what))}
        self._replace(old, name=read.name, nullable=read.nullable, **reported)

    def _set(self) -> None:
        cursor = self._cursor
        if cursor.take("SCHEMA"):
            schema = cursor.name()
            if (relation := self._known()) is not None:
                self._relations.rename(relation, (relation.parts[0], schema, relation.parts[2]))
        elif cursor.take("ROW", "FILTER"):
            self._filter("ROW FILTER")
        elif cursor.take("COMMENT"):
            comment = cursor.string()
            if (relation := self._known()) is not None:
                relation.comment = comment
        else:
            cursor.skip_to_comma()

    def _filter(self, what: str) -> None:
        begin = self._cursor.at
        self._cursor.skip_to_comma()
        if (relation := self._known()) is not None:
            relation.controls.append(f"{what} {self._cursor.text(begin)}")

    def _replace(self, column: str, **change: object) -> None:
        self.changed = True
        for relation in self._reached():
            at = relation.index(column)
            if at is None:
                self._lose(f"column {column!r} is not known")
                return
            relation.columns[at] = replace(relation.columns[at], **change)  # type: ignore[arg-type]

    def _reached(self) -> tuple[Relation, ...]:
        relation = self._known()
        if relation is None:
            return ()
        return (relation,) if self._only else tuple(relation.family())

    def _known(self) -> Relation | None:
        self.changed = True
        if self._relation is None:
            self._lose("the table is not created before it in this file")
        return self._relation

    def _lose(self, reason: str) -> None:
        if reason not in self.lost:
            self.lost.append(reason)
