"""Types of the fields of a request body, and the one reader of bodies.

A body is read field by field against a declared list. A field that the list does not name, an output-only one among them,
is ignored, as the platform's own readers do; null counts as absent; a value of another JSON type is refused with its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localspace.core.errors import invalid

_MOST_DEPTH = 100
"""Levels of nesting in a free value (source: protocol buffers, JSON parsers)."""

_INT64 = 2**63
_DIGITS = re.compile(r"-?[0-9]{1,19}")


class FieldType:
    """A JSON type: reads one value."""

    __slots__ = ()

    def read(self, value: Any, location: str) -> Any:
        """Return the value as handlers get it; raises INVALID_PARAMETER_VALUE with its place."""
        raise NotImplementedError


class _Text(FieldType):
    __slots__ = ()

    def read(self, value: Any, location: str) -> str:
        if not isinstance(value, str):
            raise invalid(f"{location} must be a string.")
        return _storable(value, location)


class _Flag(FieldType):
    __slots__ = ()

    def read(self, value: Any, location: str) -> bool:
        if not isinstance(value, bool):
            raise invalid(f"{location} must be true or false.")
        return value


class _Whole(FieldType):
    """A whole number of 64 bits; digits in a string are one too, as clients of protocol buffers send them."""

    __slots__ = ()

    def read(self, value: Any, location: str) -> int:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not -_INT64 <= value < _INT64:
            raise invalid(f"{location} must be a whole number.")
        return value


class _Number(FieldType):
    __slots__ = ()

    def read(self, value: Any, location: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise invalid(f"{location} must be a number.")
        return value


class _Anything(FieldType):
    """Any JSON value that can be stored and sent on."""

    __slots__ = ()

    def read(self, value: Any, location: str) -> Any:
        return _free(value, location, _MOST_DEPTH)


class _Object(_Anything):
    """An object whose fields nothing here reads."""

    __slots__ = ()

    def read(self, value: Any, location: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid(f"{location} must be an object.")
        return dict(_free(value, location, _MOST_DEPTH))


@dataclass(frozen=True, slots=True)
class ListOf(FieldType):
    """A list of one type."""

    element: FieldType

    def read(self, value: Any, location: str) -> list[Any]:
        """Return the list with each element read."""
        if not isinstance(value, list):
            raise invalid(f"{location} must be a list.")
        return [self.element.read(one, f"{location}[{at}]") for at, one in enumerate(value)]


@dataclass(frozen=True, slots=True)
class MapOf(FieldType):
    """An object with any names and values of one type."""

    value: FieldType

    def read(self, value: Any, location: str) -> dict[str, Any]:
        """Return the object with each value read."""
        if not isinstance(value, dict):
            raise invalid(f"{location} must be an object.")
        return {_storable(name, location): self.value.read(one, f"{location}.{name}") for name, one in value.items()}


@dataclass(frozen=True, slots=True)
class ElementsOf(FieldType):
    """A multi-valued attribute of SCIM: objects, or their values alone; one element stands for a list of it."""

    element: Fields

    def read(self, value: Any, location: str) -> list[Any]:
        """Return the list with each element read."""
        if not isinstance(value, list):
            raise invalid(f"{location} must be a list.")
        return [
            TEXT.read(one, f"{location}[{at}]") if isinstance(one, str) else self.element.read(one, f"{location}[{at}]")
            for at, one in enumerate(value)
        ]


@dataclass(frozen=True, slots=True)
class Fields(FieldType):
    """An object with declared fields; others are ignored."""

    types: Mapping[str, FieldType]

    def read(self, value: Any, location: str = "") -> dict[str, Any]:
        """Return the declared fields that are there."""
        if not isinstance(value, dict):
            raise invalid(f"{location or 'The body of the request'} must be an object.")
        prefix = f"{location}." if location else ""
        return {name: kind.read(value[name], prefix + name) for name, kind in self.types.items() if value.get(name) is not None}

    def plus(self, **more: FieldType) -> Fields:
        """Return these fields and more."""
        return Fields({**self.types, **more})


TEXT = _Text()
FLAG = _Flag()
WHOLE = _Whole()
NUMBER = _Number()
ANYTHING = _Anything()
OBJECT = _Object()
TEXTS = ListOf(TEXT)
TEXT_MAP = MapOf(TEXT)


def fields(**types: FieldType) -> Fields:
    """Return an object type with these fields."""
    return Fields(types)


NOTHING = fields()
"""The body of a request that takes none."""


def _storable(text: str, location: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise invalid(f"{location} holds a character that cannot be stored.") from error
    return text


def _free(value: Any, location: str, depth: int) -> Any:
    if depth == 0:
        raise invalid(f"{location} nests too deeply.")
    if isinstance(value, str):
        return _storable(value, location)
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid(f"{location} holds a number that JSON cannot hold.")
    if isinstance(value, list):
        if None in value:
            raise invalid(f"{location} must not hold null in a list.")
        return [_free(one, location, depth - 1) for one in value]
    if isinstance(value, dict):
        return {_storable(name, location): _free(one, location, depth - 1) for name, one in value.items() if one is not None}
    return value
