"""Which calls of the engine's functions a text may hold: by name, and by what their types and options may be.

A call is found by its tokens wherever it stands. Calls that are not certainly harmless are refused: options that are not written
out as a map of literals, types that are not written out as DDL, names that nobody listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from localspace.core.ledger import rule
from localspace.core.lexer import Token
from localspace.core.statement_runner import SqlError
from localspace.sql import failures
from localspace.sql.builtin_functions import ADMITTED, LIMITED, REFUSED, Limits
from localspace.sql.calls import IDENTITY_FUNCTIONS, Call
from localspace.sql.parse import group_end

_TYPE_CALLS = frozenset({"schema_of_json", "schema_of_csv", "schema_of_xml"})
BUILT_IN = ADMITTED | frozenset(LIMITED) | frozenset(REFUSED) | IDENTITY_FUNCTIONS
"""Names that mean a function of the engine before one of the current schema."""


@rule("LS-041")
def require_admitted(call: Call, tokens: list[Token]) -> None:
    """Refuse a call that is not one of the workspace's functions unless the lists admit it with these arguments."""
    if call.name.startswith("ai_"):
        raise failures.not_supported("AI functions in SQL")
    if call.name in REFUSED:
        raise failures.not_enforceable(f"the function {call.name}, which {REFUSED[call.name]},")
    if call.name in LIMITED:
        _check_arguments(call, tokens, LIMITED[call.name])
    elif call.name not in ADMITTED | IDENTITY_FUNCTIONS:
        raise failures.routine_missing(call.path)


def alias_starts(tree: exp.Expr) -> frozenset[int]:
    """Return where names of tables with a column list start, `t(a, b)`, which are not calls."""
    found = [alias.this for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns")]
    return frozenset(one.meta["start"] for one in found if isinstance(one, exp.Identifier) and "start" in one.meta)


def require_plain_tokens(text: str, tokens: Iterable[Token]) -> None:
    """Refuse what this tokenizer and the engine's read differently, and scripts: USING '…'."""
    before: Token | None = None
    for token in tokens:
        if token.kind == "symbol" and ("$" in token.text or token.text in ("@", "\\")):
            raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near '{token.text}'.", "42601")
        if token.kind == "word" and any(not (c.isalnum() or c in "_'\"") for c in token.text):
            raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near '{token.text}'.", "42601")
        if token.kind == "word" and text.startswith("://", token.end):
            raise failures.not_supported("addresses without quotes")
        if token.kind == "string" and text[token.start] in "nN":
            raise failures.not_supported("national strings (N'…')")
        if token.kind == "string" and before is not None and before.is_word("USING"):
            raise failures.not_enforceable("a script in a query (TRANSFORM … USING)")
        before = token


def _check_arguments(call: Call, tokens: list[Token], limits: Limits) -> None:
    for at, (first, last) in enumerate(call.arguments):
        given = tokens[first:last]
        if any(token.text == "=>" for token in given):
            raise failures.not_supported(f"arguments by name in {call.name}")
        if at == limits.type_at:
            _check_type(call, given)
        elif at == limits.options_at:
            _check_options(call, given, limits.options)
        elif at > max(limits.type_at or 0, limits.options_at or 0):
            raise failures.not_enforceable(f"so many arguments of {call.name}")


def _check_type(call: Call, given: list[Token]) -> None:
    plain = len(given) == 1 and given[0].kind == "string" and "{" not in given[0].text
    inferred = len(given) > 2 and given[0].is_word(*(one.upper() for one in _TYPE_CALLS)) and given[1].text == "("
    if not plain and not (inferred and group_end(given, 1) == len(given) - 1):
        raise failures.not_enforceable(f"a type in {call.name} that is not written as one literal in DDL or as schema_of_…()")


def _check_options(call: Call, given: list[Token], known: frozenset[str]) -> None:
    inner = given[2:-1]
    pairs = inner[::2]
    plain = len(given) > 2 and given[0].is_word("MAP") and given[1].text == "(" and given[-1].text == ")"
    plain = plain and all(token.kind == "string" for token in pairs)
    plain = plain and all(token.kind == "symbol" and token.text == "," for token in inner[1::2])
    if not plain or len(pairs) % 2:
        raise failures.not_enforceable(f"options of {call.name} that are not written as map('option', 'value', …)")
    for token in pairs[::2]:
        if token.text.casefold() not in known:
            raise failures.not_enforceable(f"the option {token.text[:40]} of {call.name}")
