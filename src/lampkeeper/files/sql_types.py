"""Types that a SQL script defines itself: domains, enumerations, composite types."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import TokenType

from lampkeeper.files.sql_columns import read_items
from lampkeeper.files.sql_cursor import Cursor
from lampkeeper.files.sql_relations import SqlColumn
from lampkeeper.files.types import FALLBACK, databricks_type
from lampkeeper.text.sql_quoting import quote_identifier


class ScriptTypes:
    """The types of a script by folded name; `composite` has the fields of those that have some."""

    def __init__(self) -> None:
        self.composite: dict[str, tuple[SqlColumn, ...]] = {}
        self._targets: dict[str, str] = {}

    def expand(self, text: str) -> str:
        """Return a type with the script's user-defined types replaced by their definitions."""
        for _ in range(5):
            name = text.split("(")[0].rsplit(".", 1)[-1].strip(' "`[]').casefold()
            known = self._targets.get(name)
            if known is None or (text.rstrip().endswith("]") and not text.lstrip().startswith("[")):
                return text
            text = known
        return FALLBACK

    def create(self, cursor: Cursor, *, domain: bool) -> None:
        """Read CREATE TYPE, or CREATE DOMAIN, from after that word."""
        cursor.take("IF", "NOT", "EXISTS")
        name = cursor.names()[-1].casefold()
        cursor.take("AS") or cursor.take("IS")
        target = FALLBACK
        if domain or cursor.take("FROM"):
            target = cursor.type_text() if not cursor.done else FALLBACK
        else:
            cursor.take("OBJECT")
            if cursor.kind() is TokenType.L_PAREN and cursor.word(1) not in ("INPUT", "INTERNALLENGTH", "LIKE"):
                self.composite[name] = read_items(cursor).columns(lambda parts: ())
                target = self._struct(self.composite[name])
        self._targets[name] = target

    def _struct(self, columns: Sequence[SqlColumn]) -> str:
        fields = [f"{quote_identifier(c.name)}: {databricks_type(self.expand(c.type)) or FALLBACK}" for c in columns]
        return f"STRUCT<{', '.join(fields)}>" if fields else FALLBACK
