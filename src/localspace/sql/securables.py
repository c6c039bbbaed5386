"""Which object a governance statement is about: type words, names, and how the repositories call them."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError
from localspace.sql import failures
from localspace.sql.context import StatementContext
from localspace.sql.tables import target_path

_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("CATALOG",), "CATALOG"),
    (("SCHEMA",), "SCHEMA"),
    (("DATABASE",), "SCHEMA"),
    (("TABLE",), "TABLE"),
    (("VIEW",), "TABLE"),
    (("COLUMN",), "COLUMN"),
    (("FUNCTION",), "FUNCTION"),
    (("VOLUME",), "VOLUME"),
    (("METASTORE",), "METASTORE"),
    (("EXTERNAL", "LOCATION"), "EXTERNAL_LOCATION"),
    (("STORAGE", "CREDENTIAL"), "STORAGE_CREDENTIAL"),
)
ENTITY_TYPES = {"CATALOG": "catalogs", "SCHEMA": "schemas", "TABLE": "tables", "COLUMN": "columns", "VOLUME": "volumes"}


@dataclass(frozen=True, slots=True)
class Securable:
    """An object by type and full name, as the repositories call it."""

    type: str
    full_name: str

    @property
    def entity_type(self) -> str:
        """Return the type as tag assignments spell it; raises for what cannot be tagged."""
        found = ENTITY_TYPES.get(self.type)
        if found is None:
            raise failures.not_supported(f"tags on a {self.type.lower().replace('_', ' ')}")
        return found


def read_type_word(cursor: Cursor) -> str | None:
    """Read the word that names a type, or return None."""
    for words, kind in _WORDS:
        if cursor.accept(*words):
            return kind
    return None


def read_securable(context: StatementContext, cursor: Cursor, default: str | None = None) -> Securable:
    """Read `TYPE name`; without a type word it is `default`."""
    kind = read_type_word(cursor) or default
    if kind is None:
        raise cursor.error("this place", "expected a type such as TABLE or SCHEMA")
    return named(context, cursor, kind)


def named(context: StatementContext, cursor: Cursor, kind: str) -> Securable:
    """Read the name of an object of a known type."""
    session = context.session
    if kind == "METASTORE":
        return Securable(kind, context.repositories.ids.metastore_id)
    parts = target_path(cursor)
    if kind in ("CATALOG", "EXTERNAL_LOCATION", "STORAGE_CREDENTIAL"):
        return Securable(kind, ".".join(parts))
    if kind == "SCHEMA":
        return Securable(kind, ".".join(session.schema_path(parts)))
    if kind == "COLUMN":
        if len(parts) < 2:
            raise SqlError("PARSE_SYNTAX_ERROR", "Syntax error: a column is named table.column at least.", "42601")
        return Securable(kind, ".".join((*session.table_path(parts[:-1]), parts[-1])))
    return Securable(kind, ".".join(session.table_path(parts)))
