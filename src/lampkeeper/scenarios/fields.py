"""Builds dataclasses from the mappings of a scenario file; a misspelt or missing key is an error that names the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known

T = TypeVar("T")


def build(cls: type[T], body: Mapping[str, Any], where: str) -> T:
    """Return an instance with the fields of `body`, lists as tuples; raise UsageError for an unknown or missing key."""
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in body:
        require_known("key", str(name), known, location=where)
    for name, field in known.items():
        if name not in body and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise UsageError(f"{where}: {name} is missing", fix=f"add {name}")
    return cls(**{name: _frozen(value) for name, value in body.items()})


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return a value that must be a mapping; raise UsageError for another."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: {value!r} is not a mapping", fix="write key: value")
    return value


def sequence(value: object, where: str) -> Sequence[Any]:
    """Return a value that must be a list; raise UsageError for another."""
    if not isinstance(value, list):
        raise UsageError(f"{where}: {value!r} is not a list", fix="write - item")
    return value


def chosen(body: Mapping[str, Any], kinds: Mapping[str, type], where: str) -> str:
    """Return the one key of `body` that names a kind; raise UsageError for none and for several."""
    found = [name for name in kinds if name in body]
    if len(found) != 1:
        raise UsageError(f"{where}: {found or 'nothing'} of {', '.join(kinds)}", fix="give exactly one of these keys")
    return found[0]


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, dict):
        return {str(key): _frozen(one) for key, one in value.items()}
    return value
