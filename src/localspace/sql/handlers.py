"""Which handler runs a statement: decided by its first words, written out in one tuple."""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.sql import alter, catalogs, failures, functions, grants, merge, policies, queries, rows, show, tables, tagging
from localspace.sql.context import StatementContext

Handler = Callable[[StatementContext, Cursor], StatementResult]

HANDLERS: tuple[tuple[tuple[str, ...], Handler, bool], ...] = (
    (("SELECT",), queries.select, False),
    (("WITH",), queries.select, False),
    (("VALUES",), queries.select, False),
    (("(",), queries.select, False),
    (("FROM",), queries.select, False),
    (("EXPLAIN",), queries.explain, False),
    (("INSERT",), rows.insert, True),
    (("UPDATE",), rows.update, True),
    (("DELETE",), rows.delete, True),
    (("TRUNCATE",), rows.truncate, True),
    (("CREATE", "OR", "REPLACE", "TABLE"), tables.create_table, True),
    (("CREATE", "TABLE"), tables.create_table, True),
    (("CREATE", "EXTERNAL", "TABLE"), tables.create_table, True),
    (("CREATE", "TEMPORARY", "TABLE"), tables.create_table, True),
    (("CREATE", "OR", "REPLACE", "FUNCTION"), functions.create_function, False),
    (("CREATE", "FUNCTION"), functions.create_function, False),
    (("CREATE", "OR", "REPLACE", "TEMPORARY", "FUNCTION"), functions.create_function, False),
    (("CREATE", "TEMPORARY", "FUNCTION"), functions.create_function, False),
    (("CREATE", "CATALOG"), catalogs.create_catalog, False),
    (("CREATE", "SCHEMA"), catalogs.create_schema, False),
    (("CREATE", "DATABASE"), catalogs.create_schema, False),
    (("CREATE", "VOLUME"), catalogs.create_volume, False),
    (("CREATE", "EXTERNAL", "VOLUME"), catalogs.create_volume, False),
    (("CREATE", "VIEW"), tables.create_view, True),
    (("CREATE", "OR", "REPLACE", "VIEW"), tables.create_view, True),
    (("CREATE", "TEMPORARY", "VIEW"), tables.create_view, True),
    (("CREATE", "TEMP", "VIEW"), tables.create_view, True),
    (("CREATE", "MATERIALIZED", "VIEW"), tables.create_view, True),
    (("CREATE", "OR", "REPLACE"), tables.create_view, True),
    (("DROP", "TABLE"), tables.drop_table, True),
    (("DROP", "VIEW"), tables.drop_table, True),
    (("DROP", "FUNCTION"), functions.drop_function, False),
    (("DROP", "CATALOG"), catalogs.drop_container, False),
    (("DROP", "SCHEMA"), catalogs.drop_container, False),
    (("DROP", "DATABASE"), catalogs.drop_container, False),
    (("DROP", "VOLUME"), catalogs.drop_container, False),
    (("USE",), catalogs.use, False),
    (("MERGE",), merge.merge, True),
    (("ALTER", "TABLE"), alter.alter_table, True),
    (("ALTER", "VIEW"), alter.alter_view, True),
    (("ALTER", "CATALOG"), alter.alter_container, True),
    (("ALTER", "SCHEMA"), alter.alter_container, True),
    (("ALTER", "DATABASE"), alter.alter_container, True),
    (("ALTER", "VOLUME"), alter.alter_container, True),
    (("COMMENT", "ON"), alter.comment_on, True),
    (("SET", "TAG"), tagging.set_tag, False),
    (("UNSET", "TAG"), tagging.unset_tag, False),
    (("CREATE", "GOVERNED"), tagging.create_governed_tag, False),
    (("ALTER", "GOVERNED"), tagging.alter_governed_tag, False),
    (("DROP", "GOVERNED"), tagging.drop_governed_tag, False),
    (("SHOW", "GOVERNED"), tagging.show_governed_tags, False),
    (("DESCRIBE", "GOVERNED"), tagging.describe_governed_tag, False),
    (("DESC", "GOVERNED"), tagging.describe_governed_tag, False),
    (("CREATE", "POLICY"), policies.create_policy, False),
    (("CREATE", "OR", "REPLACE", "POLICY"), policies.create_policy, False),
    (("DROP", "POLICY"), policies.drop_policy, False),
    (("SHOW", "POLICIES"), policies.show_policies, False),
    (("SHOW", "EFFECTIVE"), policies.show_policies, False),
    (("DESCRIBE", "POLICY"), policies.describe_policy, False),
    (("DESC", "POLICY"), policies.describe_policy, False),
    (("GRANT",), grants.grant, False),
    (("REVOKE",), grants.revoke, False),
    (("SHOW", "GRANTS"), grants.show_grants, False),
    (("SHOW", "GRANT"), grants.show_grants, False),
    (("SHOW", "CATALOGS"), show.show_catalogs, False),
    (("SHOW", "SCHEMAS"), show.show_schemas, False),
    (("SHOW", "DATABASES"), show.show_schemas, False),
    (("SHOW", "TABLES"), show.show_tables, False),
    (("SHOW", "VIEWS"), show.show_views, False),
    (("SHOW", "VOLUMES"), show.show_volumes, False),
    (("SHOW", "EXTERNAL", "LOCATIONS"), show.show_external_locations, False),
    (("SHOW", "COLUMNS"), show.show_columns, False),
    (("SHOW", "FUNCTIONS"), show.show_functions, False),
    (("SHOW", "USER", "FUNCTIONS"), show.show_functions, False),
    (("SHOW", "ALL", "FUNCTIONS"), show.show_functions, False),
    (("SHOW", "TBLPROPERTIES"), show.show_properties, False),
    (("SHOW", "CREATE"), show.show_create, False),
    (("SHOW", "GROUPS"), show.show_principals, False),
    (("SHOW", "USERS"), show.show_principals, False),
    (("DESCRIBE",), show.describe_table, False),
    (("DESC",), show.describe_table, False),
    (("DESCRIBE", "SCHEMA"), show.describe_container, False),
    (("DESC", "SCHEMA"), show.describe_container, False),
    (("DESCRIBE", "DATABASE"), show.describe_container, False),
    (("DESCRIBE", "CATALOG"), show.describe_container, False),
    (("DESC", "CATALOG"), show.describe_container, False),
    (("DESCRIBE", "FUNCTION"), show.describe_function, False),
    (("DESC", "FUNCTION"), show.describe_function, False),
    (("DESCRIBE", "HISTORY"), show.refuse_history, False),
    (("DESCRIBE", "DETAIL"), show.refuse_history, False),
)
"""First words, handler, whether it changes rows or columns of tables (one such at a time); the longest match wins."""

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
def handler_for(cursor: Cursor) -> tuple[Handler, bool]:
    """Return the handler of a statement; what no handler knows is refused."""
    best: tuple[Handler, bool] | None = None
    length = 0
    for words, handler, writes in HANDLERS:
        if len(words) > length and cursor.looking_at(*words):
            best, length = (handler, writes), len(words)
    if best is not None:
        return best
    for words, what in _KNOWN_REFUSALS.items():
        if cursor.looking_at(*words):
            raise failures.not_supported(what)
    token = cursor.peek()
    shown = "" if token is None else token.text
    raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near '{shown}'. (line 1, pos 0)", "42601")
