"""Which handler runs a statement: decided by its first words, written out in one tuple."""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.sql import alter, catalogs, failures, functions, grants, merge, policies, queries, rows, show, tables, tagging
from localspace.sql.context import StatementContext

Handler = Callable[[StatementContext, Cursor], StatementResult]

HANDLERS: tuple[tuple[tuple[str, ...], Handler], ...] = (
    (("SELECT",), queries.select),
    (("WITH",), queries.select),
    (("VALUES",), queries.select),
    (("(",), queries.select),
    (("FROM",), queries.select),
    (("EXPLAIN",), queries.explain),
    (("INSERT",), rows.insert),
    (("UPDATE",), rows.update),
    (("DELETE",), rows.delete),
    (("TRUNCATE",), rows.truncate),
    (("CREATE", "OR", "REPLACE", "TABLE"), tables.create_table),
    (("CREATE", "TABLE"), tables.create_table),
    (("CREATE", "EXTERNAL", "TABLE"), tables.create_table),
    (("CREATE", "TEMPORARY", "TABLE"), tables.create_table),
    (("CREATE", "OR", "REPLACE", "FUNCTION"), functions.create_function),
    (("CREATE", "FUNCTION"), functions.create_function),
    (("CREATE", "OR", "REPLACE", "TEMPORARY", "FUNCTION"), functions.create_function),
    (("CREATE", "TEMPORARY", "FUNCTION"), functions.create_function),
    (("CREATE", "CATALOG"), catalogs.create_catalog),
    (("CREATE", "SCHEMA"), catalogs.create_schema),
    (("CREATE", "DATABASE"), catalogs.create_schema),
    (("CREATE", "VOLUME"), catalogs.create_volume),
    (("CREATE", "EXTERNAL", "VOLUME"), catalogs.create_volume),
    (("CREATE", "VIEW"), tables.create_view),
    (("CREATE", "OR", "REPLACE", "VIEW"), tables.create_view),
    (("CREATE", "TEMPORARY", "VIEW"), tables.create_view),
    (("CREATE", "TEMP", "VIEW"), tables.create_view),
    (("CREATE", "MATERIALIZED", "VIEW"), tables.create_view),
    (("CREATE", "OR", "REPLACE"), tables.create_view),
    (("DROP", "TABLE"), tables.drop_table),
    (("DROP", "VIEW"), tables.drop_table),
    (("DROP", "FUNCTION"), functions.drop_function),
    (("DROP", "CATALOG"), catalogs.drop_container),
    (("DROP", "SCHEMA"), catalogs.drop_container),
    (("DROP", "DATABASE"), catalogs.drop_container),
    (("DROP", "VOLUME"), catalogs.drop_container),
    (("USE",), catalogs.use),
    (("MERGE",), merge.merge),
    (("ALTER", "TABLE"), alter.alter_table),
    (("ALTER", "VIEW"), alter.alter_view),
    (("ALTER", "CATALOG"), alter.alter_container),
    (("ALTER", "SCHEMA"), alter.alter_container),
    (("ALTER", "DATABASE"), alter.alter_container),
    (("ALTER", "VOLUME"), alter.alter_container),
    (("COMMENT", "ON"), alter.comment_on),
    (("SET", "TAG"), tagging.set_tag),
    (("UNSET", "TAG"), tagging.unset_tag),
    (("CREATE", "GOVERNED"), tagging.create_governed_tag),
    (("ALTER", "GOVERNED"), tagging.alter_governed_tag),
    (("DROP", "GOVERNED"), tagging.drop_governed_tag),
    (("SHOW", "GOVERNED"), tagging.show_governed_tags),
    (("DESCRIBE", "GOVERNED"), tagging.describe_governed_tag),
    (("DESC", "GOVERNED"), tagging.describe_governed_tag),
    (("CREATE", "POLICY"), policies.create_policy),
    (("CREATE", "OR", "REPLACE", "POLICY"), policies.create_policy),
    (("DROP", "POLICY"), policies.drop_policy),
    (("SHOW", "POLICIES"), policies.show_policies),
    (("SHOW", "EFFECTIVE"), policies.show_policies),
    (("DESCRIBE", "POLICY"), policies.describe_policy),
    (("DESC", "POLICY"), policies.describe_policy),
    (("GRANT",), grants.grant),
    (("REVOKE",), grants.revoke),
    (("SHOW", "GRANTS"), grants.show_grants),
    (("SHOW", "GRANT"), grants.show_grants),
    (("SHOW", "CATALOGS"), show.show_catalogs),
    (("SHOW", "SCHEMAS"), show.show_schemas),
    (("SHOW", "DATABASES"), show.show_schemas),
    (("SHOW", "TABLES"), show.show_tables),
    (("SHOW", "VIEWS"), show.show_views),
    (("SHOW", "VOLUMES"), show.show_volumes),
    (("SHOW", "EXTERNAL", "LOCATIONS"), show.show_external_locations),
    (("SHOW", "COLUMNS"), show.show_columns),
    (("SHOW", "FUNCTIONS"), show.show_functions),
    (("SHOW", "USER", "FUNCTIONS"), show.show_functions),
    (("SHOW", "ALL", "FUNCTIONS"), show.show_functions),
    (("SHOW", "TBLPROPERTIES"), show.show_properties),
    (("SHOW", "CREATE"), show.show_create),
    (("SHOW", "GROUPS"), show.show_principals),
    (("SHOW", "USERS"), show.show_principals),
    (("DESCRIBE",), show.describe_table),
    (("DESC",), show.describe_table),
    (("DESCRIBE", "SCHEMA"), show.describe_container),
    (("DESC", "SCHEMA"), show.describe_container),
    (("DESCRIBE", "DATABASE"), show.describe_container),
    (("DESCRIBE", "CATALOG"), show.describe_container),
    (("DESC", "CATALOG"), show.describe_container),
    (("DESCRIBE", "FUNCTION"), show.describe_function),
    (("DESC", "FUNCTION"), show.describe_function),
    (("DESCRIBE", "HISTORY"), show.refuse_history),
    (("DESCRIBE", "DETAIL"), show.refuse_history),
)
"""First words and handler; the longest match wins."""

_KNOWN_REFUSALS: dict[tuple[str, ...], str] = {
    ("SET", "VARIABLE"): "session variables",
    ("SET", "VAR"): "session variables",
    ("DECLARE",): "session variables",
    ("CACHE",): "CACHE",
    ("COPY",): "COPY INTO",
    ("RESTORE",): "RESTORE",
    ("UNDROP",): "UNDROP",
    ("BEGIN",): "SQL scripts",
    ("CALL",): "CALL",
    ("SET",): "SET",
    ("OPTIMIZE",): "OPTIMIZE",
    ("VACUUM",): "VACUUM",
    ("ANALYZE",): "ANALYZE",
    ("REFRESH",): "REFRESH",
    ("REORG",): "REORG",
    ("MSCK",): "MSCK",
    ("TABLE",): "TABLE t; write SELECT * FROM t",
}


@rule("LS-044")
def handler_for(cursor: Cursor) -> Handler:
    """Return the handler of a statement; what no handler knows is refused."""
    best: Handler | None = None
    length = 0
    for words, handler in HANDLERS:
        if len(words) > length and cursor.looking_at(*words):
            best, length = handler, len(words)
    if best is not None:
        return best
    for words, what in _KNOWN_REFUSALS.items():
        if cursor.looking_at(*words):
            raise failures.not_supported(what)
    token = cursor.peek()
    shown = "" if token is None else token.text
    raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near '{shown}'. (line 1, pos 0)", "42601")
