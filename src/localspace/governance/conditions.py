"""Conditions of ABAC policies: a small language over tags, parsed once, evaluated on what an object carries.

`has_tag(k)`, `has_tag_value(k, v)`, `has_column_tag(k)`, `has_column_tag_value(k, v)`, their CamelCase spellings, AND, OR,
NOT, parentheses, TRUE and FALSE (source: platform docs, ABAC policy conditions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError

Tags = Mapping[str, str]
_ARITY = {"has_tag": 1, "has_tag_value": 2, "has_column_tag": 1, "has_column_tag_value": 2}
_SPELLINGS = {name.replace("_", ""): name for name in _ARITY}


@dataclass(frozen=True, slots=True)
class Always:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Has:
    """The tag is there, with this value if one is given; `on_column` marks the has_column_* spelling."""

    key: str
    value: str | None
    on_column: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    term: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """AND of two or more conditions."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """OR of two or more conditions."""

    terms: tuple[Condition, ...]


Condition = Always | Has | Not | Both | Either


def parse_condition(text: str) -> Condition:
    """Read a condition; raises INVALID_PARAMETER_VALUE.UC_INVALID_POLICY_CONDITION with the place."""
    try:
        cursor = Cursor(text)
        found = _either(cursor)
        cursor.end()
    except SqlError as error:
        raise invalid_condition(text, error.message) from error
    return found


def read_condition(cursor: Cursor) -> Condition:
    """Read a condition at the cursor and stop behind it."""
    return _either(cursor)


def invalid_condition(text: str, reason: str) -> SqlError:
    """Return the platform's refusal of a policy condition."""
    return SqlError(
        "INVALID_PARAMETER_VALUE.UC_INVALID_POLICY_CONDITION",
        f"Invalid policy condition: {text}. {reason}",
        "22023",
        "INVALID_PARAMETER_VALUE",
    )


def holds(condition: Condition, tags: Tags) -> bool:
    """Evaluate a condition on the tags that the looked-at object carries (a table's effective ones, a column's own)."""
    if isinstance(condition, Always):
        return condition.value
    if isinstance(condition, Has):
        found = tags.get(condition.key)
        return found is not None and (condition.value is None or condition.value == found)
    if isinstance(condition, Not):
        return not holds(condition.term, tags)
    if isinstance(condition, Both):
        return all(holds(term, tags) for term in condition.terms)
    return any(holds(term, tags) for term in condition.terms)


def references(condition: Condition) -> Iterator[Has]:
    """Return every tag that a condition names, left to right."""
    if isinstance(condition, Has):
        yield condition
    elif isinstance(condition, Not):
        yield from references(condition.term)
    elif isinstance(condition, Both | Either):
        for term in condition.terms:
            yield from references(term)


def _either(cursor: Cursor) -> Condition:
    terms = [_both(cursor)]
    while cursor.accept("OR"):
        terms.append(_both(cursor))
    return terms[0] if len(terms) == 1 else Either(tuple(terms))


def _both(cursor: Cursor) -> Condition:
    terms = [_not(cursor)]
    while cursor.accept("AND"):
        terms.append(_not(cursor))
    return terms[0] if len(terms) == 1 else Both(tuple(terms))


def _not(cursor: Cursor) -> Condition:
    if cursor.accept("NOT") or cursor.accept("!"):
        return Not(_not(cursor))
    if cursor.accept("("):
        inner = _either(cursor)
        cursor.expect(")")
        return inner
    if cursor.accept("TRUE"):
        return Always(True)
    if cursor.accept("FALSE"):
        return Always(False)
    return _call(cursor)


def _call(cursor: Cursor) -> Condition:
    token = cursor.peek()
    written = token.text if token is not None and token.kind == "word" else ""
    name = _SPELLINGS.get(written.lower().replace("_", ""))
    if name is None:
        raise cursor.error(repr(written) if written else "this place", "expected has_tag or has_tag_value")
    cursor.take()
    cursor.expect("(")
    arguments = [cursor.string()]
    while cursor.accept(","):
        arguments.append(cursor.string())
    cursor.expect(")")
    if len(arguments) != _ARITY[name]:
        raise cursor.error(written, f"{name} takes {_ARITY[name]} argument(s)")
    return Has(arguments[0], arguments[1] if len(arguments) == 2 else None, "column" in name)
