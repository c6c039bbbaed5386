"""Tags by SQL: SET TAG, UNSET TAG, ALTER … SET/UNSET TAGS, governed tags."""

from __future__ import annotations

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import StatementResult
from localspace.core.stored_documents.catalog import StoredTagPolicy
from localspace.core.stored_documents.kind import Document
from localspace.sql.context import NOTHING, StatementContext, text_rows
from localspace.sql.securables import Securable, read_securable


def set_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SET TAG ON type name key [= value]."""
    cursor.expect("SET", "TAG", "ON")
    target = read_securable(context, cursor)
    key = read_word(cursor)
    value = read_word(cursor) if cursor.accept("=") else ""
    cursor.end()
    _assign(context, target, {key: value})
    return NOTHING


def unset_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run UNSET TAG ON type name key."""
    cursor.expect("UNSET", "TAG", "ON")
    target = read_securable(context, cursor)
    key = read_word(cursor)
    cursor.end()
    context.repositories.tags.unassign(context.actor, target.entity_type, target.full_name, key)
    return NOTHING


def alter_tags(context: StatementContext, cursor: Cursor, target: Securable) -> bool:
    """Run SET TAGS (…) or UNSET TAGS (…) on an object if they come next; say whether they did."""
    if cursor.accept("SET", "TAGS"):
        tags: dict[str, str] = {}
        cursor.expect("(")
        while True:
            key = cursor.string()
            tags[key] = cursor.string() if cursor.accept("=") else ""
            if not cursor.accept(","):
                break
        cursor.expect(")")
        cursor.end()
        _assign(context, target, tags)
        return True
    if cursor.accept("UNSET", "TAGS"):
        keys: list[str] = []
        cursor.expect("(")
        while True:
            keys.append(cursor.string())
            if not cursor.accept(","):
                break
        cursor.expect(")")
        cursor.end()
        with context.repositories.store.transaction():
            for key in keys:
                context.repositories.tags.unassign(context.actor, target.entity_type, target.full_name, key)
        return True
    return False


def _assign(context: StatementContext, target: Securable, tags: dict[str, str]) -> None:
    with context.repositories.store.transaction():
        for key, value in tags.items():
            context.repositories.tags.assign(context.actor, target.entity_type, target.full_name, key, value, replace=True)


def create_governed_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE GOVERNED TAG key [DESCRIPTION text] [VALUES (…)]."""
    cursor.expect("CREATE", "GOVERNED", "TAG")
    body: Document = {"tag_key": read_word(cursor)}
    while not cursor.done:
        if cursor.accept("DESCRIPTION") or cursor.accept("COMMENT"):
            body["description"] = cursor.string()
        else:
            cursor.expect("VALUES")
            body["values"] = _values(cursor)
    context.repositories.tags.create_policy(context.actor, body)
    return NOTHING


def alter_governed_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run ALTER GOVERNED TAG key SET VALUES (…) or SET DESCRIPTION text; values are replaced, not added."""
    cursor.expect("ALTER", "GOVERNED", "TAG")
    key = read_word(cursor)
    cursor.expect("SET")
    if cursor.accept("VALUES"):
        body: Document = {"values": _values(cursor)}
        mask = "values"
    else:
        if not cursor.accept("COMMENT"):
            cursor.expect("DESCRIPTION")
        body, mask = {"description": cursor.string()}, "description"
    cursor.end()
    context.repositories.tags.update_policy(context.actor, key, body, mask)
    return NOTHING


def drop_governed_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DROP GOVERNED TAG key: assignments stay and are ungoverned from then on."""
    cursor.expect("DROP", "GOVERNED", "TAG")
    key = read_word(cursor)
    cursor.end()
    context.repositories.tags.delete_policy(context.actor, key)
    return NOTHING


def show_governed_tags(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW GOVERNED TAGS."""
    cursor.expect("SHOW", "GOVERNED", "TAGS")
    cursor.end()
    rows = [_tag_row(policy) for policy in context.repositories.tags.policies()]
    return text_rows(("tag_key", "description", "values"), rows)


def describe_governed_tag(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DESCRIBE GOVERNED TAG key."""
    cursor.one_of("DESCRIBE", "DESC")
    cursor.expect("GOVERNED", "TAG")
    key = read_word(cursor)
    cursor.end()
    return text_rows(("tag_key", "description", "values"), [_tag_row(context.repositories.tags.policy(key))])


def _tag_row(policy: StoredTagPolicy) -> list[str | None]:
    values = ", ".join(one["name"] for one in policy.get("values") or ())
    return [policy["tag_key"], policy.get("description") or "", values]


def _values(cursor: Cursor) -> list[Document]:
    cursor.expect("(")
    found: list[Document] = []
    while not cursor.accept(")"):
        found.append({"name": read_word(cursor)})
        if not cursor.accept(","):
            cursor.expect(")")
            break
    return found


def read_word(cursor: Cursor) -> str:
    """Read a tag key or value: a name, a dotted name, a number or a string."""
    token = cursor.peek()
    if token is not None and token.kind == "string":
        return cursor.string()
    if token is not None and token.kind == "number":
        return cursor.take().text
    return ".".join(cursor.path())
