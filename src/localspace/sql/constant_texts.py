"""Constant expressions that name something before a statement runs: the argument of IDENTIFIER(), the text of EXECUTE IMMEDIATE.

A constant string is made of literals by `||`, concat(), upper(), lower(), trim() and parentheses; parameters are literals by
then (source: platform docs, IDENTIFIER clause: "a constant STRING expression").
"""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.ledger import rule
from localspace.core.lexer import Cursor, Edit, Token, apply_edits, quote_path, tokenize
from localspace.core.statement_runner import SqlError
from localspace.sql import failures
from localspace.sql.parse import group_end, identifier_path

_CALLS: dict[str, Callable[[list[str]], str]] = {
    "CONCAT": "".join,
    "UPPER": lambda given: given[0].upper(),
    "LOWER": lambda given: given[0].lower(),
    "TRIM": lambda given: given[0].strip(" "),
}
_ONE_ARGUMENT = frozenset({"UPPER", "LOWER", "TRIM"})


def with_names_in_place(text: str) -> str:
    """Return a statement with the name in place of each IDENTIFIER(…); raises for an argument that is not a constant string."""
    return text if "identifier" not in text.casefold() else apply_edits(text, named_identifiers(tokenize(text)))


@rule("LS-191")
def named_identifiers(tokens: list[Token]) -> list[Edit]:
    """Return the edits that put the name in place of each IDENTIFIER(…), so that one reading of names is left."""
    found: list[Edit] = []
    for at, token in enumerate(tokens[:-1]):
        if not (token.is_word("IDENTIFIER") and tokens[at + 1].text == "(" and tokens[at + 1].kind == "symbol"):
            continue
        close = group_end(tokens, at + 1)
        name = constant_text(Cursor("", tokens[at + 2 : close]), "IDENTIFIER")
        found.append(Edit(token.start, tokens[close].end, quote_path(identifier_path(name))))
    return found


def constant_text(cursor: Cursor, clause: str, *stops: str) -> str:
    """Read a constant string up to the end or one of the words `stops`; raises NOT_A_CONSTANT_STRING or UNSUPPORTED_FEATURE."""
    found = _joined(cursor, clause)
    if not cursor.done and not any(cursor.looking_at(stop) for stop in stops):
        raise _not_constant(clause)
    return found


def _joined(cursor: Cursor, clause: str) -> str:
    found = _part(cursor, clause)
    while cursor.accept("||"):
        found += _part(cursor, clause)
    return found


def _part(cursor: Cursor, clause: str) -> str:
    token = cursor.peek()
    if token is None:
        raise _not_constant(clause)
    if token.kind == "string":
        return cursor.string()
    if cursor.accept("("):
        found = _joined(cursor, clause)
        cursor.expect(")")
        return found
    if token.is_word("NULL"):
        raise _not_constant(clause, "NULL")
    following = cursor.peek(1)
    if token.kind == "word" and following is not None and following.text == "(":
        return _called(cursor, token.text.upper(), clause)
    raise _not_constant(clause)


def _called(cursor: Cursor, name: str, clause: str) -> str:
    if name not in _CALLS:
        raise failures.not_supported(f"{name.lower()}() in the argument of {clause}; it may call concat, upper, lower and trim")
    cursor.expect(name, "(")
    given = [_joined(cursor, clause)]
    while cursor.accept(","):
        given.append(_joined(cursor, clause))
    cursor.expect(")")
    if name in _ONE_ARGUMENT and len(given) != 1:
        raise failures.wrong_arity((name.lower(),), 1, len(given))
    return _CALLS[name](given)


def _not_constant(clause: str, kind: str = "NOT_CONSTANT") -> SqlError:
    return SqlError(
        f"NOT_A_CONSTANT_STRING.{kind}",
        f"The expression used for the routine or clause {clause} must be a constant STRING which is NOT NULL.",
        "42601",
    )
