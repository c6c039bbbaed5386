"""GRANT, REVOKE, SHOW GRANTS."""

from __future__ import annotations

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import StatementResult
from localspace.governance.grant_repository import GrantChange
from localspace.sql.context import NOTHING, StatementContext, text_rows
from localspace.sql.policies import read_principal
from localspace.sql.securables import Securable, read_securable


def grant(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run GRANT privilege, … ON type name TO principal."""
    cursor.expect("GRANT")
    privileges, target = _what(context, cursor)
    cursor.expect("TO")
    principal = read_principal(cursor)
    cursor.end()
    change = GrantChange(principal=principal, add=privileges)
    context.repositories.grants.change(context.actor, target.type, target.full_name, [change])
    return NOTHING


def revoke(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run REVOKE privilege, … ON type name FROM principal."""
    cursor.expect("REVOKE")
    privileges, target = _what(context, cursor)
    cursor.expect("FROM")
    principal = read_principal(cursor)
    cursor.end()
    change = GrantChange(principal=principal, remove=privileges)
    context.repositories.grants.change(context.actor, target.type, target.full_name, [change])
    return NOTHING


def show_grants(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW GRANTS [principal] ON type name: direct and inherited ones."""
    cursor.expect("SHOW")
    cursor.one_of("GRANTS", "GRANT")
    only = None if cursor.looking_at("ON") else read_principal(cursor)
    cursor.expect("ON")
    target = read_securable(context, cursor, "TABLE")
    cursor.end()
    rows: list[list[str | None]] = []
    found = context.repositories.grants.effective(context.actor, target.type, target.full_name)
    for principal, held in sorted(found.items()):
        if only is not None and principal != only:
            continue
        for one in held:
            kind, name = one.inherited_from or (target.type, target.full_name)
            rows.append([principal, one.privilege.replace("_", " "), kind, name])
    return text_rows(("Principal", "ActionType", "ObjectType", "ObjectKey"), rows)


def _what(context: StatementContext, cursor: Cursor) -> tuple[tuple[str, ...], Securable]:
    privileges: list[str] = []
    while True:
        words = [cursor.name()]
        while not (cursor.looking_at(",") or cursor.looking_at("ON")):
            words.append(cursor.name())
        privileges.append(" ".join(words))
        if not cursor.accept(","):
            break
    cursor.expect("ON")
    return tuple(privileges), read_securable(context, cursor, "TABLE")
