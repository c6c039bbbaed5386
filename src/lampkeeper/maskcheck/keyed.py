"""Requirements of keyed masks: every result depends on the key, there is none without the key, and joins still work."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lampkeeper.design.knowledge.library import LibraryFunction
from lampkeeper.model.hash_key import HashKey

_LEAST_DIGITS = 32
_SHARE = 0.5


def with_a_key(function: LibraryFunction) -> LibraryFunction:
    """Return the function with a key generated for this check and not stored; a function without a key unchanged."""
    if not function.function.keyed:
        return function
    key = HashKey.parse(secrets.token_hex(32), "a key for one check")
    return replace(function, function=replace(function.function, body=key.insert(function.function.body)))


def hangs_on_its_key(one: Sequence[str | None], other: Sequence[str | None], none: Sequence[str | None]) -> str:
    """Return the problem of the results with two keys and without one; empty if there is none."""
    if any(a is not None and a == b for a, b in zip(one, other, strict=True)):
        return "some values have the same result with another key"
    if any(a is not None for a in none):
        return "it returns a value without a key"
    return ""


def joins_kept(outs: Mapping[str, str | None], *, text: bool) -> str:
    """Return why different values would match in a join; empty if none would. Case and surrounding blanks may be ignored."""
    seen: dict[str, str] = {}
    for value, answer in outs.items():
        if answer is None:
            continue
        plain = value.strip().casefold() if text else value
        if text and len(answer) < _LEAST_DIGITS:
            return f"{len(answer)} characters are too few: values would collide"
        if seen.setdefault(answer, plain) != plain:
            return "two values have the same result"
    return ""


def characters_shown(plain: str, changed: Sequence[str | None]) -> int:
    """Return at how many positions the result does not change with the characters of the value, so is not part of a hash."""
    same = [c for c in changed if c is not None and len(c) == len(plain)]
    if len(same) < len(changed) or not same:
        return len(plain)
    return sum(1 for i, char in enumerate(plain) if sum(c[i] == char for c in same) > _SHARE * len(same))
