"""The operators of a condition task (source: SDK 0.156, ConditionTask)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from localspace.jobs.references import UnresolvedError

_TEXT: dict[str, Callable[[str, str], bool]] = {"EQUAL_TO": operator.eq, "NOT_EQUAL": operator.ne}
_NUMBER: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPERATORS = frozenset({*_TEXT, *_NUMBER})


def compare(op: str, left: str, right: str) -> bool:
    """Compare as the platform does: (in)equality on text, order on numbers; raises UnresolvedError on other text."""
    if op in _TEXT:
        return _TEXT[op](left, right)
    if op not in _NUMBER:
        raise UnresolvedError(f"'{op}' is not one of {', '.join(sorted(OPERATORS))}.")
    return _NUMBER[op](_number(left), _number(right))


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_nan():
        raise UnresolvedError(f"'{text}' is not a number.")
    return number
