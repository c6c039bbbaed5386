"""Rows of literals without the engine: INSERT … VALUES of plain constants, types checked strictly.

Any other value is left to the engine and its casting rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from localspace.core.lexer import Token
from localspace.sql.types import DataType

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2})(\.\d{1,6})?)?Z?")
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_MISSING = object()


class NotLiteralError(Exception):
    """The rows hold something that only the engine can evaluate."""


def read_rows(tokens: list[Token], kinds: list[DataType], defaults: list[str | None]) -> list[list[Any]]:
    """Return the values of `(…), (…)` by column; raises NotLiteralError for anything but plain constants."""
    columns: list[list[Any]] = [[] for _ in kinds]
    readers = [_READERS.get(kind.name) for kind in kinds]
    at = 0
    while at < len(tokens):
        at = _expect(tokens, at, "(")
        for index, kind in enumerate(kinds):
            if index:
                at = _expect(tokens, at, ",")
            reader = readers[index]
            if reader is None:
                raise NotLiteralError
            value, at = _value(tokens, at, kind, reader, defaults[index])
            columns[index].append(value)
        at = _expect(tokens, at, ")")
        if at < len(tokens):
            at = _expect(tokens, at, ",")
            if at == len(tokens):
                raise NotLiteralError
    return columns


def _expect(tokens: list[Token], at: int, symbol: str) -> int:
    if at >= len(tokens) or tokens[at].kind != "symbol" or tokens[at].text != symbol:
        raise NotLiteralError
    return at + 1


def _value(
    tokens: list[Token], at: int, kind: DataType, reader: Callable[[str, str, DataType], Any], default: str | None
) -> tuple[Any, int]:
    if at >= len(tokens):
        raise NotLiteralError
    token = tokens[at]
    if token.kind == "word":
        word = token.text.upper()
        if word == "NULL":
            return None, at + 1
        if word == "DEFAULT" and default is None:
            return None, at + 1
        if word in ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ") and at + 1 < len(tokens) and tokens[at + 1].kind == "string":
            found = reader(word, tokens[at + 1].text, kind)
            return _checked(found, tokens, at + 2)
        return _checked(reader("WORD", word, kind), tokens, at + 1)
    if token.kind == "string":
        return _checked(reader("STRING", token.text, kind), tokens, at + 1)
    if token.kind == "symbol" and token.text == "-" and at + 1 < len(tokens) and tokens[at + 1].kind == "number":
        return _checked(reader("NUMBER", "-" + tokens[at + 1].text, kind), tokens, at + 2)
    if token.kind == "number":
        return _checked(reader("NUMBER", token.text, kind), tokens, at + 1)
    raise NotLiteralError


def _checked(value: Any, tokens: list[Token], at: int) -> tuple[Any, int]:
    # A constant must be followed by , or ): adjacent strings and operators are the engine's business.
    if value is _MISSING or at >= len(tokens) or tokens[at].text not in (",", ")") or tokens[at].kind != "symbol":
        raise NotLiteralError
    return value, at


def _boolean(form: str, text: str, kind: DataType) -> Any:
    return {"TRUE": True, "FALSE": False}.get(text, _MISSING) if form == "WORD" else _MISSING


def _whole(form: str, text: str, kind: DataType) -> Any:
    if form != "NUMBER" or not text.lstrip("-").isdigit():
        return _MISSING
    value = int(text)
    limit = 1 << (_BITS[kind.name] - 1)
    return value if -limit <= value < limit else _MISSING


def _decimal(form: str, text: str, kind: DataType) -> Any:
    if form != "NUMBER" or not text.lstrip("-").replace(".", "", 1).isdigit():
        return _MISSING
    precision, scale = kind.numbers
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction) > scale or len(whole.lstrip("0")) > precision - scale:
        return _MISSING
    return Decimal(text)


def _double(form: str, text: str, kind: DataType) -> Any:
    if form != "NUMBER" or not text.lstrip("-").replace(".", "", 1).isdigit():
        return _MISSING
    return float(text)


def _string(form: str, text: str, kind: DataType) -> Any:
    if form != "STRING" or (kind.numbers and len(text) > kind.numbers[0]) or kind.name == "char":
        return _MISSING
    return text


def _day(form: str, text: str, kind: DataType) -> Any:
    if form not in ("DATE", "STRING") or not _DATE.fullmatch(text):
        return _MISSING
    try:
        return date.fromisoformat(text)
    except ValueError:
        return _MISSING


def _moment(form: str, text: str, kind: DataType) -> Any:
    if form not in ("TIMESTAMP", "TIMESTAMP_NTZ", "STRING"):
        return _MISSING
    found = _MOMENT.fullmatch(text)
    zoned = text.endswith("Z")
    if found is None or (kind.name == "timestamp_ntz" and (zoned or form == "TIMESTAMP")):
        return _MISSING
    if kind.name == "timestamp" and form == "TIMESTAMP_NTZ":
        return _MISSING
    day, clock, fraction = found.groups()
    try:
        value = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{(fraction or '.0').ljust(7, '0')}")
    except ValueError:
        return _MISSING
    return value.replace(tzinfo=UTC) if kind.name == "timestamp" else value


_READERS: dict[str, Callable[[str, str, DataType], Any]] = {
    "boolean": _boolean,
    "tinyint": _whole,
    "smallint": _whole,
    "int": _whole,
    "bigint": _whole,
    "decimal": _decimal,
    "double": _double,
    "string": _string,
    "varchar": _string,
    "date": _day,
    "timestamp": _moment,
    "timestamp_ntz": _moment,
}
