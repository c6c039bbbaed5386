"""ABAC policies by SQL: CREATE, DROP, SHOW, DESCRIBE POLICY."""

from __future__ import annotations

import json

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import StatementResult
from localspace.core.stored_documents.catalog import StoredPolicy
from localspace.core.stored_documents.kind import Document
from localspace.governance.conditions import read_condition
from localspace.sql import failures
from localspace.sql.context import NOTHING, StatementContext, text_rows
from localspace.sql.securables import read_securable

_COLUMNS: tuple[str, ...] = (
    "name",
    "policy_type",
    "on_securable_type",
    "on_securable_fullname",
    "to_principals",
    "except_principals",
)
_COLUMNS += ("when_condition", "match_columns", "comment")


_GRANTED_FOR = {"TABLES": "TABLE", "FUNCTIONS": "FUNCTION", "VOLUMES": "VOLUME", "MODELS": "MODEL"}


def create_policy(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run CREATE [OR REPLACE] POLICY … ROW FILTER or COLUMN MASK."""
    cursor.expect("CREATE")
    replace = cursor.accept("OR", "REPLACE")
    cursor.expect("POLICY")
    name = cursor.name()
    cursor.expect("ON")
    target = read_securable(context, cursor)
    body: Document = {
        "name": name,
        "on_securable_type": target.type,
        "on_securable_fullname": target.full_name,
        "for_securable_type": "TABLE",
    }
    if cursor.accept("COMMENT"):
        body["comment"] = cursor.string()
    if cursor.accept("ROW", "FILTER"):
        part, body["policy_type"] = "row_filter", "POLICY_TYPE_ROW_FILTER"
    elif cursor.accept("COLUMN", "MASK"):
        part, body["policy_type"] = "column_mask", "POLICY_TYPE_COLUMN_MASK"
    elif cursor.looking_at("TO"):
        return _create_grant_policy(context, cursor, body, replace=replace)
    else:
        raise failures.not_supported("DENY policies")
    action: Document = {"function_name": ".".join(context.session.table_path(cursor.path()))}
    cursor.expect("TO")
    body["to_principals"] = _principals(cursor)
    if cursor.accept("EXCEPT"):
        body["except_principals"] = _principals(cursor)
    cursor.expect("FOR", "TABLES")
    if cursor.accept("WHEN"):
        body["when_condition"] = _condition(cursor)
    if cursor.accept("MATCH", "COLUMNS"):
        body["match_columns"] = _matches(cursor)
    if cursor.accept("ON", "COLUMN"):
        action["on_column"] = cursor.name()
    if cursor.accept("USING", "COLUMNS"):
        action["using"] = _arguments(cursor)
    cursor.end()
    body[part] = action
    context.repositories.policies.create(context.actor, body, replace=replace)
    return NOTHING


def _create_grant_policy(context: StatementContext, cursor: Cursor, body: Document, *, replace: bool) -> StatementResult:
    """Run the rest of CREATE POLICY … TO … [EXCEPT …] GRANT privilege, … FOR type [WHEN condition]."""
    cursor.expect("TO")
    body["to_principals"] = _principals(cursor)
    if cursor.accept("EXCEPT"):
        body["except_principals"] = _principals(cursor)
    if not cursor.accept("GRANT"):
        raise failures.not_supported("DENY policies")
    words: list[list[str]] = [[]]
    while not cursor.accept("FOR"):
        if cursor.accept(","):
            words.append([])
        else:
            words[-1].append(cursor.name().upper())
    kind = cursor.name().upper()
    body |= {"policy_type": "POLICY_TYPE_GRANT", "for_securable_type": _GRANTED_FOR.get(kind, kind)}
    body["grant"] = {"privileges": ["_".join(one) for one in words]}
    if cursor.accept("WHEN"):
        body["when_condition"] = _condition(cursor)
    cursor.end()
    context.repositories.policies.create(context.actor, body, replace=replace)
    return NOTHING


def drop_policy(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DROP POLICY name ON type name."""
    cursor.expect("DROP", "POLICY")
    name = cursor.name()
    cursor.expect("ON")
    target = read_securable(context, cursor)
    cursor.end()
    context.repositories.policies.delete(context.actor, target.type, target.full_name, name)
    return NOTHING


def show_policies(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run SHOW [EFFECTIVE] POLICIES ON type name."""
    cursor.expect("SHOW")
    inherited = cursor.accept("EFFECTIVE")
    cursor.expect("POLICIES", "ON")
    target = read_securable(context, cursor)
    cursor.end()
    found = context.repositories.policies.on(context.actor, target.type, target.full_name, inherited=inherited)
    return text_rows(_COLUMNS, [_row(policy) for policy in found])


def describe_policy(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run DESCRIBE POLICY name ON type name."""
    cursor.one_of("DESCRIBE", "DESC")
    cursor.expect("POLICY")
    name = cursor.name()
    cursor.expect("ON")
    target = read_securable(context, cursor)
    cursor.end()
    policy = context.repositories.policies.policy(context.actor, target.type, target.full_name, name)
    rows: list[list[str | None]] = []
    for key, value in policy.items():
        rows.append([key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)])
    return text_rows(("info_name", "info_value"), rows)


def _row(policy: StoredPolicy) -> list[str | None]:
    matches = ", ".join(f"{m['condition']} AS {m['alias']}" for m in policy.get("match_columns") or ())
    return [
        policy["name"],
        str(policy["policy_type"]).removeprefix("POLICY_TYPE_"),
        policy["on_securable_type"],
        policy["on_securable_fullname"],
        ", ".join(policy.get("to_principals") or ()),
        ", ".join(policy.get("except_principals") or ()),
        policy.get("when_condition") or "",
        matches,
        policy.get("comment") or "",
    ]


def _principals(cursor: Cursor) -> list[str]:
    found: list[str] = []
    while True:
        found.append(read_principal(cursor))
        if not cursor.accept(","):
            return found


def read_principal(cursor: Cursor) -> str:
    """Read a principal: a quoted or bare name, or an address written without quotes."""
    token = cursor.peek()
    if token is not None and token.kind == "string":
        return cursor.string()
    first = cursor.at
    cursor.name()
    # ana@bank.example and 1234-… application ids may stand without back-ticks.
    while (following := cursor.peek()) is not None and following.start == cursor.tokens[cursor.at - 1].end:
        if following.kind == "symbol" and following.text in (",", ")", ";"):
            break
        cursor.take()
    if cursor.at == first + 1:
        return cursor.tokens[first].text
    return cursor.text_from(first)


def _condition(cursor: Cursor) -> str:
    first = cursor.at
    read_condition(cursor)
    return cursor.text_from(first)


def _matches(cursor: Cursor) -> list[Document]:
    found: list[Document] = []
    while True:
        match: Document = {"condition": _condition(cursor)}
        named = cursor.accept("AS")
        token = cursor.peek()
        if named or (token is not None and token.kind in ("word", "name") and not token.is_word("ON", "USING")):
            match["alias"] = cursor.name()
        found.append(match)
        if not cursor.accept(","):
            return found


def _arguments(cursor: Cursor) -> list[Document]:
    found: list[Document] = []
    cursor.expect("(")
    while not cursor.accept(")"):
        found.append(_argument(cursor))
        if not cursor.accept(","):
            cursor.expect(")")
            break
    return found


def _argument(cursor: Cursor) -> Document:
    token = cursor.peek()
    if token is not None and token.kind == "string":
        return {"constant": cursor.string()}
    if token is not None and (token.kind == "number" or token.is_word("TRUE", "FALSE")):
        return {"constant": cursor.take().text}
    if cursor.accept("GET_TAG_VALUE", "("):
        key = cursor.string()
        cursor.expect(")")
        return {"function_arg_expression": {"tag_introspection": {"tag_value": {"tag_key": key}}}}
    if cursor.accept("GET_COLUMN_TAG_VALUE", "("):
        alias = cursor.name()
        cursor.expect(",")
        key = cursor.string()
        cursor.expect(")")
        spec = {"column_alias": alias, "tag_key": key}
        return {"function_arg_expression": {"tag_introspection": {"column_tag_value": spec}}}
    return {"alias": cursor.name()}
